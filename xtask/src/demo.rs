//! `cargo xtask demo`: everything a newcomer needs, then the main job before their eyes.
//!
//! The demonstration itself is the program `demo` of the tests, which has network namespaces, captures and decoding
//! at hand; this one stays small enough to be compiled first on a new machine.

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Context, Result, bail};

use crate::{
    build, process,
    setup::{self, Scope},
    ui,
    workspace::Workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Passed on to the demonstration
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    if !process::is_root() {
        bail!(
            "the demonstration makes network namespaces, which only root may: run it as root (for example in a root shell, `sudo -s`)"
        );
    }
    let toolchain = setup::ensure(workspace, Scope::Namespaces)?;
    let daemon = build::with(workspace, &toolchain)?;
    ui::heading("demonstration");
    let mut cargo = workspace.cargo(["run", "--quiet", "--release", "--locked", "--package", "autora-tests"]);
    cargo.args(["--bin", "demo", "--"]).args(&args.arguments).env("AUTORA_BIN", daemon);
    let status = cargo.status().context("cannot start cargo")?;
    Ok(u8::try_from(status.code().unwrap_or(1)).map_or(ExitCode::FAILURE, ExitCode::from))
}
