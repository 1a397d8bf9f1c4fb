//! `cargo xtask man` and `cargo xtask completions`: files that are generated from the command line's
//! definition.
//!
//! A program of the tests writes them (`tests/src/bin/manual`): xtask stays small, as it is compiled first on
//! a new machine, and does not depend on the daemon. They need no eBPF object.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{process, ui, workspace::Workspace};

/// Writes the manual pages to target/man.
pub(crate) fn man(workspace: &Workspace) -> Result<()> {
    write(workspace, "man", &workspace.manual_pages())
}

/// Writes completions for bash, zsh and fish to target/completions.
pub(crate) fn completions(workspace: &Workspace) -> Result<()> {
    write(workspace, "completions", &workspace.completions())
}

fn write(workspace: &Workspace, what: &str, folder: &Path) -> Result<()> {
    let program = ["run", "--locked", "--package", "autora-tests", "--bin", "manual", "--", what];
    process::run(workspace.cargo(program).arg(folder))
        .with_context(|| format!("the program `manual` could not write {what}"))?;
    ui::note(&format!("written to {}", workspace.display(folder)));
    Ok(())
}
