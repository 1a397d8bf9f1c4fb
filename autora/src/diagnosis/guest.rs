//! What guests answer to two echo requests, and what that says about their address and their default route.
//!
//! One request comes from an address that only a default route leads to, one from the interface's link-local address.
//! The source of the first reply is the guest's choice among its addresses
//! ([RFC 6724 5](https://www.rfc-editor.org/rfc/rfc6724#section-5)): a link-local one if it has no other.

use std::{collections::BTreeMap, net::Ipv6Addr};

use crate::addr::{LinkLocal, Prefix64};

/// The most replies that are taken from one interface: each guest sends two, and a hostile one any number.
pub const MAX_REPLIES: usize = 512;

/// The most addresses that are kept of one guest.
const MAX_ADDRESSES: usize = 4;

/// A link-layer address.
pub type LinkAddress = [u8; 6];

/// A request, by its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoSource {
    /// From an address that guests reach through their default route.
    Global,
    /// From the interface's link-local address, which every node on the link reaches.
    LinkLocal,
}

/// A reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestReply {
    /// The request that it answers.
    pub to: EchoSource,
    /// Its source.
    pub source: Ipv6Addr,
    /// The link-layer address that it came from, where the link has one and the socket tells.
    pub link_address: Option<LinkAddress>,
}

/// What the replies say about a guest. The worst one comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuestVerdict {
    /// It is there, and has no default route.
    NoRoute,
    /// It has a default route, and no address but its link-local one.
    NoAddress,
    /// It has a default route, and answers from an address outside of the interface's /64.
    WrongPrefix,
    /// Nothing can be said.
    Unknown,
    /// It has an address in the /64, and a default route.
    Works,
}

impl GuestVerdict {
    /// All verdicts, the worst first.
    pub const ALL: [Self; 5] = [Self::NoRoute, Self::NoAddress, Self::WrongPrefix, Self::Unknown, Self::Works];

    /// Returns the stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRoute => "no-route",
            Self::NoAddress => "no-address",
            Self::WrongPrefix => "wrong-prefix",
            Self::Unknown => "unknown",
            Self::Works => "works",
        }
    }
}

/// A guest that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its link-layer address.
    pub link_address: Option<LinkAddress>,
    /// Its link-local address, if it answered from one.
    pub link_local: Option<LinkLocal>,
    /// The other addresses that it answered from, those in the /64 first.
    pub addresses: Vec<Ipv6Addr>,
    /// What its replies say.
    pub verdict: GuestVerdict,
}

/// The replies on one interface.
#[derive(Clone, Debug, Default)]
pub struct GuestReplies {
    guests: BTreeMap<Option<LinkAddress>, Sources>,
    count: usize,
}

/// The sources of one guest's replies.
#[derive(Clone, Debug, Default)]
struct Sources {
    to_global: Vec<Ipv6Addr>,
    to_link_local: Vec<Ipv6Addr>,
}

impl GuestReplies {
    /// Adds a reply, unless there are [`MAX_REPLIES`], or no guest has its source.
    pub fn add(&mut self, reply: GuestReply) {
        if self.is_full() {
            return;
        }
        self.count += 1;
        if !is_unicast(reply.source) {
            return;
        }
        let guest = self.guests.entry(reply.link_address).or_default();
        let sources = match reply.to {
            EchoSource::Global => &mut guest.to_global,
            EchoSource::LinkLocal => &mut guest.to_link_local,
        };
        if sources.len() < MAX_ADDRESSES && !sources.contains(&reply.source) {
            sources.push(reply.source);
        }
    }

    /// Returns whether no guest has answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.guests.is_empty()
    }

    /// Returns whether further replies change nothing.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.count >= MAX_REPLIES
    }

    /// Returns whether guests have answered, and each of them both requests. More of them may still answer.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let is_complete = |guest: &Sources| !guest.to_global.is_empty() && !guest.to_link_local.is_empty();
        !self.guests.is_empty() && self.guests.values().all(is_complete)
    }

    /// Returns the guests, the worst verdict first. `prefixes` are the interface's /64s.
    #[must_use]
    pub fn guests(&self, prefixes: &[Prefix64]) -> Vec<Guest> {
        let of = |(link_address, sources): (&Option<LinkAddress>, &Sources)| sources.guest(*link_address, prefixes);
        let mut guests: Vec<_> = self.guests.iter().map(of).collect();
        guests.sort_by_key(|guest| guest.verdict);
        guests
    }
}

impl Sources {
    fn guest(&self, link_address: Option<LinkAddress>, prefixes: &[Prefix64]) -> Guest {
        let is_outside = |address: &Ipv6Addr| !prefixes.contains(&Prefix64::containing(*address));
        let all = || self.to_link_local.iter().chain(&self.to_global).copied();
        let mut addresses: Vec<_> = all().filter(|address| LinkLocal::new(*address).is_none()).collect();
        addresses.sort_unstable_by_key(|address| (is_outside(address), *address));
        addresses.dedup();
        Guest { link_address, link_local: all().find_map(LinkLocal::new), addresses, verdict: self.verdict(is_outside) }
    }

    fn verdict(&self, is_outside: impl Fn(&Ipv6Addr) -> bool) -> GuestVerdict {
        // Without link-layer addresses guests are told apart by nothing, and one that works would hide the others.
        let has_link_local = |address: &&Ipv6Addr| LinkLocal::new(**address).is_some();
        let several = self.to_link_local.iter().filter(has_link_local).count() > 1;
        match self.to_global.as_slice() {
            _ if several => GuestVerdict::Unknown,
            [] => GuestVerdict::NoRoute,
            sources if sources.iter().any(|source| !is_outside(source)) => GuestVerdict::Works,
            sources if sources.iter().all(|source| LinkLocal::new(*source).is_some()) => GuestVerdict::NoAddress,
            _ => GuestVerdict::WrongPrefix,
        }
    }
}

fn is_unicast(address: Ipv6Addr) -> bool {
    !(address.is_multicast() || address.is_unspecified() || address.is_loopback())
}

#[cfg(test)]
mod tests;
