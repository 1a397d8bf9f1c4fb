//! A line for each interface.

use anstyle::Style;

use super::{Findings, page::how};
use crate::{
    commands::screen::{BAD, FAINT, GOOD, ODD, TITLE, styled, wrap},
    engine::explanation::{Explanation, State, shown},
};

/// Room for the words of the second column, and the blanks behind it.
const SERVED_WIDTH: usize = 8;

pub(super) fn render(findings: &Findings<'_>, width: usize) -> String {
    let mut found: Vec<_> = findings.interfaces.iter().collect();
    found.sort_by_cached_key(|one| (rank(&one.state), natural(&one.name)));
    let names = found.iter().map(|one| shown(&one.name).chars().count());
    let name_width = names.max().unwrap_or(0).max("INTERFACE".len()) + 2;
    let indent = name_width + SERVED_WIDTH;
    let head = format!("{:<name_width$}{:<SERVED_WIDTH$}WHY", "INTERFACE", "SERVED");
    let rows = found.iter().map(|one| {
        let (style, word, why) = row(one);
        let name = format!("{:<name_width$}", shown(&one.name));
        format!("{name}{}{}", styled(style, &format!("{word:<SERVED_WIDTH$}")), wrap(&why, width, indent))
    });
    let lines: Vec<_> = [styled(TITLE, &head)].into_iter().chain(rows).collect();
    format!("{}\n\n{}\n", lines.join("\n"), wrap(&summary(findings), width, 0))
}

fn row(found: &Explanation) -> (Style, &'static str, String) {
    let warned: Vec<_> = found.warnings.iter().map(|(warning, _)| warning.name()).collect();
    let warned = if warned.is_empty() { String::new() } else { format!("; warning: {}", warned.join(", ")) };
    let odd_if_warned = |style| if warned.is_empty() { style } else { ODD };
    match &found.state {
        State::Served(service) => (odd_if_warned(GOOD), "yes", format!("{}{warned}", how(service))),
        State::Paused(service) => (ODD, "paused", format!("no carrier; {}{warned}", how(service))),
        State::Refused => {
            let reasons: Vec<_> = found.failures().map(|failure| failure.reason).collect();
            (BAD, "no", reasons.join(", "))
        }
        State::Ignored => (FAINT, "no", "does not match".to_owned()),
    }
}

const fn rank(state: &State) -> u8 {
    match state {
        State::Served(_) => 0,
        State::Paused(_) => 1,
        State::Refused => 2,
        State::Ignored => 3,
    }
}

/// A key by which `vm2` comes before `vm10`.
fn natural(name: &str) -> (String, usize, String) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[stem.len()..].trim_start_matches('0');
    (stem.to_owned(), number.len(), number.to_owned())
}

fn summary(findings: &Findings<'_>) -> String {
    let count = |wanted: u8| findings.interfaces.iter().filter(|one| rank(&one.state) == wanted).count();
    let [served, paused, refused, ignored] = [0, 1, 2, 3].map(count);
    let counts = format!("{served} served, {paused} paused, {refused} not served");
    let more = "`autora explain IFACE` says what helps.";
    match findings.policy {
        Some(policy) => format!("{counts}, {ignored} that {} does not match. {more}", policy.pattern),
        None => format!(
            "{counts}, if --interface-regex matches them: say which one the daemon has, here or in \
             AUTORA_INTERFACE_REGEX, to see. {more}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_people_do() {
        let mut names = ["vm10", "vm2", "eth0", "vm1", "tap-vm-9x", "vm", "tap9"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["eth0", "tap9", "tap-vm-9x", "vm", "vm1", "vm2", "vm10"]);
    }
}
