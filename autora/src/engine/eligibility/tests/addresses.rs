//! Tables of the addresses of one interface.

use std::time::Duration;

use super::*;
use crate::engine::{BootInstant, interface::Preferred};

/// Returns addresses from a list like `1 2.3dt`: of the /64 or link-local address 1, and of number 2 with the host
/// part 3, deprecated and tentative. The flags are those of the `match`.
fn addresses(list: &str, of: fn(u8, u8) -> Address) -> Vec<Address> {
    let address = |item: &str| {
        let number = item.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let (network, host) = number.split_once('.').unwrap_or((number, "1"));
        let mut address = of(network.parse().unwrap(), host.parse().unwrap());
        for flag in item[number.len()..].chars() {
            let AddressFlags {
                tentative,
                optimistic,
                dadfailed,
                deprecated,
                temporary,
                noprefixroute,
                learned,
                mngtmpaddr,
            } = &mut address.flags;
            match flag {
                't' => *tentative = true,
                'o' => (*tentative, *optimistic) = (true, true),
                'x' => *dadfailed = true,
                'd' => *deprecated = true,
                'p' => *temporary = true,
                'r' => *noprefixroute = true,
                'l' => *learned = true,
                'm' => *mngtmpaddr = true,
                _ => panic!("{item}"),
            }
        }
        address
    };
    list.split_whitespace().map(address).collect()
}

fn source(number: u8) -> LinkLocal {
    link_local(&format!("fe80::{number}"))
}

fn prefix(number: u8) -> Prefix64 {
    prefix64(&format!("2001:db8:{number}::"))
}

/// Returns an interface with these link-local addresses and these global ones.
fn interface(sources: &str, prefixes: &str) -> Interface {
    let mut addresses_of_both =
        addresses(prefixes, |network, host| address(&format!("2001:db8:{network}::{host}"), 64));
    addresses_of_both.extend(addresses(sources, |number, _| address(&format!("fe80::{number}"), 64)));
    Interface { addresses: addresses_of_both, ..fit() }
}

fn decided(interface: &Interface, addresses: AddressPolicy, in_use: InUse) -> Result<Service, Vec<&'static str>> {
    match decide(&Policy { addresses, ..policy() }, interface, in_use) {
        Verdict::Serve(service) => Ok(service),
        Verdict::NotServed(reasons) => Err(reasons.iter().map(Reason::name).collect()),
        Verdict::Ignore => panic!("the name matches"),
    }
}

#[test]
fn the_source_in_use_stays_unless_it_is_unusable_or_second_choice() {
    for (sources, in_use, required, expected) in [
        ("", None, None, None),
        ("2 1", None, None, Some(1)),
        ("1t", None, None, None),
        ("1x", None, None, None),
        ("1to", None, None, Some(1)),
        ("1t 2", None, None, Some(2)),
        // One that is not deprecated is preferred to a deprecated one, which is preferred to none.
        ("1d 2", None, None, Some(2)),
        ("2d 1d", None, None, Some(1)),
        ("1t 2d", None, None, Some(2)),
        // The one in use stays, tentative or not.
        ("1 2", Some(2), None, Some(2)),
        ("1 2t", Some(2), None, Some(2)),
        ("1d 2d", Some(2), None, Some(2)),
        ("1d 2t", Some(2), None, Some(2)),
        ("2td", Some(2), None, Some(2)),
        ("1t 2d", Some(2), None, Some(2)),
        // It is a duplicate, second choice, or gone.
        ("1 2x", Some(2), None, Some(1)),
        ("1 2tx", Some(2), None, Some(1)),
        ("2x", Some(2), None, None),
        ("1 2d", Some(2), None, Some(1)),
        ("1 2td", Some(2), None, Some(1)),
        ("1", Some(2), None, Some(1)),
        ("1t", Some(2), None, None),
        // The operator requires one.
        ("1 2", None, Some(2), Some(2)),
        ("1 2", Some(1), Some(2), Some(2)),
        ("1 2d", Some(1), Some(2), Some(2)),
        ("1", Some(1), Some(2), None),
        ("1 2t", Some(1), Some(2), None),
        ("1 2t", Some(2), Some(2), Some(2)),
        ("1 2x", Some(2), Some(2), None),
    ] {
        let addresses = AddressPolicy { source: required.map(source), ..AddressPolicy::default() };
        let in_use_too = InUse { source: in_use.map(source), ..InUse::default() };
        let found = decided(&interface(sources, "1"), addresses, in_use_too).map(|service| service.source);
        let expected = expected.map(source).ok_or(vec!["no-link-local"]);
        assert_eq!(found, expected, "{sources:?}, in use {in_use:?}, required {required:?}");
    }
}

#[test]
fn an_interface_with_a_tentative_source_in_use_is_served_and_paused() {
    let in_use = InUse { source: Some(source(1)), ..InUse::default() };
    for (sources, dad) in [("1", false), ("1t", true), ("1to", false), ("1 2t", false)] {
        let service = decided(&interface(sources, "1"), AddressPolicy::default(), in_use).unwrap();
        assert_eq!((service.dad, service.is_ready()), (dad, !dad), "{sources}");
    }
}

#[test]
fn one_usable_prefix_is_selected_and_the_one_in_use_is_kept() {
    use SeveralPrefixes::{Keep, Refuse};
    const NONE: Result<u8, &str> = Err("no-prefix");
    const SEVERAL: Result<u8, &str> = Err("several-prefixes");
    for (prefixes, in_use, several_prefixes, expected) in [
        ("", None, Refuse, NONE),
        ("1", None, Refuse, Ok(1)),
        ("1.1 1.2", None, Refuse, Ok(1)),
        ("1 2", None, Refuse, SEVERAL),
        ("1 2", Some(2), Refuse, SEVERAL),
        // A duplicate, a temporary and a learned address make none, not even the one in use.
        ("1x", Some(1), Refuse, NONE),
        ("1p", Some(1), Refuse, NONE),
        ("1l", Some(1), Refuse, NONE),
        ("1m", Some(1), Refuse, NONE),
        ("1l 1.2 2m", None, Refuse, Ok(1)),
        // A tentative one keeps the one in use.
        ("1t", None, Refuse, NONE),
        ("1t", Some(2), Refuse, NONE),
        ("1t", Some(1), Refuse, Ok(1)),
        ("1tx", Some(1), Refuse, NONE),
        ("1o", None, Refuse, Ok(1)),
        ("1t 2", None, Refuse, Ok(2)),
        ("1t 2", Some(1), Refuse, SEVERAL),
        ("1 2t", Some(1), Refuse, Ok(1)),
        // Deprecated ones count only if all are: the operator parks one.
        ("1d", None, Refuse, Ok(1)),
        ("1 2d", None, Refuse, Ok(1)),
        ("1d 2d", None, Refuse, SEVERAL),
        ("1d 2d 3", None, Refuse, Ok(3)),
        ("1.1d 1.2", None, Refuse, Ok(1)),
        ("1.1d 1.2 2d", None, Refuse, Ok(1)),
        ("1.1d 1.2 2", None, Refuse, SEVERAL),
        ("1d 2", Some(1), Refuse, Ok(2)),
        ("1d 2t", Some(1), Refuse, Ok(1)),
        ("1td 2", Some(1), Refuse, Ok(2)),
        // Of several the one in use is kept, if the operator wants that.
        ("1 2", None, Keep, SEVERAL),
        ("1 2", Some(3), Keep, SEVERAL),
        ("1 2", Some(2), Keep, Ok(2)),
        ("1 2 3", Some(2), Keep, Ok(2)),
        ("1t 2", Some(1), Keep, Ok(1)),
        ("1d 2d", Some(2), Keep, Ok(2)),
        ("1d 2", Some(1), Keep, Ok(2)),
        ("1d 2 3", Some(1), Keep, SEVERAL),
        ("2", Some(1), Keep, Ok(2)),
    ] {
        let addresses = AddressPolicy { several_prefixes, ..AddressPolicy::default() };
        let in_use_too = InUse { prefix: in_use.map(prefix), ..InUse::default() };
        let found = decided(&interface("1", prefixes), addresses, in_use_too).map(|service| service.prefix);
        let expected = expected.map(prefix).map_err(|reason| vec![reason]);
        assert_eq!(found, expected, "{prefixes:?}, in use {in_use:?}, {several_prefixes:?}");
    }
}

#[test]
fn a_service_names_a_further_prefix() {
    let addresses = AddressPolicy { several_prefixes: SeveralPrefixes::Keep, ..AddressPolicy::default() };
    let in_use = InUse { prefix: Some(prefix(2)), ..InUse::default() };
    for (prefixes, expected) in [("2", None), ("2 1d", None), ("2 1t", None), ("1 2", Some(1)), ("2 3", Some(3))] {
        let service = decided(&interface("1", prefixes), addresses, in_use).unwrap();
        assert_eq!(service.other_prefix, expected.map(prefix), "{prefixes}");
    }
}

#[test]
fn only_a_global_unicast_address_makes_a_prefix() {
    for (text, counts) in [
        ("2001:db8::1", true),
        ("fd00::1", true),
        ("100::1", true),
        ("fe7f::1", true),
        ("::1:2", false),
        ("::192.0.2.1", false),
        ("::ffff:192.0.2.1", false),
        ("64:ff9b::192.0.2.1", false),
        ("ff0e::1", false),
        ("ff00::1", false),
        ("fe80::1", false),
        ("febf::1", false),
        ("fec0::1", false),
        ("feff::1", false),
    ] {
        // The kernel gives global scope to more than it ought to.
        let global = Address { scope: AddressScope::Global, ..address(text, 64) };
        assert_eq!(counts_for_prefix(&global), counts, "{text}");
        assert!(!counts_for_prefix(&Address { scope: AddressScope::Link, ..global }), "{text} of link scope");
        assert!(!counts_for_prefix(&Address { scope: AddressScope::Site, ..global }), "{text} of site scope");
    }
}

#[test]
fn addresses_that_make_no_prefix_are_listed_with_the_reason() {
    let check = |prefixes: &str, in_use: Option<u8>, expected: &[&str]| {
        let mut interface = interface("1", prefixes);
        interface.addresses.push(address("2001:db8:9::1", 48));
        interface.addresses.push(Address { scope: AddressScope::Global, ..address("ff0e::1", 64) });
        let in_use = InUse { prefix: in_use.map(prefix), ..InUse::default() };
        let listed = Subject::new(AddressPolicy::default(), &interface, in_use).uncounted();
        let listed: Vec<_> = listed.iter().map(ToString::to_string).collect();
        let always = ["2001:db8:9::1/48 (not a /64)", "ff0e::1/64 (not unicast)"];
        assert_eq!(listed, [expected, &always].concat(), "{prefixes}");
    };
    check("1", None, &[]);
    check("1d", None, &[]);
    check("1 2d", None, &["2001:db8:2::1/64 (deprecated)"]);
    check("1.1d 1.2", None, &[]);
    check("1 1.2t", None, &["2001:db8:1::2/64 (tentative)"]);
    check("1t", Some(2), &["2001:db8:1::1/64 (tentative)"]);
    // It keeps the one in use.
    check("1t", Some(1), &[]);
    check("1t 2d", Some(1), &["2001:db8:2::1/64 (deprecated)"]);
    check(
        "1 2x 3l 4m 5p",
        None,
        &[
            "2001:db8:2::1/64 (a duplicate)",
            "2001:db8:3::1/64 (learned from an RA)",
            "2001:db8:4::1/64 (mngtmpaddr, as if learned from an RA)",
            "2001:db8:5::1/64 (temporary)",
        ],
    );
}

const fn at(seconds: u64) -> BootInstant {
    BootInstant::from_boot(Duration::from_secs(seconds))
}

#[test]
fn a_prefix_lasts_as_long_as_the_longest_of_its_addresses() {
    use Preferred::{ForEver, Until, Zero};
    let check = |list: &str, lifetimes: &[(Option<u64>, Preferred)], expected: Option<(Option<u64>, Preferred)>| {
        let mut interface = interface("1", list);
        for (address, (valid, preferred)) in interface.addresses.iter_mut().zip(lifetimes) {
            address.lifetimes = Lifetimes { valid: valid.map(at), preferred: *preferred };
        }
        let expected = expected.map(|(valid, preferred)| Lifetimes { valid: valid.map(at), preferred });
        assert_eq!(lifetimes_of(&interface, prefix(1)), expected, "{list}: {lifetimes:?}");
    };
    check("1", &[(None, ForEver)], Some((None, ForEver)));
    check("1", &[(Some(9), Until(at(5)))], Some((Some(9), Until(at(5)))));
    check("1 1.2", &[(Some(9), Until(at(3))), (Some(8), Until(at(5)))], Some((Some(9), Until(at(5)))));
    check("1 1.2", &[(Some(9), Until(at(3))), (None, ForEver)], Some((None, ForEver)));
    check("1 1.2", &[(None, Zero), (Some(8), Until(at(5)))], Some((None, Until(at(5)))));
    // Only addresses that make this prefix count; a tentative one keeps it.
    check("2", &[(Some(9), ForEver)], None);
    check("", &[], None);
    check("1 2", &[(Some(9), Until(at(3))), (None, ForEver)], Some((Some(9), Until(at(3)))));
    check("1 1.2x", &[(Some(9), Until(at(3))), (None, ForEver)], Some((Some(9), Until(at(3)))));
    check("1 1.2l", &[(Some(9), Until(at(3))), (None, ForEver)], Some((Some(9), Until(at(3)))));
    check("1t", &[(Some(9), Until(at(3)))], Some((Some(9), Until(at(3)))));
    check("1x", &[(Some(9), Until(at(3)))], None);
    // Of deprecated addresses only the valid lifetime counts.
    check("1d 1.2", &[(None, Until(at(7))), (Some(5), Until(at(3)))], Some((None, Until(at(3)))));
    check("1d", &[(Some(9), Zero)], Some((Some(9), Zero)));
    check("1d", &[(None, Until(at(5)))], Some((None, Zero)));
    check("1d", &[(Some(9), ForEver)], Some((Some(9), Zero)));
    // One that is valid for ever and was never preferred is parked.
    check("1d", &[(None, Zero)], Some((None, ForEver)));
    check("1d 1.2d", &[(None, Zero), (Some(9), Until(at(5)))], Some((None, ForEver)));
    check("1d 1.2", &[(None, Zero), (Some(9), Until(at(5)))], Some((None, Until(at(5)))));
}

#[test]
fn a_service_has_the_lifetimes_of_its_prefix() {
    let mut interface = interface("1", "1");
    interface.addresses[0].lifetimes = Lifetimes { valid: Some(at(9)), preferred: Preferred::Until(at(5)) };
    let service = decided(&interface, AddressPolicy::default(), InUse::default()).unwrap();
    assert_eq!(service.lifetimes, interface.addresses[0].lifetimes);
}

#[test]
fn one_address_with_a_connected_route_is_enough() {
    for (prefixes, expected) in [("1", true), ("1r", false), ("1r 1.2", true), ("1r 1.2r", false), ("1r 2d", false)] {
        let service = decided(&interface("1", prefixes), AddressPolicy::default(), InUse::default()).unwrap();
        assert_eq!(service.connected_route, expected, "{prefixes}");
    }
}
