//! What a dump says, in pieces, beside the announcements that go on.
//!
//! An interface that was named since the dump began is passed over, as the announcements know better. If a
//! part of it was unknown before, it stays so, and is asked for alone afterwards. Nothing is ever forgotten,
//! and no address taken away, because an answer that a change interrupted (`NLM_F_DUMP_INTR`) left it out:
//! then it is unknown.

use std::{collections::HashMap, mem, rc::Rc};

use super::{Entry, Mirror, Named, Unknown};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, Interface},
    },
    sys::netlink::decode::Link,
};

/// The addresses of the interface that a dump is at: the kernel lists them one interface after the other.
#[derive(Debug, Default)]
pub(super) struct DumpedAddresses {
    owner: Option<IfIndex>,
    addresses: Vec<Address>,
}

/// A dump that is over, but for those that it left unread: each is asked for alone, and until that is done
/// none may be taken for one that does not exist.
#[derive(Debug)]
pub(super) struct Unread {
    interfaces: Vec<IfIndex>,
    complete: bool,
}

impl Mirror {
    /// What is known of every interface, by index.
    pub(in crate::sys::netlink) fn interfaces(&self) -> Vec<Interface> {
        let mut all: Vec<_> =
            self.entries.values().filter_map(|entry| entry.facts.as_deref().cloned()).collect();
        all.sort_unstable_by_key(|interface| interface.index);
        all
    }

    /// Everything is asked for now.
    pub(in crate::sys::netlink) fn begin_dump(&mut self) {
        self.named = Some(HashMap::new());
        self.dumped = DumpedAddresses::default();
        for entry in self.entries.values_mut() {
            (entry.link_dumped, entry.addresses_dumped) = (false, false);
        }
    }

    /// There will be no more of it.
    pub(in crate::sys::netlink) fn abandon_dump(&mut self) {
        self.named = None;
    }

    /// Takes in a link of the dump.
    pub(in crate::sys::netlink) fn dumped_link(&mut self, link: &Link<'_>, now: BootInstant) {
        let index = link.index;
        match (self.was_named(index), self.entries.contains_key(&index)) {
            (Some(Named::Deleted), false) => return,
            (Some(Named::Changed | Named::Deleted), true) => {}
            (Some(Named::Changed), false) => {
                self.insert(link, Unknown::NEVER_READ.and(Unknown::ALL));
                self.mark_unknown(index, Unknown::NONE, now);
            }
            (None, true) => self.update(link, now),
            (None, false) => {
                let kind = if link.whole { Unknown::NONE } else { Unknown::LINK };
                self.insert(link, Unknown::NEVER_READ.and(kind));
            }
        }
        if let Some(entry) = self.entries.get_mut(&index) {
            entry.link_dumped = true;
        }
    }

    /// All links were listed: `whole` if also those without an IPv6 part, `complete` if none was left out.
    pub(in crate::sys::netlink) fn end_links(&mut self, whole: bool, complete: bool, now: BootInstant) {
        for index in self.left_out(|entry| entry.link_dumped) {
            if whole && complete {
                self.remove(index);
            } else if whole || self.facts(index).is_some_and(|known| known.ipv6.is_some()) {
                self.mark_unknown(index, Unknown::LINK.and(Unknown::SETTINGS), now);
            }
        }
    }

    /// Takes in an address of the dump, which was `complete` so far.
    pub(in crate::sys::netlink) fn dumped_address(
        &mut self,
        owner: IfIndex,
        address: Address,
        complete: bool,
        now: BootInstant,
    ) {
        if self.dumped.owner != Some(owner) {
            self.end_interface(complete, now);
            self.dumped.owner = Some(owner);
        }
        self.dumped.addresses.push(address);
    }

    /// All addresses were listed; `complete` if none was left out.
    pub(in crate::sys::netlink) fn end_dump(&mut self, complete: bool, now: BootInstant) {
        self.end_interface(complete, now);
        for index in self.left_out(|entry| entry.addresses_dumped) {
            self.found(index, &[], complete, now);
        }
        self.named = None;
        let mut unknown: Vec<_> =
            self.entries.iter().filter(|(_, entry)| entry.unknown.any()).map(|(&index, _)| index).collect();
        unknown.sort_unstable();
        for index in unknown {
            self.mark_unknown(index, Unknown::NONE, now);
        }
    }

    /// Ends a resync. It is reported when all were read.
    pub(in crate::sys::netlink) fn looked(&mut self, complete: bool) {
        let unread = self.entries.iter().filter(|(_, entry)| entry.is_unread());
        self.unread = Some(Unread { interfaces: unread.map(|(&index, _)| index).collect(), complete });
        self.tell_looked();
    }

    pub(super) fn tell_looked(&mut self) {
        let Some(unread) = &mut self.unread else { return };
        unread.interfaces.retain(|index| self.entries.get(index).is_some_and(Entry::is_unread));
        if unread.interfaces.is_empty() {
            self.pending.looked(unread.complete);
            self.unread = None;
        }
    }

    /// The interfaces that the dump did not come to, though nothing was announced of them.
    fn left_out(&self, came: impl Fn(&Entry) -> bool) -> Vec<IfIndex> {
        let mut left_out: Vec<_> = self
            .entries
            .iter()
            .filter(|(index, entry)| !came(entry) && self.was_named(**index).is_none())
            .map(|(&index, _)| index)
            .collect();
        left_out.sort_unstable();
        left_out
    }

    fn end_interface(&mut self, complete: bool, now: BootInstant) {
        let Some(owner) = self.dumped.owner.take() else { return };
        let mut addresses = mem::take(&mut self.dumped.addresses);
        addresses.sort_unstable();
        if self.was_named(owner).is_none() {
            self.found(owner, &addresses, complete, now);
        }
        addresses.clear();
        self.dumped.addresses = addresses;
    }

    fn found(&mut self, owner: IfIndex, addresses: &[Address], complete: bool, now: BootInstant) {
        let Some(entry) = self.entries.get_mut(&owner) else { return };
        let Some(known) = &mut entry.facts else { return };
        let unread = entry.unknown.has(Unknown::NEVER_READ);
        let lacks_some = |known: &Interface| {
            known.addresses.iter().any(|one| addresses.iter().all(|other| one.address != other.address))
        };
        if !complete && (unread || lacks_some(known)) {
            return self.mark_unknown(owner, Unknown::ADDRESSES, now);
        }
        entry.addresses_dumped = true;
        entry.unknown.settle(Unknown::NEVER_READ);
        if known.addresses != addresses {
            addresses.clone_into(&mut Rc::make_mut(known).addresses);
        } else if !unread {
            return;
        }
        self.pending.changed(owner);
    }
}
