//! `cargo xtask build`: the release daemon, with the filter embedded, and test programs in the same profile.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
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

/// Sets the machine up and builds the release daemon. Returns its path.
pub(crate) fn run(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = setup::ensure(workspace, Scope::Build)?;
    with(workspace, &toolchain)
}

/// How the daemon is linked: with the C library inside, of which it then has less in memory than of a shared
/// one, and with packed relocations, which are read once and would otherwise stay in memory.
const LINKED: [&str; 4] = ["-C", "target-feature=+crt-static", "-C", "link-arg=-Wl,-z,pack-relative-relocs"];

/// Builds the filter and the release daemon with `toolchain`. Returns the daemon's path.
pub(crate) fn with(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    ui::heading("eBPF filter");
    filter::with(workspace, toolchain)?;
    ui::heading("daemon, release profile");
    let daemon = workspace.daemon();
    let map = daemon.with_extension("map");
    let mut cargo = cargo(workspace, "rustc", "autora", "autora");
    let map_wanted = format!("link-arg=-Wl,-Map={}", map.display());
    process::run(cargo.arg("--").args(LINKED).args(["-C", &map_wanted])).context("the daemon does not compile")?;
    no_name_service(&map)?;
    let version = process::query(Command::new(&daemon).arg("--version"))
        .with_context(|| format!("{} --version failed", daemon.display()))?;
    ensure!(
        carries_filter(&version),
        "{} carries no eBPF program although {} was built; its --version says:\n{version}",
        daemon.display(),
        workspace.object().display()
    );
    ui::note(&format!("{}: {}", workspace.display(&daemon), version.trim().replace('\n', ", ")));
    Ok(daemon)
}

/// Parts of the C library that load its name service modules, of which a static program has none: it would load those
/// of the host, of whatever version, and crash (<https://sourceware.org/glibc/wiki/FAQ>, "static linking").
const NAME_SERVICE: [&str; 6] =
    ["getaddrinfo.o", "getgrnam.o", "getgrnam_r.o", "getpwnam.o", "getpwnam_r.o", "nss_module.o"];

/// Checks, in the linker's map, that nothing of the name service is linked into the daemon.
fn no_name_service(map: &Path) -> Result<()> {
    let text = fs::read_to_string(map).with_context(|| format!("cannot read the linker's map {}", map.display()))?;
    let linked = name_service_in(&text);
    ensure!(linked.is_empty(), "{linked:?} of the C library are in the daemon, which would load code of the host");
    Ok(())
}

fn name_service_in(map: &str) -> Vec<&'static str> {
    let is_linked = |member: &&str| map.contains(&format!("libc.a({member})"));
    NAME_SERVICE.into_iter().filter(is_linked).collect()
}

/// Compiles a program of the tests in the daemon's profile, so that most crates are compiled once. Returns
/// its path.
pub(crate) fn test_program(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    process::run(&mut cargo(workspace, "build", "autora-tests", name))
        .with_context(|| format!("the program {name} does not compile"))?;
    Ok(workspace.daemon().with_file_name(name))
}

fn cargo(workspace: &Workspace, subcommand: &str, package: &str, program: &str) -> Command {
    let mut cargo = workspace.cargo([subcommand, "--release", "--locked", "--package", package, "--bin", program]);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(|name| env::var_os(name))).env_remove("RUSTFLAGS");
    // Embeds the object that was just built, even if the variable names another.
    cargo.env_remove("AUTORA_EBPF_OBJECT");
    cargo
}

/// Returns the compiler's flags for all crates: those that are set, and one that keeps cargo's home out of
/// the daemon. (The path of the checkout is not in it either: cargo compiles workspace members by relative
/// paths, and `cargo xtask dist` checks that.)
fn flags(variable: impl Fn(&str) -> Option<OsString>) -> OsString {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let words = |flags: OsString| flags.to_string_lossy().split_whitespace().map(OsString::from).collect::<Vec<_>>();
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

/// Returns whether the text of `autora --version` says that a filter is embedded.
fn carries_filter(version: &str) -> bool {
    version.contains("with the eBPF filter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_whether_a_filter_is_embedded() {
        assert!(carries_filter("autora 0.1.0 (with the eBPF filter)"));
        assert!(!carries_filter("autora 0.1.0 (built without the eBPF filter: runs with the classic one)"));
        assert!(!carries_filter("autora 0.1.0"));
    }

    #[test]
    fn a_map_shows_what_is_linked_of_the_name_service() {
        let member = |name| format!("/usr/lib/x86_64-linux-gnu/libc.a({name})\n    (symbol) by main.o\n");
        assert_eq!(name_service_in(&[member("getpid.o"), member("getgrnam.o")].concat()), ["getgrnam.o"]);
        assert!(name_service_in(&member("getpid.o")).is_empty());
    }

    #[test]
    fn the_flags_remap_cargos_home_and_keep_flags_that_are_set() {
        let flags = |variables: &[(&str, &str)]| {
            let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
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
