//! What a dump says, in pieces, beside the notifications that go on.
//!
//! An interface that was named since the dump began is passed over, as the notifications know better. If a
//! part of it was unknown before, it stays so, and is asked for alone afterwards. Nothing is ever forgotten,
//! and no address taken away, because an answer that a change interrupted (`NLM_F_DUMP_INTR`) left it out:
//! then it is unknown.

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

/// How far a dump is, or what it left.
#[derive(Debug, Default)]
pub(super) struct Dump {
    /// The interface that the dump of addresses is at, and its addresses: the kernel dumps one interface
    /// after the other.
    owner: Option<IfIndex>,
    addresses: Vec<Address>,
    /// After a dump: which interfaces it left unread.
    unread: Option<Unread>,
}

/// A dump that is over, but for those that it left unread: each is asked for alone, and until that is done
/// none may be taken for one that does not exist.
#[derive(Debug)]
struct Unread {
    interfaces: Vec<IfIndex>,
    complete: bool,
}

/// Takes in the pieces of a dump.
pub(in crate::sys::netlink) struct DumpApplier<'a> {
    pub(super) dump: &'a mut Dump,
    pub(super) state: &'a mut MirrorState,
}

impl DumpApplier<'_> {
    /// Everything is asked for now.
    pub(in crate::sys::netlink) fn begin(&mut self) {
        self.state.notified = Some(HashMap::new());
        (self.dump.owner, self.dump.addresses) = (None, Vec::new());
        for entry in self.state.entries.values_mut() {
            (entry.link_dumped, entry.addresses_dumped) = (false, false);
        }
    }

    /// There will be no more of it.
    pub(in crate::sys::netlink) fn abandon(&mut self) {
        self.state.notified = None;
    }

    /// Takes in a link of the dump.
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

    /// All links were listed: `whole` if also those without an IPv6 part, `complete` if none was left out.
    pub(in crate::sys::netlink) fn end_links(&mut self, whole: bool, complete: bool, now: BootInstant) {
        for index in self.left_out(|entry| entry.link_dumped) {
            if whole && complete {
                self.state.remove(index);
            } else if whole || self.state.facts(index).is_some_and(|known| known.ipv6.is_some()) {
                self.state.mark_unknown(index, Unknown::LINK.and(Unknown::SETTINGS), now);
            }
        }
    }

    /// Takes in an address of the dump, which was `complete` so far.
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

    /// All addresses were listed; `complete` if none was left out.
    pub(in crate::sys::netlink) fn end(&mut self, complete: bool, now: BootInstant) {
        self.end_interface(complete, now);
        for index in self.left_out(|entry| entry.addresses_dumped) {
            self.found(index, &mut [], complete, now);
        }
        self.state.notified = None;
        let mut unknown: Vec<_> =
            self.state.entries.iter().filter(|(_, entry)| entry.unknown.any()).map(|(&index, _)| index).collect();
        unknown.sort_unstable();
        for index in unknown {
            self.state.mark_unknown(index, Unknown::NONE, now);
        }
    }

    /// Ends a resync. It is reported when all were read.
    pub(in crate::sys::netlink) fn resynced(&mut self, complete: bool) {
        let unread = self.state.entries.iter().filter(|(_, entry)| entry.is_unread());
        self.dump.unread = Some(Unread { interfaces: unread.map(|(&index, _)| index).collect(), complete });
        self.report_resynced();
    }

    pub(super) fn report_resynced(&mut self) {
        let Some(unread) = &mut self.dump.unread else { return };
        unread.interfaces.retain(|index| self.state.entries.get(index).is_some_and(Entry::is_unread));
        if unread.interfaces.is_empty() {
            self.state.pending.resynced(unread.complete);
            self.dump.unread = None;
        }
    }

    /// The interfaces that the dump did not come to, though nothing was announced of them.
    fn left_out(&self, came: impl Fn(&Entry) -> bool) -> Vec<IfIndex> {
        let mut left_out: Vec<_> = self
            .state
            .entries
            .iter()
            .filter(|(index, entry)| !came(entry) && self.state.notified_of(**index).is_none())
            .map(|(&index, _)| index)
            .collect();
        left_out.sort_unstable();
        left_out
    }

    fn end_interface(&mut self, complete: bool, now: BootInstant) {
        let Some(owner) = self.dump.owner.take() else { return };
        let mut addresses = mem::take(&mut self.dump.addresses);
        addresses.sort_unstable();
        if self.state.notified_of(owner).is_none() {
            self.found(owner, &mut addresses, complete, now);
        }
        addresses.clear();
        self.dump.addresses = addresses;
    }

    fn found(&mut self, owner: IfIndex, addresses: &mut [Address], complete: bool, now: BootInstant) {
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
