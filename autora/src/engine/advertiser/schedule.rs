//! When the next RA of an advertising interface is due.

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::engine::{
    BootInstant,
    action::Cause,
    grid::SendGrid,
    parameters::Parameters,
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

/// An RA that has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentRa {
    /// The number of failed tries before it.
    pub failed_before: u32,
    /// How long it took, if a guest may have waited for it.
    pub delay: Option<RaDelay>,
}

/// How long after it could leave an RA left. Failed tries count, duplicate address detection on the source does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaDelay {
    /// The first RA since the interface became fit or had something else to say, after that instant: the 3 s floor
    /// counts.
    First(Duration),
    /// The answer to a solicitation, after it was due.
    Answer(Duration),
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

    /// Returns how long the due RA took that left at `now` and could leave since `ready_at`. None is due but the first
    /// RA until that has left: an answer would be due later.
    pub(super) fn delay(self, ready_at: Option<BootInstant>, now: BootInstant) -> Option<RaDelay> {
        let delay = now.saturating_since(self.next.max(ready_at.unwrap_or(self.next)));
        match (self.solicited, self.initial_left) {
            (true, _) => Some(RaDelay::Answer(delay)),
            (false, MAX_INITIAL_RTR_ADVERTISEMENTS) => Some(RaDelay::First(delay)),
            (false, _) => None,
        }
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
    pub(super) fn on_sent(&mut self, parameters: &Parameters, grid: SendGrid, now: BootInstant, rng: &mut impl Rng) {
        self.initial_left = self.initial_left.saturating_sub(1);
        self.solicited = false;
        self.next = parameters.draw_next(self.initial_left > 0, grid, now, rng);
    }
}
