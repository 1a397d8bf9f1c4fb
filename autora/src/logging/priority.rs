//! The priorities of lines in the journal.

use tracing::Level;

/// Returns the priority of `syslog(3)`.
pub(super) fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
