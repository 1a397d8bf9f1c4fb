//! `cargo xtask deny`: licences, versions and origins of all crates, and what is known against them.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{process, setup::cargo_tool::CARGO_DENY, ui, workspace::Workspace};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fail if the database of advisories cannot be had
    #[arg(long)]
    advisories: bool,
}

/// As a step of the tests: what can be had is checked.
pub(crate) fn crates(workspace: &Workspace) -> Result<()> {
    run(workspace, &Args { advisories: false })
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if !CARGO_DENY.is_here(workspace) {
        CARGO_DENY.install(workspace)?;
    }
    process::run(&mut deny(workspace, &["check", "--deny", "warnings", "bans", "licenses", "sources"]))
        .context("crates are not as deny.toml wants them")?;
    let log = workspace.log("advisories");
    // From GitHub by git, which not every machine reaches.
    let fetched =
        process::status_logged("fetching advisories", &mut deny(workspace, &["fetch", "db"]), &log)?
            .success();
    if fetched {
        return process::run(&mut deny(workspace, &["check", "--disable-fetch", "advisories"]))
            .context("something is known against crates in use");
    }
    ensure!(!args.advisories, "the database of advisories cannot be had\n{}", process::end_of(&log));
    let why =
        "ADVISORIES WERE NOT CHECKED: their database cannot be had here (--advisories makes that a failure)";
    ui::note(&ui::paint(ui::Paint::Bad, why));
    Ok(())
}

fn deny(workspace: &Workspace, args: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    // It asks the cargo that runs us.
    command.args(["--kill-after=10s", "5m"]).arg(CARGO_DENY.path(workspace)).current_dir(workspace.root());
    command.args(["--workspace", "--locked"]).args(args);
    command
}
