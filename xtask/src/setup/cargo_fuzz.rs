//! cargo-fuzz, compiled into the checkout's own target folder.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

pub(crate) const VERSION: &str = "0.13.2";

pub(crate) fn path(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bin/cargo-fuzz")
}

/// Whether it is there, of our version.
pub(crate) fn is_here(workspace: &Workspace) -> bool {
    process::query(Command::new(path(workspace)).args(["fuzz", "--version"]))
        .is_some_and(|says| says.trim().ends_with(VERSION))
}

/// Compiles it.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let args = ["install", "cargo-fuzz", "--version", VERSION, "--locked", "--force"];
    let mut command = workspace.cargo(args);
    // A target directory of its own, gone afterwards, as for the linker.
    command.arg("--root").arg(workspace.tools()).env_remove("CARGO_TARGET_DIR");
    let label = format!("cargo install cargo-fuzz {VERSION}");
    process::run_logged(&label, &mut command, &workspace.log("cargo-fuzz"))
        .context("cargo-fuzz could not be compiled")
}
