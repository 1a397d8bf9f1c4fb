//! Decodes routes.

use std::net::Ipv6Addr;

use crate::{
    addr::{IfIndex, Prefix64},
    sys::netlink::frame::{Malformed, attributes, find, number},
};

/// `linux/rtnetlink.h`: a route's type, the protocol that made it, and its attributes.
pub(in crate::sys::netlink) const RTN_UNICAST: u8 = 1;
pub(in crate::sys::netlink) const RTPROT_RA: u8 = 9;
pub(in crate::sys::netlink) const RTA_DST: u16 = 1;
pub(in crate::sys::netlink) const RTA_OIF: u16 = 4;
const RTA_MULTIPATH: u16 = 9;
/// The size of `struct rtmsg`.
const ROUTE_HEADER_LEN: usize = 12;

/// A route that leads through interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sys::netlink) struct Route {
    /// The destination.
    destination: Ipv6Addr,
    /// The length of the destination's prefix in bits.
    prefix_len: u8,
    /// Whether an RA made it.
    by_ra: bool,
    /// The interfaces; empty for a route of a type that leads through none.
    pub(in crate::sys::netlink) through: Vec<IfIndex>,
}

impl Route {
    /// Decodes an `RTM_NEWROUTE`.
    pub(in crate::sys::netlink) fn new(payload: &[u8]) -> Result<Self, Malformed> {
        let (header, rest) = payload.split_at_checked(ROUTE_HEADER_LEN).ok_or(Malformed)?;
        let &[_family, prefix_len, _, _, _table, protocol, _scope, kind, ..] = header else { return Err(Malformed) };
        // A destination of no bits is left out.
        let destination = find(rest, RTA_DST).map_or(Ok([0; 16]), |octets| octets.try_into().map_err(|_| Malformed))?;
        Ok(Self {
            destination: Ipv6Addr::from(destination),
            prefix_len,
            by_ra: protocol == RTPROT_RA,
            through: if kind == RTN_UNICAST { interfaces(rest) } else { Vec::new() },
        })
    }

    /// Returns whether it is a default route that an RA made.
    pub(in crate::sys::netlink) const fn is_default_by_ra(&self) -> bool {
        self.by_ra && self.prefix_len == 0
    }

    /// Returns whether it leads through `interface`, and not to every destination.
    pub(in crate::sys::netlink) fn leads_to_a_part_through(&self, interface: IfIndex) -> bool {
        self.prefix_len > 0 && self.through.contains(&interface)
    }

    /// Returns its destination, if that is a /64 beyond the link.
    pub(in crate::sys::netlink) fn prefix64(&self) -> Option<Prefix64> {
        let is_global = !self.destination.is_unicast_link_local() && !self.destination.is_multicast();
        (self.prefix_len == 64 && is_global).then(|| Prefix64::containing(self.destination))
    }
}

/// Returns the interfaces of a route: of its one next hop, or of several.
fn interfaces(attributes_of_route: &[u8]) -> Vec<IfIndex> {
    let only = find(attributes_of_route, RTA_OIF).and_then(number);
    // struct rtnexthop is framed as an attribute is, with the index where the value begins.
    let several = find(attributes_of_route, RTA_MULTIPATH).into_iter().flat_map(attributes);
    let several = several.filter_map(|(_, hop)| number(hop));
    only.into_iter().chain(several).filter_map(IfIndex::new).collect()
}
