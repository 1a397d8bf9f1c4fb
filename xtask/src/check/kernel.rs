//! The step `kernel`: the tests that need the real kernel.

use std::{env, path::Path};

use anyhow::Result;

use crate::{
    build::dev::{PRIVILEGED, scenarios},
    process, ui,
    workspace::Workspace,
};

/// Ignored scenarios, which need the machine for themselves and run one by one at the end. The first fills a
/// table that all namespaces share, the second sets the clock.
pub(super) const ALONE: [&str; 2] = ["a_full_neighbour_table", WALL_CLOCK];

const WALL_CLOCK: &str = "jumps_of_the_wall_clock";

/// The variable that allows setting the machine's clock. In CI it may be set in any case.
const MAY_SET_CLOCK: &str = "AUTORA_TEST_MAY_SET_CLOCK";

/// Runs the tests against `daemon`: most side by side, then each of [`ALONE`] by itself.
pub(super) fn run(workspace: &Workspace, daemon: &Path) -> Result<()> {
    scenarios(workspace, daemon, |cargo| {
        cargo.arg("--no-fail-fast").args(PRIVILEGED).args(["--", "--test-threads=8"]);
    })?;
    ALONE.iter().try_for_each(|&name| {
        if name == WALL_CLOCK && !may_set_clock() {
            let why = format!("{name} DID NOT RUN: it sets the machine's clock; set {MAY_SET_CLOCK}=1 to allow that");
            ui::note(&ui::paint(ui::Paint::Notice, &why));
            return Ok(());
        }
        scenarios(workspace, daemon, |cargo| {
            cargo.args(["--test", "scenarios", "--", "--ignored", name]);
        })
    })
}

fn may_set_clock() -> bool {
    process::has_machine_of_its_own() || env::var_os(MAY_SET_CLOCK).is_some_and(|may| may == "1")
}
