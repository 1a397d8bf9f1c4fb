//! The saved state of the previous process, as long as it matters.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
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
    /// When each of them was deleted, in this order: all of them matter no longer 3 s later.
    deletions: VecDeque<(BootInstant, IfIndex)>,
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

    /// Keeps when an interface that was deleted by `now` sent last, and drops what no longer matters of others.
    pub(super) fn deleted(&mut self, interface: &Interface, last_sent: Option<BootInstant>, now: BootInstant) {
        self.expire(now);
        if let Some(last_sent) = last_sent {
            self.deleted.insert(interface.index, (interface.name.clone(), last_sent));
            self.deletions.push_back((now, interface.index));
        }
    }

    /// Drops the interfaces that were deleted 3 s before `now` or earlier: what they sent was sent before. One that
    /// came back and was deleted again may have sent later.
    fn expire(&mut self, now: BootInstant) {
        let is_over = |at: BootInstant| at + MIN_DELAY_BETWEEN_RAS <= now;
        while let Some((_, index)) = self.deletions.pop_front_if(|(at, _)| is_over(*at)) {
            if self.deleted.get(&index).is_some_and(|(_, last_sent)| is_over(*last_sent)) {
                self.deleted.remove(&index);
            }
        }
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
    use crate::engine::interface::fit;

    fn numbered(number: u32) -> Interface {
        Interface { index: IfIndex::new(number).unwrap(), name: format!("tap{number}"), ..fit() }
    }

    #[test]
    fn a_deleted_interface_is_dropped_3_s_later_without_any_resync() {
        let at = |ms: u64| BootInstant::from_boot(Duration::from_millis(1_000_000 + ms));
        let mut inherited = Inherited::default();
        for number in 1..=1_000 {
            // One in 10 ms, right after an RA.
            let now = at(10 * u64::from(number));
            inherited.deleted(&numbered(number), Some(now), now);
            assert!(inherited.deleted.len() <= 300 && inherited.deletions.len() <= 300, "{number}");
        }
        assert_eq!(inherited.deleted.len(), 300, "the control");
        let last_sent = |number, now| inherited.unknown(&numbered(number), now).last_sent;
        assert_eq!((last_sent(700, at(10_000)), last_sent(701, at(10_000))), (None, Some(at(7_010))));
    }

    #[test]
    fn one_that_came_back_is_kept_from_its_last_deletion_on() {
        let at = |seconds: u64| BootInstant::from_boot(Duration::from_secs(1_000 + seconds));
        let mut inherited = Inherited::default();
        inherited.deleted(&numbered(1), Some(at(0)), at(0));
        inherited.deleted(&numbered(1), Some(at(2)), at(2));
        inherited.deleted(&numbered(2), Some(at(4)), at(4));
        assert_eq!(inherited.unknown(&numbered(1), at(4)).last_sent, Some(at(2)));
        inherited.deleted(&numbered(3), None, at(5));
        assert_eq!(inherited.unknown(&numbered(1), at(5)).last_sent, None);
    }
}
