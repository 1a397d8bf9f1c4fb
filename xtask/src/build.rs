//! `cargo xtask build`: the release daemon, which is only good with the filter in it.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    build_ebpf, process,
    setup::{self, Scope, Toolchain},
    ui,
    workspace::Workspace,
};

/// Builds it; returns where it is.
pub(crate) fn run(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = setup::ensure(workspace, Scope::Build)?;
    with(workspace, &toolchain)
}

/// How the daemon is linked: with its part of the C library in it, which is smaller than what of a shared one would be in its
/// memory, and with its relocations packed, which are read once and would be in its memory ever after.
const LINKED: [&str; 4] = ["-C", "target-feature=+crt-static", "-C", "link-arg=-Wl,-z,pack-relative-relocs"];

pub(crate) fn with(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    ui::heading("eBPF filter");
    build_ebpf::with(workspace, toolchain)?;
    ui::heading("daemon, release");
    let mut cargo =
        workspace.cargo(["rustc", "--release", "--locked", "--package", "autora", "--bin", "autora", "--"]);
    cargo.args(LINKED);
    // The object that was just built, and no other, is the one to embed.
    process::run(cargo.env_remove("AUTORA_EBPF_OBJECT")).context("the daemon does not compile")?;
    let daemon = workspace.daemon();
    let version = process::query(Command::new(&daemon).arg("--version"))
        .with_context(|| format!("{} --version failed", daemon.display()))?;
    ensure!(
        carries_filter(&version),
        "{} carries no eBPF program although {} was built: it says\n{version}",
        daemon.display(),
        workspace.object().display()
    );
    ui::note(&format!("{}: {}", workspace.display(&daemon), version.trim().replace('\n', ", ")));
    Ok(daemon)
}

/// Reads what `autora --version` says of its filter.
fn carries_filter(version: &str) -> bool {
    version.contains("with the eBPF filter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_tells_whether_there_is_a_filter() {
        assert!(carries_filter("autora 0.1.0 (with the eBPF filter)"));
        assert!(!carries_filter("autora 0.1.0 (without an eBPF filter: built without it)"));
        assert!(!carries_filter("autora 0.1.0"));
    }
}
