//! Notifications of the kernel that were lost: a warning for the first overrun, and at most one an hour for more.
//!
//! Guests that start and stop by the hundred can cause it, so nothing but a warning and a resync follows.

use std::mem;

use tracing::warn;

use super::hourly_warning::HourlyWarning;
use crate::engine::BootInstant;

/// The number of overruns as it was last read and last logged.
#[derive(Debug, Default)]
pub(super) struct Overruns {
    counted: u64,
    logged: u64,
    warning: HourlyWarning,
}

impl Overruns {
    /// Takes the present number of overruns since the start, and logs a warning if there are new ones.
    pub(super) fn update(&mut self, counted: u64, now: BootInstant) {
        if let Some(overruns) = self.unlogged(counted, now) {
            warn!(
                overruns,
                total = counted,
                "notifications of the kernel were lost, as the receive buffer was full: a resync follows; while it \
                 happens again and again, one a second"
            );
        }
    }

    /// Returns the number of overruns since the last warning, if there are new ones and that is long enough ago. Notes
    /// the warning.
    fn unlogged(&mut self, counted: u64, now: BootInstant) -> Option<u64> {
        let has_changed = mem::replace(&mut self.counted, counted) != counted;
        let is_due = has_changed && self.warning.admits(now);
        is_due.then(|| counted - mem::replace(&mut self.logged, counted))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_overrun_causes_a_warning_and_later_ones_at_most_one_an_hour_with_their_number() {
        let mut overruns = Overruns::default();
        for (seconds, counted, expected) in [
            (0, 0, None),
            (30, 1, Some(1)),
            (30, 2, None),
            (31, 500, None),
            (3_629, 501, None),
            // More since the last warning, but none since the last reading.
            (3_630, 501, None),
            (3_660, 502, Some(501)),
            (9_000, 504, Some(2)),
            (9_001, 505, None),
        ] {
            let now = BootInstant::from_boot(Duration::from_secs(seconds));
            assert_eq!(overruns.unlogged(counted, now), expected, "{counted} at {seconds} s");
        }
    }
}
