//! The step `kernel`: the tests that need the real kernel.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{
    build::dev::{PRIVILEGED, scenarios},
    process, ui,
    workspace::Workspace,
};

mod again;

const FAILED: &str = "a test against the kernel failed";

/// Ignored scenarios, which need the machine for themselves and run one by one at the end. The first fills a
/// table that all namespaces share, the second sets the clock.
pub(super) const ALONE: [&str; 2] = ["a_full_neighbour_table", WALL_CLOCK];

const WALL_CLOCK: &str = "jumps_of_the_wall_clock";

/// The variable that allows setting the machine's clock. In CI it may be set in any case.
const MAY_SET_CLOCK: &str = "AUTORA_TEST_MAY_SET_CLOCK";

/// The variable that names the daemon under test.
const DAEMON: &str = "AUTORA_BIN";

/// The variable that chooses the settings of every host, and its values: `tests/src/host_profile.rs`.
const HOST: &str = "AUTORA_TEST_HOST";
const PROFILES: [&str; 3] = ["quiet", "kernel", "slaac"];

/// Which settings the hosts of the scenarios have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hosts {
    /// Each scenario draws its own.
    Drawn,
    /// Every scenario runs once with each.
    Each,
}

/// Returns the daemon that the operator of this run has chosen, for example one of the dev profile.
pub(super) fn chosen_daemon() -> Option<PathBuf> {
    env::var_os(DAEMON).filter(|daemon| !daemon.is_empty()).map(PathBuf::from)
}

/// Runs the tests against `daemon`: most side by side, then each of [`ALONE`] by itself.
pub(super) fn run(workspace: &Workspace, daemon: &Path, hosts: Hosts) -> Result<()> {
    match hosts {
        Hosts::Drawn => side_by_side(workspace, daemon, &PRIVILEGED, None)?,
        Hosts::Each => {
            let (rest, scenarios) = PRIVILEGED.split_at(PRIVILEGED.len() - 2);
            side_by_side(workspace, daemon, rest, None)?;
            PROFILES.iter().try_for_each(|profile| side_by_side(workspace, daemon, scenarios, Some(profile)))?;
        }
    }
    alone(workspace, daemon)
}

fn side_by_side(workspace: &Workspace, daemon: &Path, targets: &[&str], profile: Option<&str>) -> Result<()> {
    if let Some(profile) = profile {
        ui::heading(&format!("scenarios on hosts with {HOST}={profile}"));
    }
    let run = |options: &[&str]| {
        scenarios(workspace, daemon, |cargo| {
            cargo.envs(profile.map(|profile| (HOST, profile)));
            cargo.arg("--no-fail-fast").args(targets).arg("--").args(options);
        })
    };
    let (passed, shown) = run(&["--test-threads=8"])?;
    if passed {
        return Ok(());
    }
    let failed = again::candidates(&shown, targets.len() / 2).context(FAILED)?;
    failed.iter().try_for_each(|name| {
        note(&format!("{name} FAILED while the machine stalled: once more, by itself"));
        ensure_passed(run(&["--exact", name])?)
    })
}

fn alone(workspace: &Workspace, daemon: &Path) -> Result<()> {
    ALONE.iter().try_for_each(|&name| {
        if name == WALL_CLOCK && !may_set_clock() {
            note(&format!("{name} DID NOT RUN: it sets the machine's clock; set {MAY_SET_CLOCK}=1 to allow that"));
            return Ok(());
        }
        ensure_passed(scenarios(workspace, daemon, |cargo| {
            cargo.args(["--test", "scenarios", "--", "--ignored", name]);
        })?)
    })
}

fn ensure_passed((passed, _shown): (bool, String)) -> Result<()> {
    ensure!(passed, FAILED);
    Ok(())
}

fn note(text: &str) {
    ui::note(&ui::paint(ui::Paint::Notice, text));
}

fn may_set_clock() -> bool {
    process::has_machine_of_its_own() || env::var_os(MAY_SET_CLOCK).is_some_and(|may| may == "1")
}
