//! `cargo xtask soak`: the daemon for a long time, among much that happens.
//!
//! The program `soak` of the tests does it; the options are its own.

use std::{convert::Infallible, ffi::OsString, os::unix::process::CommandExt, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    build::{daemon, dev},
    process,
    setup::{self, Scope},
    ui,
    workspace::Workspace,
};

/// The length of the run in `cargo xtask test --all`.
const SHORT: &str = "2m";

/// The arguments, handed on unread.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// For how long, and how; --help prints the options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    words: Vec<OsString>,
}

/// Builds what the run needs, then becomes the program `soak`. Returns only on an error.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<Infallible> {
    let is_help = args.has("--help") || args.has("-h");
    ensure!(
        is_help || process::is_root(),
        "the run makes network namespaces, which only root may: run it as root (in a root shell, as `sudo -s` gives \
         one, so that cargo is found)"
    );
    if !is_help && !args.names_daemon() {
        let toolchain = setup::ensure(workspace, Scope::Namespaces)?;
        daemon::with(workspace, &toolchain)?;
    }
    let program = dev::program(workspace, "soak")?;
    // Replaces this process: the program handles Ctrl-C itself, and its exit code becomes that of the task.
    let error = Command::new(program).args(&args.words).env("AUTORA_BIN", workspace.daemon()).exec();
    Err(error).context("cannot start the run")
}

/// Runs the short form with a daemon and the program that are compiled.
pub(crate) fn short(workspace: &Workspace, daemon: &Path) -> Result<()> {
    ui::note(&format!("{SHORT} of what `cargo xtask soak` does for longer"));
    let mut soak = Command::new(dev::compiled(workspace, "soak"));
    process::run(soak.args(["--time", SHORT]).arg("--autora").arg(daemon)).context("a rule was broken")
}

impl Args {
    fn has(&self, flag: &str) -> bool {
        self.words.iter().any(|word| word == flag)
    }

    /// Returns whether the daemon is another one than that of the checkout.
    fn names_daemon(&self) -> bool {
        let is_option = |word: &OsString| word.to_string_lossy().split('=').next() == Some("--autora");
        self.has("--installed") || self.words.iter().any(is_option)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_is_named_is_not_built() {
        let args = |words: &[&str]| Args { words: words.iter().map(OsString::from).collect() };
        assert!(!args(&["--time", "5m", "--json"]).names_daemon());
        for words in [&["--installed"][..], &["--time=5m", "--autora", "/x"], &["--autora=/x"]] {
            assert!(args(words).names_daemon(), "{words:?}");
        }
    }
}
