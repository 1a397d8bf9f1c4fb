//! `cargo xtask bench`: autora beside the other daemons of this distribution, measured.
//!
//! The measuring itself is the program `bench` of the tests, and so are its options.

mod callgrind;
mod peers;

use std::{ffi::OsString, os::unix::process::CommandExt, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    build, process,
    setup::{self, Scope},
    ui,
    workspace::Workspace,
};

/// Taken as they are: --help and --list tell of them.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// What to measure, and how: see --help
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME|OPTION")]
    words: Vec<OsString>,
}

/// Returns only if it could not come to the measuring.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<std::convert::Infallible> {
    if args.asks(&["--help", "-h", "--list"]) {
        let program = compile(workspace)?;
        return become_it(workspace, program, args);
    }
    if !process::is_root() {
        bail!(
            "the benchmarks make network namespaces, which only root may: run them as root (in a root shell, as \
             `sudo -s` gives one, so that cargo is found)"
        );
    }
    let toolchain = setup::ensure(workspace, Scope::Namespaces)?;
    build::with(workspace, &toolchain)?;
    if !args.asks(&["--no-peers"]) {
        ui::heading("the other daemons");
        peers::fetch(workspace);
        callgrind::fetch(workspace);
    }
    ui::heading("benchmarks");
    let program = compile(workspace)?;
    become_it(workspace, program, args)
}

/// After the filter, which it carries too.
fn compile(workspace: &Workspace) -> Result<PathBuf> {
    let build = ["build", "--release", "--locked", "--package", "autora-tests", "--bin", "bench"];
    process::run(&mut workspace.cargo(build)).context("the benchmarks do not compile")?;
    Ok(workspace.daemon().with_file_name("bench"))
}

/// Goes on as the program: it deals with Ctrl-C itself, and its exit code is ours.
fn become_it(workspace: &Workspace, program: PathBuf, args: &Args) -> Result<std::convert::Infallible> {
    let mut command = Command::new(program);
    command
        .args(&args.words)
        .env("AUTORA_BIN", workspace.daemon())
        .env("AUTORA_PEERS", peers::root(workspace))
        .env("AUTORA_VALGRIND", callgrind::root(workspace));
    // For what cargo itself measures.
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
    fn flags_are_found_wherever_they_stand() {
        let args = Args { words: ["start", "--no-peers", "--json"].map(OsString::from).to_vec() };
        assert!(args.asks(&["--no-peers"]));
        assert!(!args.asks(&["--help", "-h", "--list"]));
    }
}
