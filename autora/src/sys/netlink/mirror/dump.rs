//! Applies a dump to the mirror, a message at a time, while notifications go on.
//!
//! An interface that a notification since the dump began was about is passed over, as the notification is newer.
//! Parts of it that were unknown before stay so, and it is read alone after the dump. A dump that a change interrupted
//! (`NLM_F_DUMP_INTR`) may have left out interfaces and addresses: it removes none, but makes them unknown.

use std::{collections::HashMap, mem, rc::Rc};

use super::{
    entry::{Entry, Notified, Unknown},
    state::{MirrorState, settle_lifetimes},
};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, Interface},
    },
    sys::netlink::decode::Link,
};

/// The state of a dump, or what it has left to read.
#[derive(Debug, Default)]
pub(super) struct Dump {
    /// The interface whose addresses are being listed, and those listed so far: the kernel dumps one interface after
    /// the other.
    owner: Option<IfIndex>,
    addresses: Vec<Address>,
    /// The interfaces that the last dump has left unread.
    unread: Option<Unread>,
}

/// The interfaces whose addresses a dump could not read. Each is read alone, and only then the resync has ended: until
/// then a caller would take them for deleted.
#[derive(Debug)]
struct Unread {
    interfaces: Vec<IfIndex>,
    complete: bool,
}

/// Applies a dump.
pub(in crate::sys::netlink) struct DumpApplier<'a> {
    pub(super) dump: &'a mut Dump,
    pub(super) state: &'a mut MirrorState,
}

impl DumpApplier<'_> {
    /// Notes that a dump begins: notifications are newer from now on.
    pub(in crate::sys::netlink) fn begin(&mut self) {
        self.state.notified = Some(HashMap::new());
        (self.dump.owner, self.dump.addresses) = (None, Vec::new());
        for entry in self.state.entries.values_mut() {
            (entry.link_dumped, entry.addresses_dumped) = (false, false);
        }
    }

    /// Notes that the dump has failed, so that nothing more of it follows.
    pub(in crate::sys::netlink) fn abandon(&mut self) {
        self.state.notified = None;
    }

    /// Applies a link of the dump.
    pub(in crate::sys::netlink) fn link(&mut self, link: &Link<'_>, now: BootInstant) {
        let index = link.index;
        match (self.state.notified_of(index), self.state.entries.contains_key(&index)) {
            (Some(Notified::Deleted), false) => return,
            (Some(Notified::Changed | Notified::Deleted), true) => {}
            (Some(Notified::Changed), false) => {
                self.state.insert(link, Unknown::NEVER_READ.and(Unknown::ALL));
                self.state.mark_unknown(index, Unknown::NONE, now);
            }
            (None, true) => self.state.update(link, now),
            (None, false) => {
                let kind = if link.whole { Unknown::NONE } else { Unknown::LINK };
                self.state.insert(link, Unknown::NEVER_READ.and(kind));
            }
        }
        if let Some(entry) = self.state.entries.get_mut(&index) {
            entry.link_dumped = true;
        }
    }

    /// Ends the dump of links: `whole` if it has also those without an IPv6 part, `complete` if no change interrupted
    /// it. Removes the links that a whole and complete one does not have.
    pub(in crate::sys::netlink) fn end_links(&mut self, whole: bool, complete: bool, now: BootInstant) {
        for index in self.left_out(|entry| entry.link_dumped) {
            if whole && complete {
                self.state.remove(index);
            } else if whole || self.state.facts(index).is_some_and(|known| known.ipv6.is_some()) {
                self.state.mark_unknown(index, Unknown::LINK.and(Unknown::SETTINGS), now);
            }
        }
    }

    /// Applies an address of the dump, which was `complete` so far.
    pub(in crate::sys::netlink) fn address(
        &mut self,
        owner: IfIndex,
        address: Address,
        complete: bool,
        now: BootInstant,
    ) {
        if self.dump.owner != Some(owner) {
            self.end_interface(complete, now);
            self.dump.owner = Some(owner);
        }
        self.dump.addresses.push(address);
    }

    /// Ends the dump of addresses: `complete` if no change interrupted it. Queues what is still unknown to be read.
    pub(in crate::sys::netlink) fn end(&mut self, complete: bool, now: BootInstant) {
        self.end_interface(complete, now);
        for index in self.left_out(|entry| entry.addresses_dumped) {
            self.set_addresses(index, &mut [], complete, now);
        }
        self.state.notified = None;
        let mut unknown: Vec<_> =
            self.state.entries.iter().filter(|(_, entry)| entry.unknown.any()).map(|(&index, _)| index).collect();
        unknown.sort_unstable();
        for index in unknown {
            self.state.mark_unknown(index, Unknown::NONE, now);
        }
    }

    /// Ends a resync, which found all interfaces if it is `complete`. It is reported once all of them have been read.
    pub(in crate::sys::netlink) fn resynced(&mut self, complete: bool) {
        let unread = self.state.entries.iter().filter(|(_, entry)| entry.is_unread());
        self.dump.unread = Some(Unread { interfaces: unread.map(|(&index, _)| index).collect(), complete });
        self.report_resynced();
    }

    /// Reports the end of a resync if no interface is unread.
    pub(super) fn report_resynced(&mut self) {
        let Some(unread) = &mut self.dump.unread else { return };
        unread.interfaces.retain(|index| self.state.entries.get(index).is_some_and(Entry::is_unread));
        if unread.interfaces.is_empty() {
            self.state.pending.resynced(unread.complete);
            self.dump.unread = None;
        }
    }

    /// Returns the interfaces that the dump has not listed, except those with a notification since it began.
    fn left_out(&self, is_listed: impl Fn(&Entry) -> bool) -> Vec<IfIndex> {
        let mut left_out: Vec<_> = self
            .state
            .entries
            .iter()
            .filter(|(index, entry)| !is_listed(entry) && self.state.notified_of(**index).is_none())
            .map(|(&index, _)| index)
            .collect();
        left_out.sort_unstable();
        left_out
    }

    /// Applies the addresses of the interface that was listed last.
    fn end_interface(&mut self, complete: bool, now: BootInstant) {
        let Some(owner) = self.dump.owner.take() else { return };
        let mut addresses = mem::take(&mut self.dump.addresses);
        addresses.sort_unstable();
        if self.state.notified_of(owner).is_none() {
            self.set_addresses(owner, &mut addresses, complete, now);
        }
        addresses.clear();
        self.dump.addresses = addresses;
    }

    /// Sets the addresses of an interface to those listed; if the dump is not `complete` and some that are known are
    /// missing, makes them unknown instead.
    fn set_addresses(&mut self, owner: IfIndex, addresses: &mut [Address], complete: bool, now: BootInstant) {
        let Some(entry) = self.state.entries.get_mut(&owner) else { return };
        let Some(known) = &mut entry.facts else { return };
        let unread = entry.unknown.has(Unknown::NEVER_READ);
        let lacks_some = |known: &Interface| {
            known.addresses.iter().any(|one| addresses.iter().all(|other| one.address != other.address))
        };
        if !complete && (unread || lacks_some(known)) {
            return self.state.mark_unknown(owner, Unknown::ADDRESSES, now);
        }
        entry.addresses_dumped = true;
        entry.unknown.clear(Unknown::NEVER_READ);
        settle_lifetimes(addresses, &known.addresses, now);
        if known.addresses != addresses {
            addresses.clone_into(&mut Rc::make_mut(known).addresses);
        } else if !unread {
            return;
        }
        self.state.pending.changed(owner);
    }
}
