//! The workspace compiled without optimisation: its tests, and the daemon and the demonstration that belong
//! to them.
//!
//! All tests are compiled as one set: cargo compiles a crate once for each set of features, and those depend
//! on the packages and the kinds of targets that are asked for together.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::filter;
use crate::{neighbours::Room, process, setup::Toolchain, ui, workspace::Workspace};

const SET: [&str; 5] = ["test", "--locked", "--workspace", "--exclude", "autora-ebpf"];

/// Targets that need no privilege: everything beside the code, and the fleet in virtual time.
pub(crate) const UNPRIVILEGED: [&str; 4] = ["--lib", "--bins", "--test", "simulation"];

/// Targets that want the real kernel, and the handbook's, which want tools.
pub(crate) const PRIVILEGED: [&str; 10] =
    ["--test", "docs", "--test", "filter", "--test", "harness", "--test", "netlink", "--test", "scenarios"];

/// Enough for scenarios that run side by side.
const NEIGHBOURS: u32 = 8_192;

/// `cargo test` of the set, for whatever targets and options are added.
pub(crate) fn cargo_test(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo(SET);
    // The object that was just built, and no other, is the one to embed.
    cargo.env_remove("AUTORA_EBPF_OBJECT");
    cargo
}

/// Compiles the filter, the daemon around it, and every test.
pub(crate) fn compile(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    ui::heading("eBPF filter");
    filter::with(workspace, toolchain)?;
    ui::heading("daemon and tests, not optimised");
    without_filter(workspace)?;
    process::run(cargo_test(workspace).args(["--no-run", "--lib", "--bins", "--tests"]))
        .context("the tests do not compile")
}

/// Compiles the demonstration and the daemon that it shows; returns where the demonstration is.
pub(crate) fn demonstration(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    ui::heading("eBPF filter");
    filter::with(workspace, toolchain)?;
    ui::heading("daemon and demonstration, not optimised");
    let mut cargo =
        workspace.cargo(["build", "--locked", "--package", "autora", "--package", "autora-tests"]);
    cargo.args(["--bin", "autora", "--bin", "demo"]).env_remove("AUTORA_EBPF_OBJECT");
    process::run(&mut cargo).context("daemon and demonstration do not compile")?;
    Ok(workspace.debug_daemon().with_file_name("demo"))
}

/// Runs tests of `tests/` side by side, against `daemon`.
pub(crate) fn scenarios(
    workspace: &Workspace,
    daemon: &Path,
    adjust: impl FnOnce(&mut Command),
) -> Result<()> {
    // Scenarios wait far more than they compute: as many at a time as there are processors would take
    // minutes.
    let _room = Room::make(NEIGHBOURS);
    let mut cargo = cargo_test(workspace);
    adjust(&mut cargo);
    process::run(cargo.env("AUTORA_BIN", daemon)).context("a test against the kernel failed")
}

/// Compiles a daemon that carries no eBPF program, for the scenarios of that, and puts it aside.
///
/// A setting of its own for this one crate, which changes next to nothing of its code, makes cargo keep it
/// apart: everything below it is shared with the others, and neither makes the other stale.
fn without_filter(workspace: &Workspace) -> Result<()> {
    let folder = workspace.without_filter();
    fs::create_dir_all(&folder)?;
    let nothing = folder.join("nothing.o");
    if !nothing.exists() {
        fs::write(&nothing, [])?;
    }
    let mut cargo = cargo_test(workspace);
    // Beside the tests of a package in files of their own cargo compiles its program.
    cargo.args([
        "--no-run",
        "--test",
        "simulation",
        "--config",
        "profile.dev.package.autora.codegen-units=255",
    ]);
    process::run(cargo.env("AUTORA_EBPF_OBJECT", &nothing))
        .context("the daemon without the filter does not compile")?;
    fs::copy(workspace.debug_daemon(), folder.join("autora"))
        .context("cannot put the daemon without the filter aside")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Tests in a file or folder that neither list names would not run.
    #[test]
    fn every_folder_of_tests_is_a_target() {
        let workspace = Workspace::locate();
        let mut there = BTreeSet::new();
        for folder in ["autora/tests", "tests/tests"] {
            for entry in fs::read_dir(workspace.root().join(folder)).expect("there are tests").flatten() {
                there.insert(entry.path().file_stem().expect("a name").to_string_lossy().into_owned());
            }
        }
        let named =
            [&UNPRIVILEGED[..], &PRIVILEGED].concat().into_iter().filter(|word| !word.starts_with("--"));
        assert_eq!(named.map(str::to_owned).collect::<BTreeSet<_>>(), there);
    }
}
