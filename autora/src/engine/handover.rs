//! What one process leaves to the next: what hosts still believe because of it.
//!
//! Plain data: the fleet hands it out and takes it back, `sys::state_file` keeps it in between.

use std::time::Duration;

use super::{BootInstant, rfc4861::MIN_DELAY_BETWEEN_RAS};
use crate::addr::{IfIndex, LinkLocal, Prefix64};

/// How many retired prefixes are advertised at most; beyond that the oldest goes first.
pub(super) const MAX_RETIRED: usize = 8;

/// Everything that survives a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// How the process that saved it ended.
    pub ending: Ending,
    /// The interfaces on which hosts were told something; in no order.
    pub interfaces: Vec<SavedInterface>,
}

/// How a process ended, and so how much its saved state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It stopped in good order: every instant is exact.
    Clean,
    /// It was killed, or still ran: it may have sent on any interface until a moment ago, and may have advertised the
    /// present prefixes once more, with this Valid Lifetime.
    Unclean {
        /// The Valid Lifetime that it advertised.
        valid_lifetime: Duration,
    },
}

/// What is saved of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedInterface {
    /// Its index.
    pub index: IfIndex,
    /// Its name. The index of an interface that has another name now may have been given to another one.
    pub name: String,
    /// What its hosts were told.
    pub advertised: Advertised,
}

/// A change of the saved state: the present state of one interface in it, whatever it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SavedUpdate {
    /// This is saved of it now.
    Known(SavedInterface),
    /// Nothing is.
    Gone(IfIndex),
}

/// What the hosts of one interface were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advertised {
    /// The source that they hold as a router.
    pub router: Option<LinkLocal>,
    /// The prefix that was advertised last with lifetimes above 0.
    pub prefix: Option<AdvertisedPrefix>,
    /// Prefixes that the interface has no more while their Valid Lifetime still runs at hosts; the oldest first.
    pub retired: Vec<AdvertisedPrefix>,
    /// When the last RA left.
    pub last_sent: Option<BootInstant>,
}

/// A prefix that hosts may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdvertisedPrefix {
    /// The prefix.
    pub prefix: Prefix64,
    /// When its Valid Lifetime is over.
    pub valid_until: BootInstant,
}

impl SavedState {
    /// Returns what has to be assumed at `now`: after an unclean end the worst, and never that something was sent
    /// later.
    #[must_use]
    pub fn at(mut self, now: BootInstant) -> Self {
        for SavedInterface { advertised, .. } in &mut self.interfaces {
            match self.ending {
                Ending::Clean => advertised.last_sent = advertised.last_sent.min(Some(now)),
                Ending::Unclean { valid_lifetime } => {
                    advertised.last_sent = Some(now);
                    if let Some(prefix) = &mut advertised.prefix {
                        prefix.valid_until = prefix.valid_until.max(now + valid_lifetime);
                    }
                }
            }
            // No host holds what has run out meanwhile, so a final RA must not bring it back.
            advertised.prefix.take_if(|prefix| !prefix.is_valid(now));
        }
        self
    }
}

impl Advertised {
    /// Returns whether it makes a difference to what may or must be sent at `now`.
    #[must_use]
    pub fn matters(&self, now: BootInstant) -> bool {
        self.router.is_some()
            || self.prefix.iter().chain(&self.retired).any(|prefix| prefix.is_valid(now))
            || self.last_sent.is_some_and(|sent| sent + MIN_DELAY_BETWEEN_RAS > now)
    }

    /// Makes `current` the prefix: the one advertised before, if it was another, is retired, to be advertised with
    /// lifetimes 0 [RFC 9096 3.5](https://www.rfc-editor.org/rfc/rfc9096#section-3.5). If `current` itself was retired,
    /// it is simply current again: what hosts hold of it is still valid.
    pub(super) fn retire_all_but(&mut self, current: Prefix64, now: BootInstant) {
        if self.prefix.is_some_and(|prefix| prefix.prefix == current) {
            return self.retired.retain(|retired| retired.is_valid(now));
        }
        self.retired.extend(self.prefix.take());
        self.retired.retain(|retired| retired.is_valid(now));
        self.prefix = self.retired.extract_if(.., |retired| retired.prefix == current).next();
        self.drop_surplus();
    }

    /// Retires the prefix: the interface has it no more.
    pub(super) fn retire(&mut self) {
        self.retired.extend(self.prefix.take());
        self.drop_surplus();
    }

    /// Forgets every prefix.
    pub(super) fn forget_prefixes(&mut self) {
        self.prefix = None;
        self.retired.clear();
    }

    /// Drops the oldest retired prefixes, those that run out soonest, wherever they stand.
    pub(super) fn drop_surplus(&mut self) {
        while self.retired.len() > MAX_RETIRED
            && let Some((oldest, _)) =
                self.retired.iter().enumerate().min_by_key(|(_, retired)| retired.valid_until)
        {
            self.retired.remove(oldest);
        }
    }
}

impl AdvertisedPrefix {
    /// Returns whether hosts may still hold it at `now`.
    #[must_use]
    pub fn is_valid(&self, now: BootInstant) -> bool {
        self.valid_until > now
    }
}
