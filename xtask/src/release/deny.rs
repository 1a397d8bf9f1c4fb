//! `cargo xtask deny`: checks licences, versions, sources and advisories of all crates, by cargo-deny.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{process, setup::cargo_tool::CARGO_DENY, ui, workspace::Workspace};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fail if the database of advisories cannot be fetched
    #[arg(long)]
    advisories: bool,
}

/// Checks the crates as a step of `cargo xtask test`: advisories only if their database can be fetched.
pub(crate) fn crates(workspace: &Workspace) -> Result<()> {
    run(workspace, &Args { advisories: false })
}

/// Checks the crates against `deny.toml`, and for advisories.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if !CARGO_DENY.is_here(workspace) {
        CARGO_DENY.install(workspace)?;
    }
    process::run(&mut deny(workspace, &["check", "--deny", "warnings", "bans", "licenses", "sources"]))
        .context("some crates break the rules of deny.toml")?;
    let log = workspace.log("advisories");
    // The database comes from GitHub by git, which not every machine can reach.
    let fetched =
        process::status_logged("fetching advisories", &mut deny(workspace, &["fetch", "db"]), &log)?.success();
    if fetched {
        return process::run(&mut deny(workspace, &["check", "--disable-fetch", "advisories"]))
            .context("there are advisories about crates in use");
    }
    ensure!(!args.advisories, "cannot fetch the database of advisories\n{}", process::end_of(&log));
    let why = "ADVISORIES WERE NOT CHECKED: cannot fetch their database (`cargo xtask deny --advisories` fails then)";
    ui::note(&ui::paint(ui::Paint::Bad, why));
    Ok(())
}

fn deny(workspace: &Workspace, args: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10s", "5m"]).arg(CARGO_DENY.path(workspace)).current_dir(workspace.root());
    command.args(["--workspace", "--locked"]).args(args);
    command
}
