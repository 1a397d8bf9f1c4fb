//! `cargo xtask bench`: measures autora and the other RA daemons of this distribution.
//!
//! The program `bench` of the tests measures; the options are its own.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    build, process,
    setup::{self, Scope, apt, packages},
    ui,
    workspace::Workspace,
};

/// The other daemons' packages.
const PEERS: [&str; 4] = ["radvd", "bird2", "frr", "dnsmasq-base"];

/// systemd-networkd's program, and Debian's package of it, which is usually installed.
const NETWORKD: (&str, &str) = ("/lib/systemd/systemd-networkd", "systemd");

/// Its tool Callgrind counts instructions.
const VALGRIND: &str = "valgrind";

/// The arguments, handed on unread.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// What to measure, and how; --help prints the options, --list the names
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME|OPTION")]
    words: Vec<OsString>,
}

/// Installs and builds what the benchmarks need, then becomes the program `bench`. Returns only on an error.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<std::convert::Infallible> {
    if args.asks(&["--help", "-h", "--list"]) {
        let program = build::daemon::test_program(workspace, "bench")?;
        return become_program(workspace, program, args);
    }
    if !process::is_root() {
        bail!(
            "the benchmarks make network namespaces, which only root may: run them as root (in a root shell, as \
             `sudo -s` gives one, so that cargo is found)"
        );
    }
    let toolchain = setup::ensure(workspace, Scope::Namespaces)?;
    build::daemon::with(workspace, &toolchain)?;
    if !args.asks(&["--no-peers"]) {
        ui::heading("the other daemons");
        fetch(workspace, &peers(), &peers_root(workspace), "OTHER DAEMONS ARE MISSING AND NOT MEASURED");
        if process::which(VALGRIND).is_none() {
            fetch(workspace, &[VALGRIND], &valgrind_root(workspace), "INSTRUCTIONS ARE NOT COUNTED");
        }
    }
    ui::heading("benchmarks");
    let program = build::daemon::test_program(workspace, "bench")?;
    become_program(workspace, program, args)
}

/// Unpacks packages. If that fails, says so with `otherwise`, and the benchmarks go on without them.
fn fetch(workspace: &Workspace, names: &[&str], root: &Path, otherwise: &str) {
    if !apt::is_here() {
        ui::note(&format!("there is no apt-get: of {}, only what is installed is used", names.join(", ")));
        return;
    }
    match packages::unpack_once(workspace, names, root) {
        Ok(unpacked) => ui::note(&format!("{}: {unpacked}", workspace.display(root))),
        Err(error) => ui::note(&ui::paint(ui::Paint::Bad, &format!("{otherwise}: {error:#}"))),
    }
}

fn peers() -> Vec<&'static str> {
    let (networkd, package) = NETWORKD;
    PEERS.into_iter().chain((!Path::new(networkd).exists()).then_some(package)).collect()
}

fn peers_root(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("peers")
}

fn valgrind_root(workspace: &Workspace) -> PathBuf {
    workspace.tools().join(VALGRIND)
}

/// Replaces this process by the program, which handles Ctrl-C itself; its exit code becomes that of the task.
fn become_program(workspace: &Workspace, program: PathBuf, args: &Args) -> Result<std::convert::Infallible> {
    let mut command = Command::new(program);
    command
        .args(&args.words)
        .env("AUTORA_BIN", workspace.daemon())
        .env("AUTORA_PEERS", peers_root(workspace))
        .env("AUTORA_VALGRIND", valgrind_root(workspace));
    // For the benchmarks that run cargo.
    let target = workspace.daemon().ancestors().nth(2).map(PathBuf::from);
    command.envs(target.map(|target| ("CARGO_TARGET_DIR", target)));
    Err(command.exec()).context("cannot start the benchmarks")
}

impl Args {
    fn asks(&self, flags: &[&str]) -> bool {
        self.words.iter().any(|word| flags.iter().any(|flag| word == flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_found_at_any_position() {
        let args = Args { words: ["start", "--no-peers", "--json"].map(OsString::from).to_vec() };
        assert!(args.asks(&["--no-peers"]));
        assert!(!args.asks(&["--help", "-h", "--list"]));
    }
}
