//! The kernel's picture of the interfaces, kept from what it announces: a pure machine over messages.
//!
//! Announcements come in the order of the changes, and most say all there is to say, so nothing has to be
//! asked. Where one does not, a part of the interface is *unknown* ([`Entry`] shows a link's life): what was
//! known of it stands until it is asked for alone, or with all others ([`dump`]). Whatever is asked is taken
//! in only once everything announced before the answer was heard, and only for interfaces that were not named
//! meanwhile: of those the announcements know better.
//!
//! Level-triggered all the same: what comes out is never a difference, but the interface as it is now, at
//! most once however much has happened to it, and before that, that its predecessor with the same index is
//! gone.

mod dump;
mod entry;
mod pending;

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map},
    mem,
    net::Ipv6Addr,
    rc::Rc,
    time::Duration,
};

use regex::Regex;

pub use self::pending::Change;
use self::{
    dump::{DumpedAddresses, Unread},
    entry::{Entry, Named, Unknown},
    pending::PendingChanges,
};
use super::{
    announcement::Announcement,
    decode::Link,
    frame::{Malformed, messages},
};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, Interface, Ipv6Settings, MIN_MTU},
    },
};

/// How long an unknown part waits before the interface is asked for. What settles it is most often announced
/// right behind, by a process that holds the kernel's lock until then, on which a question would wait.
const GRACE: Duration = Duration::from_millis(10);

/// What is known of all interfaces.
#[derive(Debug)]
pub(super) struct Mirror {
    /// Whose facts are kept: those whose name it matched once. Everybody's, without one.
    pattern: Option<Regex>,
    /// Whose are kept whatever the name.
    known: HashSet<IfIndex>,
    entries: HashMap<IfIndex, Entry>,
    pending: PendingChanges,
    /// Interfaces that are unknown in part, and when to ask for each.
    queue: VecDeque<(BootInstant, IfIndex)>,
    /// Announcements were lost, and whole interfaces may have come with them.
    lost: bool,
    /// While an answer is on its way: the interfaces named since the question.
    named: Option<HashMap<IfIndex, Named>>,
    dumped: DumpedAddresses,
    /// After a dump: which it left unread.
    unread: Option<Unread>,
}

impl Mirror {
    pub(super) fn new(pattern: Option<Regex>) -> Self {
        Self {
            pattern,
            known: HashSet::new(),
            entries: HashMap::new(),
            pending: PendingChanges::default(),
            queue: VecDeque::new(),
            lost: false,
            named: None,
            dumped: DumpedAddresses::default(),
            unread: None,
        }
    }

    /// Keeps the facts of these interfaces whatever their names.
    pub(super) fn follow(&mut self, indices: impl Iterator<Item = IfIndex>) {
        self.known.extend(indices);
    }

    /// Begins with a dump.
    pub(super) fn adopt(&mut self, interfaces: Vec<Interface>, complete: bool) {
        for interface in interfaces {
            let index = interface.index;
            let facts = self.is_followed(interface.index, &interface.name).then(|| Rc::new(interface));
            self.entries.insert(index, Entry::new(facts, Unknown::NONE));
            self.pending.changed(index);
        }
        self.pending.looked(complete);
    }

    /// Takes in what `datagram` announces at `now`.
    pub(super) fn hear(&mut self, datagram: &[u8], now: BootInstant) {
        for message in messages(datagram) {
            match message.and_then(Announcement::parse) {
                Ok(announcement) => self.take_in(announcement, now),
                Err(Malformed) => self.lost = true,
            }
        }
    }

    /// `conf.all.forwarding` was asked for.
    pub(super) fn host_forwards(&mut self, on: bool) {
        self.pending.host_forwards(on);
    }

    /// The next change that the world outside does not know.
    pub(super) fn poll_change(&mut self) -> Option<Change> {
        let entries = &self.entries;
        self.pending.poll(|index| {
            let entry = entries.get(&index).filter(|entry| !entry.unknown.has(Unknown::NEVER_READ));
            entry.and_then(|entry| entry.facts.clone())
        })
    }

    /// Whether [`Self::poll_change`] has something.
    pub(super) fn has_pending_change(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether announcements were lost since this was last asked.
    pub(super) fn take_lost(&mut self) -> bool {
        mem::take(&mut self.lost)
    }

    /// Announcements were lost: everything is unknown, and a dump has to follow.
    pub(super) fn lose(&mut self) {
        let followed = self.entries.values_mut().filter(|entry| entry.facts.is_some());
        followed.for_each(|entry| entry.unknown.raise(Unknown::ALL));
    }

    /// When [`Self::next_unknown`] has something.
    pub(super) fn unknown_due(&self) -> Option<BootInstant> {
        self.queue.front().map(|&(due, _)| due)
    }

    /// How many interfaces are to be asked for by `now`.
    pub(super) fn unknown_by(&self, now: BootInstant) -> usize {
        let due = self.queue.iter().take_while(|(due, _)| *due <= now);
        due.filter(|(_, index)| {
            self.entries.get(index).is_some_and(|entry| entry.queued && entry.unknown.any())
        })
        .count()
    }

    /// The next interface to ask for.
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

    /// An interface, or several, are asked for now, each alone.
    pub(super) fn ask(&mut self) {
        self.named = Some(HashMap::new());
    }

    /// All answers of [`Self::ask`] were taken in.
    pub(super) fn asked(&mut self) {
        self.named = None;
        self.tell_looked();
    }

    /// What was found when the interface was asked for alone; `None` if there is none.
    pub(super) fn answer(&mut self, index: IfIndex, found: Option<Interface>, now: BootInstant) {
        if self.was_named(index).is_some() {
            return self.mark_unknown(index, Unknown::NONE, now);
        }
        let Some(found) = found else { return self.remove(index) };
        let followed = self.is_followed(index, &found.name);
        let Some(entry) = self.entries.get_mut(&index) else { return };
        let unread = entry.unknown.has(Unknown::NEVER_READ);
        entry.unknown = Unknown::NONE;
        match &mut entry.facts {
            Some(known) if **known == found && !unread => {}
            None if !followed => {}
            facts => {
                *facts = Some(Rc::new(found));
                self.pending.changed(index);
            }
        }
    }

    fn take_in(&mut self, announcement: Announcement<'_>, now: BootInstant) {
        if let (Some(named), Some(index)) = (&mut self.named, announcement.subject()) {
            let deleted = matches!(announcement, Announcement::LinkGone(_));
            named.insert(index, if deleted { Named::Deleted } else { Named::Changed });
        }
        match announcement {
            Announcement::Link(link) => self.link(&link, now),
            Announcement::LinkGone(index) => self.remove(index),
            Announcement::Address(index, address) => self.address(index, address),
            Announcement::AddressGone(index, address) => self.address_gone(index, address, now),
            Announcement::Forwarding(index, on) => self.forwarding(index, on, now),
            Announcement::SettingsGone(index) => self.settings_gone(index, now),
            Announcement::SettingsUnclear(index) => self.settings_unclear(index, now),
            Announcement::Unclear(index) => self.unclear(index, now),
            Announcement::HostForwarding(on) => self.pending.host_forwards(on),
            Announcement::Other => {}
        }
    }

    /// One that was just made is a new one, whatever is known of its index: the deletion of a predecessor may
    /// be among what was lost.
    fn link(&mut self, link: &Link<'_>, now: BootInstant) {
        if link.made {
            self.remove(link.index);
            self.insert(link, Unknown::NONE);
        } else if self.entries.contains_key(&link.index) {
            self.update(link, now);
        } else if link.whole {
            // Of one that was not known, only a dump or a question can tell the addresses.
            self.insert(link, Unknown::NEVER_READ);
            self.mark_unknown(link.index, Unknown::NONE, now);
        }
    }

    fn insert(&mut self, link: &Link<'_>, unknown: Unknown) {
        let facts = self.is_followed(link.index, &link.name).then(|| Rc::new(link.interface()));
        let unknown = if facts.is_some() { unknown } else { Unknown::NONE };
        self.entries.insert(link.index, Entry::new(facts, unknown));
        self.pending.changed(link.index);
    }

    fn update(&mut self, link: &Link<'_>, now: BootInstant) {
        let followed = self.is_followed(link.index, &link.name);
        let Some(entry) = self.entries.get_mut(&link.index) else { return };
        match &mut entry.facts {
            // Its name matches now, and nobody has kept its addresses.
            None if followed => {
                entry.facts = Some(Rc::new(link.interface()));
                let kind = if link.whole { Unknown::NONE } else { Unknown::LINK };
                self.mark_unknown(link.index, Unknown::NEVER_READ.and(kind), now);
            }
            // Its name does not match: whatever is unknown of it does not matter.
            None => entry.unknown = Unknown::NONE,
            Some(known) => {
                let unknown = &mut entry.unknown;
                unknown.settle(if link.whole {
                    Unknown::LINK.and(Unknown::SETTINGS)
                } else {
                    Unknown::SETTINGS
                });
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
                link.tell(known);
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

    fn remove(&mut self, index: IfIndex) {
        if let Some(Entry { facts: Some(_), .. }) = self.entries.remove(&index) {
            self.pending.gone(index);
        }
    }

    fn address(&mut self, index: IfIndex, address: Address) {
        let Some(known) = self.facts(index) else { return };
        match known.addresses.iter().position(|one| one.address == address.address) {
            Some(place) if known.addresses[place] == address => return,
            Some(place) => Rc::make_mut(known).addresses[place] = address,
            None => {
                let addresses = &mut Rc::make_mut(known).addresses;
                addresses.reserve_exact(1);
                addresses.push(address);
            }
        }
        Rc::make_mut(known).addresses.sort_unstable();
        self.pending.changed(index);
    }

    /// Where IPv6 is switched off the addresses go, and nothing else is said. They also go with the link
    /// being down or its MTU too small, but that was announced before.
    fn address_gone(&mut self, index: IfIndex, address: Ipv6Addr, now: BootInstant) {
        let Some(known) = self.facts(index) else { return };
        let has_ipv6 = known.ipv6.is_some_and(|ipv6| !ipv6.disabled) && known.mtu >= MIN_MTU;
        let place = known.addresses.iter().position(|one| one.address == address);
        if let Some(place) = place {
            Rc::make_mut(known).addresses.remove(place);
        }
        let bare = known.addresses.is_empty() && known.flags.up && has_ipv6;
        if place.is_some() {
            self.pending.changed(index);
        }
        if bare {
            self.mark_unknown(index, Unknown::SETTINGS, now);
        }
    }

    fn forwarding(&mut self, index: IfIndex, on: bool, now: BootInstant) {
        let Some(known) = self.facts(index) else { return };
        match known.ipv6 {
            Some(ipv6) if ipv6.forwarding == on => {}
            Some(ipv6) => {
                Rc::make_mut(known).ipv6 = Some(Ipv6Settings { forwarding: on, ..ipv6 });
                self.pending.changed(index);
            }
            // IPv6 is back, with settings of which this is one.
            None => return self.mark_unknown(index, Unknown::SETTINGS, now),
        }
        if let Some(entry) = self.entries.get_mut(&index) {
            entry.unknown.settle(Unknown::DETACHED);
        }
    }

    /// With too small an MTU IPv6 is gone. With a link that is being deleted, the link itself is in a moment;
    /// with a new name the settings are back in a moment.
    fn settings_gone(&mut self, index: IfIndex, now: BootInstant) {
        let Some(known) = self.facts(index) else { return };
        if known.mtu >= MIN_MTU {
            return self.mark_unknown(index, Unknown::DETACHED, now);
        }
        if known.ipv6.is_none() && known.addresses.is_empty() {
            return;
        }
        let known = Rc::make_mut(known);
        known.ipv6 = None;
        known.addresses.clear();
        self.pending.changed(index);
    }

    fn settings_unclear(&mut self, index: IfIndex, now: BootInstant) {
        if self.facts(index).is_some() {
            self.mark_unknown(index, Unknown::SETTINGS, now);
        }
    }

    fn unclear(&mut self, index: IfIndex, now: BootInstant) {
        if let hash_map::Entry::Vacant(vacant) = self.entries.entry(index) {
            vacant.insert(Entry::new(None, Unknown::NONE));
        }
        self.mark_unknown(index, Unknown::LINK.and(Unknown::SETTINGS).and(Unknown::ADDRESSES), now);
    }

    /// Marks parts of an interface that exists as unknown, and has it asked for if any are.
    fn mark_unknown(&mut self, index: IfIndex, parts: Unknown, now: BootInstant) {
        let Some(entry) = self.entries.get_mut(&index) else { return };
        entry.unknown.raise(parts);
        if entry.unknown.any() && !mem::replace(&mut entry.queued, true) {
            self.queue.push_back((now + GRACE, index));
        }
    }

    fn facts(&mut self, index: IfIndex) -> Option<&mut Rc<Interface>> {
        self.entries.get_mut(&index)?.facts.as_mut()
    }

    fn is_followed(&self, index: IfIndex, name: &str) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(name) || self.known.contains(&index))
    }

    fn was_named(&self, index: IfIndex) -> Option<Named> {
        self.named.as_ref()?.get(&index).copied()
    }
}

#[cfg(test)]
mod tests;
