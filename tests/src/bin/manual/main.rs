//! Writes manual pages and shell completions from the description of the command line.
//!
//! The development tasks run it as a program of its own (`cargo xtask man`, `cargo xtask completions`), so
//! that they compile without the daemon.

mod completions;
mod page;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use autora::commands::Cli;
use clap::{Command, CommandFactory, Parser};

/// Writes manual pages or completions of autora.
#[derive(Debug, Parser)]
#[command(name = "manual", disable_help_subcommand = true)]
enum What {
    /// autora.8, and a page for each subcommand
    Man {
        /// The folder to write to
        folder: PathBuf,
    },
    /// autora.bash, _autora for zsh, autora.fish
    Completions {
        /// The folder to write to
        folder: PathBuf,
    },
}

fn main() -> Result<()> {
    let (folder, files) = match What::parse() {
        What::Man { folder } => (folder, page::all(&autora())?),
        What::Completions { folder } => (folder, completions::all(&autora())),
    };
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in files {
        let file = folder.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Returns the command line with the arguments that clap adds. `autora help COMMAND` has no page of its own.
fn autora() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}
