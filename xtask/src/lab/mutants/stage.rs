//! The tests that try mutants, in two stages, and cargo-mutants, which compiles them anew with each mutant.

use std::{fmt, fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};

use super::{
    mutant::Mutant,
    processor_time,
    results::{Outcome, Results},
    tree::Tree,
};
use crate::{architecture::Architecture, process, setup::cargo_tool::CARGO_MUTANTS, workspace::Workspace};

/// The least processor time after which tests do not end any more.
const SHORTEST_LIMIT: Duration = Duration::from_secs(5);

/// Which tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Unit tests and properties.
    Unit,
    /// The fixed seeds of the simulation.
    Simulation,
}

impl Stage {
    /// Returns whether a mutant has yet to be tried in this stage.
    pub(super) fn is_for(self, mutant: &Mutant, results: &Results) -> bool {
        match (self, results.of(mutant)) {
            (Self::Unit, outcome) => outcome.is_none(),
            (Self::Simulation, outcome) => outcome == Some(Outcome::SurvivedUnit),
        }
    }

    /// The target of `cargo test`.
    const fn target(self) -> &'static [&'static str] {
        match self {
            Self::Unit => &["--lib"],
            Self::Simulation => &["--test", "simulation"],
        }
    }

    /// The variable that lets the compiler take its time. The simulation would take a minute without, and it tries few.
    const fn optimization(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Unit => None,
            Self::Simulation => Some(("CARGO_PROFILE_DEV_OPT_LEVEL", "1")),
        }
    }

    /// Runs the tests on the code as it is. Returns after what processor time those of a mutant do not end any more:
    /// many mutants of a state machine have it do the same for ever.
    pub(super) fn check_baseline(self, workspace: &Workspace, tree: &Tree) -> Result<Duration> {
        self.test(workspace, tree, "compiling the code as it is", &["--no-run"])?;
        let taken = processor_time::of(|| self.test(workspace, tree, "testing it", &[]))?;
        Ok(limit(taken))
    }

    fn test(self, workspace: &Workspace, tree: &Tree, label: &str, args: &[&str]) -> Result<()> {
        let mut cargo = tree.command(workspace.cargo(["test", "--workspace"]));
        cargo.envs(self.optimization());
        process::run_logged(label, cargo.args(self.target()).args(args), &workspace.log("mutants-baseline"))
            .context("tests fail without any mutant (does a pure layer need another crate? See tree.rs)")
    }

    /// Tries mutants, out of `all` in the tree.
    pub(super) fn try_out(
        self,
        workspace: &Workspace,
        tree: &Tree,
        all: &[Mutant],
        batch: &[&Mutant],
        limit: Duration,
    ) -> Result<Vec<(String, Outcome)>> {
        let folder = workspace.mutants().join("mutants.out");
        leave_out(&folder, all.iter().filter(|mutant| !batch.contains(mutant)))?;
        let log = workspace.log("mutants");
        let status = process::status_logged("trying", &mut self.cargo_mutants(workspace, tree, limit), &log)?;
        // Some survived (2), or did not end (3).
        ensure!(matches!(status.code(), Some(0 | 2 | 3)), "cargo-mutants failed ({status})\n{}", process::end_of(&log));
        let outcomes = self.outcomes(&folder)?;
        ensure!(outcomes.len() == batch.len(), "cargo-mutants tried {} of {}", outcomes.len(), batch.len());
        Ok(outcomes)
    }

    /// A busy machine takes nothing of processor time. The time that passes has a limit, too, which only what waits for
    /// ever reaches.
    fn cargo_mutants(self, workspace: &Workspace, tree: &Tree, limit: Duration) -> Command {
        let mut command = tree.command(Command::new(CARGO_MUTANTS.path(workspace)));
        command.envs(self.optimization());
        command.args(["mutants", "--workspace", "--no-config", "--in-place", "--baseline", "skip", "--iterate"]);
        command.args(["--timeout", &(limit * 20).as_secs().to_string(), "--colors", "never"]);
        let target = Architecture::OWN.target().replace('-', "_").to_uppercase();
        let runner = format!("prlimit --cpu={} --core=0", limit.as_secs());
        command.env(format!("CARGO_TARGET_{target}_RUNNER"), runner);
        command.arg("--output").arg(workspace.mutants());
        // They apply to compiling as well, unlike what follows `--`.
        command.args(self.target().iter().map(|word| format!("--cargo-arg={word}")));
        command
    }

    /// Reads the outcomes from the folder of cargo-mutants.
    fn outcomes(self, folder: &Path) -> Result<Vec<(String, Outcome)>> {
        let mut outcomes = Vec::new();
        for (file, outcome) in [
            ("caught.txt", Outcome::Caught),
            ("timeout.txt", Outcome::Caught),
            ("unviable.txt", Outcome::Unviable),
            ("missed.txt", Outcome::Survived),
        ] {
            let names =
                fs::read_to_string(folder.join(file)).with_context(|| format!("cargo-mutants left no {file}"))?;
            outcomes.extend(names.lines().map(|name| (name.to_owned(), self.concluded(name, outcome))));
        }
        Ok(outcomes)
    }

    /// Returns what an outcome of this stage means: the simulation, which tests the crate `autora`, has yet to try
    /// what its unit tests let pass, and what it catches it catches alone.
    pub(super) fn concluded(self, name: &str, outcome: Outcome) -> Outcome {
        match (self, outcome) {
            (Self::Unit, Outcome::Survived) if name.starts_with("autora/") => Outcome::SurvivedUnit,
            (Self::Simulation, Outcome::Caught) => Outcome::CaughtBySimulation,
            (Self::Unit | Self::Simulation, outcome) => outcome,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unit => "unit tests",
            Self::Simulation => "simulation",
        })
    }
}

/// Returns after what processor time tests do not end any more that take so much without a mutant.
pub(super) fn limit(taken: Duration) -> Duration {
    SHORTEST_LIMIT.max(taken * 5)
}

/// Makes cargo-mutants leave these out: as if it had caught them in an earlier run.
///
/// Its own way of choosing is patterns, which match names that contain others as well.
fn leave_out<'a>(folder: &Path, mutants: impl Iterator<Item = &'a Mutant>) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let names: Vec<_> = mutants.map(|mutant| mutant.name.as_str()).collect();
    fs::write(folder.join("previously_caught.txt"), names.join("\n"))
        .with_context(|| format!("cannot write in {}", folder.display()))
}
