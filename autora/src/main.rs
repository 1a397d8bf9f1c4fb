//! The autora binary: the daemon, and the commands around it.

use std::process::ExitCode;

use autora::{cli, commands};

fn main() -> ExitCode {
    commands::run(cli::parse())
}
