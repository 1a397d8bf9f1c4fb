//! Where the log goes.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;

/// From here on events are written to standard error.
pub fn set_up(level: LevelFilter) {
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // Complaining about a log that cannot be written would go to the same place, and panic.
        .log_internal_errors(false)
        .with_writer(io::stderr)
        .init();
}
