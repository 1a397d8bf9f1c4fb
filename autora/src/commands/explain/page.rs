//! Each interface on its own: all tests, then what to do.

use std::fmt::Write;

use anstyle::Style;

use super::{Findings, Missing};
use crate::{
    commands::screen::{BAD, FAINT, GOOD, ODD, TITLE, styled, wrap},
    engine::{
        eligibility::{Reason, Service},
        explanation::{Explanation, Remedy, State, shown},
    },
};

/// Where the values of the tests begin.
const VALUES_AT: usize = 22;

pub(super) fn render(findings: &Findings<'_>, width: usize) -> String {
    let interfaces = findings.interfaces.iter().map(|found| interface(found, width));
    let missing = findings.missing.iter().map(|missing| absent(missing, width));
    interfaces.chain(missing).collect::<Vec<_>>().join("\n")
}

fn interface(found: &Explanation, width: usize) -> String {
    let mut page = format!("{}\n\n", title(found, width));
    for check in &found.checks {
        let (word, style) = if check.failure.is_none() { ("pass", GOOD) } else { ("FAIL", BAD) };
        line(&mut page, (word, style), check.name, &check.found, width);
    }
    if found.carrier {
        line(&mut page, ("pass", GOOD), "carrier", "yes", width);
    } else {
        let pauses = "no: that is no failure, but nothing is sent until there is one";
        line(&mut page, ("wait", ODD), "carrier", pauses, width);
    }
    if let Some(ago) = found.last_sent_ago {
        line(&mut page, ("    ", FAINT), "last RA", &format!("{} s ago", ago.as_secs()), width);
    }
    // What else the loopback device fails follows from what it is.
    let is_loopback = found.failures().any(|failure| failure.reason == Reason::Loopback.name());
    for failure in found.failures().filter(|one| !is_loopback || one.reason == Reason::Loopback.name()) {
        paragraph(&mut page, BAD, failure.reason, &failure.sentence, &failure.remedies, width);
    }
    for (warning, remedies) in &found.warnings {
        paragraph(&mut page, ODD, warning.name(), &warning.to_string(), remedies, width);
    }
    page
}

fn title(found: &Explanation, width: usize) -> String {
    let name = shown(&found.name);
    let (is, is_not) = if found.is_live { ("is", "is not") } else { ("would be", "would not be") };
    let (style, what) = match &found.state {
        State::Served(service) => (GOOD, format!("{is} served {}", how(service))),
        State::Paused(service) => (ODD, format!("{is} served {}, once it has a carrier", how(service))),
        State::Refused | State::Ignored => {
            let reasons: Vec<_> = found.failures().map(|failure| failure.reason).collect();
            (BAD, format!("{is_not} served: {}", reasons.join(", ")))
        }
    };
    let what = wrap(&what, width, name.chars().count() + 1);
    format!("{} {}", styled(TITLE, &name), styled(style, &what))
}

/// The source and the prefix, in words.
pub(super) fn how(service: &Service) -> String {
    format!("from {} with {}", service.source, service.prefix)
}

fn line(page: &mut String, (word, style): (&str, Style), name: &str, found: &str, width: usize) {
    let found = wrap(found, width, VALUES_AT);
    writeln!(page, "  {}  {name:<14}{found}", styled(style, word)).expect("a string takes everything");
}

/// What is wrong, and below it what helps: commands on lines of their own, to be copied.
fn paragraph(page: &mut String, style: Style, name: &str, sentence: &str, remedies: &[Remedy], width: usize) {
    // Wrapped as one, then coloured: the name has no blank at which it could be broken.
    let whole = wrap(&format!("{name}: {sentence}"), width.saturating_sub(2), 2);
    let coloured = whole.replacen(name, &styled(style, name), 1);
    let remedies = remedies.iter().map(|remedy| match remedy {
        Remedy::Run(command) => format!("    {}\n", styled(TITLE, &command.to_string())),
        Remedy::Advice(advice) => format!("  {}\n", wrap(advice, width, 2)),
    });
    page.push('\n');
    page.extend(["  ", &coloured, "\n"]);
    page.extend(remedies);
}

fn absent(missing: &Missing, width: usize) -> String {
    let name = shown(&missing.name);
    let similar: Vec<_> = missing.similar.iter().map(|name| shown(name)).collect();
    let similar = match similar.as_slice() {
        [] => "; `autora explain` lists all".to_owned(),
        names => format!("; similar: {}", names.join(", ")),
    };
    let what = wrap(&format!("does not exist{similar}"), width, name.chars().count() + 1);
    format!("{} {}\n", styled(TITLE, &name), styled(BAD, &what))
}
