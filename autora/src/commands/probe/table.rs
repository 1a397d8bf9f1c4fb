//! A table with a line for each guest, the failures first, and below it what the operator has to know.

use anstyle::Style;

use super::{report::Report, selection::Skipped};
use crate::{
    addr::shown_link_address,
    commands::{
        explain::Served,
        neighbours,
        screen::{BAD, GOOD, ODD, TITLE, list, styled, wrap},
    },
    control::model,
    diagnosis::guest::{Guest, GuestVerdict, MAX_REPLIES},
};

/// How many neighbours of an interface are shown.
const NEIGHBOURS: usize = 4;

/// How many interfaces are named that are not served, or that another daemon serves.
const NAMED: usize = 20;

/// The title of each column, and of the one behind them that is wrapped.
const TITLES: [&str; 5] = ["INTERFACE", "VERDICT", "MAC", "LINK-LOCAL", "ADDRESS"];

/// A line: the first two cells, and what follows them.
struct Line {
    name: String,
    verdict: GuestVerdict,
    rest: Rest,
}

enum Rest {
    /// Of a guest.
    Cells([String; 3]),
    /// Of an interface whose guest does not answer.
    Text(String),
}

/// Returns the reports as text, in their order. `neighbours` is how many entries the neighbour table has room for.
pub(super) fn render(reports: &[Report<'_>], skipped: &Skipped, neighbours: u32, width: usize) -> String {
    if reports.is_empty() {
        let none = format!("the daemon that answers serves no interface, and {} are paused", skipped.paused);
        return paragraphs([none].into_iter().chain(served_by_others(skipped)).chain(not_served(skipped)), width);
    }
    let mut lines: Vec<_> = reports.iter().flat_map(lines).collect();
    lines.sort_by_key(|line| line.verdict);
    let widths = widths(&lines);
    let shown = lines.iter().map(|line| row(line, widths, width));
    let notes = [counts(&lines, reports)].into_iter().chain(notes(reports, skipped, neighbours));
    let notes = ["\n".to_owned(), paragraphs(notes, width)];
    [title(widths)].into_iter().chain(shown).chain(notes).collect()
}

fn paragraphs(texts: impl Iterator<Item = String>, width: usize) -> String {
    texts.flat_map(|text| [wrap(&text, width, 0), "\n".to_owned()]).collect()
}

fn lines(report: &Report<'_>) -> Vec<Line> {
    let line = |verdict, rest| Line { name: report.target.name.clone(), verdict, rest };
    if let Some(why) = &report.why {
        return vec![line(GuestVerdict::Unknown, Rest::Text(silence(report, why)))];
    }
    report.guests.iter().map(|guest| line(guest.verdict, Rest::Cells(cells(report, guest)))).collect()
}

fn cells(report: &Report<'_>, guest: &Guest) -> [String; 3] {
    let remark = match guest.verdict {
        GuestVerdict::WrongPrefix => format!(" is not in {}", list(&report.target.prefixes)),
        GuestVerdict::Unknown => "; several guests that no MAC tells apart".to_owned(),
        GuestVerdict::Works if matches!(report.served, Served::No(_)) => "; not served".to_owned(),
        GuestVerdict::NoRoute | GuestVerdict::NoAddress | GuestVerdict::Works => String::new(),
    };
    [
        guest.link_address.map(shown_link_address).unwrap_or_default(),
        guest.link_local.map(|address| address.to_string()).unwrap_or_default(),
        list(&guest.addresses) + &remark,
    ]
}

/// Returns what is known of guests that do not answer.
fn silence(report: &Report<'_>, why: &str) -> String {
    let known = match report.neighbours.as_slice() {
        [] => "no neighbour known".to_owned(),
        known => format!("neighbours: {}", neighbours::list(known, NEIGHBOURS)),
    };
    let explained = report.explained.as_ref().map(|said| format!("; explain: {said}")).unwrap_or_default();
    let asked = if report.is_asked { "" } else { "nothing was asked: " };
    format!("{asked}{why}; {known}{explained}")
}

/// Returns the widths of the first four columns.
fn widths(lines: &[Line]) -> [usize; 4] {
    let mut widths = [0, 1, 2, 3].map(|column| TITLES[column].len());
    for line in lines {
        let cells = match &line.rest {
            Rest::Cells([mac, link_local, _]) => [&line.name, line.verdict.name(), mac, link_local],
            Rest::Text(_) => [&line.name, line.verdict.name(), "", ""],
        };
        widths = std::array::from_fn(|column| widths[column].max(cells[column].chars().count()));
    }
    widths
}

fn row(line: &Line, widths: [usize; 4], width: usize) -> String {
    let [name, verdict, ..] = widths;
    let verdict = styled(style(line.verdict), &format!("{:<verdict$}", line.verdict.name()));
    let head = format!("{:<name$}  {verdict}  ", line.name);
    let rest = match &line.rest {
        Rest::Cells([mac, link_local, addresses]) => {
            let [.., mac_width, link_local_width] = widths;
            format!("{mac:<mac_width$}  {link_local:<link_local_width$}  {addresses}")
        }
        Rest::Text(text) => wrap(text, width, widths[0] + widths[1] + 4),
    };
    format!("{}\n", format!("{head}{rest}").trim_end())
}

fn title(widths: [usize; 4]) -> String {
    let cells = TITLES.iter().zip(widths).map(|(title, width)| format!("{title:<width$}  "));
    let [.., last] = TITLES;
    styled(TITLE, &(cells.collect::<String>() + last)) + "\n"
}

const fn style(verdict: GuestVerdict) -> Style {
    match verdict {
        GuestVerdict::NoRoute | GuestVerdict::NoAddress | GuestVerdict::WrongPrefix => BAD,
        GuestVerdict::Unknown => ODD,
        GuestVerdict::Works => GOOD,
    }
}

fn counts(lines: &[Line], reports: &[Report<'_>]) -> String {
    let count = |verdict: GuestVerdict| lines.iter().filter(|line| line.verdict == verdict).count();
    let not_asked = reports.iter().filter(|report| !report.is_asked).count();
    let remark = |verdict| match verdict {
        GuestVerdict::Unknown if not_asked > 0 => format!(" ({not_asked} not asked)"),
        GuestVerdict::Unknown
        | GuestVerdict::NoRoute
        | GuestVerdict::NoAddress
        | GuestVerdict::WrongPrefix
        | GuestVerdict::Works => String::new(),
    };
    let counts = GuestVerdict::ALL.map(|verdict| (count(verdict), verdict));
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    list(counts.map(|(count, verdict)| format!("{count} {}{}", verdict.name(), remark(verdict))))
}

/// Returns what limits the verdicts.
fn notes(reports: &[Report<'_>], skipped: &Skipped, neighbours: u32) -> impl Iterator<Item = String> {
    let names = |wanted: fn(&Report<'_>) -> bool| {
        let names: Vec<_> = reports.iter().filter(|report| wanted(report)).map(|report| &report.target.name).collect();
        (!names.is_empty()).then(|| list(names))
    };
    let on_link = |report: &Report<'_>| report.target.sources.is_ok_and(|sources| sources.is_on_link);
    let on_link = names(on_link).map(|names| {
        format!(
            "note: this host has no global address outside of the guest's /64 ({names}): a route of the guest's own to \
             that /64 would hide that it has no default route"
        )
    });
    let cut_off = names(|report| report.is_cut_off)
        .map(|names| format!("note: more than {MAX_REPLIES} replies, the others were not read ({names})"));
    let no_route = names(|report| report.verdict == GuestVerdict::NoRoute).map(|names| {
        format!(
            "note: a guest without a route ({names}) took no RA, or lost the route: the next RA may repair it; the \
             handbook's page Troubleshooting, \"It is served, and the guest has no address\", has the causes"
        )
    });
    let Skipped { paused, .. } = skipped;
    let paused = (*paused > 0).then(|| format!("note: {paused} paused, which were not probed"));
    let is_silent = |report: &Report<'_>| report.is_asked && report.why.is_some();
    let may_lack_room = reports.iter().any(is_silent) && is_small(neighbours, reports.len());
    let small = may_lack_room.then(|| {
        format!(
            "note: each guest that answers takes an entry of this host's neighbour table, which has room for {neighbours} \
             (gc_thresh3): a guest may be unknown for want of room"
        )
    });
    let notes = [no_route, without_daemon(reports), on_link, cut_off, small, paused].into_iter().flatten();
    notes.chain(served_by_others(skipped)).chain(not_served(skipped))
}

/// Returns which interfaces have guests that answer, and are not served by the daemon that answers.
fn without_daemon(reports: &[Report<'_>]) -> Option<String> {
    let not_served =
        reports.iter().filter(|report| !report.guests.is_empty()).filter_map(|report| match &report.served {
            Served::Unknown | Served::Yes => None,
            Served::No(reasons) => Some(format!("{} ({})", report.target.name, list(reasons))),
        });
    let not_served = list(not_served);
    (!not_served.is_empty()).then(|| {
        format!(
            "note: the daemon that answers does not serve {not_served}: what a guest has there is from an older RA, or \
             from another router or daemon"
        )
    })
}

/// Returns which interfaces match and have another daemon, a text for each.
fn served_by_others(Skipped { served_by_others, .. }: &Skipped) -> impl Iterator<Item = String> {
    served_by_others.iter().map(|(pid, interfaces)| {
        let [count, names] = counted(interfaces);
        format!("note: {count} served by another daemon (process {pid}): {names}")
    })
}

/// Returns which interfaces match and are not served, if there are any.
fn not_served(Skipped { not_served, says_why, .. }: &Skipped) -> Option<String> {
    let [count, names] = counted(not_served);
    (!not_served.is_empty()).then(|| format!("{count} not served: {names}; `{says_why}` says why"))
}

/// Returns how many matching interfaces these are, and their names.
fn counted(interfaces: &[model::Interface]) -> [String; 2] {
    let count = match interfaces.len() {
        1 => "1 matching interface is".to_owned(),
        count => format!("{count} matching interfaces are"),
    };
    let names = list(interfaces.iter().take(NAMED).map(|one| &one.name));
    let more = interfaces.len().saturating_sub(NAMED);
    [count, if more == 0 { names } else { format!("{names} and {more} more") }]
}

/// Returns whether guests behind so many interfaces may fill the neighbour table, which other neighbours take part of.
fn is_small(neighbours: u32, interfaces: usize) -> bool {
    u32::try_from(interfaces).is_ok_and(|interfaces| interfaces > neighbours / 2)
}
