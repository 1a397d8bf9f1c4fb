//! The grace: a pair that goes is waited for, and what is true at the end of the second decides.

use std::time::Duration;

use autora::engine::BootInstant;

use super::bounds::GRACE;

/// Whether the pair that guests were told is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is, or nothing was told.
    Steady,
    /// It has gone and is waited for.
    Waiting(Wait),
    /// It has gone and is no longer waited for.
    Over,
    /// The interface was down or had no IPv6, and has not been served since: nothing is owed.
    Lost,
}

/// How a pair is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// The second, which runs only with a carrier.
    window: Option<Window>,
    /// Whether an earlier second may have been over.
    may_be_over: bool,
}

/// When a second ends. The rules leave open whether a pair is waited for whose lifetimes have run out, or
/// whether one is back that came as late as the wake-up at the end: then it ends between two instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    earliest: BootInstant,
    latest: BootInstant,
}

/// Before any RA of the turn in which a wait begins.
const BEFORE: BootInstant = BootInstant::from_boot(Duration::ZERO);

impl Wait {
    /// Returns the wait for a pair that goes now; `strict` is whether it has to be waited for.
    pub(super) fn new(carrier: bool, strict: bool, now: BootInstant) -> Self {
        let wait = Self { window: None, may_be_over: !strict };
        if carrier { wait.running(now) } else { wait }
    }

    fn running(self, now: BootInstant) -> Self {
        let latest = now + GRACE;
        let earliest = if self.may_be_over { BEFORE } else { latest };
        Self { window: Some(Window { earliest, latest }), ..self }
    }

    /// Returns the wait after the carrier was seen: without one it stops, and with one again a full second
    /// begins. `strict` is whether the pair has to be waited for.
    pub(super) fn with_carrier(self, carrier: bool, strict: bool, now: BootInstant) -> Self {
        let may_be_over = self.may_be_over || !strict;
        match self.window {
            None if carrier => Self { may_be_over, ..self }.running(now),
            Some(_) if !carrier => Self { window: None, may_be_over: may_be_over || self.may_end(now) },
            // What may be over may be waited for again, as something else than before.
            Some(Window { earliest, latest }) if may_be_over => {
                let latest = latest.max(now + GRACE);
                Self { window: Some(Window { earliest: earliest.min(now), latest }), may_be_over }
            }
            Some(_) | None => self,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.window.is_some()
    }

    /// Returns whether the second may be over at `now`.
    pub(super) fn may_end(&self, now: BootInstant) -> bool {
        self.window.is_some_and(|window| window.earliest <= now)
    }

    pub(super) const fn may_be_over(&self) -> bool {
        self.may_be_over
    }

    /// Returns when the second is over at the latest, if it runs.
    pub(super) fn end(&self) -> Option<BootInstant> {
        self.window.map(|window| window.latest)
    }
}

impl Phase {
    /// Returns the wait, if the pair is waited for.
    pub(super) const fn wait(&self) -> Option<&Wait> {
        match self {
            Self::Waiting(wait) => Some(wait),
            Self::Steady | Self::Over | Self::Lost => None,
        }
    }

    /// Returns whether nothing may leave at `now`, because the pair is waited for.
    pub(super) fn holds(&self, now: BootInstant) -> bool {
        self.wait().is_some_and(|wait| !wait.may_end(now))
    }
}
