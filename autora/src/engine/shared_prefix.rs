//! The /64s that several served interfaces have.

use super::{eligibility::Service, interface::Interface};
use crate::addr::Prefix64;

/// A /64 that several served interfaces have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedPrefix<'i> {
    /// The /64.
    pub prefix: Prefix64,
    /// The interfaces, at least two, by index.
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
    keyed.sort_unstable_by_key(|&(vrf, prefix, interface)| (vrf, prefix, interface.index));
    let groups = keyed.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|group| group.len() > 1);
    let interfaces = |group: &[(_, _, &'i Interface)]| group.iter().map(|&(_, _, interface)| interface).collect();
    groups.map(|group| SharedPrefix { prefix: group[0].1, interfaces: interfaces(group) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        addr::IfIndex,
        engine::{
            eligibility::{AddressPolicy, InUse, Subject, judge},
            interface::{Master, fit},
        },
    };

    fn numbered(number: u32, change: impl FnOnce(&mut Interface)) -> Interface {
        let mut interface = Interface { index: IfIndex::new(number).unwrap(), ..fit() };
        change(&mut interface);
        interface
    }

    fn in_vrf(number: u32) -> impl FnOnce(&mut Interface) {
        let index = IfIndex::new(number).unwrap();
        move |interface| interface.master = Some(Master { index, kind: Some("vrf".to_owned()) }.into())
    }

    #[test]
    fn one_prefix_on_several_interfaces_is_found_in_each_routing_table() {
        let all = [
            numbered(9, in_vrf(100)),
            numbered(8, |_| ()),
            numbered(7, in_vrf(100)),
            numbered(6, |_| ()),
            numbered(5, in_vrf(200)),
            numbered(4, |interface| interface.addresses[0].flags.noprefixroute = true),
            numbered(3, |interface| interface.addresses[0].address = "2001:db8:2::1".parse().unwrap()),
        ];
        let served = all.each_ref().map(|interface| {
            let service = judge(&Subject::new(AddressPolicy::default(), interface, InUse::default()));
            (interface, service.expect("it is fit"))
        });
        let found = find(served.iter().map(|(interface, service)| (*interface, service)));
        let found = found.iter().map(|shared| {
            assert_eq!(shared.prefix.to_string(), "2001:db8:1::/64");
            shared.interfaces.iter().map(|interface| interface.index.get()).collect::<Vec<_>>()
        });
        assert_eq!(found.collect::<Vec<_>>(), [[6, 8], [7, 9]]);
    }
}
