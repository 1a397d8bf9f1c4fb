use super::*;
use crate::{
    addr::IfIndex,
    engine::interface::{Address, AddressFlags, AddressScope, Master, address, fit},
};

mod addresses;

fn policy() -> Policy {
    Policy { pattern: Regex::new("^tap[0-9]+$").unwrap(), addresses: AddressPolicy::default() }
}

fn link_local(text: &str) -> LinkLocal {
    LinkLocal::new(text.parse().unwrap()).unwrap()
}

fn prefix64(text: &str) -> Prefix64 {
    Prefix64::containing(text.parse().unwrap())
}

fn service() -> Service {
    Service {
        source: link_local("fe80::1"),
        prefix: prefix64("2001:db8:1::"),
        lifetimes: Lifetimes::default(),
        carrier: true,
        dad: false,
        connected_route: true,
        other_prefix: None,
        force_forwarding: false,
    }
}

fn judged(change: impl FnOnce(&mut Interface)) -> Verdict {
    let mut interface = fit();
    change(&mut interface);
    decide(&policy(), &interface, InUse::default())
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
    check(&["no-prefix"], global(|a| a.flags.learned = true));
    check(&["no-prefix"], global(|a| a.flags.mngtmpaddr = true));
    check(&[], global(|a| a.flags.deprecated = true));
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
fn a_final_ra_needs_a_link_and_an_address_that_may_be_used() {
    use Departure::{Later, Never, Now};
    let check = |expected, change: fn(&mut Interface)| {
        let mut interface = fit();
        change(&mut interface);
        assert_eq!(departure(&interface, service().source, true), expected, "{interface:?}");
    };
    check(Now, |_| ());
    check(Now, |i| i.addresses.clear());
    check(Now, |i| i.addresses[1].flags.deprecated = true);
    check(Later, |i| i.addresses[1].flags.tentative = true);
    check(Now, |i| (i.addresses[1].flags.tentative, i.addresses[1].flags.optimistic) = (true, true));
    check(Never, |i| i.addresses[1].flags.dadfailed = true);
    check(Never, |i| (i.addresses[1].flags.dadfailed, i.flags.up) = (true, false));
    check(Later, |i| i.flags.up = false);
    check(Later, |i| i.flags.carrier = false);
    check(Later, |i| i.ipv6 = None);
    check(Later, |i| i.ipv6.as_mut().unwrap().disabled = true);
}

#[test]
fn what_ras_wait_for_is_a_sentence_and_a_condition() {
    for (waits_for, why, condition) in [
        (WaitsFor::Carrier, "it has no carrier", "it has a carrier"),
        (
            WaitsFor::Detection,
            "duplicate address detection runs on its source",
            "duplicate address detection on its source is over",
        ),
    ] {
        assert_eq!((waits_for.why(), waits_for.condition()), (why, condition));
    }
}

#[test]
fn reasons_are_displayed_as_sentences() {
    for (reason, expected) in [
        (Reason::Ipv6Disabled { mtu: 1200 }, "its MTU of 1200 is below 1280, so the kernel runs no IPv6 on it"),
        (Reason::Enslaved { kind: Some("bridge".to_owned()) }, "it is a port of a bridge"),
        (Reason::NoPrefix { others: Vec::new() }, "it has no usable /64"),
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
        (
            Reason::SeveralPrefixes(vec![prefix64("2001:db8:1::"), prefix64("2001:db8:2::")]),
            "it has more than one /64: 2001:db8:1::/64, 2001:db8:2::/64",
        ),
        (
            Reason::ServedByAnother(Some(OtherDaemon { directory: "/run/autora".to_owned(), pid: Some(7) })),
            "another autora serves it: process 7 with /run/autora",
        ),
        (
            Reason::ServedByAnother(Some(OtherDaemon { directory: "/run/autora".to_owned(), pid: None })),
            "another autora served it a moment ago: the one with /run/autora",
        ),
        (
            Reason::NoLinkLocal { unopened: true, required: None },
            "it has no link-local address yet: no program has the tap open",
        ),
        (
            Reason::NoLinkLocal { unopened: false, required: Some(link_local("fe80::2")) },
            "it has no usable link-local address fe80::2 (--source-address)",
        ),
    ] {
        assert_eq!(reason.to_string(), expected);
    }
}

#[test]
fn guests_need_a_host_that_forwards() {
    let forced = Service { force_forwarding: true, ..service() };
    assert!(service().leads_nowhere(false));
    assert!(!service().leads_nowhere(true) && !forced.leads_nowhere(false));
}

#[test]
fn a_failure_of_the_map_has_the_number_of_its_error() {
    assert_eq!((MapFailure::Full.errno(), MapFailure::Error { errno: 12 }.errno()), (None, Some(12)));
    assert_eq!(Reason::from(MapFailure::Error { errno: 12 }).map_failure(), Some(MapFailure::Error { errno: 12 }));
}

#[test]
fn only_a_small_mtu_is_named_as_the_cause_of_missing_ipv6() {
    for (mtu, expected) in [(1279, "its MTU of 1279 is below 1280"), (1280, "IPv6 is disabled on it")] {
        assert!(Reason::Ipv6Disabled { mtu }.to_string().starts_with(expected), "{mtu}");
    }
}
