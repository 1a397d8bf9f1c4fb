//! When the next try to send is made after one that failed.

use std::time::Duration;

use crate::engine::{BootInstant, rfc4861::MAX_FINAL_RTR_ADVERTISEMENTS};

/// The wait after a first failed send; it doubles up to [`MAX_RETRY_DELAY`].
pub(super) const MIN_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The longest wait between two tries to send.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(8);

/// Tries to send that failed in a row.
#[derive(Clone, Debug)]
pub(super) struct Retry {
    tries: u32,
    /// When the last of them failed.
    last: BootInstant,
    at: BootInstant,
    /// How many of them were tries to send the final RA that is owed.
    finals: u32,
}

impl Retry {
    /// Returns one without a failure yet.
    pub(super) const fn new(now: BootInstant) -> Self {
        Self { tries: 0, last: now, at: now, finals: 0 }
    }

    /// Notes a failure at `now`.
    pub(super) fn failed(&mut self, now: BootInstant) {
        let doublings = self.tries.min(3);
        self.tries = self.tries.saturating_add(1);
        self.last = now;
        self.at = now + (MIN_RETRY_DELAY * (1 << doublings)).min(MAX_RETRY_DELAY);
    }

    /// Notes that it was a final RA that failed. Returns whether that was the last try
    /// [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5).
    pub(super) const fn final_failed(&mut self) -> bool {
        self.finals += 1;
        self.finals >= MAX_FINAL_RTR_ADVERTISEMENTS
    }

    /// Gives the next final RA all its tries.
    pub(super) const fn forget_finals(&mut self) {
        self.finals = 0;
    }

    /// Shortens the wait to the shortest one: something has changed, so the next try is worth more than the last.
    pub(super) fn soon(&mut self) {
        self.at = self.last + MIN_RETRY_DELAY;
    }

    /// Returns how many tries have failed in a row.
    pub(super) const fn tries(&self) -> u32 {
        self.tries
    }

    /// Returns when the next try may be made.
    pub(super) const fn at(&self) -> BootInstant {
        self.at
    }
}
