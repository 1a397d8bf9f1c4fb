use super::*;
use crate::{
    addr::IfIndex,
    engine::interface::{AddressFlags, Master, address, fit},
};

fn policy() -> Policy {
    Policy { pattern: Regex::new("^tap[0-9]+$").unwrap() }
}

fn service() -> Service {
    Service {
        source: LinkLocal::new("fe80::1".parse().unwrap()).unwrap(),
        prefix: Prefix64::containing("2001:db8:1::".parse().unwrap()),
        carrier: true,
        connected_route: true,
        force_forwarding: false,
    }
}

fn judged(change: impl FnOnce(&mut Interface)) -> Verdict {
    let mut interface = fit();
    change(&mut interface);
    decide(&policy(), &interface, None)
}

/// Checks the names of the reasons why the changed interface is not served; none if it is served.
#[track_caller]
fn check(expected: &[&str], change: impl FnOnce(&mut Interface)) {
    let names: Vec<_> = match judged(change) {
        Verdict::NotServed(reasons) => reasons.iter().map(Reason::name).collect(),
        Verdict::Serve(_) => Vec::new(),
        Verdict::Ignore => vec!["ignored"],
    };
    assert_eq!(names, expected);
}

#[test]
fn an_interface_that_passes_every_test_is_served() {
    assert_eq!(judged(|_| ()), Verdict::Serve(service()));
}

#[test]
fn an_interface_whose_name_does_not_match_is_ignored() {
    check(&["ignored"], |i| i.name = "eth0".to_owned());
    check(&["ignored"], |i| i.name = "tap1x".to_owned());
}

#[test]
fn each_failed_test_is_a_reason() {
    check(&["ipv6-disabled"], |i| i.ipv6.as_mut().unwrap().disabled = true);
    check(&["ipv6-disabled", "forwarding-off"], |i| i.ipv6 = None);
    check(&["down"], |i| i.flags.up = false);
    check(&["no-multicast"], |i| i.flags.multicast = false);
    check(&["loopback"], |i| i.flags.loopback = true);
    check(&["forwarding-off"], |i| i.ipv6.as_mut().unwrap().forwarding = false);
    check(&["no-link-local"], |i| i.addresses.truncate(1));
    check(&["no-prefix"], |i| _ = i.addresses.remove(0));
    check(&["several-prefixes"], |i| i.addresses.push(address("2001:db8:2::1", 64)));
}

#[test]
fn every_reason_is_given_at_once() {
    check(&["down", "forwarding-off", "no-link-local", "no-prefix"], |i| {
        i.flags.up = false;
        i.ipv6.as_mut().unwrap().forwarding = false;
        i.addresses.clear();
    });
}

#[test]
fn a_port_is_enslaved_unless_the_master_is_a_vrf() {
    for (kind, expected) in [
        (Some("bridge"), ["enslaved"].as_slice()),
        (Some("bond"), &["enslaved"]),
        (Some("team"), &["enslaved"]),
        (Some("openvswitch"), &["enslaved"]),
        (None, &["enslaved"]),
        (Some("vrf"), &[]),
    ] {
        let index = IfIndex::new(3).unwrap();
        check(expected, |i| i.master = Some(Master { index, kind: kind.map(str::to_owned) }.into()));
    }
}

#[test]
fn a_tentative_or_duplicate_link_local_address_is_no_source() {
    let link_local = |set: fn(&mut AddressFlags)| move |i: &mut Interface| set(&mut i.addresses[1].flags);
    check(&[], link_local(|_| ()));
    check(&["no-link-local"], link_local(|f| f.tentative = true));
    check(&["no-link-local"], link_local(|f| f.dadfailed = true));
    check(&[], link_local(|f| (f.tentative, f.optimistic) = (true, true)));
    check(&["no-link-local"], link_local(|f| (f.tentative, f.optimistic, f.dadfailed) = (true, true, true)));
}

#[test]
fn only_a_usable_global_address_makes_a_prefix() {
    let global = |set: fn(&mut Address)| move |i: &mut Interface| set(&mut i.addresses[0]);
    check(&[], global(|_| ()));
    check(&[], global(|a| a.address = "fd00::1".parse().unwrap()));
    check(&["no-prefix"], global(|a| a.prefix_len = 63));
    check(&["no-prefix"], global(|a| a.prefix_len = 128));
    check(&["no-prefix"], global(|a| a.scope = AddressScope::Site));
    check(&["no-prefix"], global(|a| a.flags.tentative = true));
    check(&["no-prefix"], global(|a| a.flags.dadfailed = true));
    check(&["no-prefix"], global(|a| a.flags.deprecated = true));
    check(&["no-prefix"], global(|a| a.flags.temporary = true));
}

#[test]
fn several_addresses_in_one_prefix_are_one_prefix() {
    check(&[], |i| i.addresses.push(address("2001:db8:1::2", 64)));
    check(&[], |i| i.addresses.push(address("2001:db8:2::1", 128)));
}

#[test]
fn an_interface_without_carrier_is_served_and_paused() {
    let expected = Service { carrier: false, ..service() };
    assert_eq!(judged(|i| i.flags.carrier = false), Verdict::Serve(expected));
}

#[test]
fn the_source_in_use_stays_while_it_is_usable() {
    let mut interface = fit();
    interface.addresses.push(address("fe80::2", 64));
    let source = |interface: &Interface, in_use: Option<&str>| {
        let in_use = in_use.and_then(|text| LinkLocal::new(text.parse().unwrap()));
        match decide(&policy(), interface, in_use) {
            Verdict::Serve(service) => service.source.to_string(),
            other @ (Verdict::Ignore | Verdict::NotServed(_)) => panic!("{other:?}"),
        }
    };
    assert_eq!(source(&interface, None), "fe80::1", "the lowest");
    assert_eq!(source(&interface, Some("fe80::2")), "fe80::2", "the one in use");
    interface.addresses[2].flags.dadfailed = true;
    assert_eq!(source(&interface, Some("fe80::2")), "fe80::1", "the one in use is no longer usable");
}

#[test]
fn a_missing_connected_route_is_noticed() {
    let expected = Service { connected_route: false, ..service() };
    assert_eq!(judged(|i| i.addresses[0].flags.noprefixroute = true), Verdict::Serve(expected));
}

#[test]
fn a_final_ra_needs_a_link_and_an_address_that_is_no_duplicate() {
    let source = service().source;
    let can = |change: fn(&mut Interface)| {
        let mut interface = fit();
        change(&mut interface);
        can_withdraw(&interface, source)
    };
    assert!(can(|_| ()));
    assert!(can(|i| i.addresses.clear()), "from an address that was removed");
    assert!(can(|i| i.addresses[1].flags.tentative = true));
    assert!(!can(|i| i.addresses[1].flags.dadfailed = true));
    assert!(!can(|i| i.flags.up = false));
    assert!(!can(|i| i.flags.carrier = false));
    assert!(!can(|i| i.ipv6 = None));
    assert!(!can(|i| i.ipv6.as_mut().unwrap().disabled = true));
}

#[test]
fn reasons_are_displayed_as_sentences() {
    for (reason, expected) in [
        (Reason::Ipv6Disabled { mtu: 1200 }, "its MTU of 1200 is below 1280, so the kernel runs no IPv6 on it"),
        (Reason::Enslaved { kind: Some("bridge".to_owned()) }, "it is a port of a bridge"),
        (
            Reason::NoPrefix {
                others: vec![Uncounted {
                    address: "2001:db8::1".parse().unwrap(),
                    prefix_len: 48,
                    why: WhyUncounted::NotA64,
                }],
            },
            "it has no usable /64, only 2001:db8::1/48 (not a /64)",
        ),
        (Reason::NoLinkLocal { unopened: true }, "it has no link-local address yet: no program has the tap open"),
    ] {
        assert_eq!(reason.to_string(), expected);
    }
}
