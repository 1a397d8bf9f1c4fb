//! `cargo xtask demo`: everything a newcomer needs, then the main job before their eyes.
//!
//! The demonstration itself is the program `demo` of the tests, which has network namespaces, captures and
//! decoding at hand; this one stays small enough to be compiled first on a new machine.

use std::{convert::Infallible, os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    build, process,
    setup::{self, Scope},
    ui,
    workspace::Workspace,
};

/// Returns only if it could not come to the demonstration.
pub(crate) fn run(workspace: &Workspace) -> Result<Infallible> {
    if !process::is_root() {
        bail!(
            "the demonstration makes network namespaces, which only root may: run it as root (in a root shell, as \
             `sudo -s` gives one, so that cargo is found)"
        );
    }
    let toolchain = setup::ensure(workspace, Scope::Namespaces)?;
    let demo = build::dev::demonstration(workspace, &toolchain)?;
    ui::heading("demonstration");
    // In our place: it deals with Ctrl-C itself, and its exit code is ours.
    let error = Command::new(demo).env("AUTORA_BIN", workspace.debug_daemon()).exec();
    Err(error).context("cannot start the demonstration")
}
