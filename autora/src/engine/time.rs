//! The engine's own instant: a point on CLOCK_BOOTTIME, handed in from outside.

use std::{
    num::NonZeroU64,
    ops::{Add, AddAssign},
    time::Duration,
};

/// A point in time, as the time since boot including time in suspend (CLOCK_BOOTTIME).
///
/// `std::time::Instant` is CLOCK_MONOTONIC on Linux, which stands still in suspend while the lifetimes that guests
/// hold run on, and it cannot be made from a number. This one can, so tests step it and a state file can carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootInstant(
    /// Nanoseconds and one more, so that an `Option` of it takes no more room: there are several for each interface.
    NonZeroU64,
);

impl BootInstant {
    /// The instant `since_boot` after the machine started, to the nanosecond; of what is further away than 584 years,
    /// only that.
    #[must_use]
    pub const fn from_boot(since_boot: Duration) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanoseconds(since_boot)))
    }

    /// Time since boot.
    #[must_use]
    pub const fn since_boot(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }

    /// How much later this is than `earlier`; zero if it is not later.
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
    fn it_is_exact_from_boot_to_the_end_of_all_counting() {
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
    fn later_and_earlier() {
        let at = |seconds| BootInstant::from_boot(Duration::from_secs(seconds));
        assert_eq!(at(5).saturating_since(at(3)), Duration::from_secs(2));
        assert_eq!(at(3).saturating_since(at(5)), Duration::ZERO);
        assert!(at(3) < at(5) && at(3) + Duration::from_secs(2) == at(5));
        assert_eq!(size_of::<Option<BootInstant>>(), 8);
    }
}
