//! The /64s of an interface: which addresses make one, and how long it lasts.

use std::net::Ipv6Addr;

use super::reason::{Uncounted, WhyUncounted};
use crate::{
    addr::Prefix64,
    engine::interface::{Address, AddressScope, Interface, Lifetimes, Preferred},
};

/// Returns the usable /64s, sorted, each once: those that are not deprecated, or the deprecated ones if all are. So
/// the operator can park a second /64 with a preferred lifetime of 0.
pub(super) fn usable(interface: &Interface, in_use: Option<Prefix64>) -> Vec<Prefix64> {
    let of = |deprecated: bool| {
        let counting = interface.addresses.iter().filter(|address| counts(address, in_use));
        let chosen = counting.filter(|address| deprecated || !address.flags.deprecated);
        let mut prefixes: Vec<_> = chosen.map(|address| Prefix64::containing(address.address)).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes
    };
    Some(of(false)).filter(|preferred| !preferred.is_empty()).unwrap_or_else(|| of(true))
}

/// Returns whether an address makes a usable /64 of its own.
#[must_use]
pub fn counts_for_prefix(address: &Address) -> bool {
    counts(address, None)
}

/// Returns whether an address makes a /64, or keeps the one in use. A tentative one does not make a new one.
fn counts(address: &Address, in_use: Option<Prefix64>) -> bool {
    let keeps = || Some(Prefix64::containing(address.address)) == in_use;
    address.scope == AddressScope::Global
        && match why_uncounted(address) {
            None => true,
            Some(WhyUncounted::Tentative) => keeps(),
            Some(_) => false,
        }
}

/// Returns why an address of global scope makes no usable /64, or `None` if it makes one.
fn why_uncounted(address: &Address) -> Option<WhyUncounted> {
    let flags = address.flags;
    match () {
        () if !is_global_unicast(address.address) => Some(WhyUncounted::NotUnicast),
        () if address.prefix_len != 64 => Some(WhyUncounted::NotA64),
        () if flags.learned => Some(WhyUncounted::Learned),
        () if flags.mngtmpaddr => Some(WhyUncounted::Mngtmpaddr),
        () if flags.temporary => Some(WhyUncounted::Temporary),
        () if flags.dadfailed => Some(WhyUncounted::Duplicate),
        () if !flags.usable() => Some(WhyUncounted::Tentative),
        () => None,
    }
}

/// Returns whether a guest can form an address beside this one: the kernel gives multicast, IPv4-mapped and
/// IPv4-compatible addresses global scope, too (`ipv6_addr_type()`, `net/ipv6/addrconf_core.c`, Linux 6.12).
const fn is_global_unicast(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.octets();
    !matches!((first, second), (0x00 | 0xff, _) | (0xfe, 0x80..))
}

/// Returns the addresses of global scope that make none of `prefixes`, with the reason of each.
pub(super) fn uncounted(interface: &Interface, prefixes: &[Prefix64], in_use: Option<Prefix64>) -> Vec<Uncounted> {
    let globals = interface.addresses.iter().filter(|address| address.scope == AddressScope::Global);
    globals
        .filter_map(|address| {
            let Address { address: ip, prefix_len, .. } = *address;
            let parked = || (!prefixes.contains(&Prefix64::containing(ip))).then_some(WhyUncounted::Deprecated);
            let why = why_uncounted(address).filter(|_| !counts(address, in_use)).or_else(parked)?;
            Some(Uncounted { address: ip, prefix_len, why })
        })
        .collect()
}

/// Returns when the lifetimes of `prefix` end, the latest of all its addresses; `None` if the interface has it no
/// more. The preferred lifetime is that of the addresses that are not deprecated; if all are, it is over, unless the
/// operator parked one for ever.
#[must_use]
pub fn lifetimes_of(interface: &Interface, prefix: Prefix64) -> Option<Lifetimes> {
    let addresses = || interface.addresses.iter().filter(move |address| makes(address, prefix));
    let preferred = addresses().filter(|address| !address.flags.deprecated).map(|address| address.lifetimes.preferred);
    let parked = addresses().any(|address| address.lifetimes == Lifetimes { valid: None, preferred: Preferred::Zero });
    Some(Lifetimes {
        valid: addresses().map(|address| address.lifetimes.valid).reduce(later)?,
        preferred: match preferred.reduce(latest) {
            Some(preferred) => preferred,
            None if parked => Preferred::ForEver,
            None => Preferred::Zero,
        },
    })
}

/// Returns whether the kernel makes a connected route for `prefix`.
pub(super) fn has_connected_route(interface: &Interface, prefix: Prefix64) -> bool {
    interface.addresses.iter().any(|address| makes(address, prefix) && !address.flags.noprefixroute)
}

fn makes(address: &Address, prefix: Prefix64) -> bool {
    counts(address, Some(prefix)) && Prefix64::containing(address.address) == prefix
}

/// Returns the later of two ends; `None` is for ever.
fn later<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    a.zip(b).map(|(a, b)| a.max(b))
}

fn latest(a: Preferred, b: Preferred) -> Preferred {
    match (a, b) {
        (Preferred::ForEver, _) | (_, Preferred::ForEver) => Preferred::ForEver,
        (Preferred::Until(a), Preferred::Until(b)) => Preferred::Until(a.max(b)),
        (Preferred::Until(end), Preferred::Zero) | (Preferred::Zero, Preferred::Until(end)) => Preferred::Until(end),
        (Preferred::Zero, Preferred::Zero) => Preferred::Zero,
    }
}
