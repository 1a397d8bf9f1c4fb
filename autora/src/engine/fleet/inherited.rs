//! What the previous process left, as long as it matters.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
};

use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        handover::{Advertised, Ending, SavedInterface, SavedState},
        interface::Interface,
        rfc4861::MIN_DELAY_BETWEEN_RAS,
    },
};

/// The saved state of the previous process, of interfaces that this one has not seen yet.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    unseen: HashMap<IfIndex, (String, Advertised)>,
    /// When the previous process may have sent last on any interface, if it could not say.
    may_have_sent: Option<BootInstant>,
    /// Interfaces that were dropped, which the state file does not know yet.
    dropped: BTreeSet<IfIndex>,
}

impl Inherited {
    /// Takes over at `now`.
    pub(super) fn restore(&mut self, saved: SavedState, now: BootInstant) {
        self.may_have_sent = match saved.ending {
            Ending::Clean => None,
            Ending::Unclean { .. } => Some(now),
        };
        let interfaces = saved.at(now).interfaces.into_iter();
        self.unseen = interfaces
            .map(|SavedInterface { index, name, advertised }| (index, (name, advertised)))
            .collect();
    }

    /// Takes out what was left of an interface that is seen for the first time; nothing if it has another name now, as
    /// it may be another one.
    pub(super) fn take(&mut self, interface: &Interface) -> Option<Advertised> {
        let (name, advertised) = self.unseen.remove(&interface.index)?;
        if name != interface.name {
            self.dropped.insert(interface.index);
            return None;
        }
        Some(advertised)
    }

    /// Returns what has to be assumed at `now` of an interface of which nothing was left: a previous process that could
    /// not say may have sent on it within the 3 s.
    pub(super) fn unknown(&self, now: BootInstant) -> Advertised {
        Advertised { last_sent: self.may_have_sent(now), ..Advertised::default() }
    }

    /// Returns when a previous process that could not say may have sent last on any interface, while that matters.
    pub(super) fn may_have_sent(&self, now: BootInstant) -> Option<BootInstant> {
        self.may_have_sent.filter(|sent| now < *sent + MIN_DELAY_BETWEEN_RAS)
    }

    /// Drops what was left of an interface that is gone.
    pub(super) fn forget(&mut self, index: IfIndex) {
        if self.unseen.remove(&index).is_some() {
            self.dropped.insert(index);
        }
    }

    /// Drops everything that was not taken: those interfaces are gone.
    pub(super) fn forget_all(&mut self) {
        self.dropped.extend(self.unseen.drain().map(|(index, _)| index));
    }

    /// Returns the interfaces that were not seen yet.
    pub(super) fn indices(&self) -> impl Iterator<Item = IfIndex> {
        self.unseen.keys().copied()
    }

    /// Returns name and saved state of one of them.
    pub(super) fn get(&self, index: IfIndex) -> Option<(&String, &Advertised)> {
        self.unseen.get(&index).map(|(name, advertised)| (name, advertised))
    }

    /// Returns the interfaces that were dropped since this was last asked.
    pub(super) fn take_dropped(&mut self) -> BTreeSet<IfIndex> {
        mem::take(&mut self.dropped)
    }
}
