//! Packets that the kernel dropped at the receiving socket: a warning for the first, and at most one an hour
//! for more.
//!
//! A guest can cause it, with a flood behind the classic filter or with wrong checksums, so nothing but a
//! warning follows.

use std::mem;

use tracing::warn;

use super::hourly_warning::HourlyWarning;
use crate::engine::BootInstant;

/// The kernel's counter as it was last read.
#[derive(Debug, Default)]
pub(super) struct SocketDrops {
    counted: u32,
    warning: HourlyWarning,
}

impl SocketDrops {
    /// Takes the counter's present value, and logs a warning if it has changed. The counter wraps.
    pub(super) fn update(&mut self, counted: u32, now: BootInstant) {
        if self.deserves_warning(counted, now) {
            warn!(
                socket_drops = counted,
                "the kernel dropped packets at the receiving socket: its buffer was full, or their checksum was wrong; \
                 solicitations may be among them, which guests repeat; look for a guest that floods"
            );
        }
    }

    /// Returns whether the counter has changed, and the last warning is long enough ago. Notes the warning.
    fn deserves_warning(&mut self, counted: u32, now: BootInstant) -> bool {
        let has_changed = mem::replace(&mut self.counted, counted) != counted;
        has_changed && self.warning.admits(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_drop_causes_a_warning_and_later_ones_at_most_one_an_hour() {
        let mut drops = SocketDrops::default();
        for (seconds, counted, expected) in [
            (0, 0, false),
            (30, 1, true),
            (60, 1, false),
            (90, 500, false),
            (3_629, 501, false),
            // Changed since the last warning, but not since the last reading.
            (3_630, 501, false),
            (3_660, 502, true),
            (9_000, 0, true),
            (9_030, 0, false),
        ] {
            let now = BootInstant::from_boot(Duration::from_secs(seconds));
            assert_eq!(drops.deserves_warning(counted, now), expected, "{counted} at {seconds} s");
        }
    }
}
