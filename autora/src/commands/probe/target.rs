//! What is probed: an interface, and the two sources of its requests.

use std::{cmp::Reverse, net::Ipv6Addr};

use crate::{
    addr::{IfIndex, LinkLocal, Prefix64},
    engine::{
        eligibility::{AddressPolicy, InUse, Subject},
        interface::{Address, AddressScope, GroupMapping, Interface},
    },
};

/// An interface that is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) index: IfIndex,
    /// How the kernel maps all nodes to an address of the link.
    pub(super) group_mapping: GroupMapping,
    /// The /64s of the interface; guests are to have an address in one of them.
    pub(super) prefixes: Vec<Prefix64>,
    /// The sources, or why no request can be sent.
    pub(super) sources: Result<Sources, &'static str>,
    /// Whether it has ports, as a bridge has, behind which are any number of guests.
    pub(super) has_ports: bool,
}

/// The sources of the two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sources {
    pub(super) link_local: LinkLocal,
    pub(super) global: Ipv6Addr,
    /// Whether `global` is in the guests' own /64, for want of another address of the host: a guest that has a route to
    /// the /64 would answer without a default route.
    pub(super) is_on_link: bool,
}

impl Target {
    /// Prepares `interface`, one of `all`.
    pub(super) fn new(interface: &Interface, all: &[Interface]) -> Self {
        let subject = Subject::new(AddressPolicy::default(), interface, InUse::default());
        let is_port = |other: &Interface| other.master.as_ref().is_some_and(|master| master.index == interface.index);
        Self {
            name: interface.name.clone(),
            index: interface.index,
            group_mapping: interface.group_mapping,
            sources: sources(&subject, all),
            prefixes: subject.prefixes,
            has_ports: all.iter().any(is_port),
        }
    }
}

fn sources(subject: &Subject<'_>, all: &[Interface]) -> Result<Sources, &'static str> {
    let interface = subject.interface;
    let first = subject.prefixes.first();
    match (subject.source, first.and_then(|prefix| global_source(interface, *prefix, all))) {
        _ if !interface.flags.up => Err("it is down"),
        _ if !interface.flags.carrier => Err("it has no carrier"),
        (None, _) => Err("it has no usable link-local address"),
        (_, None) => Err("it has no usable /64"),
        (Some(link_local), Some(global)) => {
            let is_on_link = subject.prefixes.contains(&Prefix64::containing(global));
            Ok(Sources { link_local, global, is_on_link })
        }
    }
}

/// Returns an address of the host outside of the interface's /64, or the one inside if there is no other. Of several,
/// the one that shares most bits with `prefix`: by that a guest with other addresses still chooses the one in the /64
/// ([RFC 6724 5](https://www.rfc-editor.org/rfc/rfc6724#section-5), rule 8).
fn global_source(interface: &Interface, prefix: Prefix64, all: &[Interface]) -> Option<Ipv6Addr> {
    let is_on_link = |address: Ipv6Addr| Prefix64::containing(address) == prefix;
    let vrf = vrf(interface, all);
    let reachable = all.iter().filter(|other| other.flags.up && self::vrf(other, all) == vrf);
    let addresses = reachable.flat_map(|other| &other.addresses).filter(|address| is_global(address));
    let shared_bits = |address: Ipv6Addr| (address.to_bits() ^ prefix.network().to_bits()).leading_zeros();
    let key = |address: &Ipv6Addr| (is_on_link(*address), Reverse(shared_bits(*address)), *address);
    addresses.map(|address| address.address).min_by_key(key)
}

/// Returns the VRF that an interface is a port of, or is: its addresses are those of another host for all others.
fn vrf(interface: &Interface, all: &[Interface]) -> Option<IfIndex> {
    let master = |one: &Interface| {
        let master = one.master.as_ref().filter(|master| master.kind.as_deref() == Some("vrf"));
        master.map(|master| master.index)
    };
    let itself = || all.iter().any(|other| master(other) == Some(interface.index)).then_some(interface.index);
    master(interface).or_else(itself)
}

/// Returns whether guests can send to an address through a router: one of 2000::/3, or of fc00::/7
/// ([RFC 4193](https://www.rfc-editor.org/rfc/rfc4193)).
fn is_global(address: &Address) -> bool {
    let [first, ..] = address.address.octets();
    address.scope == AddressScope::Global && address.flags.usable() && matches!(first, 0x20..=0x3f | 0xfc | 0xfd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::interface::{AddressFlags, LinkFlags, Master, address, fit};

    fn other(index: u32, addresses: &[&str]) -> Interface {
        let addresses = addresses.iter().map(|text| address(text, 64)).collect();
        Interface { index: IfIndex::new(index).unwrap(), name: format!("eth{index}"), addresses, ..fit() }
    }

    fn port_of(kind: &str, master: u32, port: Interface) -> Interface {
        let master = Master { index: IfIndex::new(master).unwrap(), kind: Some(kind.to_owned()) };
        Interface { master: Some(master.into()), ..port }
    }

    /// The global source of `fit()`, whose /64 is 2001:db8:1::/64, beside `others`.
    fn source(others: &[Interface]) -> (String, bool) {
        let all = [&[fit()], others].concat();
        let sources = Target::new(&all[0], &all).sources.unwrap();
        assert_eq!(sources.link_local.to_string(), "fe80::1");
        (sources.global.to_string(), sources.is_on_link)
    }

    #[test]
    fn the_source_is_outside_of_the_prefix_and_as_near_to_it_as_can_be() {
        let outside = |address: &str| (address.to_owned(), false);
        assert_eq!(source(&[]), ("2001:db8:1::1".to_owned(), true), "there is no other");
        assert_eq!(source(&[other(8, &["2a00::1"])]), outside("2a00::1"));
        assert_eq!(
            source(&[other(8, &["2a00::1"]), other(9, &["2001:db8:2::1", "fd00::1"])]),
            outside("2001:db8:2::1")
        );
        assert_eq!(source(&[other(8, &["2001:db8:1::2", "fd00::1"])]), outside("fd00::1"));
    }

    #[test]
    fn addresses_that_cannot_be_a_source_do_not_count() {
        assert!(!source(&[other(8, &["2a00::1"])]).1, "the control");
        let mut tentative = other(8, &["2a00::1"]);
        tentative.addresses[0].flags = AddressFlags { tentative: true, ..AddressFlags::default() };
        let down = Interface { flags: LinkFlags { up: false, ..fit().flags }, ..other(8, &["2a00::1"]) };
        let others = [tentative, down, other(8, &["fe80::2"]), other(8, &["ff05::1"]), other(8, &["::ffff:1.2.3.4"])];
        for one in others {
            assert!(source(std::slice::from_ref(&one)).1, "{one:?}");
        }
    }

    #[test]
    fn the_source_is_in_the_same_vrf() {
        let (vrf, inside) = (other(20, &[]), |index, address: &str| port_of("vrf", 20, other(index, &[address])));
        assert!(source(&[vrf.clone(), inside(8, "2a00::1")]).1, "of a VRF, for an interface outside");
        let guest = port_of("vrf", 20, fit());
        let of_guest = |others: &[Interface]| {
            let all = [std::slice::from_ref(&guest), others].concat();
            Target::new(&guest, &all).sources.unwrap().global.to_string()
        };
        assert_eq!(of_guest(&[vrf, other(9, &["2001:db8:2::1"]), inside(8, "2a00::1")]), "2a00::1");
        assert_eq!(of_guest(&[other(20, &["2a00::2"]), other(9, &["2001:db8:2::1"])]), "2a00::2", "its own device");
    }

    #[test]
    fn what_prevents_requests_is_named() {
        let why = |spoil: fn(&mut Interface)| {
            let mut one = fit();
            spoil(&mut one);
            Target::new(&one, std::slice::from_ref(&one)).sources.map_err(|why| &why[3..])
        };
        assert!(why(|_| {}).is_ok(), "the control");
        assert_eq!(why(|one| one.flags.up = false), Err("is down"));
        assert_eq!(why(|one| one.flags.carrier = false), Err("has no carrier"));
        assert_eq!(
            why(|one| one.addresses.retain(|one| one.prefix_len != 64)),
            Err("has no usable link-local address")
        );
        assert_eq!(why(|one| one.addresses.remove(0).prefix_len = 0), Err("has no usable /64"));
    }

    #[test]
    fn a_bridge_has_ports() {
        let (bridge, port) = (other(30, &["2001:db8:1::1"]), port_of("bridge", 30, fit()));
        assert!(Target::new(&bridge, &[bridge.clone(), port.clone()]).has_ports);
        assert!(!Target::new(&port, &[bridge, port.clone()]).has_ports);
    }
}
