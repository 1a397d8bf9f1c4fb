//! `cargo xtask man` and `cargo xtask completions`: what is made of the command line's own description.
//!
//! A program of the tests writes them (`tests/src/bin/manual`): this one stays small enough to be compiled
//! first on a new machine, and knows nothing of the daemon. They need no eBPF object.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{process, ui, workspace::Workspace};

/// Manual pages, to target/man.
pub(crate) fn man(workspace: &Workspace) -> Result<()> {
    write(workspace, "man", &workspace.manual_pages())
}

/// Completions for bash, zsh and fish, to target/completions.
pub(crate) fn completions(workspace: &Workspace) -> Result<()> {
    write(workspace, "completions", &workspace.completions())
}

fn write(workspace: &Workspace, what: &str, folder: &Path) -> Result<()> {
    let program = ["run", "--locked", "--package", "autora-tests", "--bin", "manual", "--", what];
    process::run(workspace.cargo(program).arg(folder)).with_context(|| format!("no {what} were written"))?;
    ui::note(&format!("written to {}", workspace.display(folder)));
    Ok(())
}
