//! The engine's instant: a point on CLOCK_BOOTTIME, passed in by the caller.

use std::{
    num::NonZeroU64,
    ops::{Add, AddAssign},
    time::Duration,
};

/// A point in time on CLOCK_BOOTTIME, the time since boot including suspend.
///
/// `std::time::Instant` is CLOCK_MONOTONIC on Linux, which stops in suspend while the lifetimes that guests
/// hold go on, and it cannot be made from a number. This type can: tests step it and the state file stores
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootInstant(
    /// Nanoseconds plus one, so that an `Option` takes no more space: each interface holds several.
    NonZeroU64,
);

impl BootInstant {
    /// Returns the instant `since_boot` after boot, exact to the nanosecond; saturates after 584 years.
    #[must_use]
    pub const fn from_boot(since_boot: Duration) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanoseconds(since_boot)))
    }

    /// Returns the time since boot.
    #[must_use]
    pub const fn since_boot(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }

    /// Returns the time from `earlier` to this instant; zero if this one is not later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Add<Duration> for BootInstant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(rhs)))
    }
}

impl AddAssign<Duration> for BootInstant {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

const fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_exact_to_the_nanosecond_and_saturate() {
        for nanoseconds in [0, 1, 999_999_999, 1_000_000_000, u64::MAX - 1] {
            let since_boot = Duration::from_nanos(nanoseconds);
            assert_eq!(BootInstant::from_boot(since_boot).since_boot(), since_boot);
        }
        let end = BootInstant::from_boot(Duration::MAX);
        assert_eq!(end.since_boot(), Duration::from_nanos(u64::MAX - 1));
        assert_eq!(end + Duration::MAX, end);
        assert_eq!(BootInstant::from_boot(Duration::ZERO) + Duration::MAX, end);
    }

    #[test]
    fn an_instant_moves_on() {
        let mut at = BootInstant::from_boot(Duration::from_secs(1));
        at += Duration::from_secs(2);
        assert_eq!(at.since_boot(), Duration::from_secs(3));
    }

    #[test]
    fn the_time_since_a_later_instant_is_zero() {
        let at = |seconds| BootInstant::from_boot(Duration::from_secs(seconds));
        assert_eq!(at(5).saturating_since(at(3)), Duration::from_secs(2));
        assert_eq!(at(3).saturating_since(at(5)), Duration::ZERO);
        assert!(at(3) < at(5) && at(3) + Duration::from_secs(2) == at(5));
        assert_eq!(size_of::<Option<BootInstant>>(), 8);
    }
}
