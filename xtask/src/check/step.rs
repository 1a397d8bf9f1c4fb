//! The steps of `cargo xtask test`: one table.
//!
//! A new step is a variant here, a line in `about`, and a line in `check::Run::execute`.

use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Step {
    /// Find or install compiler, linker and tools
    Setup,
    /// `cargo fmt --check`
    Format,
    /// clippy, warnings denied, the filter included
    Lint,
    /// The filter, the daemon around it and all tests, not optimised
    Build,
    /// Unit tests, and the fleet in virtual time
    Unit,
    /// The table of CONFORMANCE.md is sound, and every test in it is there
    Conformance,
    /// The filter in the kernel and the daemon in network namespaces
    Kernel,
    /// With --ship: the Debian package, and lintian's opinion of it
    Package,
    /// With --ship: the two basic cases with the daemon that is shipped, as a shell script
    Smoke,
    /// With --ship: how much `systemd-analyze security` finds open in the unit
    Exposure,
    /// With --ship: a virtual machine gets its address and route
    Boot,
    /// With --all: virtual machines that boot again, flood, and lose their route (1 minute)
    Guests,
    /// With --all: Debian's kernels as hosts (2 minutes)
    Kernels,
    /// With --all: the package under a systemd of its own (1 minute)
    Service,
    /// With --all: licences, versions and origins of all crates
    Deny,
}

/// When a step runs without being named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// For every change.
    Usual,
    /// Before others get it.
    Ship,
    /// Now and then.
    Rare,
}

/// What is known of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// Says which daemon runs, where one does.
    pub(super) title: &'static str,
    pub(super) part: Part,
    /// Whether it is in vain where `setup` failed.
    pub(super) needs_toolchain: bool,
    pub(super) needs_root: bool,
}

impl Step {
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    pub(super) const fn about(self) -> About {
        use Part::{Rare, Ship, Usual};
        match self {
            Self::Setup => About::of("setup: compiler, linker, tools", Usual),
            Self::Format => About::of("format: cargo fmt", Usual),
            Self::Lint => About::of("lint: cargo clippy", Usual),
            Self::Build => About::of("build: filter, daemon and tests, not optimised", Usual).compiles(),
            Self::Unit => About::of("unit: tests without privilege", Usual),
            Self::Conformance => About::of("conformance: every rule has its test or its reason", Usual),
            Self::Kernel => {
                About::of("kernel: filter and daemon (not optimised) against the real kernel", Usual)
                    .compiles()
                    .as_root()
            }
            Self::Package => About::of("package: dpkg-buildpackage and lintian", Ship).compiles(),
            Self::Smoke => About::of("smoke: tests/ns-smoke.sh with the daemon as it is shipped", Ship)
                .compiles()
                .as_root(),
            Self::Exposure => About::of("exposure: systemd-analyze security", Ship),
            Self::Boot => {
                About::of("boot: a virtual machine as a guest of the daemon as it is shipped", Ship)
                    .compiles()
                    .as_root()
            }
            Self::Guests => {
                About::of("guests: virtual machines, the daemon as it is shipped", Rare).compiles().as_root()
            }
            Self::Kernels => {
                About::of("kernels: Debian's, under the daemon as it is shipped", Rare).compiles().as_root()
            }
            Self::Service => About::of("service: the package under systemd", Rare).compiles().as_root(),
            Self::Deny => About::of("deny: every crate's licence, version and origin", Rare),
        }
    }
}

impl About {
    const fn of(title: &'static str, part: Part) -> Self {
        Self { title, part, needs_toolchain: false, needs_root: false }
    }

    const fn compiles(self) -> Self {
        Self { needs_toolchain: true, ..self }
    }

    const fn as_root(self) -> Self {
        Self { needs_root: true, ..self }
    }
}
