//! Mutants as cargo-mutants names them, and as they are known without line numbers.

use std::collections::BTreeMap;

use clap::ValueEnum;

/// One change of the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mutant {
    /// Its line in a list of cargo-mutants, like
    /// `autora/src/wire/hex.rs:15:38: replace * with + in <impl Display for Hex>::fmt`.
    pub(super) name: String,
    /// The same without line and column. The second mutant of a file that is named alike ends in ` (2)`.
    pub(super) id: String,
}

/// A part of the code in which mutants are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Layer {
    /// autora-common, which the eBPF filter shares
    Common,
    /// autora/src/wire
    Wire,
    /// autora/src/engine
    Engine,
    /// autora/src/diagnosis
    Diagnosis,
}

impl Mutant {
    /// Returns the path of its file in the workspace.
    pub(super) fn file(&self) -> &str {
        self.id.split_once(": ").map_or("", |(file, _)| file)
    }

    /// Returns the line and the column, counted from 1, where the code changes.
    pub(super) fn place(&self) -> Option<(usize, usize)> {
        let (place, _) = self.name.split_once(".rs:")?.1.split_once(": ")?;
        let (line, column) = place.split_once(':')?;
        Some((line.parse().ok()?, column.parse().ok()?))
    }

    /// Returns what changes, like `replace * with + in <impl Display for Hex>::fmt`.
    pub(super) fn change(&self) -> &str {
        self.name.split_once(".rs:").and_then(|(_, rest)| rest.split_once(": ")).map_or("", |(_, change)| change)
    }
}

impl Layer {
    /// Returns the layer of a mutant; the lowest has none.
    pub(super) fn of(mutant: &Mutant) -> Option<Self> {
        Self::value_variants().iter().copied().find(|layer| mutant.file().starts_with(layer.beginning()))
    }

    /// Returns how the paths of its files begin.
    const fn beginning(self) -> &'static str {
        match self {
            Self::Common => "autora-common/src/",
            Self::Wire => "autora/src/wire/",
            Self::Engine => "autora/src/engine/",
            Self::Diagnosis => "autora/src/diagnosis",
        }
    }

    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Reads a list of cargo-mutants, which is in the order of the sources.
pub(super) fn read(list: &str) -> Vec<Mutant> {
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    let mutants = list.lines().filter_map(|name| {
        let id = without_place(name)?;
        let count = alike.entry(id.clone()).or_default();
        *count += 1;
        let id = if *count == 1 { id } else { format!("{id} ({count})") };
        Some(Mutant { name: name.to_owned(), id })
    });
    mutants.collect()
}

fn without_place(name: &str) -> Option<String> {
    let (file, rest) = name.split_once(".rs:")?;
    let (_, what) = rest.split_once(": ")?;
    Some(format!("{file}.rs: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_are_known_without_their_lines() {
        let list = "autora/src/wire/hex.rs:15:38: replace * with + in a::b\n\
                    autora/src/wire/hex.rs:15:40: replace * with + in a::b\n\
                    autora/src/addr.rs:7:1: replace f -> &str with \"a: b\"\n\
                    no mutant\n";
        let mutants = read(list);
        let ids: Vec<_> = mutants.iter().map(|mutant| mutant.id.as_str()).collect();
        let star = "autora/src/wire/hex.rs: replace * with + in a::b";
        assert_eq!(ids, [star, &format!("{star} (2)"), "autora/src/addr.rs: replace f -> &str with \"a: b\""]);
        assert_eq!(mutants[1].name, list.lines().nth(1).expect("it is there"));
        assert_eq!((mutants[1].place(), mutants[1].change()), (Some((15, 40)), "replace * with + in a::b"));
        assert_eq!(mutants.iter().map(Layer::of).collect::<Vec<_>>(), [Some(Layer::Wire), Some(Layer::Wire), None]);
    }
}
