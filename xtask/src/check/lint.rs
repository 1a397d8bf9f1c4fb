//! The steps `format` and `lint`.

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

pub(super) fn format(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(["fmt", "--all", "--check"]))
}

pub(super) fn clippy(workspace: &Workspace) -> Result<()> {
    let deny = ["--", "-D", "warnings"];
    let hosts = ["clippy", "--locked", "--workspace", "--exclude", "autora-ebpf", "--all-targets"];
    process::run(workspace.cargo(hosts).args(deny)).context("clippy found faults")?;
    // The filter is checked as code for this machine: its crates know how to stand in for the kernel's
    // helpers, and no component of any toolchain lints for the other target. It uses an unstable feature,
    // hence the variable; a target directory of its own keeps that from invalidating what the others have
    // built.
    let mut filter = workspace.cargo(["clippy", "--locked", "--package", "autora-ebpf", "--bins"]);
    filter.arg("--target-dir").arg(workspace.bpf_target()).env("RUSTC_BOOTSTRAP", "1").args(deny);
    process::run(&mut filter).context("clippy found faults in the filter")
}
