//! `autora` without a subcommand: the daemon, its dry run, and the check of its settings.

use std::process::ExitCode;

use super::{Outcome, screen};
use crate::{
    cli::DaemonArgs,
    config::Config,
    daemon,
    error::{self, EXIT_USAGE, Failure},
    logging,
};

/// Runs the daemon until it is asked to stop, or checks its settings if that is all that is wanted.
///
/// # Errors
///
/// When the settings are refused, and when the daemon cannot start.
pub fn run(args: &DaemonArgs) -> Outcome {
    let config = Config::try_from(args).map_err(|error| Failure::new(&error).with_code(EXIT_USAGE))?;
    if args.check {
        for warning in &config.warnings {
            error::warn(warning);
        }
        screen::show(&config.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    logging::set_up(config.log_level.into());
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    run_daemon(config).map_err(|error| Failure::new(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn run_daemon(config: Config) -> Result<(), daemon::StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(daemon::run(config))
}
