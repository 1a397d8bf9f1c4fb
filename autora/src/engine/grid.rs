//! A grid of instants: unsolicited RAs of many interfaces leave in one wake-up.

use std::time::Duration;

use super::BootInstant;

/// The distance of two instants of the grid.
const SLOT: Duration = Duration::from_millis(250);

/// The grid of one process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendGrid {
    phase: Duration,
}

impl SendGrid {
    /// Returns the grid with an instant `phase` after boot. Processes with random phases do not wake up together.
    #[must_use]
    pub const fn with_phase(phase: Duration) -> Self {
        Self { phase: remainder(phase) }
    }

    /// Returns the first instant of the grid from `at` on, but none after `latest`: then the last one before, but
    /// none before `earliest`: then `at`.
    pub(super) fn align(self, at: BootInstant, earliest: BootInstant, latest: BootInstant) -> BootInstant {
        let passed = remainder((at.since_boot() + SLOT).saturating_sub(self.phase));
        if passed.is_zero() {
            return at;
        }
        let before = at.since_boot().checked_sub(passed).map(BootInstant::from_boot);
        let after = at + SLOT.saturating_sub(passed);
        match before {
            _ if after <= latest => after,
            Some(before) if before >= earliest => before,
            Some(_) | None => at,
        }
    }
}

/// Returns the time since the last whole slot. A second is a whole number of slots.
const fn remainder(time: Duration) -> Duration {
    Duration::from_nanos((time.subsec_nanos() % SLOT.subsec_nanos()) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> BootInstant {
        BootInstant::from_boot(Duration::from_millis(millis))
    }

    #[test]
    fn an_instant_is_postponed_to_the_grid_within_its_bounds() {
        let grid = SendGrid::with_phase(Duration::from_millis(1_030));
        for (drawn, earliest, latest, expected) in [
            (10_030, 0, 20_000, 10_030),
            (10_031, 0, 20_000, 10_280),
            (10_279, 0, 10_280, 10_280),
            (10_279, 0, 10_279, 10_030),
            (10_279, 10_030, 10_279, 10_030),
            (10_279, 10_031, 10_279, 10_279),
            (10, 0, 20, 10),
            (10, 0, 30, 30),
        ] {
            assert_eq!(grid.align(at(drawn), at(earliest), at(latest)), at(expected), "{drawn} {earliest} {latest}");
        }
    }

    proptest! {
        /// The instant stays within its bounds, and is off the grid only if the grid has none within them.
        #[test]
        fn an_aligned_instant_is_within_its_bounds(
            phase in 0..5_000_u64,
            earliest in 1_000..2_000_u64,
            to_drawn in 0..1_000_u64,
            to_latest in 0..1_000_u64,
        ) {
            let drawn = earliest + to_drawn;
            let latest = drawn + to_latest;
            let aligned = SendGrid::with_phase(Duration::from_millis(phase)).align(at(drawn), at(earliest), at(latest));
            let is_on_grid = |millis: u64| (millis + 250 * 20 - phase).is_multiple_of(250);
            let aligned = u64::try_from(aligned.since_boot().as_millis()).unwrap();
            prop_assert!((earliest..=latest).contains(&aligned));
            prop_assert_eq!(is_on_grid(aligned), (earliest..=latest).any(is_on_grid));
            prop_assert!(is_on_grid(aligned) || aligned == drawn);
            if let Some(next) = (drawn..=latest).find(|millis| is_on_grid(*millis)) {
                prop_assert_eq!(aligned, next, "later rather than earlier");
            }
        }
    }
}
