//! `autora` without a subcommand: the daemon, its dry run, and the check of its settings.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::{EXIT_FAILURE, EXIT_USAGE};
use crate::{cli::DaemonArgs, config::Config, daemon, error, logging};

/// Runs the daemon until it is asked to stop, or checks its settings if that is all that is wanted.
#[must_use]
pub fn run(args: &DaemonArgs) -> ExitCode {
    let config = match Config::try_from(args) {
        Ok(config) => config,
        Err(error) => return fail(&error, EXIT_USAGE),
    };
    if args.check {
        return show(&config);
    }
    logging::set_up(config.log_level.into());
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match run_daemon(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, EXIT_FAILURE),
    }
}

fn run_daemon(config: Config) -> Result<(), daemon::StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(daemon::run(config))
}

fn show(config: &Config) -> ExitCode {
    for warning in &config.warnings {
        error::warn(warning);
    }
    match write!(io::stdout(), "{config}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, EXIT_FAILURE),
    }
}

fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    error::complain(&error::chain(error));
    ExitCode::from(code)
}
