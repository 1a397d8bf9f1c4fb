//! The architectures that the daemon is compiled for, by their names in Debian, in Rust and in GNU's programs.

use clap::ValueEnum;

/// An architecture, by Debian's name of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    /// This machine's. Elsewhere `cargo build` makes a daemon, and nothing of this is tried.
    #[cfg(target_arch = "aarch64")]
    pub(crate) const OWN: Self = Self::Arm64;
    #[cfg(target_arch = "x86_64")]
    pub(crate) const OWN: Self = Self::Amd64;

    pub(crate) fn is_own(self) -> bool {
        self == Self::OWN
    }

    /// Returns Debian's name.
    pub(crate) const fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Returns what `uname -m` prints.
    pub(crate) const fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Returns the target of rustc.
    pub(crate) const fn target(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// Returns the prefix of GNU's programs, which is also the name of Debian's folder of libraries.
    pub(crate) const fn gnu(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// Parses the target of rustc.
    pub(crate) fn of_target(target: &str) -> Result<Self, String> {
        let known = Self::value_variants().iter().copied().find(|known| known.target() == target);
        let targets: Vec<_> = Self::value_variants().iter().map(|known| known.target()).collect();
        known.ok_or_else(|| format!("autora is built for {}", targets.join(" and ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_is_found_by_its_target() {
        for known in Architecture::value_variants() {
            assert_eq!(Architecture::of_target(known.target()), Ok(*known));
        }
        let error = Architecture::of_target("aarch64-unknown-linux-musl").unwrap_err();
        assert!(error.contains("aarch64-unknown-linux-gnu"), "{error}");
    }
}
