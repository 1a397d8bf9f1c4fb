//! Answers of the kernel as plain facts.
//!
//! Only the attributes that are needed are looked at, one by one: an attribute of some driver that nobody here
//! understands cannot spoil a link, and a link that cannot be understood does not spoil the others.

use std::net::Ipv6Addr;

use netlink_packet_route::{address, link};
use nix::libc::{
    AF_INET6, IFA_ADDRESS, IFA_FLAGS, IFA_LOCAL, IFLA_ADDRESS, IFLA_AF_SPEC, IFLA_IFNAME, IFLA_INFO_KIND,
    IFLA_INFO_SLAVE_KIND, IFLA_LINKINFO, IFLA_MASTER, IFLA_MTU, RT_SCOPE_LINK, RT_SCOPE_SITE,
    RT_SCOPE_UNIVERSE,
};

use super::{
    attribute::{attributes, find, number, text},
    message::Malformed,
};
use crate::{
    addr::IfIndex,
    engine::interface::{Address, AddressFlags, Interface, Ipv6Settings, LinkFlags, Master, Scope},
};

/// `linux/netconf.h`: the interface that a message is about, or `conf.all`, or `conf.default`.
pub(super) const NETCONFA_IFINDEX: u16 = 1;
pub(super) const NETCONFA_IFINDEX_ALL: i32 = -1;
pub(super) const NETCONFA_IFINDEX_DEFAULT: i32 = -2;
const NETCONFA_FORWARDING: u16 = 2;
/// `struct netconfmsg` is a single byte, padded.
pub(super) const NETCONF_HEADER_LEN: usize = 4;

/// `linux/neighbour.h`.
const NDTA_NAME: u16 = 1;
const NDTA_THRESH3: u16 = 4;
/// `struct ndtmsg`.
const NEIGHBOUR_TABLE_HEADER_LEN: usize = 4;

/// `struct ifinfomsg` and `struct ifaddrmsg`.
const LINK_HEADER_LEN: usize = 16;
const ADDRESS_HEADER_LEN: usize = 8;

/// `linux/if_link.h`: the settings, as an array of 32-bit numbers.
const IFLA_INET6_CONF: u16 = 2;
/// Places in that array (`DEVCONF_*` of `linux/ipv6.h`, which are never renumbered); an older kernel's is shorter.
const DEVCONF_FORWARDING: usize = 0;
const DEVCONF_DISABLE_IPV6: usize = 26;
const DEVCONF_FORCE_FORWARDING: usize = 59;

/// The interface of an `RTM_NEWLINK`, without its addresses.
pub(super) fn interface(payload: &[u8]) -> Result<Interface, Malformed> {
    let header = link::LinkHeader::parse(payload).map_err(|_| Malformed)?;
    let mut name = None;
    let mut mtu = None;
    let mut link_address = None;
    let mut master = None;
    let mut info: &[u8] = &[];
    let mut families: &[u8] = &[];
    for (kind, value) in attributes(&payload[LINK_HEADER_LEN..]) {
        match kind {
            IFLA_IFNAME => name = Some(text(value)),
            IFLA_MTU => mtu = number(value),
            IFLA_ADDRESS => link_address = value.try_into().ok(),
            IFLA_MASTER => master = number(value).and_then(IfIndex::new),
            IFLA_LINKINFO => info = value,
            IFLA_AF_SPEC => families = value,
            _ => {}
        }
    }
    Ok(Interface {
        index: IfIndex::new(header.index).ok_or(Malformed)?,
        name: name.ok_or(Malformed)?,
        flags: link_flags(header.flags),
        master: master.map(|index| Master { index, kind: find(info, IFLA_INFO_SLAVE_KIND).map(text) }),
        ipv6: ipv6_settings(families)?,
        mtu: mtu.ok_or(Malformed)?,
        link_address,
        tun: find(info, IFLA_INFO_KIND).is_some_and(|kind| text(kind) == "tun"),
        addresses: Vec::new(),
    })
}

fn link_flags(flags: link::LinkFlags) -> LinkFlags {
    LinkFlags {
        up: flags.contains(link::LinkFlags::Up),
        multicast: flags.contains(link::LinkFlags::Multicast),
        loopback: flags.contains(link::LinkFlags::Loopback),
        carrier: flags.contains(link::LinkFlags::LowerUp),
    }
}

/// The settings, or `None` where the link has no IPv6 part. An IPv6 part without settings is no kernel's: malformed,
/// so that nobody takes the interface for one that was switched off.
fn ipv6_settings(families: &[u8]) -> Result<Option<Ipv6Settings>, Malformed> {
    let Some(inet6) =
        attributes(families).find_map(|(kind, value)| (i32::from(kind) == AF_INET6).then_some(value))
    else {
        return Ok(None);
    };
    let settings = find(inet6, IFLA_INET6_CONF).ok_or(Malformed)?;
    let (settings, _) = settings.as_chunks::<4>();
    let on = |place: usize| settings.get(place).is_some_and(|value| u32::from_ne_bytes(*value) != 0);
    Ok(Some(Ipv6Settings {
        disabled: on(DEVCONF_DISABLE_IPV6),
        forwarding: on(DEVCONF_FORWARDING),
        force_forwarding: on(DEVCONF_FORCE_FORWARDING),
    }))
}

/// The address of an `RTM_NEWADDR` and whose it is; `None` for one that never leaves the host.
pub(super) fn address(payload: &[u8]) -> Result<Option<(IfIndex, Address)>, Malformed> {
    let header = address::AddressHeader::parse(payload).map_err(|_| Malformed)?;
    let index = IfIndex::new(header.index).ok_or(Malformed)?;
    let Some(scope) = scope(header.scope) else { return Ok(None) };
    let rest = &payload[ADDRESS_HEADER_LEN..];
    // With a peer, IFA_ADDRESS is the peer's and IFA_LOCAL our own; without, there is no IFA_LOCAL.
    let octets = find(rest, IFA_LOCAL).or_else(|| find(rest, IFA_ADDRESS)).ok_or(Malformed)?;
    let octets: [u8; 16] = octets.try_into().map_err(|_| Malformed)?;
    // The header has room for eight flags only.
    let flags = find(rest, IFA_FLAGS).and_then(number).unwrap_or_else(|| header.flags.bits().into());
    Ok(Some((
        index,
        Address {
            address: Ipv6Addr::from(octets),
            prefix_len: header.prefix_len,
            scope,
            flags: address_flags(address::AddressFlags::from_bits_retain(flags)),
        },
    )))
}

fn scope(scope: address::AddressScope) -> Option<Scope> {
    match u8::from(scope) {
        RT_SCOPE_UNIVERSE => Some(Scope::Global),
        RT_SCOPE_SITE => Some(Scope::Site),
        RT_SCOPE_LINK => Some(Scope::Link),
        // RT_SCOPE_HOST; Linux gives an IPv6 address no other (`rt_scope()`, `include/net/addrconf.h`).
        _ => None,
    }
}

fn address_flags(flags: address::AddressFlags) -> AddressFlags {
    AddressFlags {
        tentative: flags.contains(address::AddressFlags::Tentative),
        optimistic: flags.contains(address::AddressFlags::Optimistic),
        dadfailed: flags.contains(address::AddressFlags::Dadfailed),
        deprecated: flags.contains(address::AddressFlags::Deprecated),
        // One bit with two names: IFA_F_SECONDARY for IPv4, IFA_F_TEMPORARY for IPv6.
        temporary: flags.contains(address::AddressFlags::Secondary),
        noprefixroute: flags.contains(address::AddressFlags::Noprefixroute),
    }
}

/// `conf.all.forwarding` of an `RTM_NEWNETCONF`.
pub(super) fn host_forwarding(payload: &[u8]) -> Result<bool, Malformed> {
    let attributes = payload.get(NETCONF_HEADER_LEN..).ok_or(Malformed)?;
    find(attributes, NETCONFA_FORWARDING).and_then(number).map(|value| value != 0).ok_or(Malformed)
}

/// `gc_thresh3` of an `RTM_NEWNEIGHTBL`, if that is the message about the whole table of IPv6: others, one for each
/// interface, have no thresholds.
pub(super) fn neighbour_limit(payload: &[u8]) -> Option<u32> {
    let attributes = payload.get(NEIGHBOUR_TABLE_HEADER_LEN..)?;
    find(attributes, NDTA_NAME).filter(|name| text(name) == "ndisc_cache")?;
    find(attributes, NDTA_THRESH3).and_then(number)
}

#[cfg(test)]
mod tests;
