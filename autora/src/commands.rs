//! What the binary does: one file for each subcommand, and the daemon, which has none.
//!
//! A command has arguments of its own (`Args`) and a `run` that returns its [`Outcome`]. Whatever it cannot do it says
//! in one shape, see [`crate::error`].

pub mod explain;
pub mod serve;

use std::process::ExitCode;

use crate::{
    cli::Command,
    error::{self, Failure},
};

/// It failed, for a reason that is none of the following.
pub const EXIT_FAILURE: u8 = 1;
/// Wrong usage or settings; clap ends with the same.
pub const EXIT_USAGE: u8 = 2;
/// It worked, and the answer is no: an interface that was asked for is not served.
pub const EXIT_NOT_SERVED: u8 = 3;

/// How a command ends: with an exit code of its own, or with [`EXIT_FAILURE`] and a complaint.
pub type Outcome = Result<ExitCode, Failure>;

/// Runs a subcommand to its end.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Explain(args) => explain::run(&args),
    };
    outcome.unwrap_or_else(|failure| {
        error::complain(&failure);
        ExitCode::from(EXIT_FAILURE)
    })
}
