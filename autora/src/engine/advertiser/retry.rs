//! The backoff after failed sends.

use std::time::Duration;

use crate::engine::{BootInstant, rfc4861::MAX_FINAL_RTR_ADVERTISEMENTS};

/// The delay after the first failed send; it doubles up to [`MAX_RETRY_DELAY`].
pub(super) const MIN_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The longest delay between two tries.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(8);

/// Consecutive failed sends.
#[derive(Clone, Debug)]
pub(super) struct Retry {
    tries: u32,
    /// When the last try failed.
    last: BootInstant,
    at: BootInstant,
    /// How many of the tries were of the owed final RA.
    finals: u32,
}

impl Retry {
    /// Returns a backoff without failures.
    pub(super) const fn new(now: BootInstant) -> Self {
        Self { tries: 0, last: now, at: now, finals: 0 }
    }

    /// Records a failure at `now`.
    pub(super) fn failed(&mut self, now: BootInstant) {
        let doublings = self.tries.min(3);
        self.tries = self.tries.saturating_add(1);
        self.last = now;
        self.at = now + (MIN_RETRY_DELAY * (1 << doublings)).min(MAX_RETRY_DELAY);
    }

    /// Records that the failed RA was final. Returns whether it was the last try
    /// [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5).
    pub(super) const fn final_failed(&mut self) -> bool {
        self.finals += 1;
        self.finals >= MAX_FINAL_RTR_ADVERTISEMENTS
    }

    /// Gives the next final RA the full number of tries.
    pub(super) const fn forget_finals(&mut self) {
        self.finals = 0;
    }

    /// Reduces the delay to [`MIN_RETRY_DELAY`], because a change of the interface makes success likelier.
    pub(super) fn soon(&mut self) {
        self.at = self.last + MIN_RETRY_DELAY;
    }

    /// Returns the number of consecutive failures.
    pub(super) const fn tries(&self) -> u32 {
        self.tries
    }

    /// Returns the earliest instant of the next try.
    pub(super) const fn at(&self) -> BootInstant {
        self.at
    }
}
