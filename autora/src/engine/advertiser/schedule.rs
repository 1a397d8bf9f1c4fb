//! When the next RA of an advertising interface is due.

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::engine::{
    BootInstant,
    action::Cause,
    parameters::Parameters,
    rest::Rest,
    rfc4861::{MAX_INITIAL_RTR_ADVERTISEMENTS, MAX_RA_DELAY_TIME},
};

/// The next RA, the floor of 3 s aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    next: BootInstant,
    solicited: bool,
    /// RAs left of the initial burst.
    initial_left: u8,
}

/// An RA that a solicitation has scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SolicitedRa {
    /// The random delay that was drawn.
    pub delay: Duration,
    /// When the RA is due: the delay after the solicitation or after the end of the 3 s floor.
    pub due: BootInstant,
}

impl Schedule {
    /// Returns the schedule of an initial burst from `now` on.
    pub(super) const fn begin(now: BootInstant) -> Self {
        Self { next: now, solicited: false, initial_left: MAX_INITIAL_RTR_ADVERTISEMENTS }
    }

    /// Returns when the next RA is due.
    pub(super) const fn next(self) -> BootInstant {
        self.next
    }

    /// Returns the cause of the next RA.
    pub(super) const fn cause(self) -> Cause {
        if self.solicited { Cause::Solicited } else { Cause::Unsolicited }
    }

    /// Schedules an RA after a solicitation at `now`, unless one is due sooner. `floor` is the earliest instant of the
    /// next RA.
    pub(super) fn on_solicit(
        &mut self,
        floor: Option<BootInstant>,
        now: BootInstant,
        rng: &mut impl Rng,
    ) -> Option<SolicitedRa> {
        if self.solicited {
            return None;
        }
        // "... at a time corresponding to MIN_DELAY_BETWEEN_RAS plus the random value after the previous
        // advertisement was sent" [RFC 4861 6.2.6]; the backoff after a failed send is treated the same.
        let delay = rng.random_range(Duration::ZERO..=MAX_RA_DELAY_TIME);
        let due = floor.map_or(now, |floor| floor.max(now)) + delay;
        if due >= self.next {
            return None;
        }
        self.next = due;
        self.solicited = true;
        Some(SolicitedRa { delay, due })
    }

    /// Draws when the next RA is due after one that left at `now`.
    pub(super) fn on_sent(&mut self, parameters: &Parameters, rest: Rest, now: BootInstant, rng: &mut impl Rng) {
        self.initial_left = self.initial_left.saturating_sub(1);
        self.solicited = false;
        self.next = parameters.draw_next(self.initial_left > 0, rest, now, rng);
    }
}
