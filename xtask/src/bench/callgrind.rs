//! Callgrind, which counts instructions: Debian's valgrind, unpacked where it is not installed.

use std::path::PathBuf;

use crate::{
    process,
    setup::{apt, unpacked},
    ui,
    workspace::Workspace,
};

const PACKAGE: &str = "valgrind";

/// Where it is unpacked.
pub(crate) fn root(workspace: &Workspace) -> PathBuf {
    workspace.tools().join(PACKAGE)
}

/// Brings it about if that can be done. Otherwise instructions are not counted, which is said, and no failure.
pub(crate) fn fetch(workspace: &Workspace) {
    if process::which(PACKAGE).is_some() || !apt::is_here() {
        return;
    }
    if let Err(error) = unpacked::unpack(workspace, &root(workspace), &[PACKAGE], PACKAGE) {
        ui::note(&ui::paint(ui::Paint::Bad, &format!("INSTRUCTIONS WILL NOT BE COUNTED: {error:#}")));
    }
}
