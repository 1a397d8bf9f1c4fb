//! Requests to the kernel, as bytes.

use std::net::Ipv6Addr;

use nix::libc::{
    AF_INET6, AF_UNSPEC, IFLA_ALT_IFNAME, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS, RTM_F_FIB_MATCH, RTM_GETADDR,
    RTM_GETLINK, RTM_GETNEIGH, RTM_GETNEIGHTBL, RTM_GETNETCONF, RTM_GETROUTE, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH,
    RTM_NEWNEIGHTBL, RTM_NEWNETCONF, RTM_NEWROUTE,
};

use super::{
    decode::{NETCONFA_IFINDEX, NETCONFA_IFINDEX_ALL, RTA_DST, RTA_OIF, RTN_UNICAST, RTPROT_RA},
    frame::{NLM_F_DUMP, attribute, attribute_of, request},
};
use crate::addr::IfIndex;

/// `RTPROT_UNSPEC` of `linux/rtnetlink.h`.
const ANY_PROTOCOL: u8 = 0;

/// A request to the kernel: a dump, or one entry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'n> {
    /// All links. The kernel takes RTNL for each datagram of the reply.
    Links,
    /// The IPv6 part of all links that have one: a third of the time that whole links and all addresses take (3.5 ms
    /// of 10 ms with 1,000 interfaces). Since Linux 6.9 neither this dump nor that of addresses waits for RTNL, the
    /// lock that a process holds while it configures an interface; before, both do (`RTNL_FLAG_DUMP_UNLOCKED`,
    /// `net/ipv6/addrconf.c`).
    Inet6Links,
    /// One link.
    Link(IfIndex),
    /// The link that has this name, or this alternative name (5.5).
    LinkNamed(&'n [u8]),
    /// All IPv6 addresses.
    Addresses,
    /// The IPv6 addresses of one interface; a kernel below 4.20 gives all.
    AddressesOf(IfIndex),
    /// The `conf.all` settings of IPv6.
    HostSettings,
    /// The neighbour tables of IPv6.
    NeighbourTables,
    /// The IPv6 routes that RAs made, through one interface or through any; a kernel below 4.20 gives all routes.
    RoutesByRa(Option<IfIndex>),
    /// The IPv6 routes through one interface or through any; a kernel below 4.20 gives all.
    Routes(Option<IfIndex>),
    /// The IPv6 route that a packet takes which is to leave through an interface (4.13).
    RouteTo {
        /// The interface.
        through: IfIndex,
        /// The packet's destination.
        to: Ipv6Addr,
    },
    /// All IPv6 neighbours.
    Neighbours,
}

impl Request<'_> {
    /// Returns what is requested, for texts.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Links => "all links",
            Self::Inet6Links => "the IPv6 part of all links",
            Self::Link(_) | Self::LinkNamed(_) => "a link",
            Self::Addresses => "all addresses",
            Self::AddressesOf(_) => "the addresses of an interface",
            Self::HostSettings => "the host's IPv6 settings",
            Self::NeighbourTables => "the neighbour table",
            Self::RoutesByRa(_) => "the routes that RAs made",
            Self::Routes(_) => "routes",
            Self::RouteTo { .. } => "the route to a prefix",
            Self::Neighbours => "the neighbours",
        }
    }

    /// Returns the type of the messages in the reply.
    pub(super) const fn reply_type(self) -> u16 {
        match self {
            Self::Links | Self::Inet6Links | Self::Link(_) | Self::LinkNamed(_) => RTM_NEWLINK,
            Self::Addresses | Self::AddressesOf(_) => RTM_NEWADDR,
            Self::HostSettings => RTM_NEWNETCONF,
            Self::NeighbourTables => RTM_NEWNEIGHTBL,
            Self::RoutesByRa(_) | Self::Routes(_) | Self::RouteTo { .. } => RTM_NEWROUTE,
            Self::Neighbours => RTM_NEWNEIGH,
        }
    }

    /// Returns whether the reply consists of addresses.
    pub(super) const fn is_about_addresses(self) -> bool {
        self.reply_type() == RTM_NEWADDR
    }

    /// Returns the request as a datagram, with the sequence number `sequence`.
    pub(super) fn datagram(self, sequence: u32) -> Vec<u8> {
        let (kind, flags, body) = match self {
            Self::Links => (RTM_GETLINK, NLM_F_DUMP, link_body(0)),
            Self::Inet6Links => (RTM_GETLINK, NLM_F_DUMP, inet6_link_body()),
            Self::Link(index) => (RTM_GETLINK, 0, link_body(index.get())),
            Self::LinkNamed(name) => (RTM_GETLINK, 0, named_link_body(name)),
            Self::Addresses => (RTM_GETADDR, NLM_F_DUMP, address_body(0)),
            Self::AddressesOf(index) => (RTM_GETADDR, NLM_F_DUMP, address_body(index.get())),
            Self::HostSettings => (RTM_GETNETCONF, 0, netconf_body()),
            Self::NeighbourTables => (RTM_GETNEIGHTBL, NLM_F_DUMP, family_body(AF_INET6)),
            Self::RoutesByRa(through) => (RTM_GETROUTE, NLM_F_DUMP, routes_body(through, RTPROT_RA)),
            Self::Routes(through) => (RTM_GETROUTE, NLM_F_DUMP, routes_body(through, ANY_PROTOCOL)),
            Self::RouteTo { through, to } => (RTM_GETROUTE, 0, route_body(through, to)),
            Self::Neighbours => (RTM_GETNEIGH, NLM_F_DUMP, neighbour_body()),
        };
        request(kind, flags, sequence, &body)
    }
}

/// Returns `struct ifinfomsg`, and the attribute that leaves out the statistics: they cost more than everything else
/// together. The settings of `IFLA_INET6_CONF` come all the same.
fn link_body(index: u32) -> Vec<u8> {
    let mut body = family_body(AF_UNSPEC);
    body.extend(index.to_ne_bytes());
    body.extend([0; 8]);
    body.extend(attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS));
    body
}

/// Returns a [`link_body`] with a name in place of an index: the link's own, or an alternative one.
fn named_link_body(name: &[u8]) -> Vec<u8> {
    let mut body = link_body(0);
    body.extend(attribute_of(IFLA_ALT_IFNAME, name));
    body
}

/// Returns `struct ifinfomsg` alone: nothing may follow it in this family.
fn inet6_link_body() -> Vec<u8> {
    let mut body = family_body(AF_INET6);
    body.extend([0; 12]);
    body
}

/// Returns `struct ifaddrmsg`.
fn address_body(index: u32) -> Vec<u8> {
    let mut body = family_body(AF_INET6);
    body.extend(index.to_ne_bytes());
    body
}

/// Returns `struct netconfmsg`, and the attribute that selects `conf.all`.
fn netconf_body() -> Vec<u8> {
    let mut body = family_body(AF_INET6);
    body.extend(attribute(NETCONFA_IFINDEX, NETCONFA_IFINDEX_ALL));
    body
}

/// Returns `struct rtmsg`, with the protocol and the type in the second and the last byte of its second 32 bits, and
/// the interface, if there is one. The kernel filters by all of them (`ip_valid_fib_dump_req()`,
/// `net/ipv4/fib_frontend.c`).
fn routes_body(through: Option<IfIndex>, protocol: u8) -> Vec<u8> {
    let mut body = family_body(AF_INET6);
    body.extend([0, protocol, 0, RTN_UNICAST, 0, 0, 0, 0]);
    body.extend(through.map(|index| attribute(RTA_OIF, index.get().cast_signed())).unwrap_or_default());
    body
}

/// Returns `struct rtmsg` with the length of the destination and the flag that selects the route as it stands in its
/// table, the destination, and the interface (`inet6_rtm_getroute()`, `net/ipv6/route.c`).
fn route_body(through: IfIndex, to: Ipv6Addr) -> Vec<u8> {
    let mut body = vec![family_body(AF_INET6)[0], 128, 0, 0, 0, 0, 0, 0];
    body.extend(RTM_F_FIB_MATCH.to_ne_bytes());
    body.extend(attribute_of(RTA_DST, &to.octets()));
    body.extend(attribute(RTA_OIF, through.get().cast_signed()));
    body
}

/// Returns `struct ndmsg`.
fn neighbour_body() -> Vec<u8> {
    let mut body = family_body(AF_INET6);
    body.extend([0; 8]);
    body
}

/// Returns the first four bytes of every rtnetlink header: a family, and three that are 0 in a request.
fn family_body(family: i32) -> Vec<u8> {
    vec![u8::try_from(family).expect("address families fit a byte"), 0, 0, 0]
}
