//! Whether the table is sound.

use std::{collections::BTreeSet, fmt::Display};

use super::{
    Deviation, Level, Proof, Rule, Section,
    rules::REQUIRED,
    sources::{Missing, Sources},
};
use crate::test::ALONE;

/// Everything that is wrong with the table, in sentences.
pub(super) fn problems(sections: &[Section], deviations: &[Deviation], sources: &Sources) -> Vec<String> {
    let mut problems = missing_sections(sections);
    problems.extend(unsound_deviations(sections, deviations));
    for section in sections {
        let place = format!("{} {}", section.document, section.number);
        problems.extend(
            repeated("rule", section.rules.iter().map(|rule| rule.id)).map(|why| format!("{place}: {why}")),
        );
        problems.extend(uncovered(section).map(|why| format!("{place}: {why}")));
        for rule in section.rules {
            let unmet = unmet(rule, deviations).into_iter();
            let untrue = rule.tests().iter().filter_map(|test| untrue(test, sources));
            problems.extend(unmet.chain(untrue).map(|why| format!("{place} {}: {why}", rule.id)));
        }
    }
    problems
}

fn missing_sections(sections: &[Section]) -> Vec<String> {
    let present: BTreeSet<_> = sections.iter().map(|section| (section.document, section.number)).collect();
    let names = sections.iter().map(|section| format!("{} {}", section.document, section.number));
    REQUIRED
        .iter()
        .flat_map(|(document, numbers)| numbers.iter().map(move |number| (*document, *number)))
        .filter(|section| !present.contains(section))
        .map(|(document, number)| format!("{document} {number} is missing"))
        .chain(repeated("section", names))
        .collect()
}

fn unsound_deviations(sections: &[Section], deviations: &[Deviation]) -> Vec<String> {
    let used: BTreeSet<_> = sections
        .iter()
        .flat_map(|section| section.rules)
        .filter_map(|rule| match rule.proof {
            Proof::Deviates(name, _) => Some(name),
            Proof::Open | Proof::Shown(_) | Proof::NotOurs(_) => None,
        })
        .collect();
    let unused = deviations.iter().filter(|deviation| !used.contains(deviation.name));
    let silent = deviations.iter().filter(|deviation| deviation.reason.trim().is_empty());
    unused
        .map(|deviation| format!("no rule has the deviation {}", deviation.name))
        .chain(silent.map(|deviation| format!("the deviation {} has no reason", deviation.name)))
        .chain(repeated("deviation", deviations.iter().map(|deviation| deviation.name)))
        .collect()
}

/// The MUSTs and SHOULDs of a section that no rule has, or that the section has not.
fn uncovered(section: &Section) -> impl Iterator<Item = String> {
    let numbers = |of: fn(Level) -> Option<u8>| -> BTreeSet<u8> {
        section.rules.iter().filter_map(|rule| of(rule.level)).collect()
    };
    let musts = numbers(|level| if let Level::Must(number) = level { Some(number) } else { None });
    let shoulds = numbers(|level| if let Level::Should(number) = level { Some(number) } else { None });
    [("MUST", section.musts, musts), ("SHOULD", section.shoulds, shoulds)].into_iter().flat_map(
        |(word, count, covered)| {
            let expected: BTreeSet<u8> = (1..=count).collect();
            let differ: Vec<u8> = expected.symmetric_difference(&covered).copied().collect();
            differ.into_iter().map(move |number| {
                let what = if number == 0 || number > count { "does not exist" } else { "has no rule" };
                format!("{word} {number} of {count} {what}")
            })
        },
    )
}

/// Why a rule is not accounted for.
fn unmet(rule: &Rule, deviations: &[Deviation]) -> Option<String> {
    match rule.proof {
        Proof::Open => Some("neither a test nor a reason".to_owned()),
        Proof::Shown([]) => Some("shown by no test".to_owned()),
        Proof::NotOurs(reason) if reason.trim().is_empty() => Some("no reason".to_owned()),
        Proof::Deviates(name, _) if !deviations.iter().any(|deviation| deviation.name == name) => {
            Some(format!("there is no deviation {name}"))
        }
        Proof::Shown(_) | Proof::Deviates(..) | Proof::NotOurs(_) => {
            repeated("test", rule.tests().iter().copied()).next()
        }
    }
}

/// Why a test shows nothing.
fn untrue(test: &str, sources: &Sources) -> Option<String> {
    let why = match sources.find(test) {
        Ok(found) if found.ignored && !ALONE.iter().any(|alone| found.name.contains(alone)) => {
            "is ignored, and `cargo xtask test` does not ask for it"
        }
        Ok(_) => return None,
        Err(Missing::Form) => "is not of the form path/of/file::name",
        Err(Missing::File) => "is in a file that does not exist",
        Err(Missing::Undeclared) => "is in a file that no module declares",
        Err(Missing::Test) => "does not exist in its file",
        Err(Missing::Conditional) => "is only compiled under a condition",
    };
    Some(format!("the test {test} {why}"))
}

/// Names that come more than once.
fn repeated<T: Ord + Display>(
    what: &str,
    names: impl IntoIterator<Item = T>,
) -> impl Iterator<Item = String> {
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    for name in names {
        let told = format!("the {what} {name} comes twice");
        if !seen.insert(name) {
            twice.push(told);
        }
    }
    twice.into_iter()
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
