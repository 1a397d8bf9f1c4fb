//! The state of the mirror: an entry for each interface, the pending changes, and the queue of those to read.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    rc::Rc,
    time::Duration,
};

use regex::Regex;

use super::{
    entry::{Entry, Notified, Unknown},
    pending::PendingChanges,
};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, Interface, Lifetimes},
    },
    sys::netlink::decode::Link,
};

/// The time from a notification that leaves a part unknown to the request for the interface. Mostly another
/// notification with that part follows at once. The process that causes them holds RTNL until then, and the request
/// would wait for it.
pub(super) const READ_DELAY: Duration = Duration::from_millis(10);

/// Replaces the ends of lifetimes in `found` by those `known` before where they mean the same: the kernel rounds to
/// whole seconds, so ends computed at different times differ, and that must not look like a change. Both are sorted.
pub(super) fn settle_lifetimes(found: &mut [Address], known: &[Address], now: BootInstant) {
    for address in found.iter_mut().filter(|found| found.lifetimes != Lifetimes::default()) {
        if let Ok(place) = known.binary_search_by_key(&address.address, |known| known.address) {
            address.lifetimes = address.lifetimes.settled(known[place].lifetimes, now);
        }
    }
}

/// All interfaces.
#[derive(Debug)]
pub(in crate::sys::netlink) struct MirrorState {
    /// Selects the interfaces whose facts are kept, by any name that they had; without one, all.
    pattern: Option<Regex>,
    /// Interfaces whose facts are kept whatever their names.
    followed: HashSet<IfIndex>,
    pub(super) entries: HashMap<IfIndex, Entry>,
    pub(super) pending: PendingChanges,
    /// Interfaces of which a part is unknown, and when to read each.
    queue: VecDeque<(BootInstant, IfIndex)>,
    /// While a reply waits to be applied: the interfaces of notifications since the request.
    pub(super) notified: Option<HashMap<IfIndex, Notified>>,
}

impl MirrorState {
    pub(super) fn new(pattern: Option<Regex>) -> Self {
        Self {
            pattern,
            followed: HashSet::new(),
            entries: HashMap::new(),
            pending: PendingChanges::default(),
            queue: VecDeque::new(),
            notified: None,
        }
    }

    /// Keeps the facts of these interfaces whatever their names.
    pub(super) fn follow(&mut self, indices: impl Iterator<Item = IfIndex>) {
        self.followed.extend(indices);
    }

    /// Returns every interface whose facts are kept, by index.
    pub(super) fn interfaces(&self) -> Vec<Interface> {
        let mut all: Vec<_> = self.entries.values().filter_map(|entry| entry.facts.as_deref().cloned()).collect();
        all.sort_unstable_by_key(|interface| interface.index);
        all
    }

    /// Adds a link, in place of the one with its index if there is one.
    pub(super) fn insert(&mut self, link: &Link<'_>, unknown: Unknown) {
        let facts = self.is_followed(link.index, &link.name).then(|| Rc::new(link.interface()));
        let unknown = if facts.is_some() { unknown } else { Unknown::NONE };
        self.entries.insert(link.index, Entry::new(facts, unknown));
        self.pending.changed(link.index);
    }

    /// Applies the link of a message to the entry that it has.
    pub(super) fn update(&mut self, link: &Link<'_>, now: BootInstant) {
        let followed = self.is_followed(link.index, &link.name);
        let Some(entry) = self.entries.get_mut(&link.index) else { return };
        match &mut entry.facts {
            // Its name matches now. The addresses were not kept before.
            None if followed => {
                entry.facts = Some(Rc::new(link.interface()));
                let kind = if link.whole { Unknown::NONE } else { Unknown::LINK };
                self.mark_unknown(link.index, Unknown::NEVER_READ.and(kind), now);
            }
            // Its name does not match, so that no unknown part matters.
            None => entry.unknown = Unknown::NONE,
            Some(known) => {
                let unknown = &mut entry.unknown;
                unknown.clear(if link.whole { Unknown::LINK.and(Unknown::SETTINGS) } else { Unknown::SETTINGS });
                if link.agrees_with(known) {
                    return;
                }
                let moved = link.whole && !link.has_master(known.master.as_deref());
                let known = Rc::make_mut(known);
                if known.flags.up && !link.flags.up {
                    // DAD runs again for the addresses that stay (`keep_addr_on_down`, `addrconf_ifdown()`), and the
                    // kernel sends no notification before it has ended.
                    known.addresses.iter_mut().for_each(|address| address.flags.tentative = true);
                }
                link.apply_to(known);
                if link.whole && link.ipv6.is_none() {
                    known.addresses.clear();
                }
                let has_addresses = !known.addresses.is_empty();
                self.pending.changed(link.index);
                if moved && has_addresses {
                    // A VRF removes and adds addresses, and the kernel sends no notification of those that stay.
                    self.mark_unknown(link.index, Unknown::ADDRESSES, now);
                }
            }
        }
    }

    /// Removes a deleted link.
    pub(super) fn remove(&mut self, index: IfIndex) {
        if let Some(Entry { facts: Some(_), .. }) = self.entries.remove(&index) {
            self.pending.gone(index);
        }
    }

    /// Marks parts of an interface as unknown, if it has an entry. Queues it to be read if any part is unknown now.
    pub(super) fn mark_unknown(&mut self, index: IfIndex, parts: Unknown, now: BootInstant) {
        let Some(entry) = self.entries.get_mut(&index) else { return };
        entry.unknown.set(parts);
        if entry.unknown.any() && !mem::replace(&mut entry.queued, true) {
            self.queue.push_back((now + READ_DELAY, index));
        }
    }

    /// Returns the facts of an interface, if they are kept.
    pub(super) fn facts(&mut self, index: IfIndex) -> Option<&mut Rc<Interface>> {
        self.entries.get_mut(&index)?.facts.as_mut()
    }

    /// Returns whether the facts of an interface with this name are to be kept.
    pub(super) fn is_followed(&self, index: IfIndex, name: &str) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(name) || self.followed.contains(&index))
    }

    /// Returns what notifications since the request did to an interface.
    pub(super) fn notified_of(&self, index: IfIndex) -> Option<Notified> {
        self.notified.as_ref()?.get(&index).copied()
    }

    /// Returns when [`Self::next_unknown`] has something.
    pub(super) fn unknown_due(&self) -> Option<BootInstant> {
        self.queue.front().map(|&(due, _)| due)
    }

    /// Returns how many interfaces are to be read alone by `now`.
    pub(super) fn unknown_by(&self, now: BootInstant) -> usize {
        let due = self.queue.iter().take_while(|(due, _)| *due <= now);
        due.filter(|(_, index)| self.entries.get(index).is_some_and(|entry| entry.queued && entry.unknown.any()))
            .count()
    }

    /// Returns the next interface to read alone.
    pub(super) fn next_unknown(&mut self, now: BootInstant) -> Option<IfIndex> {
        while let Some((_, index)) = self.queue.pop_front_if(|(due, _)| *due <= now) {
            if let Some(entry) = self.entries.get_mut(&index)
                && mem::take(&mut entry.queued)
                && entry.unknown.any()
            {
                return Some(index);
            }
        }
        None
    }
}
