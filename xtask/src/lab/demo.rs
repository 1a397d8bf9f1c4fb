//! `cargo xtask demo`: sets the machine up, builds the daemon, and shows it at work.
//!
//! The program `demo` of the tests shows it, since it needs their namespaces, captures and decoding. xtask
//! stays small, as it is compiled first on a new machine.

use std::{convert::Infallible, os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    build, process,
    setup::{self, Scope},
    ui,
    workspace::Workspace,
};

/// Installs and builds what the demonstration needs, then becomes its program. Returns only on an error.
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
    // Replaces this process: the demonstration handles Ctrl-C itself, and its exit code becomes that of the
    // task.
    let error = Command::new(demo).env("AUTORA_BIN", workspace.debug_daemon()).exec();
    Err(error).context("cannot start the demonstration")
}
