//! A section for each interface: its tests, then what to do.

use std::{fmt::Write, time::Duration};

use anstyle::Style;

use super::findings::{Findings, causes, describe, named, paused};
use crate::{
    commands::screen::{BAD, FAINT, GOOD, ODD, TITLE, list, styled, wrap},
    diagnosis::{Concern, Conclusion, DueRa, Explanation, RaKind, Remedy},
};

/// The column in which the values of the tests begin.
const VALUES_AT: usize = 22;

/// What there is to say of a served interface without a carrier.
const NO_CARRIER: &str = "no: the daemon pauses, and sends when there is one; start the guest, or set the link up at \
                          its other end";

pub(super) fn render(findings: &Findings, width: usize) -> String {
    findings.interfaces.iter().map(|found| interface(found, width)).collect::<Vec<_>>().join("\n")
}

fn interface(found: &Explanation, width: usize) -> String {
    let failures = causes(found).into_iter().map(|failure| paragraph(BAD, failure, width));
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
        Conclusion::NotServed | Conclusion::NoMatch => (BAD, format!("{is_not} served: {}", named(&causes(found)))),
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
    } else if found.service().is_some() {
        line("wait", ODD, "carrier", NO_CARRIER);
    } else {
        line("    ", FAINT, "carrier", "no");
    }
    if found.service().is_some_and(|service| service.dad) {
        let detection =
            if found.carrier { "runs on the source" } else { "on the source goes on when there is a carrier" };
        line("wait", ODD, "detection", &format!("duplicate address detection {detection}: RAs wait for its end"));
    }
    for (name, when) in [found.last_ra.map(last_ra), found.next_ra.map(next_ra)].into_iter().flatten() {
        line("    ", FAINT, name, &when);
    }
    if let Some(held) = found.guests_hold {
        line("    ", FAINT, "guests hold", &format!("{held}, unless it is served again before"));
    }
    page
}

fn last_ra((kind, ago): (RaKind, Duration)) -> (&'static str, String) {
    let ago = format!("{} s ago", ago.as_secs());
    match kind {
        RaKind::Usual => ("last RA", ago),
        RaKind::Final => ("final RA", format!("{ago}: guests have dropped the default route")),
        RaKind::FinalOfOldSource => ("final RA", format!("{ago}, of the source before this one")),
    }
}

/// A pair in use that has gone is waited for, which is the grace; so is the end of the 3 s floor.
fn next_ra(DueRa { due_in, is_final }: DueRa) -> (&'static str, String) {
    let after = format!("in {} s", due_in.as_secs() + u64::from(due_in.subsec_nanos() > 0));
    if is_final {
        ("final RA", format!("{after}, unless it is served again before; guests then drop the default route"))
    } else {
        ("next RA", after)
    }
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
