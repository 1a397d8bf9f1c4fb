//! What helps where something is missing.

use std::fmt;

use super::apt::{self, Lists};
use super::llvm::Llvm;

/// What to do about something missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Fetch the package lists: what they offer is not known.
    PackageLists,
    /// Install these packages.
    Packages(Vec<String>),
    /// Have rustup do this.
    Rustup(&'static [&'static str]),
    /// Compile bpf-linker against this LLVM.
    Linker(Llvm),
    /// Compile cargo-fuzz.
    CargoFuzz,
    /// Unpack Prometheus.
    Prometheus,
    /// A person has to; the sentence says what.
    ByHand(String),
    /// What it takes shows when something else is there.
    Later,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PackageLists => write!(f, "sudo apt-get update, then look again"),
            Self::Packages(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                f.write_str(&apt::by_hand(&names))
            }
            Self::Rustup(words) => write!(f, "rustup {}", words.join(" ")),
            Self::Linker(_) => write!(f, "cargo xtask setup"),
            Self::Prometheus => write!(f, "cargo xtask setup --tests"),
            Self::CargoFuzz => write!(f, "cargo xtask setup --fuzz"),
            Self::ByHand(what) => f.write_str(what),
            Self::Later => write!(f, "after the others"),
        }
    }
}

impl Remedy {
    /// How to get a package here; `None` if not from this distribution.
    pub(crate) fn package(package: &str, lists: Lists) -> Option<Self> {
        if !apt::is_here() {
            return None;
        }
        match (apt::candidate(package), lists) {
            (Some(_), _) => Some(Self::Packages(vec![package.to_owned()])),
            (None, Lists::AsTheyAre) => Some(Self::PackageLists),
            (None, Lists::Fresh) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_says_what_to_type() {
        let packages = Remedy::Packages(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(packages.to_string(), "sudo apt-get install -y --no-install-recommends a b");
        assert_eq!(
            Remedy::Rustup(&["component", "add", "clippy"]).to_string(),
            "rustup component add clippy"
        );
    }
}
