//! The autora daemon: reads the arguments, sets up the log, runs, and turns the outcome into an exit code.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use autora::{cli, config::Config, daemon, error, sys::heap};
use tracing::level_filters::LevelFilter;

/// Wrong usage or configuration.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    heap::set_up();
    let cli = cli::parse();
    let config = match Config::try_from(&cli) {
        Ok(config) => config,
        Err(error) => return fail(&error, EXIT_USAGE),
    };
    if cli.check {
        return show(&config);
    }
    set_up_log(config.log_level.into());
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn run(config: Config) -> Result<(), daemon::StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(daemon::run(config))
}

fn show(config: &Config) -> ExitCode {
    for warning in &config.warnings {
        complain("warning", warning);
    }
    match write!(io::stdout(), "{config}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn set_up_log(level: LevelFilter) {
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // Complaining about a log that cannot be written would go to the same place, and panic.
        .log_internal_errors(false)
        .with_writer(io::stderr)
        .init();
}

/// One line: what happened, and what that came from.
fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    complain("error", &error::chain(error));
    ExitCode::from(code)
}

fn complain(kind: &str, what: &dyn std::fmt::Display) {
    // With standard error closed there is nobody left to tell.
    drop(writeln!(io::stderr(), "{kind}: {what}"));
}
