//! `cargo xtask test`: everything that must hold, in the order in which it fails soonest.

use std::{
    env, fs,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::{
    build, conformance, deny,
    neighbours::Room,
    outcome::{self, Outcome},
    package, process, service_test,
    setup::{self, Scope, Toolchain},
    ui, vm,
    workspace::Workspace,
};

/// Scenarios that are ignored, because they need the machine for themselves, and run on their own in the end. The first
/// fills a table that all namespaces share, the second sets the clock.
pub(crate) const ALONE: &[&str] = &["a_neighbour_table_full_of_strangers", WALL_CLOCK];

const WALL_CLOCK: &str = "jumps_of_the_wall_clock";

/// Nobody's own machine gets its clock set without being asked for it.
const MAY_SET_CLOCK: &str = "AUTORA_TEST_MAY_SET_CLOCK";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What comes out for others to install: package, exposure, boot (3 minutes, more where nothing was built before)
    #[arg(long)]
    ship: bool,
    /// All there is, virtual machines and a systemd of its own included (25 minutes)
    #[arg(long, conflicts_with = "ship")]
    all: bool,
    /// Only these steps
    #[arg(long, value_name = "STEP", value_delimiter = ',', conflicts_with_all = ["ship", "all"])]
    only: Vec<Step>,
    /// Leave out these steps
    #[arg(long, value_name = "STEP", value_delimiter = ',', conflicts_with = "only")]
    skip: Vec<Step>,
}

/// A workspace of their own. They are checked here so that they still compile when somebody wants to fuzz.
const FUZZ_TARGETS: &str = "tests/fuzz/Cargo.toml";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Find or install compiler, linker and tools
    Setup,
    /// `cargo fmt --check`
    Format,
    /// CONFORMANCE.md is what its table gives, and every test in it is there
    Conformance,
    /// clippy, warnings denied, the filter included
    Lint,
    /// Unit tests
    Unit,
    /// The filter and the release daemon
    Build,
    /// The filter in the kernel and the daemon in network namespaces
    Kernel,
    /// The two basic cases again, as a shell script
    Smoke,
    /// With --ship: the Debian package, and lintian's opinion of it
    Package,
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
enum Part {
    /// For every change.
    Usual,
    /// Before others get it.
    Ship,
    /// Now and then.
    Rare,
}

struct Run<'a> {
    workspace: &'a Workspace,
    /// There once `setup` went well.
    toolchain: Option<Toolchain>,
    /// Why there is none.
    setup_failed: Option<String>,
    outcomes: Vec<(Step, Outcome)>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> ExitCode {
    let mut run = Run { workspace, toolchain: None, setup_failed: None, outcomes: Vec::new() };
    for step in select(args) {
        run.step(step);
    }
    run.summary();
    if run.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// In their fixed order, each once.
fn select(args: &Args) -> Vec<Step> {
    let part = if args.ship { Part::Ship } else { Part::Usual };
    let wanted = |step: &Step| {
        if args.only.is_empty() {
            (args.all || step.part() == part) && !args.skip.contains(step)
        } else {
            args.only.contains(step)
        }
    };
    Step::value_variants().iter().copied().filter(wanted).collect()
}

impl Run<'_> {
    fn step(&mut self, step: Step) {
        let obstacle = self.obstacle(step);
        let outcome = obstacle.map_or_else(|| self.attempt(step), Outcome::NotRun);
        self.outcomes.push((step, outcome));
    }

    fn attempt(&mut self, step: Step) -> Outcome {
        ui::heading(step.title());
        let started = Instant::now();
        let done = self.execute(step);
        self.judge(step, done, started.elapsed())
    }

    /// Why a step cannot run, if so.
    fn obstacle(&self, step: Step) -> Option<String> {
        if let Some((failed, _)) =
            self.outcomes.iter().find(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
        {
            return Some(format!("{} failed", failed.name()));
        }
        if step.needs_toolchain()
            && let Some(why) = &self.setup_failed
        {
            return Some(why.clone());
        }
        (step.needs_root() && !process::is_root()).then(|| "needs root, for network namespaces".to_owned())
    }

    fn execute(&mut self, step: Step) -> Result<()> {
        let workspace = self.workspace;
        match step {
            Step::Setup => {
                self.toolchain = Some(setup::ensure(workspace, Scope::Tests)?);
                Ok(())
            }
            Step::Format => format(workspace),
            Step::Conformance => conformance::check(workspace),
            Step::Lint => lint(workspace),
            Step::Unit => unit(workspace),
            Step::Build => match &self.toolchain {
                Some(toolchain) => build::with(workspace, toolchain).map(drop),
                None => build::run(workspace).map(drop),
            },
            Step::Kernel => kernel(workspace),
            Step::Smoke => process::run(
                Command::new("bash")
                    .current_dir(workspace.root())
                    .arg("tests/ns-smoke.sh")
                    .arg(workspace.daemon()),
            ),
            Step::Package => package::build(workspace).map(drop),
            Step::Exposure => exposure(workspace),
            Step::Boot => vm::boot(workspace),
            Step::Guests => vm::guests(workspace),
            Step::Kernels => vm::all_kernels(workspace),
            Step::Service => service_test::run(workspace),
            Step::Deny => deny::crates(workspace),
        }
    }

    /// Without root a machine cannot be set up, which must not keep the other steps from running.
    fn judge(&mut self, step: Step, done: Result<()>, took: Duration) -> Outcome {
        match done {
            Ok(()) => Outcome::Passed(took),
            Err(error) => {
                ui::error(&error);
                if step == Step::Setup && !process::is_root() {
                    let why = "setup is incomplete, see above".to_owned();
                    self.setup_failed = Some(why.clone());
                    Outcome::NotRun(why)
                } else {
                    Outcome::Failed(took)
                }
            }
        }
    }

    fn all_passed(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| outcome.passed())
    }

    fn summary(&self) {
        let rows: Vec<_> = self.outcomes.iter().map(|(step, outcome)| (step.name(), outcome)).collect();
        outcome::summary("steps", &rows);
    }
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn title(self) -> &'static str {
        match self {
            Self::Setup => "setup: compiler, linker, tools",
            Self::Format => "format: cargo fmt",
            Self::Conformance => "conformance: every rule has its test or its reason",
            Self::Lint => "lint: cargo clippy",
            Self::Unit => "unit: tests without privilege",
            Self::Build => "build: filter and release daemon",
            Self::Kernel => "kernel: tests of the filter and the daemon against the real kernel",
            Self::Smoke => "smoke: tests/ns-smoke.sh",
            Self::Package => "package: dpkg-buildpackage and lintian",
            Self::Exposure => "exposure: systemd-analyze security",
            Self::Boot => "boot: a virtual machine as a guest",
            Self::Guests => "guests: virtual machines",
            Self::Kernels => "kernels: Debian's, as hosts",
            Self::Service => "service: the package under systemd",
            Self::Deny => "deny: every crate's licence, version and origin",
        }
    }

    /// Whether it is in vain where `setup` failed.
    fn needs_toolchain(self) -> bool {
        match self {
            Self::Build
            | Self::Kernel
            | Self::Smoke
            | Self::Package
            | Self::Boot
            | Self::Guests
            | Self::Kernels
            | Self::Service => true,
            Self::Setup
            | Self::Format
            | Self::Conformance
            | Self::Lint
            | Self::Unit
            | Self::Exposure
            | Self::Deny => false,
        }
    }

    fn needs_root(self) -> bool {
        match self {
            Self::Kernel | Self::Smoke | Self::Boot | Self::Guests | Self::Kernels | Self::Service => true,
            Self::Setup
            | Self::Format
            | Self::Conformance
            | Self::Lint
            | Self::Unit
            | Self::Build
            | Self::Package
            | Self::Exposure
            | Self::Deny => false,
        }
    }

    const fn part(self) -> Part {
        match self {
            Self::Setup
            | Self::Format
            | Self::Conformance
            | Self::Lint
            | Self::Unit
            | Self::Build
            | Self::Kernel
            | Self::Smoke => Part::Usual,
            Self::Package | Self::Exposure | Self::Boot => Part::Ship,
            Self::Guests | Self::Kernels | Self::Service | Self::Deny => Part::Rare,
        }
    }
}

fn format(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(["fmt", "--all", "--check"]))?;
    process::run(&mut workspace.cargo(["fmt", "--check", "--manifest-path", FUZZ_TARGETS]))
}

fn lint(workspace: &Workspace) -> Result<()> {
    let deny = ["--", "-D", "warnings"];
    let hosts = ["clippy", "--locked", "--workspace", "--exclude", "autora-ebpf", "--all-targets"];
    process::run(workspace.cargo(hosts).args(deny)).context("clippy has complaints")?;
    // The filter is checked as code for this machine: its crates know how to stand in for the kernel's helpers, and
    // no component of any toolchain lints for the other target. It uses an unstable feature, hence the variable; a
    // target directory of its own keeps that from invalidating what the others have built.
    let mut filter = workspace.cargo(["clippy", "--locked", "--package", "autora-ebpf", "--bins"]);
    filter.arg("--target-dir").arg(workspace.bpf_target()).env("RUSTC_BOOTSTRAP", "1").args(deny);
    process::run(&mut filter).context("clippy has complaints about the filter")?;
    let mut targets =
        workspace.cargo(["clippy", "--locked", "--all-targets", "--manifest-path", FUZZ_TARGETS]);
    // Nothing is linked, so a libFuzzer that is not there does: no C++ compiler is needed.
    targets.env("CUSTOM_LIBFUZZER_PATH", "/nowhere/libfuzzer.a").args(deny);
    process::run(&mut targets).context("clippy has complaints about the fuzz targets")
}

fn unit(workspace: &Workspace) -> Result<()> {
    let everything =
        ["test", "--locked", "--workspace", "--exclude", "autora-ebpf", "--exclude", "autora-tests"];
    process::run(&mut workspace.cargo(everything)).context("a unit test failed")
}

/// Those of the handbook's tests that concern the unit. They are among the kernel's step as well.
fn exposure(workspace: &Workspace) -> Result<()> {
    setup::ensure(workspace, Scope::Tests)?;
    let test =
        ["test", "--locked", "--package", "autora-tests", "--test", "docs", "--", "security::the_unit"];
    process::run(&mut workspace.cargo(test)).context("the unit leaves too much open")
}

/// Enough for scenarios that run side by side.
pub(crate) const NEIGHBOURS: u32 = 8_192;

/// The tests themselves are compiled without optimisation, which is quick; the daemon they run is the release.
fn kernel(workspace: &Workspace) -> Result<()> {
    let test = |arguments: &[&str]| {
        let mut cargo = workspace.cargo(["test", "--locked", "--package", "autora-tests"]);
        process::run(cargo.args(arguments).env("AUTORA_BIN", workspace.daemon()))
            .context("a test against the kernel failed")
    };
    build_without_filter(workspace)?;
    // Scenarios wait far more than they compute: as many at a time as there are processors would take minutes.
    let room = Room::make(NEIGHBOURS);
    test(&["--no-fail-fast", "--", "--test-threads=8"])?;
    drop(room);
    ALONE.iter().try_for_each(|&name| {
        if name == WALL_CLOCK && !may_set_clock() {
            let why =
                format!("{name} DID NOT RUN: it sets the machine's clock; {MAY_SET_CLOCK}=1 allows that");
            ui::note(&ui::paint(ui::Paint::Notice, &why));
            return Ok(());
        }
        test(&["--test", "scenarios", "--", "--ignored", name])
    })
}

fn may_set_clock() -> bool {
    process::has_machine_of_its_own() || env::var_os(MAY_SET_CLOCK).is_some_and(|may| may == "1")
}

/// A daemon that carries no eBPF program, for the scenarios of that: from an object that is empty. It is compiled beside
/// the others, where everything but the daemon itself is there already, and put aside.
fn build_without_filter(workspace: &Workspace) -> Result<()> {
    let folder = workspace.without_filter();
    fs::create_dir_all(&folder)?;
    let nothing = folder.join("nothing.o");
    if !nothing.exists() {
        fs::write(&nothing, [])?;
    }
    let mut cargo = workspace.cargo(["build", "--locked", "--package", "autora"]);
    process::run(cargo.env("AUTORA_EBPF_OBJECT", &nothing))
        .context("the daemon without the filter does not compile")?;
    fs::copy(workspace.debug_daemon(), folder.join("autora"))
        .context("cannot put the daemon without the filter aside")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(only: &[Step], skip: &[Step]) -> Vec<Step> {
        select(&Args { ship: false, all: false, only: only.to_vec(), skip: skip.to_vec() })
    }

    #[test]
    fn steps_keep_their_order_whatever_is_asked_for() {
        let select = |ship, all| select(&Args { ship, all, only: Vec::new(), skip: Vec::new() });
        assert_eq!(select(false, true), Step::value_variants());
        assert_eq!(select(true, false), [Step::Package, Step::Exposure, Step::Boot]);
        assert_eq!(select(false, false).last(), Some(&Step::Smoke));
        assert_eq!(steps(&[Step::Unit, Step::Format, Step::Unit], &[]), [Step::Format, Step::Unit]);
        assert_eq!(
            steps(&[], &[Step::Setup, Step::Kernel, Step::Smoke]),
            [Step::Format, Step::Conformance, Step::Lint, Step::Unit, Step::Build]
        );
    }

    #[test]
    fn a_step_that_did_not_run_is_no_success() {
        let workspace = Workspace::locate();
        let mut run =
            Run { workspace: &workspace, toolchain: None, setup_failed: None, outcomes: Vec::new() };
        run.outcomes.push((Step::Format, Outcome::Passed(Duration::ZERO)));
        assert!(run.all_passed());
        run.outcomes.push((Step::Kernel, Outcome::NotRun("no root".to_owned())));
        assert!(!run.all_passed());
    }

    #[test]
    fn nothing_runs_after_a_failure() {
        let workspace = Workspace::locate();
        let outcomes = vec![(Step::Unit, Outcome::Failed(Duration::ZERO))];
        let run = Run { workspace: &workspace, toolchain: None, setup_failed: None, outcomes };
        assert_eq!(run.obstacle(Step::Build).as_deref(), Some("unit failed"));
    }
}
