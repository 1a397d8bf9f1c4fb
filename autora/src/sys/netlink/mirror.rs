//! The kernel's picture of the interfaces, kept from what it announces: a pure machine over messages.
//!
//! Notifications come in the order of the changes, and most say all there is to say, so nothing has to be
//! asked. Where one does not, a part of the interface is *unknown* ([`Entry`] shows a link's life): what was
//! known of it stands until it is asked for alone, or with all others ([`dump`]). Whatever is asked is taken
//! in only once everything announced before the answer was heard, and only for interfaces that were not named
//! meanwhile: of those the notifications know better.
//!
//! Level-triggered all the same: what comes out is never a difference, but the interface as it is now, at
//! most once however much has happened to it, and before that, that its predecessor with the same index is
//! gone.

mod dump;
mod entry;
mod pending;
mod state;

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
    dump::{Dump, DumpApplier},
    entry::{Entry, Notified, Unknown},
    state::{MirrorState, settle_lifetimes},
};
use super::{
    decode::Link,
    frame::{Malformed, messages},
    notification::Notification,
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
    state: MirrorState,
    dump: Dump,
    /// Notifications were lost, and whole interfaces may have come with them.
    malformed: bool,
}

impl Mirror {
    pub(super) fn new(pattern: Option<Regex>) -> Self {
        Self { state: MirrorState::new(pattern), dump: Dump::default(), malformed: false }
    }

    /// Keeps the facts of these interfaces whatever their names.
    pub(super) fn follow(&mut self, indices: impl Iterator<Item = IfIndex>) {
        self.state.follow(indices);
    }

    /// Returns what is known of every interface, by index.
    pub(super) fn interfaces(&self) -> Vec<Interface> {
        self.state.interfaces()
    }

    /// Returns where the pieces of a dump are taken in.
    pub(super) fn dump(&mut self) -> DumpApplier<'_> {
        DumpApplier { dump: &mut self.dump, state: &mut self.state }
    }

    /// Returns when [`Self::next_unknown`] has something.
    pub(super) fn unknown_due(&self) -> Option<BootInstant> {
        self.state.unknown_due()
    }

    /// Returns how many interfaces are to be asked for by `now`.
    pub(super) fn unknown_by(&self, now: BootInstant) -> usize {
        self.state.unknown_by(now)
    }

    /// Returns the next interface to ask for.
    pub(super) fn next_unknown(&mut self, now: BootInstant) -> Option<IfIndex> {
        self.state.next_unknown(now)
    }

    /// Begins with a dump.
    pub(super) fn adopt(&mut self, interfaces: Vec<Interface>, complete: bool) {
        for interface in interfaces {
            let index = interface.index;
            let facts = self.state.is_followed(interface.index, &interface.name).then(|| Rc::new(interface));
            self.state.entries.insert(index, Entry::new(facts, Unknown::NONE));
            self.state.pending.changed(index);
        }
        self.state.pending.resynced(complete);
    }

    /// Takes in what `datagram` announces at `now`.
    pub(super) fn receive(&mut self, datagram: &[u8], now: BootInstant) {
        for message in messages(datagram) {
            match message.and_then(|message| Notification::parse(message, now)) {
                Ok(notification) => self.apply(notification, now),
                Err(Malformed) => self.malformed = true,
            }
        }
    }

    /// `conf.all.forwarding` was asked for.
    pub(super) fn host_forwards(&mut self, on: bool) {
        self.state.pending.host_forwards(on);
    }

    /// The next change that the world outside does not know.
    pub(super) fn poll_change(&mut self) -> Option<Change> {
        let entries = &self.state.entries;
        self.state.pending.poll(|index| {
            let entry = entries.get(&index).filter(|entry| !entry.unknown.has(Unknown::NEVER_READ));
            entry.and_then(|entry| entry.facts.clone())
        })
    }

    /// Whether [`Self::poll_change`] has something.
    pub(super) fn has_pending_change(&self) -> bool {
        !self.state.pending.is_empty()
    }

    /// Whether notifications were lost since this was last asked.
    pub(super) fn take_malformed(&mut self) -> bool {
        mem::take(&mut self.malformed)
    }

    /// Notifications were lost: everything is unknown, and a dump has to follow.
    pub(super) fn mark_all_unknown(&mut self) {
        let followed = self.state.entries.values_mut().filter(|entry| entry.facts.is_some());
        followed.for_each(|entry| entry.unknown.set(Unknown::ALL));
    }

    /// An interface, or several, are asked for now, each alone.
    pub(super) fn begin_reads(&mut self) {
        self.state.notified = Some(HashMap::new());
    }

    /// All answers of [`Self::begin_reads`] were taken in.
    pub(super) fn end_reads(&mut self) {
        self.state.notified = None;
        self.dump().report_resynced();
    }

    /// What was found when the interface was asked for alone; `None` if there is none.
    pub(super) fn apply_reply(&mut self, index: IfIndex, found: Option<Interface>, now: BootInstant) {
        if self.state.notified_of(index).is_some() {
            return self.state.mark_unknown(index, Unknown::NONE, now);
        }
        let Some(mut found) = found else { return self.state.remove(index) };
        let followed = self.state.is_followed(index, &found.name);
        let Some(entry) = self.state.entries.get_mut(&index) else { return };
        let unread = entry.unknown.has(Unknown::NEVER_READ);
        entry.unknown = Unknown::NONE;
        if let Some(known) = &entry.facts {
            settle_lifetimes(&mut found.addresses, &known.addresses, now);
        }
        match &mut entry.facts {
            Some(known) if **known == found && !unread => {}
            None if !followed => {}
            facts => {
                *facts = Some(Rc::new(found));
                self.state.pending.changed(index);
            }
        }
    }

    fn apply(&mut self, notification: Notification<'_>, now: BootInstant) {
        if let (Some(notified), Some(index)) = (&mut self.state.notified, notification.index()) {
            let deleted = matches!(notification, Notification::LinkDeleted(_));
            notified.insert(index, if deleted { Notified::Deleted } else { Notified::Changed });
        }
        match notification {
            Notification::Link(link) => self.link(&link, now),
            Notification::LinkDeleted(index) => self.state.remove(index),
            Notification::Address(index, address) => self.address(index, address, now),
            Notification::AddressDeleted(index, address) => self.address_deleted(index, address, now),
            Notification::Forwarding(index, on) => self.forwarding(index, on, now),
            Notification::SettingsDeleted(index) => self.settings_deleted(index, now),
            Notification::SettingsUnspecified(index) => self.settings_unspecified(index, now),
            Notification::Undecodable(index) => self.undecodable(index, now),
            Notification::HostForwarding(on) => self.state.pending.host_forwards(on),
            Notification::Other => {}
        }
    }

    /// One that was just made is a new one, whatever is known of its index: the deletion of a predecessor may
    /// be among what was lost.
    fn link(&mut self, link: &Link<'_>, now: BootInstant) {
        if link.created {
            self.state.remove(link.index);
            self.state.insert(link, Unknown::NONE);
        } else if self.state.entries.contains_key(&link.index) {
            self.state.update(link, now);
        } else if link.whole {
            // Of one that was not known, only a dump or a question can tell the addresses.
            self.state.insert(link, Unknown::NEVER_READ);
            self.state.mark_unknown(link.index, Unknown::NONE, now);
        }
    }

    fn address(&mut self, index: IfIndex, mut address: Address, now: BootInstant) {
        let Some(known) = self.state.facts(index) else { return };
        settle_lifetimes(slice::from_mut(&mut address), &known.addresses, now);
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
        self.state.pending.changed(index);
    }

    /// Where IPv6 is switched off the addresses go, and nothing else is said. They also go with the link
    /// being down or its MTU too small, but that was announced before.
    fn address_deleted(&mut self, index: IfIndex, address: Ipv6Addr, now: BootInstant) {
        let Some(known) = self.state.facts(index) else { return };
        let has_ipv6 = known.ipv6.is_some_and(|ipv6| !ipv6.disabled) && known.mtu >= MIN_MTU;
        let place = known.addresses.iter().position(|one| one.address == address);
        if let Some(place) = place {
            Rc::make_mut(known).addresses.remove(place);
        }
        let bare = known.addresses.is_empty() && known.flags.up && has_ipv6;
        if place.is_some() {
            self.state.pending.changed(index);
        }
        if bare {
            self.state.mark_unknown(index, Unknown::SETTINGS, now);
        }
    }

    fn forwarding(&mut self, index: IfIndex, on: bool, now: BootInstant) {
        let Some(known) = self.state.facts(index) else { return };
        match known.ipv6 {
            Some(ipv6) if ipv6.forwarding == on => {}
            Some(ipv6) => {
                Rc::make_mut(known).ipv6 = Some(Ipv6Settings { forwarding: on, ..ipv6 });
                self.state.pending.changed(index);
            }
            // IPv6 is back, with settings of which this is one.
            None => return self.state.mark_unknown(index, Unknown::SETTINGS, now),
        }
        if let Some(entry) = self.state.entries.get_mut(&index) {
            entry.unknown.clear(Unknown::DETACHED);
        }
    }

    /// With too small an MTU IPv6 is gone. With a link that is being deleted, the link itself is in a moment;
    /// with a new name the settings are back in a moment.
    fn settings_deleted(&mut self, index: IfIndex, now: BootInstant) {
        let Some(known) = self.state.facts(index) else { return };
        if known.mtu >= MIN_MTU {
            return self.state.mark_unknown(index, Unknown::DETACHED, now);
        }
        if known.ipv6.is_none() && known.addresses.is_empty() {
            return;
        }
        let known = Rc::make_mut(known);
        known.ipv6 = None;
        known.addresses.clear();
        self.state.pending.changed(index);
    }

    fn settings_unspecified(&mut self, index: IfIndex, now: BootInstant) {
        if self.state.facts(index).is_some() {
            self.state.mark_unknown(index, Unknown::SETTINGS, now);
        }
    }

    fn undecodable(&mut self, index: IfIndex, now: BootInstant) {
        if let hash_map::Entry::Vacant(vacant) = self.state.entries.entry(index) {
            vacant.insert(Entry::new(None, Unknown::NONE));
        }
        self.state.mark_unknown(index, Unknown::LINK.and(Unknown::SETTINGS).and(Unknown::ADDRESSES), now);
    }
}

#[cfg(test)]
mod tests;
