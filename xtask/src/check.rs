//! `cargo xtask test`: the steps that a change must pass, the quick ones first.

pub(crate) mod conformance;
mod kernel;
mod lint;
mod step;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::ValueEnum;

use self::{
    kernel::Hosts,
    step::{Part, Step},
};
use crate::{
    build::{daemon, dev},
    lab::{guests, recipes, service, soak, source, vm},
    outcome::{self, Outcome},
    process,
    release::{deny, package},
    setup::{self, Scope, Toolchain},
    ui,
    workspace::Workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run the steps for a release instead: package, smoke, exposure, boot, arm64 (3 minutes, more in a
    /// new checkout)
    #[arg(long)]
    ship: bool,
    /// Run the usual steps and those for a release, as CI does (20 minutes)
    #[arg(long, conflicts_with = "ship")]
    ci: bool,
    /// Run every step, virtual machines, other guests, the package under systemd, the handbook's recipes, the build of
    /// the package without a network, a short soak, and the scenarios on each kind of host included (1.5 hours)
    #[arg(long, conflicts_with_all = ["ship", "ci"])]
    all: bool,
    /// Run only these steps
    #[arg(long, value_name = "STEP", value_delimiter = ',', conflicts_with_all = ["ship", "ci", "all"])]
    only: Vec<Step>,
    /// Leave these steps out
    #[arg(long, value_name = "STEP", value_delimiter = ',', conflicts_with = "only")]
    skip: Vec<Step>,
}

struct Run<'a> {
    workspace: &'a Workspace,
    /// How the hosts of the scenarios are set up.
    hosts: Hosts,
    /// Present once `setup` has succeeded.
    toolchain: Option<Toolchain>,
    /// Why `setup` has not succeeded.
    setup_failed: Option<String>,
    outcomes: Vec<(Step, Outcome)>,
}

/// Runs the selected steps and prints a summary. Succeeds only if every step ran and passed.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> ExitCode {
    let hosts = if args.all { Hosts::Each } else { Hosts::Drawn };
    let mut run = Run { workspace, hosts, toolchain: None, setup_failed: None, outcomes: Vec::new() };
    for step in select(args) {
        run.step(step);
    }
    run.summary();
    if run.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns the steps that `args` ask for, in their fixed order, each once.
fn select(args: &Args) -> Vec<Step> {
    let parts: &[Part] = match args {
        Args { all: true, .. } => &[Part::Usual, Part::Ship, Part::Rare],
        Args { ci: true, .. } => &[Part::Usual, Part::Ship],
        Args { ship: true, .. } => &[Part::Ship],
        Args { .. } => &[Part::Usual],
    };
    let wanted = |step: &Step| {
        if args.only.is_empty() {
            parts.contains(&step.about().part) && !args.skip.contains(step)
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
        ui::heading(step.about().title);
        let started = Instant::now();
        let done = self.execute(step);
        self.judge(step, done, started.elapsed())
    }

    /// Returns why a step cannot run, if it cannot.
    fn obstacle(&self, step: Step) -> Option<String> {
        if let Some((failed, _)) = self.outcomes.iter().find(|(_, outcome)| matches!(outcome, Outcome::Failed(_))) {
            return Some(format!("{} failed", failed.name()));
        }
        if step.about().needs_toolchain
            && let Some(why) = &self.setup_failed
        {
            return Some(why.clone());
        }
        (step.about().needs_root && !process::is_root()).then(|| "needs root, for network namespaces".to_owned())
    }

    fn execute(&mut self, step: Step) -> Result<()> {
        let workspace = self.workspace;
        match step {
            Step::Setup => setup::ensure(workspace, Scope::Tests).map(|found| self.toolchain = Some(found)),
            Step::Format => lint::format(workspace),
            Step::Lint => lint::clippy(workspace),
            Step::Build => {
                self.compile()?;
                self.daemon().map(drop)
            }
            Step::Unit => process::run(dev::cargo_test(workspace).args(dev::UNPRIVILEGED))
                .context("a test without privilege failed"),
            Step::Conformance => conformance::run(workspace),
            Step::Kernel => {
                self.compile()?;
                kernel::run(workspace, &self.daemon()?, self.hosts)
            }
            Step::Package => package::build(workspace).map(drop),
            Step::Smoke => self.smoke(),
            Step::Exposure => exposure(workspace),
            Step::Boot => vm::boot(workspace),
            Step::Arm64 => vm::other_architectures(workspace),
            Step::Machines => vm::machines(workspace),
            Step::Guests => guests::all(workspace),
            Step::Kernels => vm::all_kernels(workspace),
            Step::Links => vm::links(workspace),
            Step::Service => service::all(workspace),
            Step::Recipes => recipes::all(workspace),
            Step::Source => source::usual(workspace),
            Step::Soak => {
                self.compile()?;
                soak::short(workspace, &self.daemon()?)
            }
            Step::Deny => deny::crates(workspace),
        }
    }

    /// Compiles the programs that later steps run.
    fn compile(&mut self) -> Result<()> {
        dev::compile(self.workspace, self.toolchain()?)
    }

    /// Returns the daemon that the scenarios run: that of the variable, else the one that a package has.
    fn daemon(&mut self) -> Result<PathBuf> {
        match kernel::chosen_daemon() {
            Some(daemon) => Ok(daemon),
            None => daemon::with(self.workspace, self.toolchain()?),
        }
    }

    /// Runs the two basic cases with the daemon as it is shipped, by a script that needs nothing but a shell.
    fn smoke(&mut self) -> Result<()> {
        let daemon = daemon::with(self.workspace, self.toolchain()?)?;
        let script = self.workspace.root().join("tests/ns-smoke.sh");
        process::run(Command::new("sh").arg(script).arg(&daemon))
    }

    /// Returns the toolchain that `setup` found; looks for it now if that step was left out.
    fn toolchain(&mut self) -> Result<&Toolchain> {
        let found = match self.toolchain.take() {
            Some(found) => found,
            None => setup::ensure(self.workspace, Scope::Tests)?,
        };
        Ok(self.toolchain.insert(found))
    }

    /// Turns a result into an outcome. Without root, `setup` may be incomplete; steps that need no toolchain
    /// still run.
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
        outcome::total(&rows);
    }
}

/// Runs the handbook's tests of the systemd unit. The step `kernel` runs them, too.
fn exposure(workspace: &Workspace) -> Result<()> {
    setup::ensure(workspace, Scope::Tests)?;
    let test = ["--test", "docs", "--", "security::the_unit"];
    process::run(dev::cargo_test(workspace).args(test)).context("the systemd unit is more exposed than the test allows")
}

#[cfg(test)]
#[path = "check/tests.rs"]
mod tests;
