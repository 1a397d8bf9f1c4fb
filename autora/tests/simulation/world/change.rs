//! Changes that an operator, a program or the network makes to one link.

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, AddressFlags, AddressScope, Interface, Ipv6Settings, Master},
    },
};
use rand::{RngExt, rngs::StdRng};

use super::{
    address::{flip_deprecated, global, link_local, not_unicast, park, set_lifetimes},
    blink::{Blink, Undo},
    fit, home_name,
};
use crate::chance::one_of;

/// The number of link-local addresses that a link alternates between.
const LINK_LOCALS: u16 = 4;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Delete,
    /// Repairs whatever keeps the link from being served; the rest stays.
    Repair,
    /// Restores the initial state.
    Reset,
    Rename,
    Carrier,
    /// The link goes up or down, and its carrier with it.
    UpOrDown,
    Forwarding,
    Multicast,
    Master,
    DisableIpv6,
    Mtu,
    ReplaceLinkLocal,
    AddLinkLocal,
    RemoveLinkLocal,
    FlagLinkLocal,
    ReplacePrefix,
    AddGlobal,
    RemoveGlobal,
    FlagGlobal,
    /// DAD runs again on all addresses.
    Redetect,
    /// The lifetimes of an address of global scope.
    Lifetimes,
    /// Parks an address of global scope.
    Park,
    /// Adds an address that makes no prefix.
    AddOdd,
    LinkAddress,
    LinkMtu,
    /// A change that is undone a moment later.
    Blink(Blink),
    /// Several changes between two reads of the daemon.
    Both(&'static [Change]),
}

/// The changes to draw from; a repeated entry is likelier.
const ALL_CHANGES: &[Change] = &[
    Change::Delete,
    Change::Repair,
    Change::Repair,
    Change::Repair,
    Change::Repair,
    Change::Repair,
    Change::Repair,
    Change::Repair,
    Change::Repair,
    Change::Reset,
    Change::Rename,
    Change::Carrier,
    Change::Carrier,
    Change::UpOrDown,
    Change::Forwarding,
    Change::Forwarding,
    Change::Multicast,
    Change::Master,
    Change::DisableIpv6,
    Change::Mtu,
    Change::ReplaceLinkLocal,
    Change::AddLinkLocal,
    Change::RemoveLinkLocal,
    Change::FlagLinkLocal,
    Change::ReplacePrefix,
    Change::ReplacePrefix,
    Change::AddGlobal,
    Change::RemoveGlobal,
    Change::FlagGlobal,
    Change::Redetect,
    Change::Lifetimes,
    Change::Lifetimes,
    Change::Lifetimes,
    Change::Park,
    Change::AddOdd,
    Change::LinkAddress,
    Change::LinkMtu,
    Change::Blink(Blink::Address(AddressScope::Link)),
    Change::Blink(Blink::Address(AddressScope::Global)),
    Change::Blink(Blink::Address(AddressScope::Global)),
    Change::Blink(Blink::AllAddresses),
    Change::Blink(Blink::Forwarding),
    Change::Blink(Blink::Forwarding),
    Change::Blink(Blink::Name),
    Change::Blink(Blink::Master),
    Change::Blink(Blink::Carrier),
    Change::Blink(Blink::Down),
    Change::Blink(Blink::Down),
    Change::Both(&[Change::Park, Change::AddGlobal]),
    Change::Both(&[Change::AddGlobal, Change::Blink(Blink::Address(AddressScope::Global))]),
    Change::Both(&[Change::AddLinkLocal, Change::Blink(Blink::Address(AddressScope::Link))]),
    Change::Both(&[Change::Blink(Blink::Address(AddressScope::Global)), Change::Blink(Blink::Carrier)]),
    Change::Both(&[Change::Lifetimes, Change::Blink(Blink::Forwarding)]),
    Change::Both(&[Change::ReplaceLinkLocal, Change::ReplacePrefix]),
    Change::Both(&[Change::ReplaceLinkLocal, Change::Carrier]),
    Change::Both(&[Change::ReplacePrefix, Change::Forwarding]),
    Change::Both(&[Change::Forwarding, Change::Repair, Change::ReplaceLinkLocal]),
    Change::Both(&[Change::FlagLinkLocal, Change::AddLinkLocal]),
];

/// The changes of links whose prefixes keep changing.
const PREFIXES: &[Change] =
    &[Change::ReplacePrefix, Change::ReplacePrefix, Change::Repair, Change::Repair, Change::RemoveGlobal];

/// With more prefixes than this, most changes are of prefixes.
const MANY_PREFIXES: u16 = 8;

/// The link that a change concerns.
pub(super) struct Changed<'a> {
    pub(super) number: u16,
    /// The number of its /64s.
    pub(super) prefixes: u16,
    pub(super) now: BootInstant,
    /// How changes are undone a moment later.
    pub(super) undo: &'a mut Vec<Undo>,
}

impl Change {
    pub(super) fn draw(prefixes: u16, rng: &mut StdRng) -> Self {
        let prefixes_only = prefixes > MANY_PREFIXES && rng.random_bool(0.9);
        one_of(rng, if prefixes_only { PREFIXES } else { ALL_CHANGES })
    }

    pub(super) fn apply(self, link: &mut Interface, to: &mut Changed<'_>, rng: &mut StdRng) {
        let Changed { number, prefixes, now, .. } = *to;
        let flags = &mut link.flags;
        match self {
            Self::Delete => {}
            Self::Repair => repair(link, number, prefixes, rng),
            Self::Reset => *link = fit(number, link.index),
            Self::Rename if link.name.starts_with("old") => link.name = home_name(number),
            Self::Rename => link.name = format!("old{number}"),
            Self::Carrier => flags.carrier = !flags.carrier,
            Self::UpOrDown => {
                flags.up = !flags.up;
                flags.carrier = flags.up;
            }
            Self::Multicast => flags.multicast = !flags.multicast,
            Self::Forwarding => with_ipv6(link, |ipv6| ipv6.forwarding = !ipv6.forwarding),
            Self::DisableIpv6 => with_ipv6(link, |ipv6| ipv6.disabled = !ipv6.disabled),
            Self::Master => link.master = master(rng).map(Box::new),
            // The kernel removes the IPv6 part of the link with its addresses, and does not restore it by
            // itself.
            Self::Mtu => {
                link.mtu = 1_000;
                link.ipv6 = None;
                link.addresses.clear();
            }
            Self::ReplaceLinkLocal => {
                link.addresses.retain(|address| address.scope != AddressScope::Link);
                add_link_local(link, rng);
            }
            Self::AddLinkLocal => add_link_local(link, rng),
            Self::RemoveLinkLocal => remove_one(link, AddressScope::Link, rng),
            Self::FlagLinkLocal => flag_one(link, AddressScope::Link, rng),
            Self::ReplacePrefix => replace_prefix(link, number, prefixes, rng),
            Self::AddGlobal => add_global(link, number, prefixes, rng),
            Self::RemoveGlobal => remove_one(link, AddressScope::Global, rng),
            Self::FlagGlobal => flag_one(link, AddressScope::Global, rng),
            Self::Redetect => link.addresses.iter_mut().for_each(|address| address.flags.tentative = true),
            Self::Lifetimes => {
                with_one(link, AddressScope::Global, rng, |address, rng| set_lifetimes(address, now, rng));
            }
            Self::Park => with_one(link, AddressScope::Global, rng, |address, _| park(address)),
            Self::AddOdd => add_odd(link, number, prefixes, rng),
            Self::LinkAddress => link.link_address = link_address(number, rng),
            Self::LinkMtu => link.mtu = one_of(rng, &[1_280, 1_400, 1_500, 9_000]),
            Self::Blink(blink) => to.undo.extend(blink.apply(link, number, rng)),
            Self::Both(changes) => {
                for change in changes {
                    change.apply(link, to, rng);
                }
            }
        }
    }
}

/// Repairs whatever keeps the link from being served; good addresses stay.
fn repair(link: &mut Interface, number: u16, prefixes: u16, rng: &mut StdRng) {
    let mut addresses = std::mem::take(&mut link.addresses);
    *link = fit(number, link.index);
    addresses.retain(|address| address.flags == AddressFlags::default());
    addresses.retain(|address| address.prefix_len == 64);
    if addresses.iter().any(|address| address.scope == AddressScope::Link) {
        link.addresses.retain(|address| address.scope != AddressScope::Link);
    }
    let prefix = addresses.iter().find(|address| address.scope == AddressScope::Global).copied();
    link.addresses.extend(addresses.into_iter().filter(|address| address.scope == AddressScope::Link));
    match prefix {
        Some(prefix) => {
            link.addresses.retain(|address| address.scope != AddressScope::Global);
            link.addresses.push(prefix);
        }
        None => replace_prefix(link, number, prefixes, rng),
    }
}

pub(super) fn with_ipv6(link: &mut Interface, change: impl FnOnce(&mut Ipv6Settings)) {
    if let Some(ipv6) = &mut link.ipv6 {
        change(ipv6);
    }
}

pub(super) fn master(rng: &mut StdRng) -> Option<Master> {
    let kind = one_of(rng, &[None, Some("bridge"), Some("bond"), Some("vrf"), Some("")])?;
    let kind = (!kind.is_empty()).then(|| kind.to_owned());
    Some(Master { index: IfIndex::new(60_000).expect("not 0"), kind })
}

fn add_link_local(link: &mut Interface, rng: &mut StdRng) {
    let mut address = link_local(rng.random_range(1..=LINK_LOCALS));
    address.flags.tentative = rng.random_bool(0.4);
    address.flags.optimistic = address.flags.tentative && rng.random_bool(0.3);
    if rng.random_bool(0.2) {
        park(&mut address);
    }
    add(link, address);
}

fn add_global(link: &mut Interface, number: u16, prefixes: u16, rng: &mut StdRng) {
    let mut address = global(number, rng.random_range(0..prefixes), rng.random_range(1..4));
    address.prefix_len = one_of(rng, &[64, 64, 64, 64, 56, 128]);
    address.flags.temporary = rng.random_bool(0.1);
    add(link, address);
}

/// Adds an address that the kernel formed from an RA, or one that is no unicast address.
fn add_odd(link: &mut Interface, number: u16, prefixes: u16, rng: &mut StdRng) {
    let mut address = global(number, rng.random_range(0..prefixes), 9);
    match rng.random_range(0..3) {
        0 => (address.flags.learned, address.flags.mngtmpaddr) = (true, rng.random_bool(0.5)),
        1 => address.flags.mngtmpaddr = true,
        _ => address = not_unicast(number, rng),
    }
    add(link, address);
}

fn link_address(number: u16, rng: &mut StdRng) -> Option<[u8; 6]> {
    let [high, low] = number.to_be_bytes();
    one_of(rng, &[Some(1), Some(2), Some(3), None]).map(|last| [2, 0, 0, high, low, last])
}

pub(super) fn replace_prefix(link: &mut Interface, number: u16, prefixes: u16, rng: &mut StdRng) {
    link.addresses.retain(|address| address.scope != AddressScope::Global);
    let prefix = rng.random_range(0..prefixes);
    add(link, global(number, prefix, 1));
    if rng.random_bool(0.2) {
        add(link, global(number, prefix, 2));
    }
}

/// Adds an address, which a link has only once.
pub(super) fn add(link: &mut Interface, new: Address) {
    link.addresses.retain(|address| address.address != new.address);
    link.addresses.push(new);
}

fn remove_one(link: &mut Interface, scope: AddressScope, rng: &mut StdRng) {
    if let Some(position) = any_of(link, scope, rng) {
        link.addresses.remove(position);
    }
}

fn flag_one(link: &mut Interface, scope: AddressScope, rng: &mut StdRng) {
    with_one(link, scope, rng, |address, rng| {
        let flags = &mut address.flags;
        match rng.random_range(0..5) {
            0 => flags.tentative = !flags.tentative,
            1 | 2 => (flags.tentative, flags.dadfailed) = (true, true),
            3 => flags.dadfailed = !flags.dadfailed,
            _ => flip_deprecated(address),
        }
    });
}

/// Changes one address of a scope, if there is one.
fn with_one(
    link: &mut Interface,
    scope: AddressScope,
    rng: &mut StdRng,
    change: impl FnOnce(&mut Address, &mut StdRng),
) {
    if let Some(position) = any_of(link, scope, rng) {
        change(&mut link.addresses[position], rng);
    }
}

pub(super) fn any_of(link: &Interface, scope: AddressScope, rng: &mut StdRng) -> Option<usize> {
    let positions = || (0..link.addresses.len()).filter(|&at| link.addresses[at].scope == scope);
    let count = positions().count();
    (count > 0).then(|| rng.random_range(0..count)).and_then(|chosen| positions().nth(chosen))
}
