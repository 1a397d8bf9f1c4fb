//! A table with a line for each interface.

use anstyle::Style;

use super::findings::{Findings, causes, describe, named, paused};
use crate::{
    commands::{
        natural::natural,
        screen::{BAD, FAINT, GOOD, ODD, TITLE, list, styled, wrap},
    },
    diagnosis::{Conclusion, Explanation},
};

/// Width of the second column, with the blanks behind it.
const SERVED_WIDTH: usize = 8;

pub(super) fn render(findings: &Findings, width: usize) -> String {
    let mut found: Vec<_> = findings.interfaces.iter().collect();
    found.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| natural(&a.name, &b.name)));
    let names = found.iter().map(|one| one.name.chars().count());
    let name_width = names.max().unwrap_or(0).max("INTERFACE".len()) + 2;
    let indent = name_width + SERVED_WIDTH;
    let head = format!("{:<name_width$}{:<SERVED_WIDTH$}WHY", "INTERFACE", "SERVED");
    let rows = found.iter().map(|one| {
        let (style, word, why) = row(one);
        let name = format!("{:<name_width$}", one.name);
        format!("{name}{}{}", styled(style, &format!("{word:<SERVED_WIDTH$}")), wrap(&why, width, indent))
    });
    let lines: Vec<_> = [styled(TITLE, &head)].into_iter().chain(rows).collect();
    format!("{}\n\n{}\n", lines.join("\n"), wrap(&summary(findings), width, 0))
}

fn row(found: &Explanation) -> (Style, &'static str, String) {
    let warned = list(found.warnings.iter().map(|warning| warning.problem.name()));
    let warned = if warned.is_empty() { warned } else { format!("; warning: {warned}") };
    let odd_if_warned = |style| if warned.is_empty() { style } else { ODD };
    match &found.conclusion {
        Conclusion::Served(service) => (odd_if_warned(GOOD), "yes", format!("{}{warned}", describe(service))),
        Conclusion::Paused(service) => (ODD, "paused", format!("{}{warned}", paused(service))),
        Conclusion::NotServed | Conclusion::Doubtful(_) => (BAD, "no", format!("{}{warned}", named(&causes(found)))),
        Conclusion::NoMatch => (FAINT, "no", format!("{}{warned}", named(&causes(found)))),
    }
}

const fn rank(found: &Explanation) -> u8 {
    match found.conclusion {
        Conclusion::Served(_) => 0,
        Conclusion::Paused(_) => 1,
        Conclusion::NotServed | Conclusion::Doubtful(_) => 2,
        Conclusion::NoMatch => 3,
    }
}

fn summary(findings: &Findings) -> String {
    let count = |wanted: u8| findings.interfaces.iter().filter(|one| rank(one) == wanted).count();
    let [served, paused, not_served, ignored] = [0, 1, 2, 3].map(count);
    let counts = format!("{served} served, {paused} paused, {not_served} not served");
    let more = format!("`{} IFACE` shows each test, and what to do.", findings.list);
    match &findings.regex {
        _ if findings.daemon_answers => {
            format!("{counts}, {ignored} that the daemon's --interface-regex does not match. {more}")
        }
        Some(regex) => format!("{counts}, {ignored} that {regex} does not match. {more}"),
        None => format!(
            "{counts}, if their names match: no daemon answers, so give its --interface-regex to have names tested. {more}"
        ),
    }
}
