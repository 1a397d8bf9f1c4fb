//! The picture itself: an entry for each interface, what is pending and what is unknown.

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

/// How long an unknown part waits before the interface is asked for. What settles it is most often announced
/// right behind, by a process that holds the kernel's lock until then, on which a question would wait.
pub(super) const READ_DELAY: Duration = Duration::from_millis(10);

/// Keeps the ends of lifetimes that are `known` already: those of messages read at different times wander, as the
/// kernel tells whole seconds, and a difference that means nothing must not look like a change. Both are sorted.
pub(super) fn settle_lifetimes(found: &mut [Address], known: &[Address], now: BootInstant) {
    for address in found.iter_mut().filter(|found| found.lifetimes != Lifetimes::default()) {
        if let Ok(place) = known.binary_search_by_key(&address.address, |known| known.address) {
            address.lifetimes = address.lifetimes.settled(known[place].lifetimes, now);
        }
    }
}

/// What is known of all interfaces.
#[derive(Debug)]
pub(in crate::sys::netlink) struct MirrorState {
    /// The facts of those interfaces are kept whose name it matched once; of all, without one.
    pattern: Option<Regex>,
    /// Interfaces whose facts are kept whatever the name.
    known: HashSet<IfIndex>,
    pub(super) entries: HashMap<IfIndex, Entry>,
    pub(super) pending: PendingChanges,
    /// Interfaces that are unknown in part, and when to ask for each.
    queue: VecDeque<(BootInstant, IfIndex)>,
    /// While an answer is on its way: the interfaces named since the question.
    pub(super) notified: Option<HashMap<IfIndex, Notified>>,
}

impl MirrorState {
    pub(super) fn new(pattern: Option<Regex>) -> Self {
        Self {
            pattern,
            known: HashSet::new(),
            entries: HashMap::new(),
            pending: PendingChanges::default(),
            queue: VecDeque::new(),
            notified: None,
        }
    }

    /// Keeps the facts of these interfaces whatever their names.
    pub(super) fn follow(&mut self, indices: impl Iterator<Item = IfIndex>) {
        self.known.extend(indices);
    }

    /// Returns what is known of every interface, by index.
    pub(super) fn interfaces(&self) -> Vec<Interface> {
        let mut all: Vec<_> = self.entries.values().filter_map(|entry| entry.facts.as_deref().cloned()).collect();
        all.sort_unstable_by_key(|interface| interface.index);
        all
    }

    /// Adds a link that was not known, or takes the place of the one that was.
    pub(super) fn insert(&mut self, link: &Link<'_>, unknown: Unknown) {
        let facts = self.is_followed(link.index, &link.name).then(|| Rc::new(link.interface()));
        let unknown = if facts.is_some() { unknown } else { Unknown::NONE };
        self.entries.insert(link.index, Entry::new(facts, unknown));
        self.pending.changed(link.index);
    }

    /// Takes in what a message says of a link that is known.
    pub(super) fn update(&mut self, link: &Link<'_>, now: BootInstant) {
        let followed = self.is_followed(link.index, &link.name);
        let Some(entry) = self.entries.get_mut(&link.index) else { return };
        match &mut entry.facts {
            // Its name matches now, and its addresses were not kept.
            None if followed => {
                entry.facts = Some(Rc::new(link.interface()));
                let kind = if link.whole { Unknown::NONE } else { Unknown::LINK };
                self.mark_unknown(link.index, Unknown::NEVER_READ.and(kind), now);
            }
            // Its name does not match: whatever is unknown of it does not matter.
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
                    // `addrconf_ifdown()`: the addresses that stay (`keep_addr_on_down`) have to be detected
                    // again, and the kernel says nothing of that before they are.
                    known.addresses.iter_mut().for_each(|address| address.flags.tentative = true);
                }
                link.apply_to(known);
                if link.whole && link.ipv6.is_none() {
                    known.addresses.clear();
                }
                let has_addresses = !known.addresses.is_empty();
                self.pending.changed(link.index);
                if moved && has_addresses {
                    // A VRF takes addresses away and gives them back, those that stay without a word.
                    self.mark_unknown(link.index, Unknown::ADDRESSES, now);
                }
            }
        }
    }

    /// Removes a link that is gone.
    pub(super) fn remove(&mut self, index: IfIndex) {
        if let Some(Entry { facts: Some(_), .. }) = self.entries.remove(&index) {
            self.pending.gone(index);
        }
    }

    /// Marks parts of an interface that exists as unknown, and has it asked for if any are.
    pub(super) fn mark_unknown(&mut self, index: IfIndex, parts: Unknown, now: BootInstant) {
        let Some(entry) = self.entries.get_mut(&index) else { return };
        entry.unknown.set(parts);
        if entry.unknown.any() && !mem::replace(&mut entry.queued, true) {
            self.queue.push_back((now + READ_DELAY, index));
        }
    }

    pub(super) fn facts(&mut self, index: IfIndex) -> Option<&mut Rc<Interface>> {
        self.entries.get_mut(&index)?.facts.as_mut()
    }

    pub(super) fn is_followed(&self, index: IfIndex, name: &str) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(name) || self.known.contains(&index))
    }

    pub(super) fn notified_of(&self, index: IfIndex) -> Option<Notified> {
        self.notified.as_ref()?.get(&index).copied()
    }

    /// Returns when [`Self::next_unknown`] has something.
    pub(super) fn unknown_due(&self) -> Option<BootInstant> {
        self.queue.front().map(|&(due, _)| due)
    }

    /// Returns how many interfaces are to be asked for by `now`.
    pub(super) fn unknown_by(&self, now: BootInstant) -> usize {
        let due = self.queue.iter().take_while(|(due, _)| *due <= now);
        due.filter(|(_, index)| self.entries.get(index).is_some_and(|entry| entry.queued && entry.unknown.any()))
            .count()
    }

    /// Returns the next interface to ask for.
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
