//! `cargo xtask build`: the daemon as it is shipped, which is only good with the filter in it; and what is
//! compiled like it.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::filter;
use crate::{
    process,
    setup::{self, Scope, Toolchain},
    ui,
    workspace::Workspace,
};

/// Builds it; returns where it is.
pub(crate) fn run(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = setup::ensure(workspace, Scope::Build)?;
    with(workspace, &toolchain)
}

/// How the daemon is linked: with its part of the C library in it, which is smaller than what of a shared one
/// would be in its memory, and with its relocations packed, which are read once and would be in its memory
/// ever after.
const LINKED: [&str; 4] = ["-C", "target-feature=+crt-static", "-C", "link-arg=-Wl,-z,pack-relative-relocs"];

pub(crate) fn with(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    ui::heading("eBPF filter");
    filter::with(workspace, toolchain)?;
    ui::heading("daemon, release");
    let mut cargo = cargo(workspace, "rustc", "autora", "autora");
    process::run(cargo.arg("--").args(LINKED)).context("the daemon does not compile")?;
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

/// Compiles a program of the tests like the daemon, so that most crates below them are compiled once; returns
/// where it is.
pub(crate) fn test_program(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    process::run(&mut cargo(workspace, "build", "autora-tests", name))
        .with_context(|| format!("the program {name} does not compile"))?;
    Ok(workspace.daemon().with_file_name(name))
}

fn cargo(workspace: &Workspace, subcommand: &str, package: &str, program: &str) -> Command {
    let mut cargo =
        workspace.cargo([subcommand, "--release", "--locked", "--package", package, "--bin", program]);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(|name| env::var_os(name))).env_remove("RUSTFLAGS");
    // The object that was just built, and no other, is the one to embed.
    cargo.env_remove("AUTORA_EBPF_OBJECT");
    cargo
}

/// For all crates: the daemon does not tell where whoever compiled it keeps them. (The checkout it does not
/// tell either: cargo compiles its members by relative paths, and `cargo xtask dist` sees to it.) Flags that
/// somebody has set are kept.
fn flags(variable: impl Fn(&str) -> Option<OsString>) -> OsString {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let words =
        |flags: OsString| flags.to_string_lossy().split_whitespace().map(OsString::from).collect::<Vec<_>>();
    let theirs = match set("CARGO_ENCODED_RUSTFLAGS") {
        Some(flags) => vec![flags],
        None => set("RUSTFLAGS").map(words).unwrap_or_default(),
    };
    let home = set("CARGO_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&set("HOME")?).join(".cargo")));
    let ours = home.map(|home| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(home);
        flag.push("=/cargo");
        flag
    });
    theirs.into_iter().chain(ours).collect::<Vec<_>>().join(OsStr::new("\x1f"))
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
    #[test]
    fn no_folder_of_this_machine_is_named() {
        let flags = |variables: &[(&str, &str)]| {
            let value = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
            };
            flags(value).into_string().expect("text")
        };
        let ours = "--remap-path-prefix=/home/x/.cargo=/cargo";
        assert_eq!(flags(&[("HOME", "/home/x")]), ours);
        assert_eq!(flags(&[("HOME", "/home/y"), ("CARGO_HOME", "/home/x/.cargo")]), ours);
        let plain = [("HOME", "/home/x"), ("RUSTFLAGS", " -C target-cpu=native ")];
        assert_eq!(flags(&plain), format!("-C\x1ftarget-cpu=native\x1f{ours}"));
        let encoded = [("HOME", "/home/x"), ("RUSTFLAGS", "-x"), ("CARGO_ENCODED_RUSTFLAGS", "-C\x1fa b")];
        assert_eq!(flags(&encoded), format!("-C\x1fa b\x1f{ours}"));
        assert_eq!(flags(&[]), "");
    }
}
