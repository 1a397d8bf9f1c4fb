//! What one daemon leaves to the next: what guests still believe because of it.
//!
//! Plain data: the fleet hands it out and takes it back, `sys::state_file` keeps it in between.

use std::time::Duration;

use super::{Instant, advertiser::MIN_DELAY_BETWEEN_RAS};
use crate::addr::{IfIndex, LinkLocal, Prefix64};

/// Everything that survives a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// How complete it is.
    pub completeness: Completeness,
    /// The interfaces that guests were told something on; in no order.
    pub interfaces: Vec<Remembered>,
}

/// Whether the daemon had the time to say how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It stopped in good order: every instant is exact.
    Clean,
    /// It was killed, or still ran: it may have sent on any interface until a moment ago, and may have promised the
    /// present prefixes once more, for this Valid Lifetime.
    Unclean {
        /// The Valid Lifetime that it advertised.
        valid_lifetime: Duration,
    },
}

/// What is remembered of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its index.
    pub index: IfIndex,
    /// Its name. An index whose interface has another one now may have been given to somebody else.
    pub name: String,
    /// What its guests were told.
    pub past: Past,
}

/// What has changed in a memory: the present state of one interface in it, whatever it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// This is remembered of it now.
    Known(Remembered),
    /// Nothing is.
    Gone(IfIndex),
}

/// What guests were told on one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The source that they hold as a router.
    pub announced: Option<LinkLocal>,
    /// The prefix that was advertised last, and until when its Valid Lifetime runs.
    pub promised: Option<Promise>,
    /// Prefixes that went while a promise for them still runs; the oldest first.
    pub withdrawn: Vec<Promise>,
    /// When the last advertisement left.
    pub last_sent: Option<Instant>,
}

/// A prefix that guests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The prefix.
    pub prefix: Prefix64,
    /// When its Valid Lifetime is over.
    pub until: Instant,
}

impl Memory {
    /// What has to be taken for true at `now`: after an unclean end the worst, and never that something was sent later.
    #[must_use]
    pub fn at(mut self, now: Instant) -> Self {
        for Remembered { past, .. } in &mut self.interfaces {
            match self.completeness {
                Completeness::Clean => past.last_sent = past.last_sent.min(Some(now)),
                Completeness::Unclean { valid_lifetime } => {
                    past.last_sent = Some(now);
                    if let Some(promise) = &mut past.promised {
                        promise.until = promise.until.max(now + valid_lifetime);
                    }
                }
            }
            // Nobody holds what has run out meanwhile, so that a goodbye must not bring it back.
            past.promised.take_if(|promise| promise.until <= now);
        }
        self
    }
}

impl Past {
    /// Whether it makes a difference to what may or must be sent at `now`.
    #[must_use]
    pub fn matters(&self, now: Instant) -> bool {
        let runs = |promise: &Promise| promise.until > now;
        self.announced.is_some()
            || self.promised.iter().any(runs)
            || self.withdrawn.iter().any(runs)
            || self.last_sent.is_some_and(|sent| sent + MIN_DELAY_BETWEEN_RAS > now)
    }
}
