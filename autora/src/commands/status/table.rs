//! The status as a table that fits the terminal.

use anstyle::Style;

use super::guests::Guests;
use crate::{
    commands::{client::counts, neighbours, screen},
    control::model::{Interface, LastAdvert, OtherRouter, State, Status},
    diagnosis::Problem,
    engine::action::Cause,
    sys::filter::FilterKind,
};

/// A column of the table.
struct Column {
    title: &'static str,
    /// Whether the cells are aligned to the right, as numbers are.
    right: bool,
    /// The order in which columns are left out of a narrow terminal, the highest first; 0 stays.
    expendable: u8,
    cell: fn(&Interface) -> String,
}

const fn text(title: &'static str, expendable: u8, cell: fn(&Interface) -> String) -> Column {
    Column { title, right: false, expendable, cell }
}

const fn number(title: &'static str, expendable: u8, cell: fn(&Interface) -> String) -> Column {
    Column { title, right: true, expendable, cell }
}

const COLUMNS: [Column; 10] = [
    text("interface", 0, |one| one.name.clone()),
    text("state", 0, |one| one.state.to_string()),
    text("prefix", 0, |one| one.prefix.clone().unwrap_or_default()),
    text("source", 6, |one| or_nothing(one.source)),
    number("last RA", 0, |one| or_nothing(one.last_ra.as_ref().map(|last| short(last.ago_s)))),
    number("next", 1, |one| or_nothing(one.next_ra_in_s.map(short))),
    number("RAs", 5, |one| ras(one).to_string()),
    number("answered", 3, |one| one.ra_sent.solicited.to_string()),
    number("coalesced", 4, |one| or_nothing(one.rs.as_ref().map(|rs| rs.coalesced))),
    number("dropped", 2, |one| or_nothing(one.rs.as_ref().map(|rs| rs.dropped.values().sum::<u64>()))),
];

/// How many columns the line of an interface that is not served has; its reasons replace the others.
const COLUMNS_NOT_SERVED: usize = 2;

/// How many guests of an interface are shown.
const GUESTS: usize = 16;

/// What is shown of an interface, before it is laid out.
pub(super) struct Row {
    /// A text for each column.
    cells: [String; COLUMNS.len()],
    /// What follows them: the reasons, or what needs the operator.
    note: String,
    guests: Option<String>,
    is_served: bool,
    style: Style,
}

impl Row {
    pub(super) fn new(one: &Interface, guests: Option<&Guests>) -> Self {
        let found = guests.map(|guests| guests.of(one.ifindex, one.prefix.as_deref())).unwrap_or_default();
        let is_served = is_served(one);
        Self {
            cells: COLUMNS.map(|column| (column.cell)(one)),
            note: if is_served { note(one) } else { why_not_served(one) },
            guests: (!found.is_empty()).then(|| format!("guests: {}", neighbours::list(&found, GUESTS))),
            is_served,
            style: style(one),
        }
    }

    /// Returns it with what `shown` makes of each text; the name stays.
    pub(super) fn map(mut self, shown: &dyn Fn(&str) -> String) -> Self {
        for text in self.cells.iter_mut().skip(1).chain([&mut self.note]).chain(&mut self.guests) {
            *text = shown(text);
        }
        self
    }
}

/// Returns the table as lines of at most `width` columns, each with its newline; none without a row.
pub(super) fn render(rows: &[Row], width: usize) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let columns = fitting(rows, width);
    let title = columns.iter().map(|(at, width)| cell(*at, COLUMNS[*at].title, *width)).collect::<Vec<_>>();
    let title = format!("{}\n", screen::styled(screen::TITLE, title.join("  ").trim_end()));
    let rows = rows.iter().flat_map(|row| lines(row, &columns, width));
    [title].into_iter().chain(rows).collect()
}

/// Returns the totals as lines of at most `width` columns, with an empty one at the end.
pub(super) fn head(status: &Status, width: usize) -> Vec<String> {
    let Status { version, pid, uptime_s, settings, filter, interfaces, .. } = status;
    let program = filter.program_id.map_or_else(String::new, |id| format!(" (program {id})"));
    let mut paragraphs = vec![
        format!(
            "autora {version}, process {pid}, up {}; filter {}{program}; RAs every {:.0} to {:.0} s through the {} socket",
            short(*uptime_s),
            filter.mode,
            settings.min_ra_interval_s,
            settings.max_ra_interval_s,
            settings.send,
        ),
        format!(
            "interfaces matching {}: {} serving, {} paused, {} not served{}",
            settings.interface_regex,
            interfaces.serving,
            interfaces.paused,
            interfaces.not_served,
            reasons(status),
        ),
        format!(
            "RAs: {} unsolicited, {} solicited, {} final, {} failed; RS: {} coalesced, dropped {}",
            status.ra_sent.unsolicited,
            status.ra_sent.solicited,
            status.ra_sent.finals,
            status.ra_send_failures,
            status.rs.coalesced,
            if status.rs.dropped.is_empty() { "none".to_owned() } else { counts(&status.rs.dropped) },
        ),
    ];
    paragraphs.extend(concerns(status).into_iter().map(|concern| screen::styled(screen::ODD, &concern)));
    let wrapped = paragraphs.iter().map(|paragraph| format!("{}\n", screen::wrap(paragraph, width, 2)));
    let lines: String = wrapped.chain(["\n".to_owned()]).collect();
    lines.split_inclusive('\n').map(str::to_owned).collect()
}

/// Returns how many interfaces have each reason, which are more than those that are not served if one has several.
fn reasons(status: &Status) -> String {
    let Status { not_served, interfaces, .. } = status;
    let several = not_served.values().sum::<u64>() > interfaces.not_served;
    match () {
        () if not_served.is_empty() => String::new(),
        () if several => format!(" ({}; an interface can have several)", counts(not_served)),
        () => format!(" ({})", counts(not_served)),
    }
}

/// Returns the conditions that need the operator.
fn concerns(status: &Status) -> Vec<String> {
    let several = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
    [
        (status.not_forwarding > 0).then(|| format!("warning: {}", Problem::HostDoesNotForward)),
        several(status.overdue, "served and without an RA for longer than --max-ra-interval"),
        several(status.other_routers.interfaces, "with another router on the link"),
        several(status.default_route_by_ra, "served, with a default route of this host that an RA made"),
        several(status.accepting_ra, "taking RAs of guests (accept_ra 2)"),
        (filter_is_classic(status)).then(|| {
            "the classic filter detects no other routers, and a flood of solicitations costs the daemon CPU time"
                .to_owned()
        }),
        status.socket_drops.and_then(|drops| several(drops, "packets lost because the receiving socket was full")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn filter_is_classic(status: &Status) -> bool {
    status.filter.mode == FilterKind::Classic.into()
}

/// Returns the columns that fit into `width`, by their positions, each with its own width.
fn fitting(rows: &[Row], width: usize) -> Vec<(usize, usize)> {
    let columns = COLUMNS.iter().enumerate().map(|(at, column)| {
        let shown = rows.iter().filter(|row| at < COLUMNS_NOT_SERVED || row.is_served);
        let widest = shown.map(|row| row.cells[at].chars().count()).max();
        (at, widest.unwrap_or(0).max(column.title.len()))
    });
    let mut columns: Vec<_> = columns.collect();
    let total = |columns: &[(usize, usize)]| columns.iter().map(|(_, width)| width + 2).sum::<usize>() - 2;
    while total(&columns) > width
        && let Some(least) = columns.iter().map(|(at, _)| COLUMNS[*at].expendable).max().filter(|&least| least > 0)
    {
        columns.retain(|(at, _)| COLUMNS[*at].expendable != least);
    }
    columns
}

fn is_served(one: &Interface) -> bool {
    matches!(one.state.known(), Some(State::Serving | State::Paused))
}

/// Returns the line of an interface, a second one if its note does not fit, and one for its guests.
fn lines(row: &Row, columns: &[(usize, usize)], width: usize) -> Vec<String> {
    let indent = columns[0].1 + 2;
    let guests = row.guests.as_ref().map(|guests| format!("{:indent$}{}\n", "", screen::wrap(guests, width, indent)));
    line(row, columns, width, indent).into_iter().chain(guests).collect()
}

fn line(row: &Row, columns: &[(usize, usize)], width: usize, indent: usize) -> Vec<String> {
    let cells: Vec<_> = columns.iter().map(|(at, width)| cell(*at, &row.cells[*at], *width)).collect();
    let shown = if row.is_served { cells.len() } else { COLUMNS_NOT_SERVED };
    let plain = cells[..shown].join("  ");
    let mut styled = cells;
    styled[1] = screen::styled(row.style, &styled[1]);
    let line = styled[..shown].join("  ");
    let (note, note_style) = (&row.note, if row.is_served { screen::ODD } else { Style::new() });
    if note.is_empty() {
        vec![format!("{}\n", line.trim_end())]
    } else if plain.chars().count() + 2 + note.chars().count() <= width {
        vec![format!("{line}  {}\n", screen::styled(note_style, note))]
    } else if !row.is_served {
        let start = plain.chars().count() + 2;
        vec![format!("{line}  {}\n", screen::wrap(note, width, start))]
    } else {
        let note = screen::styled(note_style, &screen::wrap(note, width, indent));
        vec![format!("{}\n", line.trim_end()), format!("{:indent$}{note}\n", "")]
    }
}

/// Returns a text of the column at this position.
fn cell(at: usize, text: &str, width: usize) -> String {
    if COLUMNS[at].right { format!("{text:>width$}") } else { format!("{text:<width$}") }
}

fn style(one: &Interface) -> Style {
    match one.state.known() {
        Some(State::Serving) if one.overdue || one.send_failures.in_a_row > 0 => screen::BAD,
        Some(State::Serving) => screen::GOOD,
        Some(State::Paused | State::Ceasing) | None => screen::ODD,
        Some(State::NotServed) => screen::BAD,
    }
}

/// Returns the reasons, the last RA, and for how long guests may still hold the route that an RA gave them.
fn why_not_served(one: &Interface) -> String {
    let reasons = screen::list(one.reasons.iter().map(|reason| &reason.name));
    // The previous process does not tell whether its last RA was a final one.
    let is_known = |last: &&LastAdvert| last.cause.is_some() || one.advertised_router.is_some();
    let last = one.last_ra.as_ref().filter(is_known).map(|last| {
        let is_final = last.cause == Some(Cause::Final.into());
        format!("{} {} ago", if is_final { "final RA" } else { "last RA" }, short(last.ago_s))
    });
    let held =
        one.advertised_router.as_ref().map(|held| format!("guests keep the route for up to {}", at_most(held.for_s)));
    let parts = [Some(reasons).filter(|reasons| !reasons.is_empty()), last, held];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Returns what needs the operator about an interface that is served.
fn note(one: &Interface) -> String {
    let failing = (one.send_failures.in_a_row > 0).then(|| {
        let why = one.send_failures.error.as_deref().unwrap_or("unknown");
        format!("{} RAs failed in a row: {why}", one.send_failures.in_a_row)
    });
    let overdue = one.overdue.then(|| "overdue".to_owned());
    let other = one
        .other_router
        .as_ref()
        .map(|OtherRouter { source, ago_s, .. }| format!("another router: {source} {} ago", short(*ago_s)));
    let retired = (!one.retired_prefixes.is_empty()).then(|| {
        let prefixes: Vec<_> = one.retired_prefixes.iter().map(|retired| retired.prefix.as_str()).collect();
        format!("retired: {}", prefixes.join(" "))
    });
    [overdue, failing, other, retired].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

const fn ras(one: &Interface) -> u64 {
    one.ra_sent.unsolicited + one.ra_sent.solicited + one.ra_sent.finals
}

fn or_nothing(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Returns a duration in a few characters, rounded down.
fn short(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.1}s") } else { in_units(seconds, f64::floor) }
}

/// Returns an upper bound in a few characters, rounded up.
fn at_most(seconds: f64) -> String {
    in_units(seconds, f64::ceil)
}

/// Returns a duration in the largest unit of which it has one.
fn in_units(seconds: f64, round: fn(f64) -> f64) -> String {
    const UNITS: [(f64, &str, f64); 3] = [(60.0, "s", 1.0), (3_600.0, "m", 60.0), (86_400.0, "h", 3_600.0)];
    let unit = UNITS.into_iter().find(|(below, ..)| seconds < *below);
    let (unit, length) = unit.map_or(("d", 86_400.0), |(_, unit, length)| (unit, length));
    format!("{:.0}{unit}", round(seconds / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_their_largest_unit() {
        for (seconds, expected) in [
            (0.04, "0.0s"),
            (9.94, "9.9s"),
            (10.2, "10s"),
            (59.9, "59s"),
            (60.0, "1m"),
            (3_599.0, "59m"),
            (7_200.0, "2h"),
            (200_000.0, "2d"),
        ] {
            assert_eq!(short(seconds), expected);
        }
    }

    #[test]
    fn an_upper_bound_is_not_less_than_the_duration() {
        for (seconds, expected) in
            [(0.0, "0s"), (9.2, "10s"), (59.9, "60s"), (60.0, "1m"), (165.0, "3m"), (1_499.5, "25m"), (3_601.0, "2h")]
        {
            assert_eq!(at_most(seconds), expected);
        }
    }

    /// An interface that is served from fe80::1, with these differences.
    fn interface(changes: &serde_json::Value) -> Interface {
        let mut interface = serde_json::json!({
            "name": "vm1", "ifindex": 7, "state": "serving", "prefix": "2001:db8:1::/64", "source": "fe80::1",
            "advertised": true, "reasons": [], "retired_prefixes": [], "next_ra_in_s": 20.0, "overdue": false,
            "last_ra": { "ago_s": 12.0, "cause": "unsolicited" }, "rs": null, "other_router": null,
            "ra_sent": { "unsolicited": 1, "solicited": 0, "final": 0 },
            "send_failures": { "total": 0, "in_a_row": 0, "error": null },
        });
        interface.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(interface).unwrap()
    }

    fn shown(rows: &[Row]) -> Vec<String> {
        let lines = render(rows, usize::MAX);
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn what_is_not_served_has_its_last_ra_and_what_guests_hold() {
        let reasons = serde_json::json!([{ "name": "no-prefix", "text": "it has no usable /64" }]);
        let last = |cause| serde_json::json!({ "ago_s": 12.0, "cause": cause });
        let held = serde_json::json!({ "source": "fe80::1", "for_s": 168.0 });
        for (last_ra, held, expected) in [
            (None, None, "vm1        not-served  no-prefix"),
            (Some(last(Some("final"))), None, "vm1        not-served  no-prefix; final RA 12s ago"),
            // That of the previous process may have been a final one.
            (Some(last(None)), None, "vm1        not-served  no-prefix"),
            (
                Some(last(None)),
                Some(held),
                "vm1        not-served  no-prefix; last RA 12s ago; guests keep the route for up to 3m",
            ),
        ] {
            let not_served = interface(&serde_json::json!({
                "state": "not-served", "prefix": null, "source": null, "reasons": reasons, "last_ra": last_ra,
                "advertised_router": held,
            }));
            assert_eq!(shown(&[Row::new(&not_served, None)])[1], expected);
        }
    }

    /// A placeholder may be longer or shorter than its address.
    #[test]
    fn columns_are_laid_out_for_what_is_shown() {
        let other = interface(&serde_json::json!({ "prefix": "2001:db8:ffff:ffff::/64", "source": "fe80::ff:fe00:2" }));
        let rows = [Row::new(&interface(&serde_json::json!({})), None), Row::new(&other, None)];
        let replace = |text: &str| text.replace("2001:db8:ffff:ffff", "net2").replace("fe80::1", "fe80::a-long-one");
        let lines = shown(&rows.map(|row| row.map(&replace)));
        for (title, expected) in
            [("prefix", ["2001:db8:1::/64 ", "net2::/64 "]), ("source", ["fe80::a-long-one", "fe80::ff:fe00:2 "])]
        {
            let at = lines[0].find(title).unwrap();
            let cells = [&lines[1][at..], &lines[2][at..]];
            assert!(cells.iter().zip(expected).all(|(cell, expected)| cell.starts_with(expected)), "{lines:#?}");
        }
        let ends = [0, 1, 2].map(|line| lines[line].len());
        assert_eq!(ends[1], ends[2], "{lines:#?}");
    }

    /// The part of a page that `autora status` printed.
    fn sample(page: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
        let text = std::fs::read_to_string(path).unwrap();
        let from = &text[text.find("autora 0.1.0, process").expect(page)..];
        from[..from.find("```").expect(page)].to_owned()
    }

    #[test]
    fn the_samples_of_the_documents_have_all_columns() {
        let readme = sample("README.md");
        let titles = COLUMNS.map(|column| column.title).join(" ");
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(readme.lines().any(|line| words(line) == titles), "{titles} in\n{readme}");
        assert_eq!(readme, sample("contrib/docs/src/reference/commands.md"));
    }
}
