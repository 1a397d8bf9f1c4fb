//! What the binary does: one file for each subcommand, and the daemon, which has none.
//!
//! A command has arguments of its own (`Args`) and a `run` that returns its [`Outcome`]. Whatever it cannot do it says
//! in one shape, see [`crate::error`].

mod client;
pub mod explain;
pub mod monitor;
mod screen;
pub mod serve;
pub mod status;
pub mod wait;

use std::process::ExitCode;

use crate::{
    cli::{Cli, Command},
    error::Failure,
};

/// It worked, and the answer is no: an interface that was asked for is not served.
pub const EXIT_NOT_SERVED: u8 = 3;

/// What to do where the kernel's netlink does not answer.
const NETLINK_ADVICE: &str = "a sandbox must allow AF_NETLINK; if nothing is in the way, try again";

/// How a command ends: with an exit code of its own, or with a [`Failure`], which has one and is said on
/// standard error.
pub type Outcome = Result<ExitCode, Failure>;

/// Runs what was asked for to its end.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        None => serve::run(&cli.daemon),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Status(args)) => status::run(&args),
        Some(Command::Wait(args)) => wait::run(&args),
        Some(Command::Monitor(args)) => monitor::run(&args),
    };
    outcome.unwrap_or_else(|failure| failure.report())
}
