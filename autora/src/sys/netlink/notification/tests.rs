use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::sys::netlink::{bytes::message, frame::messages};

const NOW: BootInstant = BootInstant::from_boot(Duration::from_secs(100));
const RTM_NEWROUTE: u16 = 24;
const NLMSG_ERROR: u16 = 2;

fn with_length(mut bytes: Vec<u8>, length: u32) -> Vec<u8> {
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

/// `struct ifinfomsg`, with an attribute behind it that is not read.
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

fn parsed(datagram: &[u8]) -> Vec<String> {
    let notifications = messages(datagram).map(|message| message.and_then(|message| Notification::parse(message, NOW)));
    notifications
        .map(|notification| match notification {
            Ok(Notification::Link(link)) => format!("link {:?}", link.index),
            Ok(other) => format!("{other:?}"),
            Err(Malformed) => "malformed".to_owned(),
        })
        .collect()
}

fn check(what: &str, datagram: &[u8], expected: &[&str]) {
    assert_eq!(parsed(datagram), expected, "{what}");
}

/// `struct ifinfomsg` and the attributes that a link must have.
fn whole_link(family: i32, index: u32) -> Vec<u8> {
    let mut bytes = link(family, index)[..16].to_vec();
    bytes.extend([6, 0, 3, 0, b'a', 0, 0, 0]);
    bytes.extend([8, 0, 4, 0]);
    bytes.extend(1500_u32.to_ne_bytes());
    bytes
}

fn whole_address(family: i32, scope: u8) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(family).unwrap(), 64, 0, scope];
    bytes.extend(7_u32.to_ne_bytes());
    bytes.extend([20, 0, 1, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    bytes
}

#[test]
fn every_kind_of_message_names_an_interface() {
    const AF_BRIDGE: i32 = 7;
    const AF_INET: i32 = 2;
    let of = |index: i32| (NETCONFA_IFINDEX, index);
    for (what, kind, payload, expected) in [
        ("link created or changed", RTM_NEWLINK, whole_link(0, 7), "link #7"),
        ("its IPv6 part", RTM_NEWLINK, whole_link(AF_INET6, 7), "link #7"),
        ("its port of a bridge", RTM_NEWLINK, whole_link(AF_BRIDGE, 7), "Other"),
        ("link that lacks its name", RTM_NEWLINK, link(0, 7), "Undecodable(#7)"),
        ("link deleted", RTM_DELLINK, link(0, 8), "LinkDeleted(#8)"),
        ("left its bridge", RTM_DELLINK, link(AF_BRIDGE, 9), "Other"),
        ("its IPv6 part deleted", RTM_DELLINK, link(AF_INET6, 9), "Undecodable(#9)"),
        ("address deleted", RTM_DELADDR, whole_address(AF_INET6, 253), "AddressDeleted(#7, fe80::1)"),
        ("address of host scope", RTM_NEWADDR, whole_address(AF_INET6, 254), "Other"),
        ("address without its bytes", RTM_NEWADDR, address(10), "Undecodable(#10)"),
        ("IPv4 address", RTM_NEWADDR, whole_address(AF_INET, 0), "Other"),
        ("settings", RTM_NEWNETCONF, netconf(AF_INET6, &[of(12), (2, 1)]), "Forwarding(#12, true)"),
        ("another setting", RTM_NEWNETCONF, netconf(AF_INET6, &[of(12), (5, 1)]), "Other"),
        ("a setting unspecified", RTM_NEWNETCONF, netconf(AF_INET6, &[of(12)]), "SettingsUnspecified(#12)"),
        ("settings deleted", RTM_DELNETCONF, netconf(AF_INET6, &[of(13)]), "SettingsDeleted(#13)"),
        ("in another order", RTM_NEWNETCONF, netconf(AF_INET6, &[(2, 0), of(14)]), "Forwarding(#14, false)"),
        ("conf.all", RTM_NEWNETCONF, netconf(AF_INET6, &[of(-1), (2, 1)]), "HostForwarding(true)"),
        ("conf.all, unspecified", RTM_NEWNETCONF, netconf(AF_INET6, &[of(-1)]), "Other"),
        ("conf.default", RTM_NEWNETCONF, netconf(AF_INET6, &[of(-2), (2, 1)]), "Other"),
        ("IPv4 settings", RTM_NEWNETCONF, netconf(AF_INET, &[of(15), (2, 1)]), "Other"),
        ("a route", RTM_NEWROUTE, link(AF_INET6, 16), "Other"),
        ("an error", NLMSG_ERROR, vec![0; 20], "Other"),
        ("a type of the future", 0xffff, vec![0xff; 40], "Other"),
    ] {
        check(what, &message(kind, &payload), &[expected]);
    }
    let [address] = parsed(&message(RTM_NEWADDR, &whole_address(AF_INET6, 253))).try_into().unwrap();
    assert!(address.starts_with("Address(#7, Address { address: fe80::1, prefix_len: 64"), "{address}");
}

#[test]
fn a_message_without_an_index_is_malformed() {
    let good = message(RTM_DELLINK, &link(0, 7));
    let len = u32::try_from(good.len()).unwrap();
    check("positive control", &good, &["LinkDeleted(#7)"]);
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
        ("settings of no interface", message(RTM_NEWNETCONF, &netconf(AF_INET6, &[]))),
        ("settings of index 0", message(RTM_NEWNETCONF, &netconf(AF_INET6, &[(NETCONFA_IFINDEX, 0)]))),
        ("an attribute longer than its message", message(RTM_NEWNETCONF, &[10, 0, 0, 0, 9, 0, 1, 0, 7, 0, 0, 0])),
    ] {
        check(what, &datagram, &["malformed"]);
    }
}

#[test]
fn a_datagram_holds_several_messages() {
    let first = message(RTM_DELLINK, &link(0, 1));
    let odd = message(RTM_NEWROUTE, &[0; 5]);
    let last = message(RTM_NEWNETCONF, &netconf(AF_INET6, &[(NETCONFA_IFINDEX, -1), (2, 0)]));
    check("empty", &[], &[]);
    let all = [first.as_slice(), &odd, &last].concat();
    check("all of them", &all, &["LinkDeleted(#1)", "Other", "HostForwarding(false)"]);
    let broken = [first.as_slice(), &with_length(odd, 3), &last].concat();
    check("those before a malformed one", &broken, &["LinkDeleted(#1)", "malformed"]);
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
        parsed(&bytes);
    }

    #[test]
    fn nor_do_bytes_that_resemble_messages(bytes in resembling()) {
        parsed(&bytes);
    }

    #[test]
    fn a_good_message_is_parsed_whatever_follows(index in 1_u32.., bytes in resembling()) {
        let all = parsed(&[message(RTM_DELLINK, &link(0, index)), bytes].concat());
        prop_assert_eq!(&all[0], &format!("LinkDeleted(#{index})"));
    }
}
