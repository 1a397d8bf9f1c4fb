//! A section for each interface: its tests, then what to do.

use std::fmt::Write;

use anstyle::Style;

use super::findings::{Findings, Missing, describe, paused};
use crate::{
    commands::screen::{BAD, FAINT, GOOD, ODD, TITLE, list, styled, wrap},
    diagnosis::{Concern, Conclusion, Explanation, Problem, Remedy},
    engine::eligibility::Reason,
};

/// The column in which the values of the tests begin.
const VALUES_AT: usize = 22;

pub(super) fn render(findings: &Findings<'_>, width: usize) -> String {
    let interfaces = findings.interfaces.iter().map(|found| interface(found, width));
    let missing = findings.missing.iter().map(|missing| absent(missing, width));
    interfaces.chain(missing).collect::<Vec<_>>().join("\n")
}

fn interface(found: &Explanation, width: usize) -> String {
    let is_loopback = |concern: &Concern| matches!(concern.problem, Problem::NotServed(Reason::Loopback));
    // The loopback device fails other tests by its nature, and nothing is to be done about them.
    let only_loopback = found.failures().any(is_loopback);
    let failures = found.failures().filter(|one| !only_loopback || is_loopback(one));
    let failures = failures.map(|failure| paragraph(BAD, failure, width));
    let warnings = found.warnings.iter().map(|warning| paragraph(ODD, warning, width));
    let parts = [title(found, width), tests(found, width)].into_iter();
    parts.chain(failures).chain(warnings).collect::<Vec<_>>().join("\n")
}

fn title(found: &Explanation, width: usize) -> String {
    let (style, what) = conclusion(found);
    headed(&found.name, style, &what, width)
}

/// Returns what there is to say first.
pub(super) fn conclusion(found: &Explanation) -> (Style, String) {
    let (is, is_not) = if found.is_live { ("is", "is not") } else { ("would be", "would not be") };
    match &found.conclusion {
        Conclusion::Served(service) if found.fails_to_send() => {
            (ODD, format!("{is} served {}, but its RAs do not leave", describe(service)))
        }
        Conclusion::Served(service) => (GOOD, format!("{is} served {}", describe(service))),
        Conclusion::Paused(service) => (ODD, format!("{is} served {}", paused(service))),
        Conclusion::Doubtful(service) => {
            let said = found.failures().map(|one| one.problem.to_string());
            (BAD, format!("{is} served {}, but {}", describe(service), list(said)))
        }
        Conclusion::NotServed | Conclusion::NoMatch => {
            (BAD, format!("{is_not} served: {}", list(found.failures().map(|one| one.problem.name()))))
        }
    }
}

/// Returns a line that begins with a name.
fn headed(name: &str, style: Style, what: &str, width: usize) -> String {
    let what = wrap(what, width, name.chars().count() + 1);
    format!("{} {}\n", styled(TITLE, name), styled(style, &what))
}

fn tests(found: &Explanation, width: usize) -> String {
    let mut page = String::new();
    let mut line = |word, style, name: &str, value: &str| {
        let value = wrap(value, width, VALUES_AT);
        writeln!(page, "  {}  {name:<14}{value}", styled(style, word)).expect("writing to a String cannot fail");
    };
    for check in &found.checks {
        let (word, style) = if check.failure.is_none() { ("pass", GOOD) } else { ("FAIL", BAD) };
        line(word, style, check.name, &check.found);
    }
    if found.carrier {
        line("pass", GOOD, "carrier", "yes");
    } else {
        line("wait", ODD, "carrier", "no: the daemon pauses, and sends when there is one");
    }
    if found.service().is_some_and(|service| service.dad) {
        line("wait", ODD, "detection", "duplicate address detection runs on the source: RAs wait for its end");
    }
    if let Some(ago) = found.last_sent_ago {
        line("    ", FAINT, "last RA", &format!("{} s ago", ago.as_secs()));
    }
    page
}

/// Returns the problem, and below it the remedies: commands on lines of their own, to be copied.
fn paragraph(style: Style, Concern { problem, remedies }: &Concern, width: usize) -> String {
    let name = problem.name();
    // Wrapped before it is coloured, as escape sequences take no columns; the name has no blank to be broken
    // at.
    let whole = wrap(&format!("{name}: {problem}"), width.saturating_sub(2), 2);
    let coloured = whole.replacen(name, &styled(style, name), 1);
    let remedies = remedies.iter().map(|remedy| match remedy {
        Remedy::Run(command) => format!("    {}\n", styled(TITLE, &command.to_string())),
        Remedy::Advice(advice) => format!("  {}\n", wrap(advice, width, 2)),
    });
    [format!("  {coloured}\n")].into_iter().chain(remedies).collect()
}

fn absent(missing: &Missing, width: usize) -> String {
    let similar = match missing.similar.as_slice() {
        [] => "; `autora explain` lists those that do".to_owned(),
        names => format!("; similar: {}", list(names)),
    };
    headed(&missing.name, BAD, &format!("does not exist{similar}"), width)
}
