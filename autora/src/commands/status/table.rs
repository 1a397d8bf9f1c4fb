//! The status as a table that fits the terminal.

use anstyle::Style;

use super::guests::Guests;
use crate::{
    commands::{client::counts, neighbours, screen},
    control::model::{Interface, OtherRouter, State, Status},
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

/// Returns the status as lines of at most `width` columns, each with its newline.
pub(super) fn render(status: &Status, interfaces: &[Interface], guests: Option<&Guests>, width: usize) -> Vec<String> {
    let mut lines = head(status, width);
    if interfaces.is_empty() {
        lines.push("no interface matches\n".to_owned());
        return lines;
    }
    let columns = fitting(interfaces, width);
    let title = columns.iter().map(|(column, width)| cell(column, column.title, *width)).collect::<Vec<_>>();
    lines.push(format!("{}\n", screen::styled(screen::TITLE, title.join("  ").trim_end())));
    for one in interfaces {
        lines.extend(row(one, &columns, width));
        lines.extend(guests.and_then(|guests| guest_line(one, guests, columns[0].1 + 2, width)));
    }
    lines
}

fn guest_line(one: &Interface, guests: &Guests, indent: usize, width: usize) -> Option<String> {
    let found = guests.of(one.ifindex, one.prefix.as_deref());
    let line = || screen::wrap(&format!("guests: {}", neighbours::list(&found, GUESTS)), width, indent);
    (!found.is_empty()).then(|| format!("{:indent$}{}\n", "", line()))
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

/// Returns the columns that fit into `width`, each with its own width.
fn fitting(interfaces: &[Interface], width: usize) -> Vec<(&'static Column, usize)> {
    let columns = COLUMNS.iter().enumerate().map(|(position, column)| {
        let cells = interfaces.iter().filter(|one| position < COLUMNS_NOT_SERVED || is_served(one));
        let widest = cells.map(|one| (column.cell)(one).chars().count()).max();
        (column, widest.unwrap_or(0).max(column.title.len()))
    });
    let mut columns: Vec<_> = columns.collect();
    let total = |columns: &[(&Column, usize)]| columns.iter().map(|(_, width)| width + 2).sum::<usize>() - 2;
    while total(&columns) > width
        && let Some(least) = columns.iter().map(|(column, _)| column.expendable).max().filter(|&least| least > 0)
    {
        columns.retain(|(column, _)| column.expendable != least);
    }
    columns
}

fn is_served(one: &Interface) -> bool {
    matches!(one.state.known(), Some(State::Serving | State::Paused))
}

/// Returns the line of an interface, and a second one if its note does not fit.
fn row(one: &Interface, columns: &[(&'static Column, usize)], width: usize) -> Vec<String> {
    let cells: Vec<_> = columns.iter().map(|(column, width)| cell(column, &(column.cell)(one), *width)).collect();
    let (shown, note) = if is_served(one) {
        (cells.len(), note(one))
    } else {
        (COLUMNS_NOT_SERVED, screen::list(one.reasons.iter().map(|reason| &reason.name)))
    };
    let plain = cells[..shown].join("  ");
    let mut styled = cells;
    styled[1] = screen::styled(style(one), &styled[1]);
    let line = styled[..shown].join("  ");
    let indent = columns[0].1 + 2;
    if note.is_empty() {
        vec![format!("{}\n", line.trim_end())]
    } else if plain.chars().count() + 2 + note.chars().count() <= width {
        vec![format!("{line}  {}\n", screen::styled(note_style(one), &note))]
    } else if !is_served(one) {
        let start = plain.chars().count() + 2;
        vec![format!("{line}  {}\n", screen::wrap(&note, width, start))]
    } else {
        let note = screen::styled(note_style(one), &screen::wrap(&note, width, indent));
        vec![format!("{}\n", line.trim_end()), format!("{:indent$}{note}\n", "")]
    }
}

fn cell(column: &Column, text: &str, width: usize) -> String {
    if column.right { format!("{text:>width$}") } else { format!("{text:<width$}") }
}

fn style(one: &Interface) -> Style {
    match one.state.known() {
        Some(State::Serving) if one.overdue || one.send_failures.in_a_row > 0 => screen::BAD,
        Some(State::Serving) => screen::GOOD,
        Some(State::Paused | State::Ceasing) | None => screen::ODD,
        Some(State::NotServed) => screen::BAD,
    }
}

fn note_style(one: &Interface) -> Style {
    if is_served(one) { screen::ODD } else { Style::new() }
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
    const UNITS: [(f64, &str, f64); 3] = [(60.0, "s", 1.0), (3_600.0, "m", 60.0), (86_400.0, "h", 3_600.0)];
    if seconds < 10.0 {
        return format!("{seconds:.1}s");
    }
    let unit = UNITS.into_iter().find(|(below, ..)| seconds < *below);
    let (unit, length) = unit.map_or(("d", 86_400.0), |(_, unit, length)| (unit, length));
    format!("{:.0}{unit}", (seconds / length).floor())
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
