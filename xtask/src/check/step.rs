//! The steps of `cargo xtask test`: one table.
//!
//! A new step is a variant here, a line in `about`, and a line in `check::Run::execute`.

use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Step {
    /// Find or install compiler, linker and programs
    Setup,
    /// Check the format of the code
    Format,
    /// Run clippy on the workspace and the filter; warnings are errors
    Lint,
    /// Compile the filter, all tests in the dev profile, and the daemon as a package has it
    Build,
    /// Run the unit tests and the simulation of the fleet
    Unit,
    /// Check CONFORMANCE.md: its tables are sound, and every test in them exists
    Conformance,
    /// Run the tests of the filter in the kernel and of the daemon in network namespaces
    Kernel,
    /// With --ship: build the Debian package, and check it with lintian
    Package,
    /// With --ship: run tests/ns-smoke.sh with the release daemon
    Smoke,
    /// With --ship: rate the systemd unit with `systemd-analyze security`
    Exposure,
    /// With --ship: boot a virtual machine that gets its address and route
    Boot,
    /// With --ship: build the daemon for arm64, and run it on Debian's kernel in a virtual machine
    Arm64,
    /// With --all: boot virtual machines that reboot, flood, and lose their route, and hosts where AppArmor confines
    /// libvirt's hook (2 minutes)
    Machines,
    /// With --all: try the programs that configure a guest's network, and firmware (5 minutes)
    Guests,
    /// With --all: run the daemon on Debian's kernels in virtual machines (5 minutes)
    Kernels,
    /// With --all: run the daemon on links of every kind, on Debian's kernel in a virtual machine (4 minutes)
    Links,
    /// With --all: run the packages under the systemd of Debian's releases in namespaces (7 minutes)
    Service,
    /// With --all: run the handbook's recipes with the hypervisors (2 minutes)
    Recipes,
    /// With --all: build the package from the sources of a release on Debian 12 and 13, without a network (30 minutes)
    Source,
    /// With --all: run the daemon among restarts, kills, floods and 1,000 links that come and go (3 minutes)
    Soak,
    /// With --all: check licences, versions and sources of all crates
    Deny,
}

/// When a step runs if it is not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// By default.
    Usual,
    /// With `--ship` or `--all`.
    Ship,
    /// With `--all`.
    Rare,
}

/// The properties of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// Says which daemon runs, where one does.
    pub(super) title: &'static str,
    pub(super) part: Part,
    /// Whether it cannot run if `setup` failed.
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
            Self::Setup => About::of("setup: compiler, linker, programs", Usual),
            Self::Format => About::of("format: cargo fmt", Usual),
            Self::Lint => About::of("lint: cargo clippy", Usual),
            Self::Build => About::of("build: filter, tests in the dev profile, release daemon", Usual).compiles(),
            Self::Unit => About::of("unit: tests without privilege", Usual),
            Self::Conformance => About::of("conformance: every rule has a test or a reason", Usual),
            Self::Kernel => {
                About::of("kernel: filter and release daemon on the real kernel", Usual).compiles().as_root()
            }
            Self::Package => About::of("package: dpkg-buildpackage and lintian", Ship).compiles(),
            Self::Smoke => About::of("smoke: ns-smoke.sh with the release daemon", Ship).compiles().as_root(),
            Self::Exposure => About::of("exposure: systemd-analyze security", Ship),
            Self::Boot => {
                About::of("boot: a virtual machine as a guest of the release daemon", Ship).compiles().as_root()
            }
            Self::Arm64 => About::of("arm64: the release daemon on another architecture", Ship).compiles().as_root(),
            Self::Machines => {
                About::of("machines: virtual machines as guests of the release daemon", Rare).compiles().as_root()
            }
            Self::Guests => About::of("guests: network programs and firmware as guests of the release daemon", Rare)
                .compiles()
                .as_root(),
            Self::Kernels => About::of("kernels: the release daemon on Debian's kernels", Rare).compiles().as_root(),
            Self::Links => About::of("links: the release daemon on links of every kind", Rare).compiles().as_root(),
            Self::Service => {
                About::of("service: the packages under the systemd of Debian's releases", Rare).compiles().as_root()
            }
            Self::Recipes => About::of("recipes: the handbook's commands on hypervisors", Rare).compiles().as_root(),
            Self::Source => {
                About::of("source: the package from the sources of a release, without a network", Rare).as_root()
            }
            Self::Soak => About::of("soak: the release daemon among much that happens", Rare).compiles().as_root(),
            Self::Deny => About::of("deny: licence, version and source of every crate", Rare),
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
