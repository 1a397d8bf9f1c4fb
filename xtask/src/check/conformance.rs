//! `cargo xtask conformance`: checks the tables of CONFORMANCE.md.
//!
//! The page is written by hand. It has every rule that the RFCs set for a sender of Router Advertisements,
//! with the test that shows it, or the deviation and its reason. The check compares it with the texts (each
//! MUST and SHOULD of a section has a rule), with itself (deviations, names), and with the tests that `cargo
//! test -- --list` prints.

mod listed;
mod page;

use std::{collections::BTreeSet, fmt::Display, fs};

use anyhow::{Context, Result, ensure};

use self::listed::Tests;
use self::page::{Level, Met, Page, Rule, Section};
use crate::{ui, workspace::Workspace};

const PAGE: &str = "CONFORMANCE.md";

/// The sections that the page must have, and how often their text says MUST (or MUST NOT) and SHOULD.
const REQUIRED: &[(&str, u8, u8)] = &[
    ("RFC 4861 6.1.1", 4, 0),
    ("RFC 4861 6.1.2", 3, 0),
    ("RFC 4861 6.2.1", 8, 1),
    ("RFC 4861 6.2.2", 2, 0),
    ("RFC 4861 6.2.3", 0, 1),
    ("RFC 4861 6.2.4", 1, 1),
    ("RFC 4861 6.2.5", 2, 2),
    ("RFC 4861 6.2.6", 7, 1),
    ("RFC 4861 6.2.7", 0, 5),
    ("RFC 4861 6.2.8", 0, 2),
    ("RFC 6980 5", 2, 3),
    ("RFC 8319 4", 2, 0),
    ("RFC 9096 3.5", 5, 2),
    ("v6LC 2.2.4", 0, 0),
    ("v6LC 2.2.5", 0, 0),
    ("v6LC 2.2.6", 0, 0),
    ("v6LC 2.2.7", 0, 0),
    ("v6LC 2.2.8", 0, 0),
    ("v6LC 2.2.9", 0, 0),
];

/// Checks the page, and fails with all that is wrong with it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let text = fs::read_to_string(workspace.root().join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let page = Page::read(&text);
    let problems = problems(&page, REQUIRED, &Tests::list(workspace)?);
    ensure!(problems.is_empty(), "{PAGE} has faults:\n  {}", problems.join("\n  "));
    ui::note(&format!("{PAGE}: {}", summary(&page.sections)));
    Ok(())
}

/// Returns all that is wrong with the page, in sentences.
fn problems(page: &Page<'_>, required: &[(&str, u8, u8)], tests: &Tests) -> Vec<String> {
    let names: BTreeSet<_> = page.sections.iter().map(|section| section.name).collect();
    let missing = required.iter().filter(|(name, ..)| !names.contains(name));
    let mut problems: Vec<_> = missing.map(|(name, ..)| format!("{name} is missing")).collect();
    problems.extend(repeated("section", page.sections.iter().map(|section| section.name)));
    problems.extend(unsound_deviations(page));
    problems.extend(unsound_silent(page));
    for section in &page.sections {
        problems.extend(unsound_section(section, required, page, tests).map(|why| format!("{}: {why}", section.name)));
    }
    let summary = format!("In short: {}.", summary(&page.sections));
    if page.summary != Some(&summary) {
        problems.push(format!("the page should say: {summary}"));
    }
    problems
}

fn unsound_deviations(page: &Page<'_>) -> Vec<String> {
    let rules = page.sections.iter().flat_map(|section| &section.rules);
    let used: BTreeSet<_> = rules.flat_map(Rule::deviations).collect();
    let unused = page.deviations.iter().filter(|(name, _)| !used.contains(name));
    let mute = page.deviations.iter().filter(|(_, reason)| reason.is_empty());
    unused
        .map(|(name, _)| format!("no rule has the deviation {name}"))
        .chain(mute.map(|(name, _)| format!("the deviation {name} has no reason")))
        .chain(repeated("deviation", page.deviations.iter().map(|(name, _)| *name)))
        .collect()
}

/// Returns what is wrong with the table of standards that are silent: each is linked to its own text and has a reason.
fn unsound_silent(page: &Page<'_>) -> Vec<String> {
    let standards = || page.silent.iter().map(|(standard, _)| *standard);
    let unlinked = standards().filter(|standard| !is_linked_rfc(standard));
    let mute = page.silent.iter().filter(|(_, reason)| reason.is_empty());
    unlinked
        .map(|standard| format!("{standard} is not linked to the text of its RFC"))
        .chain(mute.map(|(standard, _)| format!("{standard} is silent without a reason")))
        .chain(repeated("standard", standards()))
        .collect()
}

/// Returns whether the text begins with a link like `[RFC 1](https://www.rfc-editor.org/rfc/rfc1)`.
fn is_linked_rfc(text: &str) -> bool {
    let parts = text.strip_prefix("[RFC ").and_then(|text| text.split_once("](https://www.rfc-editor.org/rfc/rfc"));
    parts.is_some_and(|(number, rest)| rest.strip_prefix(number).is_some_and(|rest| rest.starts_with(')')))
}

fn unsound_section<'a>(
    section: &'a Section<'_>,
    required: &[(&str, u8, u8)],
    page: &'a Page<'_>,
    tests: &'a Tests,
) -> impl Iterator<Item = String> + use<'a> {
    let counts = required.iter().find(|(name, ..)| *name == section.name);
    let uncovered = match counts {
        Some(&(_, musts, shoulds)) => uncovered(section, musts, shoulds),
        None => vec!["REQUIRED has no counts of MUST and SHOULD for it".to_owned()],
    };
    let rules = section.rules.iter();
    let unmet =
        rules.flat_map(move |rule| unmet(rule, page, tests).into_iter().map(move |why| format!("{}: {why}", rule.id)));
    let repeated = repeated("rule", section.rules.iter().map(|rule| rule.id));
    repeated.into_iter().chain(uncovered).chain(unmet)
}

/// Returns the MUSTs and SHOULDs of a section that have no rule, and those of rules that the section does not
/// have.
fn uncovered(section: &Section<'_>, musts: u8, shoulds: u8) -> Vec<String> {
    let has = |level| section.rules.iter().any(|rule| rule.level == level);
    let fault = |word: &str, number: u8, count: u8, has: bool| match ((1..=count).contains(&number), has) {
        (true, false) => Some(format!("{word} {number} of {count} has no rule")),
        (false, true) => Some(format!("{word} {number} of {count} does not exist")),
        (true, true) | (false, false) => None,
    };
    let all = 0..=u8::MAX;
    let of_musts = all.clone().filter_map(|number| fault("MUST", number, musts, has(Level::Must(number))));
    let of_shoulds = all.filter_map(|number| fault("SHOULD", number, shoulds, has(Level::Should(number))));
    of_musts.chain(of_shoulds).collect()
}

/// Returns why a rule counts as unmet.
fn unmet(rule: &Rule<'_>, page: &Page<'_>, tests: &Tests) -> Vec<String> {
    let mut problems = repeated("test", rule.tests());
    if rule.met.is_empty() {
        problems.push("it has neither a test nor a reason".to_owned());
    }
    for met in &rule.met {
        problems.extend(match *met {
            Met::Test { test, file } => tests.fault(test, file),
            Met::Deviation(name) => (!page.deviations.iter().any(|(known, _)| *known == name))
                .then(|| format!("there is no deviation {name}")),
            Met::NotOurs("") => Some("it has no reason".to_owned()),
            Met::NotOurs(_) => None,
            Met::Unknown(text) => Some(format!("this is neither a test nor a deviation nor a reason: {text}")),
        });
    }
    problems
}

/// Returns how many rules of each kind the page has, as its summary must say it.
fn summary(sections: &[Section<'_>]) -> String {
    let rules = || sections.iter().flat_map(|section| &section.rules);
    let deviate = rules().filter(|rule| rule.deviations().next().is_some()).count();
    let not_ours = rules().filter(|rule| matches!(rule.met[..], [Met::NotOurs(_)])).count();
    let count = rules().count();
    format!(
        "{count} rules, of which tests show {}, {deviate} deviate, and {not_ours} ask nothing of this daemon",
        count - deviate - not_ours
    )
}

/// Returns a sentence for each name that comes more than once.
fn repeated<T: Ord + Display>(what: &str, names: impl Iterator<Item = T>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    for name in names {
        let problem = format!("the {what} {name} comes twice");
        if !seen.insert(name) {
            twice.push(problem);
        }
    }
    twice
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "[`check/conformance::each_fault_is_found`](xtask/src/check/conformance.rs)";

    fn tests() -> Tests {
        Tests::of(Workspace::locate().root(), &["each_fault_is_found", "slow"], &["slow"])
    }

    /// Returns the problems of a page with one section, which has one MUST, a sound row and these `rows`.
    fn found(deviations: &str, rows: &str) -> Vec<String> {
        let text = format!(
            "In short: S.\n| deviation | why |\n|---|---|\n{deviations}\n## RFC 1 2: A title\n\n\
             | rule | it asks | how it is met |\n|---|---|---|\n| sound (MUST 1) | this \\| that | {TEST} |\n{rows}"
        );
        let short = format!("In short: {}.", summary(&Page::read(&text).sections));
        let text = text.replace("In short: S.", &short);
        problems(&Page::read(&text), &[("RFC 1 2", 1, 0)], &tests())
    }

    #[test]
    fn a_sound_page_has_no_problems() {
        let deviations = "| <a id=\"known\"></a>known | because |\n";
        let rows =
            format!("| a (MAY) | x | deviation: [known](#known)<br>{TEST} |\n| b | x | not ours: it is for others |\n");
        assert_eq!(found(deviations, &rows), [""; 0]);
    }

    #[test]
    fn each_fault_is_found() {
        let row = |met: &str| format!("| a | x | {met} |\n");
        let linked = |name: &str| row(&format!("[`check/conformance::{name}`](xtask/src/check/conformance.rs)"));
        for (rows, expected) in [
            (row(""), "a: it has neither a test nor a reason"),
            (row("of course"), "a: this is neither a test nor a deviation nor a reason: of course"),
            (row("not ours:"), "a: it has no reason"),
            (row("deviation: [other](#other)"), "a: there is no deviation other"),
            (
                row("deviation: [other](#another)"),
                "a: this is neither a test nor a deviation nor a reason: deviation: [other](#another)",
            ),
            (row(&format!("{TEST}<br>{TEST}")), "a: the test check/conformance::each_fault_is_found comes twice"),
            (row(TEST) + &row(TEST), "the rule a comes twice"),
            (format!("| a (MUST 2) | x | {TEST} |\n"), "MUST 2 of 1 does not exist"),
            (format!("| a (SHOULD 1) | x | {TEST} |\n"), "SHOULD 1 of 0 does not exist"),
            (
                row("[`check/step::each_fault_is_found`](xtask/src/check/step.rs)"),
                "a: the test check/step::each_fault_is_found is not in its file",
            ),
            (linked("linked"), "a: the test check/conformance::linked is in its file, but cargo does not list it"),
            (linked("slow"), "a: the test check/conformance::slow is ignored, and `cargo xtask test` does not run it"),
            (
                row("[`check/other::each_fault_is_found`](xtask/src/check/conformance.rs)"),
                "a: the test check/other::each_fault_is_found is linked to another file",
            ),
        ] {
            assert_eq!(found("", &rows), [format!("RFC 1 2: {expected}")]);
        }
        let deviation = |reason: &str| format!("| <a id=\"d\"></a>d | {reason} |\n");
        let rows = row("deviation: [d](#d)");
        assert_eq!(found(&deviation("because"), ""), ["no rule has the deviation d"]);
        assert_eq!(found(&deviation(""), &rows), ["the deviation d has no reason"]);
        assert_eq!(found(&deviation("because").repeat(2), &rows), ["the deviation d comes twice"]);
    }

    #[test]
    fn a_silent_standard_has_its_link_and_a_reason() {
        let link = |number, linked| format!("[RFC {number}](https://www.rfc-editor.org/rfc/rfc{linked})");
        let (good, wrong) = (link(8781, 8781), link(8781, 878));
        for (rows, expected) in [
            (format!("| {good} (PREF64) | because |\n"), vec![]),
            (format!("| {wrong} | because |\n"), vec![format!("{wrong} is not linked to the text of its RFC")]),
            (format!("| {good} |  |\n"), vec![format!("{good} is silent without a reason")]),
            (format!("| {good} | because |\n").repeat(2), vec![format!("the standard {good} comes twice")]),
        ] {
            let table = format!("## Standards that are silent here\n| standard | why |\n|---|---|\n{rows}");
            assert_eq!(found(&table, ""), expected);
        }
    }

    #[test]
    fn missing_sections_uncovered_rules_and_a_wrong_summary_are_found() {
        let page = Page::read("In short: 5 rules.\n## RFC 1 2: A\n## RFC 1 2: B\n## RFC 1 3: C\n");
        let required = [("RFC 1 2", 0, 1), ("RFC 1 4", 0, 0)];
        assert_eq!(
            problems(&page, &required, &tests()),
            [
                "RFC 1 4 is missing",
                "the section RFC 1 2 comes twice",
                "RFC 1 2: SHOULD 1 of 1 has no rule",
                "RFC 1 2: SHOULD 1 of 1 has no rule",
                "RFC 1 3: REQUIRED has no counts of MUST and SHOULD for it",
                "the page should say: In short: 0 rules, of which tests show 0, 0 deviate, and 0 ask nothing of this daemon.",
            ]
        );
    }
}
