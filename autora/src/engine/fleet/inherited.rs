//! The saved state of the previous process, as long as it matters.

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

/// The saved state of interfaces that this process has not seen yet.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    unseen: HashMap<IfIndex, (String, Advertised)>,
    /// When the previous process may have sent last on any interface, if it ended unclean.
    may_have_sent: Option<BootInstant>,
    /// The names of deleted interfaces and when they sent last: the floor of 3 s holds if one comes back.
    deleted: HashMap<IfIndex, (String, BootInstant)>,
    /// Interfaces that were dropped here and not yet from the state file.
    dropped: BTreeSet<IfIndex>,
}

impl Inherited {
    /// Takes over the saved state at `now`.
    pub(super) fn restore(&mut self, saved: SavedState, now: BootInstant) {
        self.may_have_sent = match saved.ending {
            Ending::Clean => None,
            Ending::Unclean { .. } => Some(now),
        };
        let interfaces = saved.at(now).interfaces.into_iter();
        self.unseen =
            interfaces.map(|SavedInterface { index, name, advertised }| (index, (name, advertised))).collect();
    }

    /// Removes and returns the saved state of an interface that this process sees for the first time. Drops
    /// it if the name differs, as the kernel may have reused the index.
    pub(super) fn take(&mut self, interface: &Interface) -> Option<Advertised> {
        let (name, advertised) = self.unseen.remove(&interface.index)?;
        if name != interface.name {
            self.dropped.insert(interface.index);
            return None;
        }
        Some(advertised)
    }

    /// Returns the state to assume at `now` of an interface without saved state: a previous process that
    /// ended unclean may have sent on it within the last 3 s, and so may this one, before the interface was deleted and
    /// came back, as from another namespace.
    pub(super) fn unknown(&self, interface: &Interface, now: BootInstant) -> Advertised {
        let deleted = self.deleted.get(&interface.index).filter(|(name, _)| *name == interface.name);
        let last_sent = deleted.map(|(_, last_sent)| *last_sent).max(self.may_have_sent(now));
        Advertised { last_sent, ..Advertised::default() }
    }

    /// Remembers when a deleted interface sent last.
    pub(super) fn deleted(&mut self, interface: &Interface, last_sent: Option<BootInstant>) {
        if let Some(last_sent) = last_sent {
            self.deleted.insert(interface.index, (interface.name.clone(), last_sent));
        }
    }

    /// Drops what no longer matters at `now`.
    pub(super) fn expire(&mut self, now: BootInstant) {
        self.deleted.retain(|_, (_, last_sent)| *last_sent + MIN_DELAY_BETWEEN_RAS > now);
    }

    /// Returns when a previous process that ended unclean may have sent last on any interface, within the
    /// last 3 s.
    pub(super) fn may_have_sent(&self, now: BootInstant) -> Option<BootInstant> {
        self.may_have_sent.filter(|sent| now < *sent + MIN_DELAY_BETWEEN_RAS)
    }

    /// Drops the saved state of a deleted interface.
    pub(super) fn forget(&mut self, index: IfIndex) {
        if self.unseen.remove(&index).is_some() {
            self.dropped.insert(index);
        }
    }

    /// Drops all saved state that was not taken: those interfaces no longer exist.
    pub(super) fn forget_all(&mut self) {
        self.dropped.extend(self.unseen.drain().map(|(index, _)| index));
    }

    /// Returns the interfaces that this process has not seen yet.
    pub(super) fn indices(&self) -> impl Iterator<Item = IfIndex> {
        self.unseen.keys().copied()
    }

    /// Returns the name and the saved state of such an interface.
    pub(super) fn get(&self, index: IfIndex) -> Option<(&String, &Advertised)> {
        self.unseen.get(&index).map(|(name, advertised)| (name, advertised))
    }

    /// Returns the interfaces dropped since the last call.
    pub(super) fn take_dropped(&mut self) -> BTreeSet<IfIndex> {
        mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::fleet::tests::{secs, tap};

    #[test]
    fn a_deletion_is_forgotten_once_the_floor_is_over() {
        let last_sent = BootInstant::from_boot(secs(1_000));
        let over = last_sent + MIN_DELAY_BETWEEN_RAS;
        let mut inherited = Inherited::default();
        inherited.deleted(&tap(1), Some(last_sent));
        inherited.expire(BootInstant::from_boot(over.since_boot().saturating_sub(Duration::from_nanos(1))));
        assert_eq!(inherited.deleted.len(), 1);
        inherited.expire(over);
        assert_eq!(inherited.deleted.len(), 0);
    }
}
