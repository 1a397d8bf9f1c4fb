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
mod picture;

use std::{
    collections::{HashMap, hash_map},
    mem,
    net::Ipv6Addr,
    rc::Rc,
    slice,
};

use regex::Regex;

pub use self::pending::Change;
use self::{
    dump::{Dump, DumpIntake},
    entry::{Entry, Named, Unknown},
    picture::{Picture, settle},
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

/// The picture, and how it is kept.
#[derive(Debug)]
pub(super) struct Mirror {
    picture: Picture,
    dump: Dump,
    /// Announcements were lost, and whole interfaces may have come with them.
    lost: bool,
}

impl Mirror {
    pub(super) fn new(pattern: Option<Regex>) -> Self {
        Self { picture: Picture::new(pattern), dump: Dump::default(), lost: false }
    }

    /// Keeps the facts of these interfaces whatever their names.
    pub(super) fn follow(&mut self, indices: impl Iterator<Item = IfIndex>) {
        self.picture.follow(indices);
    }

    /// Returns what is known of every interface, by index.
    pub(super) fn interfaces(&self) -> Vec<Interface> {
        self.picture.interfaces()
    }

    /// Returns where the pieces of a dump are taken in.
    pub(super) fn dump(&mut self) -> DumpIntake<'_> {
        DumpIntake { dump: &mut self.dump, picture: &mut self.picture }
    }

    /// Returns when [`Self::next_unknown`] has something.
    pub(super) fn unknown_due(&self) -> Option<BootInstant> {
        self.picture.unknown_due()
    }

    /// Returns how many interfaces are to be asked for by `now`.
    pub(super) fn unknown_by(&self, now: BootInstant) -> usize {
        self.picture.unknown_by(now)
    }

    /// Returns the next interface to ask for.
    pub(super) fn next_unknown(&mut self, now: BootInstant) -> Option<IfIndex> {
        self.picture.next_unknown(now)
    }

    /// Begins with a dump.
    pub(super) fn adopt(&mut self, interfaces: Vec<Interface>, complete: bool) {
        for interface in interfaces {
            let index = interface.index;
            let facts = self.picture.is_followed(interface.index, &interface.name).then(|| Rc::new(interface));
            self.picture.entries.insert(index, Entry::new(facts, Unknown::NONE));
            self.picture.pending.changed(index);
        }
        self.picture.pending.looked(complete);
    }

    /// Takes in what `datagram` announces at `now`.
    pub(super) fn hear(&mut self, datagram: &[u8], now: BootInstant) {
        for message in messages(datagram) {
            match message.and_then(|message| Announcement::parse(message, now)) {
                Ok(announcement) => self.take_in(announcement, now),
                Err(Malformed) => self.lost = true,
            }
        }
    }

    /// `conf.all.forwarding` was asked for.
    pub(super) fn host_forwards(&mut self, on: bool) {
        self.picture.pending.host_forwards(on);
    }

    /// The next change that the world outside does not know.
    pub(super) fn poll_change(&mut self) -> Option<Change> {
        let entries = &self.picture.entries;
        self.picture.pending.poll(|index| {
            let entry = entries.get(&index).filter(|entry| !entry.unknown.has(Unknown::NEVER_READ));
            entry.and_then(|entry| entry.facts.clone())
        })
    }

    /// Whether [`Self::poll_change`] has something.
    pub(super) fn has_pending_change(&self) -> bool {
        !self.picture.pending.is_empty()
    }

    /// Whether announcements were lost since this was last asked.
    pub(super) fn take_lost(&mut self) -> bool {
        mem::take(&mut self.lost)
    }

    /// Announcements were lost: everything is unknown, and a dump has to follow.
    pub(super) fn lose(&mut self) {
        let followed = self.picture.entries.values_mut().filter(|entry| entry.facts.is_some());
        followed.for_each(|entry| entry.unknown.raise(Unknown::ALL));
    }

    /// An interface, or several, are asked for now, each alone.
    pub(super) fn ask(&mut self) {
        self.picture.named = Some(HashMap::new());
    }

    /// All answers of [`Self::ask`] were taken in.
    pub(super) fn asked(&mut self) {
        self.picture.named = None;
        self.dump().report_looked();
    }

    /// What was found when the interface was asked for alone; `None` if there is none.
    pub(super) fn answer(&mut self, index: IfIndex, found: Option<Interface>, now: BootInstant) {
        if self.picture.was_named(index).is_some() {
            return self.picture.mark_unknown(index, Unknown::NONE, now);
        }
        let Some(mut found) = found else { return self.picture.remove(index) };
        let followed = self.picture.is_followed(index, &found.name);
        let Some(entry) = self.picture.entries.get_mut(&index) else { return };
        let unread = entry.unknown.has(Unknown::NEVER_READ);
        entry.unknown = Unknown::NONE;
        if let Some(known) = &entry.facts {
            settle(&mut found.addresses, &known.addresses, now);
        }
        match &mut entry.facts {
            Some(known) if **known == found && !unread => {}
            None if !followed => {}
            facts => {
                *facts = Some(Rc::new(found));
                self.picture.pending.changed(index);
            }
        }
    }

    fn take_in(&mut self, announcement: Announcement<'_>, now: BootInstant) {
        if let (Some(named), Some(index)) = (&mut self.picture.named, announcement.subject()) {
            let deleted = matches!(announcement, Announcement::LinkGone(_));
            named.insert(index, if deleted { Named::Deleted } else { Named::Changed });
        }
        match announcement {
            Announcement::Link(link) => self.link(&link, now),
            Announcement::LinkGone(index) => self.picture.remove(index),
            Announcement::Address(index, address) => self.address(index, address, now),
            Announcement::AddressGone(index, address) => self.address_gone(index, address, now),
            Announcement::Forwarding(index, on) => self.forwarding(index, on, now),
            Announcement::SettingsGone(index) => self.settings_gone(index, now),
            Announcement::SettingsUnclear(index) => self.settings_unclear(index, now),
            Announcement::Unclear(index) => self.unclear(index, now),
            Announcement::HostForwarding(on) => self.picture.pending.host_forwards(on),
            Announcement::Other => {}
        }
    }

    /// One that was just made is a new one, whatever is known of its index: the deletion of a predecessor may
    /// be among what was lost.
    fn link(&mut self, link: &Link<'_>, now: BootInstant) {
        if link.made {
            self.picture.remove(link.index);
            self.picture.insert(link, Unknown::NONE);
        } else if self.picture.entries.contains_key(&link.index) {
            self.picture.update(link, now);
        } else if link.whole {
            // Of one that was not known, only a dump or a question can tell the addresses.
            self.picture.insert(link, Unknown::NEVER_READ);
            self.picture.mark_unknown(link.index, Unknown::NONE, now);
        }
    }

    fn address(&mut self, index: IfIndex, mut address: Address, now: BootInstant) {
        let Some(known) = self.picture.facts(index) else { return };
        settle(slice::from_mut(&mut address), &known.addresses, now);
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
        self.picture.pending.changed(index);
    }

    /// Where IPv6 is switched off the addresses go, and nothing else is said. They also go with the link
    /// being down or its MTU too small, but that was announced before.
    fn address_gone(&mut self, index: IfIndex, address: Ipv6Addr, now: BootInstant) {
        let Some(known) = self.picture.facts(index) else { return };
        let has_ipv6 = known.ipv6.is_some_and(|ipv6| !ipv6.disabled) && known.mtu >= MIN_MTU;
        let place = known.addresses.iter().position(|one| one.address == address);
        if let Some(place) = place {
            Rc::make_mut(known).addresses.remove(place);
        }
        let bare = known.addresses.is_empty() && known.flags.up && has_ipv6;
        if place.is_some() {
            self.picture.pending.changed(index);
        }
        if bare {
            self.picture.mark_unknown(index, Unknown::SETTINGS, now);
        }
    }

    fn forwarding(&mut self, index: IfIndex, on: bool, now: BootInstant) {
        let Some(known) = self.picture.facts(index) else { return };
        match known.ipv6 {
            Some(ipv6) if ipv6.forwarding == on => {}
            Some(ipv6) => {
                Rc::make_mut(known).ipv6 = Some(Ipv6Settings { forwarding: on, ..ipv6 });
                self.picture.pending.changed(index);
            }
            // IPv6 is back, with settings of which this is one.
            None => return self.picture.mark_unknown(index, Unknown::SETTINGS, now),
        }
        if let Some(entry) = self.picture.entries.get_mut(&index) {
            entry.unknown.settle(Unknown::DETACHED);
        }
    }

    /// With too small an MTU IPv6 is gone. With a link that is being deleted, the link itself is in a moment;
    /// with a new name the settings are back in a moment.
    fn settings_gone(&mut self, index: IfIndex, now: BootInstant) {
        let Some(known) = self.picture.facts(index) else { return };
        if known.mtu >= MIN_MTU {
            return self.picture.mark_unknown(index, Unknown::DETACHED, now);
        }
        if known.ipv6.is_none() && known.addresses.is_empty() {
            return;
        }
        let known = Rc::make_mut(known);
        known.ipv6 = None;
        known.addresses.clear();
        self.picture.pending.changed(index);
    }

    fn settings_unclear(&mut self, index: IfIndex, now: BootInstant) {
        if self.picture.facts(index).is_some() {
            self.picture.mark_unknown(index, Unknown::SETTINGS, now);
        }
    }

    fn unclear(&mut self, index: IfIndex, now: BootInstant) {
        if let hash_map::Entry::Vacant(vacant) = self.picture.entries.entry(index) {
            vacant.insert(Entry::new(None, Unknown::NONE));
        }
        self.picture.mark_unknown(index, Unknown::LINK.and(Unknown::SETTINGS).and(Unknown::ADDRESSES), now);
    }
}

#[cfg(test)]
mod tests;
