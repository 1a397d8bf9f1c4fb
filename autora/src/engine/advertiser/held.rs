//! What guests hold from the RAs that left.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{
    addr::LinkLocal,
    engine::{
        BootInstant,
        content::CurrentPrefix,
        handover::{Advertised, AdvertisedPrefix, AdvertisedRouter},
        interface::SAME_END,
        parameters::Parameters,
    },
};

/// What guests hold.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) advertised: Advertised,
    /// The last source in use that the kernel found at another node: no final RA leaves from it, as guests would drop
    /// that node's route.
    duplicate: Option<LinkLocal>,
    /// How often the saved end of an advertised lifetime became wrong: the lifetime ended earlier than the one before
    /// it, or began after that one had run out, when what was saved may already have been dropped.
    revised: u32,
}

/// A hash of the saved state of one interface without its instants, to detect changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedHash(u64);

impl Held {
    /// Continues from a saved state.
    pub(super) fn restore(mut advertised: Advertised) -> Self {
        advertised.drop_surplus();
        Self { advertised, duplicate: None, revised: 0 }
    }

    /// Returns a hash that changes with the saved state, instants aside: an RA that only prolongs lifetimes
    /// does not change it. A prefix is retired only after it was the current one, so the number of retired
    /// prefixes is enough.
    pub(super) fn saved_hash(&self) -> SavedHash {
        let Advertised { router, owed, prefix, retired, .. } = &self.advertised;
        let [router, owed] = [router, owed].map(|router| router.map(|router| router.source));
        let prefix = prefix.map(|prefix| prefix.prefix);
        let mut hasher = DefaultHasher::new();
        (router, owed, prefix, retired.len(), self.revised).hash(&mut hasher);
        SavedHash(hasher.finish())
    }

    /// Records the current prefix of an RA that left at `now`; that of a final RA prolongs its lifetimes, too.
    pub(super) fn record_prefix(&mut self, current: CurrentPrefix, parameters: &Parameters, now: BootInstant) {
        let (valid, _) = current.advertised(parameters, now);
        if valid.is_zero() {
            return;
        }
        let valid_until = now + valid;
        let before = self.advertised.prefix.replace(AdvertisedPrefix { prefix: current.prefix, valid_until });
        self.note_revised(before.map(|before| before.valid_until), valid_until, now);
    }

    /// Records `source` as a router. The source before it is owed a final RA while guests hold it, too [RFC 4861
    /// 6.2.8](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.8).
    pub(super) fn record_router(&mut self, source: LinkLocal, parameters: &Parameters, now: BootInstant) {
        self.duplicate.take_if(|duplicate| *duplicate == source);
        let until = now + parameters.router_lifetime;
        match self.advertised.router.replace(AdvertisedRouter { source, until }) {
            Some(before) if before.source == source => self.note_revised(Some(before.until), until, now),
            Some(before) if before.is_held(now) && !self.is_duplicate(before) => self.advertised.owed = Some(before),
            Some(_) | None => {}
        }
    }

    /// Records that guests no longer hold `source` as a router: it is owed no final RA.
    pub(super) fn drop_router(&mut self, source: LinkLocal) {
        let Advertised { router, owed, .. } = &mut self.advertised;
        for held in [router, owed] {
            held.take_if(|router| router.source == source);
        }
    }

    /// Records that the kernel found the source in use at another node.
    pub(super) fn record_duplicate(&mut self) {
        self.duplicate = self.advertised.router.map(|router| router.source);
    }

    /// Returns the source in use, if a final RA may leave from it.
    pub(super) fn router_to_withdraw(&self) -> Option<AdvertisedRouter> {
        self.advertised.router.filter(|router| !self.is_duplicate(*router))
    }

    fn is_duplicate(&self, router: AdvertisedRouter) -> bool {
        self.duplicate == Some(router.source)
    }

    /// Counts an end of a lifetime that is earlier than the one advertised `before`, not by rounding alone, or that
    /// comes after that one had run out. A Router Lifetime of 0 has always run out, and is never saved.
    fn note_revised(&mut self, before: Option<BootInstant>, until: BootInstant, now: BootInstant) {
        let Some(before) = before else { return };
        let ran_out = before <= now && until > now;
        self.revised += u32::from(ran_out || before.saturating_since(until) >= SAME_END);
    }
}
