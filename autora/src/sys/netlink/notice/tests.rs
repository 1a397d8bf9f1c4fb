use proptest::prelude::*;

use super::*;

const RTM_NEWROUTE: u16 = 24;
const NLMSG_ERROR: u16 = 2;
const NETCONFA_FORWARDING: u16 = 2;

/// A message with a truthful length, padded.
fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap();
    let mut bytes = [length.to_ne_bytes().as_slice(), &kind.to_ne_bytes(), &[0; 10], payload].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn with_length(mut bytes: Vec<u8>, length: u32) -> Vec<u8> {
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

/// `struct ifinfomsg`, with an attribute behind it that nobody looks at.
fn link(family: i32, index: u32) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(family).unwrap(), 0, 0, 0];
    bytes.extend(index.to_ne_bytes());
    bytes.extend([0xff; 8]);
    bytes.extend([0xff; 4]);
    bytes
}

/// `struct ifaddrmsg`.
fn address(index: u32) -> Vec<u8> {
    link(AF_INET6, index)[..8].to_vec()
}

fn netconf(family: i32, attributes: &[(u16, i32)]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(family).unwrap(), 0, 0, 0];
    for (kind, value) in attributes {
        bytes.extend(8_u16.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value.to_ne_bytes());
    }
    bytes
}

fn dirty(indexes: impl IntoIterator<Item = u32>) -> Changes {
    Changes { dirty: indexes.into_iter().filter_map(IfIndex::new).collect(), ..Changes::default() }
}

fn deleted(index: u32) -> Changes {
    Changes { deleted: IfIndex::new(index).into_iter().collect(), ..dirty([index]) }
}

fn nothing() -> Changes {
    Changes::default()
}

fn host() -> Changes {
    Changes { host: true, ..Changes::default() }
}

fn overrun() -> Changes {
    Changes { overrun: true, ..Changes::default() }
}

fn check(what: &str, datagram: &[u8], expected: &Changes) {
    let mut changes = Changes::default();
    changes.note(datagram);
    assert_eq!(changes, *expected, "{what}");
}

#[test]
fn every_kind_of_message_is_about_somebody() {
    const AF_BRIDGE: i32 = 7;
    for (what, kind, payload, expected) in [
        ("link made or changed", RTM_NEWLINK, link(0, 7), dirty([7])),
        ("link gone", RTM_DELLINK, link(0, 8), deleted(8)),
        ("left its bridge", RTM_DELLINK, link(AF_BRIDGE, 9), dirty([9])),
        ("address made or changed", RTM_NEWADDR, address(10), dirty([10])),
        ("address gone", RTM_DELADDR, address(11), dirty([11])),
        ("settings", RTM_NEWNETCONF, netconf(AF_INET6, &[(NETCONFA_IFINDEX, 12)]), dirty([12])),
        ("settings gone", RTM_DELNETCONF, netconf(AF_INET6, &[(NETCONFA_IFINDEX, 13)]), dirty([13])),
        (
            "the index is the second attribute",
            RTM_NEWNETCONF,
            netconf(AF_INET6, &[(NETCONFA_FORWARDING, 1), (NETCONFA_IFINDEX, 14)]),
            dirty([14]),
        ),
        ("conf.all", RTM_NEWNETCONF, netconf(AF_INET6, &[(NETCONFA_IFINDEX, -1)]), host()),
        ("conf.default", RTM_NEWNETCONF, netconf(AF_INET6, &[(NETCONFA_IFINDEX, -2)]), host()),
        ("IPv4 settings", RTM_NEWNETCONF, netconf(2, &[(NETCONFA_IFINDEX, 15)]), nothing()),
        ("a route", RTM_NEWROUTE, link(AF_INET6, 16), nothing()),
        ("an error", NLMSG_ERROR, vec![0; 20], nothing()),
        ("a type of the future", 0xffff, vec![0xff; 40], nothing()),
    ] {
        check(what, &message(kind, &payload), &expected);
    }
}

#[test]
fn what_cannot_be_understood_counts_as_lost() {
    let good = message(RTM_NEWLINK, &link(0, 7));
    let len = u32::try_from(good.len()).unwrap();
    check("positive control", &good, &dirty([7]));
    for (what, datagram) in [
        ("half a header", good[..15].to_vec()),
        ("cut off", good[..good.len() - 1].to_vec()),
        ("length 0", with_length(good.clone(), 0)),
        ("length below the header's", with_length(good.clone(), 15)),
        ("length past the end", with_length(good.clone(), len + 1)),
        ("length at the limit", with_length(good.clone(), u32::MAX)),
        ("a header alone", message(RTM_NEWLINK, &[])),
        ("no room for an index", message(RTM_NEWADDR, &address(7)[..7])),
        ("index 0", message(RTM_NEWLINK, &link(0, 0))),
        ("settings without a header", message(RTM_NEWNETCONF, &[10, 0, 0])),
        ("settings of nobody", message(RTM_NEWNETCONF, &netconf(AF_INET6, &[]))),
        ("settings of index 0", message(RTM_NEWNETCONF, &netconf(AF_INET6, &[(NETCONFA_IFINDEX, 0)]))),
        (
            "an attribute that lies about its length",
            message(RTM_NEWNETCONF, &[10, 0, 0, 0, 9, 0, 1, 0, 7, 0, 0, 0]),
        ),
    ] {
        check(what, &datagram, &overrun());
    }
}

#[test]
fn a_datagram_holds_several_messages() {
    let first = message(RTM_NEWLINK, &link(0, 1));
    let odd = message(RTM_NEWROUTE, &[0; 5]);
    let last = message(RTM_NEWNETCONF, &netconf(AF_INET6, &[(NETCONFA_IFINDEX, -1)]));
    let whole = [first.as_slice(), &odd, &message(RTM_DELADDR, &address(2)), &last].concat();
    check("empty", &[], &nothing());
    check("all of them", &whole, &Changes { host: true, ..dirty([1, 2]) });
    check(
        "those before a malformed one",
        &[first.as_slice(), &with_length(odd, 3), &last].concat(),
        &Changes { overrun: true, ..dirty([1]) },
    );
}

#[test]
fn changes_add_up() {
    let mut changes = dirty([1]);
    assert!(!changes.is_empty() && nothing().is_empty());
    changes.note(&message(RTM_NEWLINK, &link(0, 2)));
    changes.note(&message(RTM_NEWLINK, &link(0, 1)));
    assert_eq!(changes, dirty([1, 2]));
}

/// Bytes that resemble messages closely enough to get past the first checks.
fn resembling() -> impl Strategy<Value = Vec<u8>> {
    let one = (
        prop_oneof![Just(16_u16), Just(17), Just(20), Just(21), Just(80), Just(81), any::<u16>()],
        prop::collection::vec(any::<u8>(), 0..64),
        prop::option::weighted(0.2, any::<u8>()),
    );
    prop::collection::vec(one, 0..4).prop_map(|messages| {
        let datagrams = messages.into_iter().map(|(kind, payload, lie)| match lie {
            Some(length) => with_length(message(kind, &payload), length.into()),
            None => message(kind, &payload),
        });
        datagrams.collect::<Vec<_>>().concat()
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        Changes::default().note(&bytes);
    }

    #[test]
    fn nor_do_bytes_that_resemble_messages(bytes in resembling()) {
        Changes::default().note(&bytes);
    }

    #[test]
    fn a_good_message_is_heard_whatever_follows(index in 1_u32.., bytes in resembling()) {
        let mut changes = Changes::default();
        changes.note(&[message(RTM_NEWLINK, &link(0, index)), bytes].concat());
        prop_assert!(IfIndex::new(index).is_some_and(|index| changes.dirty.contains(&index)));
    }
}
