//! What all answers have in common.

use std::time::Duration;

/// Version of the format, as the paths carry it.
pub const VERSION: u32 = 1;

/// How a prefix is written.
#[cfg(test)]
pub(super) const PREFIX: &str = "^[0-9a-f:]+/64$";

/// Returns `duration` in seconds, rounded to the millisecond.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}
