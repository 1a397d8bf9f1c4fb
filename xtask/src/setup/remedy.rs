//! What to do about something that is missing.

use std::fmt;

use super::apt::{self, Lists};
use super::llvm::Llvm;
use crate::architecture::Architecture;

/// The action that provides what is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Fetch the package lists, which may have the package.
    PackageLists,
    /// Install these packages.
    Packages(Vec<String>),
    /// Run rustup with these arguments.
    Rustup(&'static [&'static str]),
    /// Compile bpf-linker against this LLVM.
    Linker(Llvm),
    /// Compile cargo-fuzz.
    CargoFuzz,
    /// Unpack Prometheus.
    Prometheus,
    /// Unpack the libraries of another architecture.
    Sysroot(Architecture),
    /// The developer has to do what the sentence says.
    ByHand(String),
    /// Unknown until another need is met.
    Later,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PackageLists => write!(f, "sudo apt-get update, then this command again"),
            Self::Packages(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                f.write_str(&apt::by_hand(&names))
            }
            Self::Rustup(words) => write!(f, "rustup {}", words.join(" ")),
            Self::Linker(_) => write!(f, "cargo xtask setup"),
            Self::Prometheus => write!(f, "cargo xtask setup --tests"),
            Self::Sysroot(architecture) => write!(f, "cargo xtask setup --target {}", architecture.target()),
            Self::CargoFuzz => write!(f, "cargo xtask setup --fuzz"),
            Self::ByHand(what) => f.write_str(what),
            Self::Later => write!(f, "cargo xtask setup, once the others are there"),
        }
    }
}

impl Remedy {
    /// Returns the remedy that provides a package; `None` if this distribution does not have it.
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
    fn a_remedy_is_shown_as_a_command() {
        let packages = Remedy::Packages(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(packages.to_string(), "sudo apt-get install -y --no-install-recommends a b");
        assert_eq!(Remedy::Rustup(&["component", "add", "clippy"]).to_string(), "rustup component add clippy");
    }
}
