//! The list of survivors with a reason, and the judgement on what was tried.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::{
    mutant::{Layer, Mutant},
    results::{Outcome, Results},
};

/// How a reason begins: no test can tell the mutant from the code, or one can, and is not worth it.
const KINDS: [&str; 2] = ["equivalent: ", "left: "];

/// A mutant that survives, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// As [`Mutant::id`].
    pub(super) id: String,
    reason: String,
}

/// How many mutants of each layer have which outcome, and what is wrong.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) layers: BTreeMap<Layer, BTreeMap<Option<Outcome>, usize>>,
    pub(super) faults: Vec<String>,
}

/// Reads the list: a mutant at the beginning of a line, and below it the reason, indented. `#` begins a comment.
pub(super) fn read(text: &str) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        if line.starts_with(' ') {
            let entry = entries.last_mut().with_context(|| format!("a reason without a mutant: {line}"))?;
            entry.reason += line.trim();
            entry.reason.push(' ');
        } else {
            entries.push(Entry { id: line.to_owned(), reason: String::new() });
        }
    }
    for Entry { id, reason } in &entries {
        let said = KINDS.iter().find_map(|kind| reason.strip_prefix(kind));
        ensure!(said.is_some_and(|said| !said.is_empty()), "the reason must begin with one of {KINDS:?}: {id}");
        ensure!(entries.iter().filter(|entry| entry.id == *id).count() == 1, "it is there twice: {id}");
    }
    Ok(entries)
}

/// Judges the mutants that are `selected`, and the entries against `all`.
pub(super) fn judge(all: &[Mutant], selected: &[&Mutant], results: &Results, entries: &[Entry]) -> Judgement {
    let mut layers: BTreeMap<Layer, BTreeMap<Option<Outcome>, usize>> = BTreeMap::new();
    for (layer, mutant) in selected.iter().filter_map(|mutant| Some((Layer::of(mutant)?, mutant))) {
        *layers.entry(layer).or_default().entry(results.of(mutant)).or_default() += 1;
    }
    let survivors = selected.iter().filter(|mutant| results.of(mutant) == Some(Outcome::Survived));
    let without_reason = survivors.filter(|mutant| entries.iter().all(|entry| entry.id != mutant.id));
    let faults = without_reason.map(|mutant| format!("survived: {}", mutant.name));
    let faults = faults.chain(entries.iter().filter_map(|entry| fault(entry, all, results))).collect();
    Judgement { layers, faults }
}

/// Returns why an entry has to go, if it has.
fn fault(entry: &Entry, all: &[Mutant], results: &Results) -> Option<String> {
    let Entry { id, .. } = entry;
    let Some(mutant) = all.iter().find(|mutant| mutant.id == *id) else {
        return Some(format!("listed, but there is no such mutant: {id}"));
    };
    match results.of(mutant) {
        Some(Outcome::Caught | Outcome::CaughtBySimulation) => Some(format!("listed, but a test catches it: {id}")),
        Some(Outcome::Unviable) => Some(format!("listed, but it does not compile: {id}")),
        Some(Outcome::Survived | Outcome::SurvivedUnit) | None => None,
    }
}

impl Judgement {
    /// Returns whether nothing is wrong with what has been tried.
    pub(super) fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::mutant, *};

    const LIST: &str = "autora/src/wire/a.rs:1:2: caught\nautora/src/wire/a.rs:2:2: listed\n\
                        autora/src/wire/a.rs:3:2: survived\nautora/src/engine/a.rs:3:2: unknown\n";

    fn entry(id: &str) -> Entry {
        Entry { id: id.to_owned(), reason: String::new() }
    }

    #[test]
    fn every_survivor_has_an_entry_and_every_entry_a_survivor() {
        let all = mutant::read(LIST);
        let selected: Vec<_> = all.iter().collect();
        let outcomes = [(0, Outcome::Caught), (1, Outcome::Survived), (2, Outcome::Survived)];
        let results = Results::with(outcomes.map(|(at, outcome)| (all[at].name.clone(), outcome)));
        let faults = |ids: &[&str]| {
            let entries: Vec<_> = ids.iter().map(|id| entry(id)).collect();
            judge(&all, &selected, &results, &entries).faults
        };
        let (listed, survived) = ("autora/src/wire/a.rs: listed", "autora/src/wire/a.rs: survived");
        assert_eq!(faults(&[listed, survived, "autora/src/engine/a.rs: unknown"]), [""; 0]);
        assert_eq!(faults(&[listed]), ["survived: autora/src/wire/a.rs:3:2: survived"]);
        assert_eq!(
            faults(&[listed, survived, "autora/src/wire/a.rs: caught", "autora/src/wire/a.rs: gone"]),
            [
                "listed, but a test catches it: autora/src/wire/a.rs: caught",
                "listed, but there is no such mutant: autora/src/wire/a.rs: gone"
            ]
        );
        let layers = judge(&all, &selected, &results, &[]).layers;
        assert_eq!(layers[&Layer::Wire][&Some(Outcome::Survived)], 2);
        assert_eq!(layers[&Layer::Engine], BTreeMap::from([(None, 1)]));
    }

    #[test]
    fn an_entry_has_a_reason_of_a_kind() {
        let entries =
            read("# Head\n\na.rs: b\n  equivalent: both\n  end\nc.rs: d\n  left: it costs\n").expect("a list");
        assert_eq!(entries[0], Entry { id: "a.rs: b".to_owned(), reason: "equivalent: both end ".to_owned() });
        assert_eq!(entries.len(), 2);
        let wrong = ["a", "a\n  because", "a\n  left: ", " left: b", "a\n  left: b\na\n  left: c"];
        for text in wrong {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
