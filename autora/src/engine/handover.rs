//! The saved state that one process leaves to the next: what guests hold from its RAs.
//!
//! Plain data: the fleet produces and restores it, `sys::state_file` stores it.

use std::{fmt, time::Duration};

use super::{BootInstant, eligibility::InUse, parameters::Parameters, rfc4861::MIN_DELAY_BETWEEN_RAS};
use crate::addr::{IfIndex, LinkLocal, Prefix64};

/// The most retired prefixes that an RA carries; the one that expires first is dropped first.
pub const MAX_RETIRED: usize = 8;

/// The state that survives a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// How the process that saved it ended.
    pub ending: Ending,
    /// The interfaces whose guests hold something, unordered.
    pub interfaces: Vec<SavedInterface>,
}

/// How a process ended, which decides how exact its saved state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It stopped in an orderly way: every instant is exact.
    Clean,
    /// It was killed, or still ran when it saved: until its end it may have sent on any interface, and
    /// advertised the current source and prefix once more.
    Unclean {
        /// The longest Valid Lifetime that it advertised.
        valid_lifetime: Duration,
        /// The Router Lifetime that it advertised.
        router_lifetime: Duration,
    },
}

impl Ending {
    /// Returns the end of a process that is killed, or still runs.
    #[must_use]
    pub const fn unclean(parameters: &Parameters) -> Self {
        let Parameters { valid_lifetime, router_lifetime, .. } = *parameters;
        Self::Unclean { valid_lifetime, router_lifetime }
    }
}

/// What is saved of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedInterface {
    /// Its index.
    pub index: IfIndex,
    /// Its name. If it differs later, the kernel may have reused the index for another interface.
    pub name: String,
    /// What its guests hold.
    pub advertised: Advertised,
}

/// A change of the saved state: the new state of one interface in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SavedUpdate {
    /// The interface has this state.
    Known(SavedInterface),
    /// The interface has no state.
    Gone(IfIndex),
}

/// What another daemon saved of an interface that this one takes over, and how exact it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// How its process ended.
    pub ending: Ending,
    /// What guests hold.
    pub advertised: Advertised,
}

/// What the guests of one interface hold from RAs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advertised {
    /// The source in use, which guests hold as a router.
    pub router: Option<AdvertisedRouter>,
    /// The source before it, which is owed a final RA while guests hold it as a router, too.
    pub owed: Option<AdvertisedRouter>,
    /// The prefix that was advertised last with a Valid Lifetime above 0.
    pub prefix: Option<AdvertisedPrefix>,
    /// Prefixes that the interface no longer has and whose Valid Lifetime still runs at guests, the oldest
    /// first.
    pub retired: Vec<AdvertisedPrefix>,
    /// When the last RA left.
    pub last_sent: Option<BootInstant>,
}

/// A source that guests hold as a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdvertisedRouter {
    /// The address.
    pub source: LinkLocal,
    /// The end of its Router Lifetime, as advertised.
    pub until: BootInstant,
}

/// A prefix that guests hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdvertisedPrefix {
    /// The prefix.
    pub prefix: Prefix64,
    /// The end of its Valid Lifetime, as advertised.
    pub valid_until: BootInstant,
}

/// What guests hold from earlier RAs, and for how long at most if no RA tells them otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldByGuests {
    /// How long they hold a default route.
    pub route_for: Option<Duration>,
    /// In which prefix they hold addresses, and for how long.
    pub prefix_for: Option<(Prefix64, Duration)>,
}

impl HeldByGuests {
    /// Returns whether they hold nothing.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.route_for.is_none() && self.prefix_for.is_none()
    }
}

impl fmt::Display for HeldByGuests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An upper bound is not rounded down.
        let at_most = |left: Duration| left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let route = self.route_for.map(|left| format!("the default route for up to {} s", at_most(left)));
        let prefix =
            self.prefix_for.map(|(prefix, left)| format!("addresses in {prefix} for up to {} s", at_most(left)));
        f.write_str(&[route, prefix].into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

impl SavedState {
    /// Returns the state to assume at `now`. After an unclean end that is the worst case: an RA just now,
    /// with full lifetimes. A `last_sent` in the future becomes `now`.
    #[must_use]
    pub fn at(mut self, now: BootInstant) -> Self {
        for SavedInterface { advertised, .. } in &mut self.interfaces {
            advertised.assume(self.ending, now);
        }
        self
    }
}

impl SavedUpdate {
    /// Returns the index of the interface.
    #[must_use]
    pub const fn index(&self) -> IfIndex {
        match self {
            Self::Known(SavedInterface { index, .. }) | Self::Gone(index) => *index,
        }
    }
}

impl TakenOver {
    /// Returns what to assume at `now` that guests hold. The other daemon has been gone for longer than the 3 s between
    /// two RAs ([`ABSENCE`](super::takeover::ABSENCE)), so the first one need not wait.
    #[must_use]
    pub(super) fn at(mut self, now: BootInstant) -> Advertised {
        self.advertised.assume(self.ending, now);
        Advertised { last_sent: None, ..self.advertised }
    }
}

impl Advertised {
    /// Turns what a process saved that has ended so into what to assume at `now`.
    fn assume(&mut self, ending: Ending, now: BootInstant) {
        match ending {
            Ending::Clean => self.last_sent = self.last_sent.min(Some(now)),
            Ending::Unclean { valid_lifetime, router_lifetime } => {
                self.last_sent = Some(now);
                if let Some(prefix) = &mut self.prefix {
                    prefix.valid_until = prefix.valid_until.max(now + valid_lifetime);
                }
                if let Some(router) = &mut self.router {
                    router.until = router.until.max(now + router_lifetime);
                }
            }
        }
        self.drop_expired(now);
    }

    /// Returns whether this state affects what may or must be sent at `now`.
    #[must_use]
    pub fn matters(&self, now: BootInstant) -> bool {
        self.router.iter().chain(&self.owed).any(|router| router.is_held(now))
            || self.prefix.iter().chain(&self.retired).any(|prefix| prefix.is_valid(now))
            || self.last_sent.is_some_and(|sent| sent + MIN_DELAY_BETWEEN_RAS > now)
    }

    /// Returns what guests hold at `now`, which the interface keeps as long as it can. What it advertises, `source` and
    /// `prefix`, counts once it was told, also when guests hold it no more.
    pub(super) fn in_use(&self, source: Option<LinkLocal>, prefix: Option<Prefix64>, now: BootInstant) -> InUse {
        let router = self.router.filter(|router| router.is_held(now) || Some(router.source) == source);
        let last = self.prefix.filter(|last| last.is_valid(now) || Some(last.prefix) == prefix);
        InUse { source: router.map(|router| router.source), prefix: last.map(|last| last.prefix) }
    }

    /// Makes `current` the prefix, and retires another one advertised before it, to be sent with lifetimes 0
    /// [RFC 9096 3.5](https://www.rfc-editor.org/rfc/rfc9096#section-3.5). A retired prefix becomes current
    /// again, as guests still hold it.
    pub(super) fn retire_all_but(&mut self, current: Prefix64, now: BootInstant) {
        if self.prefix.is_some_and(|prefix| prefix.prefix == current) {
            return self.retired.retain(|retired| retired.is_valid(now));
        }
        self.retired.extend(self.prefix.take());
        self.retired.retain(|retired| retired.is_valid(now));
        self.prefix = self.retired.extract_if(.., |retired| retired.prefix == current).next();
        self.drop_surplus();
    }

    /// Returns the retired prefixes of an RA at `now` whose current prefix is `current`, if it has another than the
    /// last.
    pub(super) fn retired_beside(&self, current: Option<Prefix64>, now: BootInstant) -> Vec<AdvertisedPrefix> {
        let Some(current) = current else { return self.retired.clone() };
        let mut next = self.clone();
        next.retire_all_but(current, now);
        next.retired
    }

    /// Drops the sources and the prefix that guests no longer hold at `now`.
    pub(super) fn drop_expired(&mut self, now: BootInstant) {
        self.router.take_if(|router| !router.is_held(now));
        self.owed.take_if(|owed| !owed.is_held(now));
        self.prefix.take_if(|prefix| !prefix.is_valid(now));
    }

    /// Drops the retired prefixes that expire first, until at most [`MAX_RETIRED`] are left.
    pub(super) fn drop_surplus(&mut self) {
        while self.retired.len() > MAX_RETIRED
            && let Some((oldest, _)) = self.retired.iter().enumerate().min_by_key(|(_, retired)| retired.valid_until)
        {
            self.retired.remove(oldest);
        }
    }
}

impl AdvertisedRouter {
    /// Returns whether guests may still hold it as a router at `now`.
    #[must_use]
    pub fn is_held(&self, now: BootInstant) -> bool {
        self.until > now
    }
}

impl AdvertisedPrefix {
    /// Returns whether guests may still hold it at `now`.
    #[must_use]
    pub fn is_valid(&self, now: BootInstant) -> bool {
        self.valid_until > now
    }
}

#[cfg(test)]
mod tests;
