//! The engine's own instant: a point on CLOCK_BOOTTIME, handed in from outside.

use std::{
    ops::{Add, AddAssign},
    time::Duration,
};

/// A point in time, as the time since boot including time in suspend (CLOCK_BOOTTIME).
///
/// `std::time::Instant` is CLOCK_MONOTONIC on Linux, which stands still in suspend while the lifetimes that guests
/// hold run on, and it cannot be made from a number. This one can, so tests step it and a state file can carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The instant `since_boot` after the machine started.
    #[must_use]
    pub const fn from_boot(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// Time since boot.
    #[must_use]
    pub const fn since_boot(self) -> Duration {
        self.0
    }

    /// How much later this is than `earlier`; zero if it is not later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}
