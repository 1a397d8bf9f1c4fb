//! Format and lints, of the workspace and of the fuzz targets, which are a workspace of their own.

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

/// They are checked here so that they still compile when they are wanted.
const FUZZ_TARGETS: &str = "tests/fuzz/Cargo.toml";

pub(super) fn format(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(["fmt", "--all", "--check"]))?;
    process::run(&mut workspace.cargo(["fmt", "--check", "--manifest-path", FUZZ_TARGETS]))
}

pub(super) fn clippy(workspace: &Workspace) -> Result<()> {
    let deny = ["--", "-D", "warnings"];
    let hosts = ["clippy", "--locked", "--workspace", "--exclude", "autora-ebpf", "--all-targets"];
    process::run(workspace.cargo(hosts).args(deny)).context("clippy has complaints")?;
    // The filter is checked as code for this machine: its crates know how to stand in for the kernel's helpers, and
    // no component of any toolchain lints for the other target. It uses an unstable feature, hence the variable; a
    // target directory of its own keeps that from invalidating what the others have built.
    let mut filter = workspace.cargo(["clippy", "--locked", "--package", "autora-ebpf", "--bins"]);
    filter.arg("--target-dir").arg(workspace.bpf_target()).env("RUSTC_BOOTSTRAP", "1").args(deny);
    process::run(&mut filter).context("clippy has complaints about the filter")?;
    let mut targets =
        workspace.cargo(["clippy", "--locked", "--all-targets", "--manifest-path", FUZZ_TARGETS]);
    // Nothing is linked, so a libFuzzer that is not there does: no C++ compiler is needed.
    targets.env("CUSTOM_LIBFUZZER_PATH", "/nowhere/libfuzzer.a").args(deny);
    process::run(&mut targets).context("clippy has complaints about the fuzz targets")
}
