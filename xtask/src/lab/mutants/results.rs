//! What became of each mutant, kept between runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

use anyhow::{Context, Result};

use super::mutant::Mutant;
use crate::workspace::Workspace;

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// A unit test failed, or did not end.
    Caught,
    /// The unit tests passed, and the simulation failed, or did not end.
    CaughtBySimulation,
    /// The compiler refuses it.
    Unviable,
    /// The unit tests passed; the simulation has yet to run.
    SurvivedUnit,
    /// All tests passed.
    Survived,
}

/// Each with its word in the file.
const WORDS: [(Outcome, &str); 5] = [
    (Outcome::Caught, "caught"),
    (Outcome::CaughtBySimulation, "caught-by-simulation"),
    (Outcome::Unviable, "unviable"),
    (Outcome::SurvivedUnit, "survived-unit"),
    (Outcome::Survived, "survived"),
];

/// The outcomes by the names of mutants, as far as the files are still those that were tried.
#[derive(Debug, Default)]
pub(super) struct Results {
    path: PathBuf,
    known: BTreeMap<String, Outcome>,
    /// A hash of each file as it was at the start: an edit during a run concerns the next one.
    states: BTreeMap<String, u64>,
}

impl Results {
    /// Reads what earlier runs have found of `mutants`, or nothing, if it is to be forgotten.
    pub(super) fn load(workspace: &Workspace, mutants: &[Mutant], fresh: bool) -> Result<Self> {
        let path = workspace.mutants().join("results");
        let files: BTreeSet<_> = mutants.iter().map(Mutant::file).collect();
        let state = |file: &str| Ok((file.to_owned(), hash(&fs::read(workspace.root().join(file))?)));
        let states = files.into_iter().map(state).collect::<Result<BTreeMap<_, _>>>()?;
        let text = if fresh || !path.exists() { String::new() } else { fs::read_to_string(&path)? };
        let lines = text.lines().filter_map(parse).filter(|(state, name, _)| states.get(file(name)) == Some(state));
        let known = lines.map(|(_, name, outcome)| (name.to_owned(), outcome)).collect();
        Ok(Self { path, known, states })
    }

    /// Returns results that are in no file.
    #[cfg(test)]
    pub(super) fn with(outcomes: impl IntoIterator<Item = (String, Outcome)>) -> Self {
        Self { known: outcomes.into_iter().collect(), ..Self::default() }
    }

    pub(super) fn of(&self, mutant: &Mutant) -> Option<Outcome> {
        self.known.get(&mutant.name).copied()
    }

    /// Drops the survivors among `mutants` for which `again` holds.
    pub(super) fn forget(&mut self, again: impl Fn(&Mutant) -> bool, mutants: &[&Mutant]) {
        for mutant in mutants {
            match self.of(mutant) {
                Some(Outcome::Survived | Outcome::SurvivedUnit) if again(mutant) => {
                    self.known.remove(&mutant.name);
                }
                Some(_) | None => {}
            }
        }
    }

    /// Adds outcomes, and writes the file.
    pub(super) fn add(&mut self, outcomes: Vec<(String, Outcome)>) -> Result<()> {
        self.known.extend(outcomes);
        let state = |name: &str| self.states.get(file(name)).copied().unwrap_or_default();
        let lines = self.known.iter().map(|(name, outcome)| format!("{} {} {name}\n", state(name), word(*outcome)));
        let draft = self.path.with_extension("new");
        fs::write(&draft, lines.collect::<String>())
            .and_then(|()| fs::rename(&draft, &self.path))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// A line is the state of the file, the outcome's word, and the mutant's name.
fn parse(line: &str) -> Option<(u64, &str, Outcome)> {
    let (state, rest) = line.split_once(' ')?;
    let (word, name) = rest.split_once(' ')?;
    let (outcome, _) = WORDS.iter().find(|(_, known)| *known == word)?;
    Some((state.parse().ok()?, name, *outcome))
}

fn word(outcome: Outcome) -> &'static str {
    WORDS.iter().find(|(known, _)| *known == outcome).map_or("", |(_, word)| word)
}

fn file(name: &str) -> &str {
    name.split_once(':').map_or(name, |(file, _)| file)
}

fn hash(content: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        for (outcome, word) in WORDS {
            let name = "a/b.rs:1:2: replace c with d";
            assert_eq!(parse(&format!("7 {word} {name}")), Some((7, name, outcome)));
        }
        for line in ["", "7", "7 other a", "x caught a"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
