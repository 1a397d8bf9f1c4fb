//! A copy of the kernel's interfaces that follows its notifications: a pure machine over messages.
//!
//! Notifications come in the order of the changes, and most carry everything that matters, so that no request is
//! needed. One that does not makes a part of the interface *unknown* ([`Entry`] shows the states): the last known value
//! stays until the interface is read alone, or with all others by a dump ([`dump`]). A reply is applied only after all
//! notifications that the kernel sent before it, and only to interfaces that no notification since the request was
//! about, as that is newer.
//!
//! The mirror is level-triggered all the same: it hands out no difference but the interface as it is now, at most once
//! for any number of changes. If the interface was deleted and its index used again, the deletion comes first.

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

/// The copy, and the dump that is being applied to it.
#[derive(Debug)]
pub(super) struct Mirror {
    state: MirrorState,
    dump: Dump,
    /// A notification could not be parsed, so that its interface, which may be a new one, is not known.
    malformed: bool,
}

impl Mirror {
    /// Returns an empty mirror that keeps the facts of interfaces whose name matches `pattern`; of all, without one.
    pub(super) fn new(pattern: Option<Regex>) -> Self {
        Self { state: MirrorState::new(pattern), dump: Dump::default(), malformed: false }
    }

    /// Keeps the facts of these interfaces whatever their names.
    pub(super) fn follow(&mut self, indices: impl Iterator<Item = IfIndex>) {
        self.state.follow(indices);
    }

    /// Returns every interface whose facts are kept, by index.
    pub(super) fn interfaces(&self) -> Vec<Interface> {
        self.state.interfaces()
    }

    /// Returns the part of the mirror that applies a dump.
    pub(super) fn dump(&mut self) -> DumpApplier<'_> {
        DumpApplier { dump: &mut self.dump, state: &mut self.state }
    }

    /// Returns when [`Self::next_unknown`] has something.
    pub(super) fn unknown_due(&self) -> Option<BootInstant> {
        self.state.unknown_due()
    }

    /// Returns how many interfaces are to be read alone by `now`.
    pub(super) fn unknown_by(&self, now: BootInstant) -> usize {
        self.state.unknown_by(now)
    }

    /// Returns the next interface to read alone.
    pub(super) fn next_unknown(&mut self, now: BootInstant) -> Option<IfIndex> {
        self.state.next_unknown(now)
    }

    /// Fills an empty mirror with the interfaces of a dump, which are all if it is `complete`.
    pub(super) fn adopt(&mut self, interfaces: Vec<Interface>, complete: bool) {
        for interface in interfaces {
            let index = interface.index;
            let facts = self.state.is_followed(interface.index, &interface.name).then(|| Rc::new(interface));
            self.state.entries.insert(index, Entry::new(facts, Unknown::NONE));
            self.state.pending.changed(index);
        }
        self.state.pending.resynced(complete);
    }

    /// Applies the notifications in `datagram`, which was received at `now`.
    pub(super) fn receive(&mut self, datagram: &[u8], now: BootInstant) {
        for message in messages(datagram) {
            match message.and_then(|message| Notification::parse(message, now)) {
                Ok(notification) => self.apply(notification, now),
                Err(Malformed) => self.malformed = true,
            }
        }
    }

    /// Notes `conf.all.forwarding`, as a request found it.
    pub(super) fn host_forwards(&mut self, on: bool) {
        self.state.pending.host_forwards(on);
    }

    /// Returns the next change that was not handed out yet.
    pub(super) fn poll_change(&mut self) -> Option<Change> {
        let entries = &self.state.entries;
        self.state.pending.poll(|index| {
            let entry = entries.get(&index).filter(|entry| !entry.unknown.has(Unknown::NEVER_READ));
            entry.and_then(|entry| entry.facts.clone())
        })
    }

    /// Returns whether [`Self::poll_change`] has something.
    pub(super) fn has_pending_change(&self) -> bool {
        !self.state.pending.is_empty()
    }

    /// Returns whether a notification could not be parsed since the last call.
    pub(super) fn take_malformed(&mut self) -> bool {
        mem::take(&mut self.malformed)
    }

    /// Marks everything as unknown, because notifications were lost. A dump has to follow.
    pub(super) fn mark_all_unknown(&mut self) {
        let followed = self.state.entries.values_mut().filter(|entry| entry.facts.is_some());
        followed.for_each(|entry| entry.unknown.set(Unknown::ALL));
    }

    /// Notes that interfaces are read alone now: notifications about them are newer from now on.
    pub(super) fn begin_reads(&mut self) {
        self.state.notified = Some(HashMap::new());
    }

    /// Notes that all replies since [`Self::begin_reads`] were applied.
    pub(super) fn end_reads(&mut self) {
        self.state.notified = None;
        self.dump().report_resynced();
    }

    /// Applies what was `found` when the interface was read alone; `None` if it does not exist.
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

    /// Applies an `RTM_NEWLINK`. A link that was just created is another one than the link that the mirror has with its
    /// index, whose deletion may be among lost notifications.
    fn link(&mut self, link: &Link<'_>, now: BootInstant) {
        if link.created {
            self.state.remove(link.index);
            self.state.insert(link, Unknown::NONE);
        } else if self.state.entries.contains_key(&link.index) {
            self.state.update(link, now);
        } else if link.whole {
            // The addresses of a link that was not known have to be read.
            self.state.insert(link, Unknown::NEVER_READ);
            self.state.mark_unknown(link.index, Unknown::NONE, now);
        }
    }

    /// Applies an `RTM_NEWADDR`.
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

    /// Applies an `RTM_DELADDR`. If `disable_ipv6` was set, the kernel deletes the addresses and sends no other
    /// notification. It also deletes them if the link was taken down or its MTU is too small, but the notification of
    /// that came before.
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

    /// Applies an `RTM_NEWNETCONF` that has `forwarding`.
    fn forwarding(&mut self, index: IfIndex, on: bool, now: BootInstant) {
        let Some(known) = self.state.facts(index) else { return };
        match known.ipv6 {
            Some(ipv6) if ipv6.forwarding == on => {}
            Some(ipv6) => {
                Rc::make_mut(known).ipv6 = Some(Ipv6Settings { forwarding: on, ..ipv6 });
                self.state.pending.changed(index);
            }
            // The link has IPv6 again, and this is only one of its settings.
            None => return self.state.mark_unknown(index, Unknown::SETTINGS, now),
        }
        if let Some(entry) = self.state.entries.get_mut(&index) {
            entry.unknown.clear(Unknown::DETACHED);
        }
    }

    /// Applies an `RTM_DELNETCONF`. With too small an MTU the link has lost IPv6. Otherwise the link is being deleted,
    /// or renamed, after which its settings are back: a notification of either follows in a moment.
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

    /// Applies an `RTM_NEWNETCONF` that does not say which setting has changed.
    fn settings_unspecified(&mut self, index: IfIndex, now: BootInstant) {
        if self.state.facts(index).is_some() {
            self.state.mark_unknown(index, Unknown::SETTINGS, now);
        }
    }

    /// Applies a notification that could not be decoded: whatever it was about is unknown.
    fn undecodable(&mut self, index: IfIndex, now: BootInstant) {
        if let hash_map::Entry::Vacant(vacant) = self.state.entries.entry(index) {
            vacant.insert(Entry::new(None, Unknown::NONE));
        }
        self.state.mark_unknown(index, Unknown::LINK.and(Unknown::SETTINGS).and(Unknown::ADDRESSES), now);
    }
}

#[cfg(test)]
mod tests;
