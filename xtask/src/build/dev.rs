//! The workspace in the dev profile: the tests, and the daemon and the demonstration that go with them.
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

/// Test targets that need no privilege: unit tests, every path of the validator, the simulation, and the rules of the
/// code.
pub(crate) const UNPRIVILEGED: [&str; 8] =
    ["--lib", "--bins", "--test", "exhaustive", "--test", "simulation", "--test", "rules"];

/// Test targets that need the real kernel, and the handbook's, which need programs that `setup` installs.
pub(crate) const PRIVILEGED: [&str; 10] =
    ["--test", "docs", "--test", "filter", "--test", "harness", "--test", "netlink", "--test", "scenarios"];

/// Entries in the neighbour table that scenarios need when they run side by side: those with many interfaces alone have
/// filled a table of 8,192.
const NEIGHBOURS: u32 = 65_536;

/// Returns `cargo test` of the set, to which the caller adds targets and options.
pub(crate) fn cargo_test(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo(SET);
    // Embeds the object that was just built, even if the variable names another.
    cargo.env_remove("AUTORA_EBPF_OBJECT");
    cargo
}

/// Compiles the filter, the daemon around it, and every test.
pub(crate) fn compile(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    ui::heading("eBPF filter");
    filter::with(workspace, toolchain)?;
    ui::heading("daemon and tests, dev profile");
    without_filter(workspace)?;
    process::run(cargo_test(workspace).args(["--no-run", "--lib", "--bins", "--tests"]))
        .context("the tests do not compile")
}

/// Compiles the demonstration and its daemon. Returns the path of the demonstration.
pub(crate) fn demonstration(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    ui::heading("eBPF filter");
    filter::with(workspace, toolchain)?;
    program(workspace, "demo")
}

/// Compiles a program of the tests, and the daemon of the same profile. Returns the program's path.
pub(crate) fn program(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    ui::heading(&format!("daemon and {name}, dev profile"));
    let mut cargo = workspace.cargo(["build", "--locked", "--package", "autora", "--package", "autora-tests"]);
    cargo.args(["--bin", "autora", "--bin", name]).env_remove("AUTORA_EBPF_OBJECT");
    process::run(&mut cargo).with_context(|| format!("daemon and {name} do not compile"))?;
    Ok(compiled(workspace, name))
}

/// Returns the path of a program of the tests that [`compile`] or [`program`] has made.
pub(crate) fn compiled(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.debug_daemon().with_file_name(name)
}

/// Runs tests of `tests/` against `daemon`; `adjust` adds targets and options. Returns whether all passed, and what
/// they printed.
pub(crate) fn scenarios(
    workspace: &Workspace,
    daemon: &Path,
    adjust: impl FnOnce(&mut Command),
) -> Result<(bool, String)> {
    let _room = Room::make(NEIGHBOURS);
    let mut cargo = cargo_test(workspace);
    adjust(&mut cargo);
    let (status, shown) = process::run_shown(cargo.env("AUTORA_BIN", daemon))?;
    Ok((status.success(), shown))
}

/// Compiles a daemon that carries no eBPF program, for the scenarios about that, and copies it to a folder of
/// its own.
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
    // For an integration test, cargo also compiles the program of its package.
    cargo.args(["--no-run", "--test", "simulation", "--config", "profile.dev.package.autora.codegen-units=255"]);
    process::run(cargo.env("AUTORA_EBPF_OBJECT", &nothing))
        .context("the daemon without the filter does not compile")?;
    fs::copy(workspace.debug_daemon(), folder.join("autora")).context("cannot copy the daemon without the filter")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A test target that neither list names would not run.
    #[test]
    fn every_file_and_folder_of_tests_is_a_listed_target() {
        let workspace = Workspace::locate();
        let mut there = BTreeSet::new();
        for folder in ["autora/tests", "autora-common/tests", "tests/tests", "xtask/tests"] {
            for entry in fs::read_dir(workspace.root().join(folder)).expect("there are tests").flatten() {
                there.insert(entry.path().file_stem().expect("a name").to_string_lossy().into_owned());
            }
        }
        let named = [&UNPRIVILEGED[..], &PRIVILEGED].concat().into_iter().filter(|word| !word.starts_with("--"));
        assert_eq!(named.map(str::to_owned).collect::<BTreeSet<_>>(), there);
    }
}
