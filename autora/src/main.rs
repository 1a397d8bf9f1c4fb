//! The autora binary: the daemon, and the commands around it.

use std::process::ExitCode;

use autora::{cli, commands};

fn main() -> ExitCode {
    let cli = cli::parse();
    match cli.command {
        Some(command) => commands::run(command),
        None => commands::serve::run(&cli.daemon),
    }
}
