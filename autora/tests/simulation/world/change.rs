//! Changes that an operator, a program or the network makes to one link.

use autora::{
    addr::IfIndex,
    engine::interface::{Address, AddressScope, Interface, Ipv6Settings, Master},
};
use rand::{RngExt, rngs::StdRng};

use super::{fit, global, home_name, link_local};
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

impl Change {
    pub(super) fn draw(prefixes: u16, rng: &mut StdRng) -> Self {
        let prefixes_only = prefixes > MANY_PREFIXES && rng.random_bool(0.9);
        one_of(rng, if prefixes_only { PREFIXES } else { ALL_CHANGES })
    }

    pub(super) fn apply(self, link: &mut Interface, number: u16, prefixes: u16, rng: &mut StdRng) {
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
                add_link_local(link, number, rng);
            }
            Self::AddLinkLocal => add_link_local(link, number, rng),
            Self::RemoveLinkLocal => remove_one(link, AddressScope::Link, rng),
            Self::FlagLinkLocal => flag_one(link, AddressScope::Link, rng),
            Self::ReplacePrefix => replace_prefix(link, number, prefixes, rng),
            Self::AddGlobal => add_global(link, number, prefixes, rng),
            Self::RemoveGlobal => remove_one(link, AddressScope::Global, rng),
            Self::FlagGlobal => flag_one(link, AddressScope::Global, rng),
            Self::Both(changes) => {
                for change in changes {
                    change.apply(link, number, prefixes, rng);
                }
            }
        }
    }
}

/// Repairs whatever keeps the link from being served; good addresses stay.
fn repair(link: &mut Interface, number: u16, prefixes: u16, rng: &mut StdRng) {
    let mut addresses = std::mem::take(&mut link.addresses);
    *link = fit(number, link.index);
    addresses.retain(|address| address.flags == autora::engine::interface::AddressFlags::default());
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

fn with_ipv6(link: &mut Interface, change: impl FnOnce(&mut Ipv6Settings)) {
    if let Some(ipv6) = &mut link.ipv6 {
        change(ipv6);
    }
}

fn master(rng: &mut StdRng) -> Option<Master> {
    let kind = one_of(rng, &[None, Some("bridge"), Some("bond"), Some("vrf"), Some("")])?;
    let kind = (!kind.is_empty()).then(|| kind.to_owned());
    Some(Master { index: IfIndex::new(60_000).expect("not 0"), kind })
}

fn add_link_local(link: &mut Interface, number: u16, rng: &mut StdRng) {
    let mut address = link_local(number, rng.random_range(1..=LINK_LOCALS));
    address.flags.tentative = rng.random_bool(0.4);
    address.flags.optimistic = address.flags.tentative && rng.random_bool(0.3);
    add(link, address);
}

fn add_global(link: &mut Interface, number: u16, prefixes: u16, rng: &mut StdRng) {
    let mut address = global(number, rng.random_range(0..prefixes), rng.random_range(1..4));
    address.prefix_len = one_of(rng, &[64, 64, 64, 64, 56, 128]);
    address.flags.temporary = rng.random_bool(0.1);
    add(link, address);
}

fn replace_prefix(link: &mut Interface, number: u16, prefixes: u16, rng: &mut StdRng) {
    link.addresses.retain(|address| address.scope != AddressScope::Global);
    let prefix = rng.random_range(0..prefixes);
    add(link, global(number, prefix, 1));
    if rng.random_bool(0.2) {
        add(link, global(number, prefix, 2));
    }
}

/// Adds an address, which a link has only once.
fn add(link: &mut Interface, new: Address) {
    link.addresses.retain(|address| address.address != new.address);
    link.addresses.push(new);
}

fn remove_one(link: &mut Interface, scope: AddressScope, rng: &mut StdRng) {
    if let Some(position) = any_of(link, scope, rng) {
        link.addresses.remove(position);
    }
}

fn flag_one(link: &mut Interface, scope: AddressScope, rng: &mut StdRng) {
    let Some(position) = any_of(link, scope, rng) else { return };
    let flags = &mut link.addresses[position].flags;
    match rng.random_range(0..5) {
        0 => flags.tentative = !flags.tentative,
        1 | 2 => (flags.tentative, flags.dadfailed) = (true, true),
        3 => flags.dadfailed = !flags.dadfailed,
        _ => flags.deprecated = !flags.deprecated,
    }
}

fn any_of(link: &Interface, scope: AddressScope, rng: &mut StdRng) -> Option<usize> {
    let positions = || (0..link.addresses.len()).filter(|&at| link.addresses[at].scope == scope);
    let count = positions().count();
    (count > 0).then(|| rng.random_range(0..count)).and_then(|chosen| positions().nth(chosen))
}
