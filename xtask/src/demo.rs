//! `cargo xtask demo`: everything a newcomer needs, then the main job before their eyes.
//!
//! The demonstration itself is the program `demo` of the tests, which has network namespaces, captures and decoding
//! at hand; this one stays small enough to be compiled first on a new machine.

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
    let daemon = build::with(workspace, &toolchain)?;
    ui::heading("demonstration");
    let build = ["build", "--release", "--locked", "--package", "autora-tests", "--bin", "demo"];
    process::run(&mut workspace.cargo(build)).context("the demonstration does not compile")?;
    // In our place: it deals with Ctrl-C itself, and its exit code is ours.
    let mut demo = Command::new(workspace.daemon().with_file_name("demo"));
    let error = demo.env("AUTORA_BIN", daemon).exec();
    Err(error).context("cannot start the demonstration")
}
