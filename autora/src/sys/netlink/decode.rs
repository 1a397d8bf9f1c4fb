//! Decodes the payloads of messages into plain facts.
//!
//! Reads only the attributes that are needed, one by one: an unknown attribute of some driver cannot spoil a link, and
//! a link that cannot be decoded does not spoil the others.

mod link;
mod route;

use std::{net::Ipv6Addr, time::Duration};

use nix::libc::{
    IFA_ADDRESS, IFA_CACHEINFO, IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_OPTIMISTIC, IFA_F_TEMPORARY, IFA_F_TENTATIVE,
    IFA_FLAGS, IFA_LOCAL, RT_SCOPE_LINK, RT_SCOPE_SITE, RT_SCOPE_UNIVERSE,
};

pub(super) use self::{
    link::{Link, link},
    route::{RTA_DST, RTA_OIF, RTN_UNICAST, RTPROT_RA, Route},
};
use super::frame::{Malformed, find, number, text};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, AddressFlags, AddressScope, Interface, Lifetimes, Preferred},
    },
};

/// `linux/netconf.h`: the interface that a message is about, or `conf.all`, or `conf.default`.
pub(super) const NETCONFA_IFINDEX: u16 = 1;
pub(super) const NETCONFA_IFINDEX_ALL: i32 = -1;
pub(super) const NETCONFA_IFINDEX_DEFAULT: i32 = -2;
const NETCONFA_FORWARDING: u16 = 2;
/// The size of `struct netconfmsg`, a single byte, with its padding.
pub(super) const NETCONF_HEADER_LEN: usize = 4;

/// `linux/neighbour.h`: a table's name, and its upper limit.
const NDTA_NAME: u16 = 1;
const NDTA_THRESH3: u16 = 4;
/// The size of `struct ndtmsg`.
const NEIGHBOUR_TABLE_HEADER_LEN: usize = 4;

/// The size of `struct ifaddrmsg` of
/// [linux/if_addr.h](https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/if_addr.h):
/// family, prefix length, flags and scope, a byte each, and the index.
const ADDRESS_HEADER_LEN: usize = 8;
/// Constants of the same header that libc does not have. `IFA_PROTO` exists since Linux 5.18.
const IFA_F_MANAGETEMPADDR: u32 = 0x100;
const IFA_F_NOPREFIXROUTE: u32 = 0x200;
const IFA_PROTO: u16 = 11;
const IFAPROT_KERNEL_RA: u8 = 2;
/// A lifetime without an end (`INFINITY_LIFE_TIME`, `include/net/addrconf.h`).
const FOR_EVER: u32 = u32::MAX;

/// Decodes an `RTM_NEWLINK` into an interface without addresses.
pub(super) fn interface(payload: &[u8]) -> Result<Interface, Malformed> {
    link(payload).map(|link| link.interface())
}

/// Decodes an `RTM_NEWADDR` or `RTM_DELADDR` that was received at `now` into the interface and the address; `None` for
/// an address of host scope.
pub(super) fn address(payload: &[u8], now: BootInstant) -> Result<Option<(IfIndex, Address)>, Malformed> {
    let (header, rest) = payload.split_at_checked(ADDRESS_HEADER_LEN).ok_or(Malformed)?;
    let &[_family, prefix_len, header_flags, scope, ref index @ ..] = header else { return Err(Malformed) };
    let index = number(index).and_then(IfIndex::new).ok_or(Malformed)?;
    let Some(scope) = address_scope(scope) else { return Ok(None) };
    // With a peer, IFA_ADDRESS is the peer's and IFA_LOCAL the host's; without a peer there is no IFA_LOCAL.
    let octets = find(rest, IFA_LOCAL).or_else(|| find(rest, IFA_ADDRESS)).ok_or(Malformed)?;
    let octets: [u8; 16] = octets.try_into().map_err(|_| Malformed)?;
    // The header has room for eight flags only.
    let flags = find(rest, IFA_FLAGS).and_then(number).unwrap_or_else(|| header_flags.into());
    let learned = find(rest, IFA_PROTO).is_some_and(|proto| proto == [IFAPROT_KERNEL_RA]);
    let address = Address {
        address: Ipv6Addr::from(octets),
        prefix_len,
        scope,
        flags: AddressFlags { learned, ..address_flags(flags) },
        lifetimes: find(rest, IFA_CACHEINFO).and_then(|info| lifetimes(info, now)).unwrap_or_default(),
    };
    Ok(Some((index, address)))
}

fn address_scope(scope: u8) -> Option<AddressScope> {
    match scope {
        RT_SCOPE_UNIVERSE => Some(AddressScope::Global),
        RT_SCOPE_SITE => Some(AddressScope::Site),
        RT_SCOPE_LINK => Some(AddressScope::Link),
        // RT_SCOPE_HOST; Linux gives an IPv6 address no other (`rt_scope()`, `include/net/addrconf.h`).
        _ => None,
    }
}

const fn address_flags(flags: u32) -> AddressFlags {
    AddressFlags {
        tentative: flags & IFA_F_TENTATIVE != 0,
        optimistic: flags & IFA_F_OPTIMISTIC != 0,
        dadfailed: flags & IFA_F_DADFAILED != 0,
        deprecated: flags & IFA_F_DEPRECATED != 0,
        temporary: flags & IFA_F_TEMPORARY != 0,
        noprefixroute: flags & IFA_F_NOPREFIXROUTE != 0,
        learned: false,
        mngtmpaddr: flags & IFA_F_MANAGETEMPADDR != 0,
    }
}

/// Decodes `struct ifa_cacheinfo`, which begins with the preferred and the valid lifetime: the seconds that are left of
/// each (`inet6_fill_ifaddr()`, `net/ipv6/addrconf.c`, Linux 6.12).
fn lifetimes(info: &[u8], now: BootInstant) -> Option<Lifetimes> {
    let (preferred, valid) = (number(info)?, number(info.get(4..)?)?);
    let end = |left: u32| now + Duration::from_secs(left.into());
    Some(Lifetimes {
        valid: (valid != FOR_EVER).then(|| end(valid)),
        preferred: match preferred {
            FOR_EVER => Preferred::ForEver,
            0 => Preferred::Zero,
            left => Preferred::Until(end(left)),
        },
    })
}

/// Returns `conf.all.forwarding` of an `RTM_NEWNETCONF`.
pub(super) fn host_forwarding(payload: &[u8]) -> Result<bool, Malformed> {
    let attributes = payload.get(NETCONF_HEADER_LEN..).ok_or(Malformed)?;
    forwarding(attributes).ok_or(Malformed)
}

/// Returns `forwarding` among the attributes of an `RTM_NEWNETCONF`; `None` if the message is about another setting.
pub(super) fn forwarding(attributes: &[u8]) -> Option<bool> {
    find(attributes, NETCONFA_FORWARDING).and_then(number).map(|value| value != 0)
}

/// Returns `gc_thresh3` of an `RTM_NEWNEIGHTBL`, if that is the message about the whole table of IPv6: the others, one
/// for each interface, have no thresholds.
pub(super) fn neighbour_limit(payload: &[u8]) -> Option<u32> {
    let attributes = payload.get(NEIGHBOUR_TABLE_HEADER_LEN..)?;
    find(attributes, NDTA_NAME).filter(|name| text(name) == "ndisc_cache")?;
    find(attributes, NDTA_THRESH3).and_then(number)
}

#[cfg(test)]
mod tests;
