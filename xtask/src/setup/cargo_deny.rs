//! cargo-deny, compiled into the checkout's own target folder. That takes minutes; programs compiled by others exist, but this
//! is the one that is to say whom to trust.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

pub(crate) const VERSION: &str = "0.20.2";

pub(crate) fn path(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bin/cargo-deny")
}

/// Whether it is there, of our version.
pub(crate) fn is_here(workspace: &Workspace) -> bool {
    process::query(Command::new(path(workspace)).arg("--version"))
        .is_some_and(|says| says.trim().ends_with(VERSION))
}

/// Compiles it.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let args = ["install", "cargo-deny", "--version", VERSION, "--locked", "--force"];
    let mut command = workspace.cargo(args);
    // A target directory of its own, gone afterwards, as for the linker.
    command.arg("--root").arg(workspace.tools()).env_remove("CARGO_TARGET_DIR");
    let label = format!("cargo install cargo-deny {VERSION}");
    process::run_logged(&label, &mut command, &workspace.log("cargo-deny"))
        .context("cargo-deny could not be compiled")
}
