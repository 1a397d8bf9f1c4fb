//! A look at everything, in pieces, beside the announcements that go on.
//!
//! An interface that was named since the listing began is passed over, as the announcements know better. If it was in
//! doubt before, it stays so, and is asked for alone afterwards. Nothing is ever forgotten, and no address taken away,
//! because an answer that a change interrupted (`NLM_F_DUMP_INTR`) left it out: that too is a doubt.

use std::{collections::HashMap, mem, rc::Rc};

use super::{Doubts, Entry, Mirror, Named};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, Interface},
    },
    sys::netlink::decode::Link,
};

/// The addresses of the interface that a listing is at: the kernel lists them one interface after the other.
#[derive(Debug, Default)]
pub(super) struct Listed {
    owner: Option<IfIndex>,
    addresses: Vec<Address>,
}

/// A look that is over, but for those whom its listing left unread: each is asked for alone, and until that is done nobody
/// may take it for one that does not exist.
#[derive(Debug)]
pub(super) struct Unread {
    interfaces: Vec<IfIndex>,
    complete: bool,
}

impl Mirror {
    /// Everything is asked for now.
    pub(in crate::sys::netlink) fn begin_listing(&mut self) {
        self.named = Some(HashMap::new());
        self.listed = Listed::default();
        for entry in self.entries.values_mut() {
            (entry.link_listed, entry.addresses_listed) = (false, false);
        }
    }

    /// There will be no more of it.
    pub(in crate::sys::netlink) fn abandon_listing(&mut self) {
        self.named = None;
    }

    /// A link in the listing.
    pub(in crate::sys::netlink) fn list_link(&mut self, link: &Link<'_>, now: BootInstant) {
        let index = link.index;
        match (self.was_named(index), self.entries.contains_key(&index)) {
            (Some(Named::Deleted), false) => return,
            (Some(Named::Changed | Named::Deleted), true) => {}
            (Some(Named::Changed), false) => {
                self.insert(link, Doubts::NEVER_READ.and(Doubts::ALL));
                self.doubt(index, Doubts::NONE, now);
            }
            (None, true) => self.update(link, now),
            (None, false) => {
                let kind = if link.whole { Doubts::NONE } else { Doubts::LINK };
                self.insert(link, Doubts::NEVER_READ.and(kind));
            }
        }
        if let Some(entry) = self.entries.get_mut(&index) {
            entry.link_listed = true;
        }
    }

    /// All links were listed: `whole` if also those without an IPv6 part, `complete` if none was left out.
    pub(in crate::sys::netlink) fn end_links(&mut self, whole: bool, complete: bool, now: BootInstant) {
        for index in self.left_out(|entry| entry.link_listed) {
            if whole && complete {
                self.remove(index);
            } else if whole || self.facts(index).is_some_and(|known| known.ipv6.is_some()) {
                self.doubt(index, Doubts::LINK.and(Doubts::SETTINGS), now);
            }
        }
    }

    /// An address in the listing, which was `complete` so far.
    pub(in crate::sys::netlink) fn list_address(
        &mut self,
        owner: IfIndex,
        address: Address,
        complete: bool,
        now: BootInstant,
    ) {
        if self.listed.owner != Some(owner) {
            self.end_interface(complete, now);
            self.listed.owner = Some(owner);
        }
        self.listed.addresses.push(address);
    }

    /// All addresses were listed; `complete` if none was left out.
    pub(in crate::sys::netlink) fn end_listing(&mut self, complete: bool, now: BootInstant) {
        self.end_interface(complete, now);
        for index in self.left_out(|entry| entry.addresses_listed) {
            self.found(index, &[], complete, now);
        }
        self.named = None;
        let mut doubtful: Vec<_> =
            self.entries.iter().filter(|(_, entry)| entry.doubts.any()).map(|(&index, _)| index).collect();
        doubtful.sort_unstable();
        for index in doubtful {
            self.doubt(index, Doubts::NONE, now);
        }
    }

    /// What came of all that. It is told when everybody was read.
    pub(in crate::sys::netlink) fn looked(&mut self, complete: bool) {
        let unread = self.entries.iter().filter(|(_, entry)| entry.is_unread());
        self.unread = Some(Unread { interfaces: unread.map(|(&index, _)| index).collect(), complete });
        self.tell_looked();
    }

    pub(super) fn tell_looked(&mut self) {
        let Some(unread) = &mut self.unread else { return };
        unread.interfaces.retain(|index| self.entries.get(index).is_some_and(Entry::is_unread));
        if unread.interfaces.is_empty() {
            self.news.looked(unread.complete);
            self.unread = None;
        }
    }

    /// Whom the listing did not come to, though nothing was announced of them.
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
        let Some(owner) = self.listed.owner.take() else { return };
        let mut addresses = mem::take(&mut self.listed.addresses);
        addresses.sort_unstable();
        if self.was_named(owner).is_none() {
            self.found(owner, &addresses, complete, now);
        }
        addresses.clear();
        self.listed.addresses = addresses;
    }

    fn found(&mut self, owner: IfIndex, addresses: &[Address], complete: bool, now: BootInstant) {
        let Some(entry) = self.entries.get_mut(&owner) else { return };
        let Some(known) = &mut entry.facts else { return };
        let unread = entry.doubts.has(Doubts::NEVER_READ);
        let lacks_some = |known: &Interface| {
            known.addresses.iter().any(|one| addresses.iter().all(|other| one.address != other.address))
        };
        if !complete && (unread || lacks_some(known)) {
            return self.doubt(owner, Doubts::ADDRESSES, now);
        }
        entry.addresses_listed = true;
        entry.doubts.settle(Doubts::NEVER_READ);
        if known.addresses != addresses {
            addresses.clone_into(&mut Rc::make_mut(known).addresses);
        } else if !unread {
            return;
        }
        self.news.changed(owner);
    }
}
