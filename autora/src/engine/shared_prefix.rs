//! The /64s that several served interfaces have.

use super::{eligibility::Service, interface::Interface};
use crate::addr::Prefix64;

/// A /64 that several served interfaces have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedPrefix<'i> {
    /// The /64.
    pub prefix: Prefix64,
    /// The interfaces, at least two, in their order.
    pub interfaces: Vec<&'i Interface>,
}

/// Returns the /64s that several of the `served` interfaces have a connected route for: packets to all their guests
/// leave through one of them. In another VRF the same /64 is another one, as it has a routing table of its own.
#[must_use]
pub fn find<'i>(served: impl Iterator<Item = (&'i Interface, &'i Service)>) -> Vec<SharedPrefix<'i>> {
    let connected = served.filter(|(_, service)| service.connected_route);
    // The only device that a served interface is a port of is a VRF.
    let vrf = |interface: &Interface| interface.master.as_ref().map(|vrf| vrf.index);
    let mut keyed: Vec<_> = connected.map(|(one, service)| (vrf(one), service.prefix, one)).collect();
    keyed.sort_by_key(|&(vrf, prefix, _)| (vrf, prefix));
    let groups = keyed.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|group| group.len() > 1);
    let interfaces = |group: &[(_, _, &'i Interface)]| group.iter().map(|&(_, _, interface)| interface).collect();
    groups.map(|group| SharedPrefix { prefix: group[0].1, interfaces: interfaces(group) }).collect()
}
