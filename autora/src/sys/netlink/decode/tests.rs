use nix::libc::{
    ARPHRD_ETHER, ARPHRD_FDDI, IFF_LOWER_UP, IFF_MULTICAST, IFF_UP, IFLA_ADDRESS, IFLA_AF_SPEC, IFLA_IFNAME,
    IFLA_INFO_KIND, IFLA_INFO_SLAVE_KIND, IFLA_LINKINFO, IFLA_MASTER, IFLA_MTU,
};
use proptest::prelude::*;

use super::{link::IFLA_INET6_CONF, *};
use crate::{
    engine::interface::{GroupMapping, Ipv6Settings, Lifetimes, LinkFlags, Master},
    sys::netlink::bytes::attribute,
};

const INET6: u16 = 10;
const NOW: BootInstant = BootInstant::from_boot(Duration::from_secs(100));

fn settings(values: &[(usize, i32)], len: usize) -> Vec<u8> {
    let mut settings = vec![0; len];
    for (place, value) in values {
        settings[*place] = *value;
    }
    let settings: Vec<u8> = settings.into_iter().flat_map(i32::to_ne_bytes).collect();
    attribute(INET6, &attribute(IFLA_INET6_CONF, &settings))
}

fn link_header(index: u32, flags: i32) -> Vec<u8> {
    link_header_of(ARPHRD_ETHER, index, flags)
}

fn link_header_of(kind: u16, index: u32, flags: i32) -> Vec<u8> {
    let [first, second] = kind.to_ne_bytes();
    [[0, 0, first, second], index.to_ne_bytes(), flags.to_ne_bytes(), [0; 4]].concat()
}

fn link_message(index: u32, flags: i32, attributes: &[Vec<u8>]) -> Vec<u8> {
    [link_header(index, flags), attributes.concat()].concat()
}

fn plain() -> Vec<Vec<u8>> {
    vec![attribute(IFLA_IFNAME, b"tap1\0"), attribute(IFLA_MTU, &1500_u32.to_ne_bytes())]
}

fn expected() -> Interface {
    Interface {
        index: IfIndex::new(7).unwrap(),
        name: "tap1".into(),
        flags: LinkFlags { up: false, multicast: false, loopback: false, carrier: false },
        master: None,
        ipv6: None,
        mtu: 1500,
        link_address: None,
        group_mapping: GroupMapping::Ethernet,
        tun: false,
        addresses: Vec::new(),
    }
}

fn with(attributes: &[Vec<u8>]) -> Result<Interface, Malformed> {
    interface(&link_message(7, 0, &[plain(), attributes.to_vec()].concat()))
}

#[test]
fn a_link_with_everything() {
    let info = [attribute(IFLA_INFO_KIND, b"tun\0"), attribute(IFLA_INFO_SLAVE_KIND, b"bridge\0")].concat();
    let attributes = [
        plain(),
        vec![
            attribute(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]),
            attribute(IFLA_MASTER, &9_u32.to_ne_bytes()),
            attribute(IFLA_LINKINFO, &info),
            attribute(IFLA_AF_SPEC, &[attribute(2, &[0; 8]), settings(&[(0, 1), (59, 1)], 60)].concat()),
        ],
    ];
    let expected = Interface {
        flags: LinkFlags { up: true, multicast: true, loopback: false, carrier: true },
        master: Some(Master { index: IfIndex::new(9).unwrap(), kind: Some("bridge".into()) }.into()),
        ipv6: Some(Ipv6Settings { disabled: false, forwarding: true, force_forwarding: true, accepts_ra: false }),
        link_address: Some([2, 0, 0, 0, 0, 1]),
        tun: true,
        ..expected()
    };
    let bytes = link_message(7, IFF_UP | IFF_MULTICAST | IFF_LOWER_UP, &attributes.concat());
    assert_eq!(interface(&bytes), Ok(expected));
}

#[test]
fn what_a_link_may_lack() {
    let on = Ipv6Settings { disabled: false, forwarding: true, force_forwarding: false, accepts_ra: false };
    let nine = IfIndex::new(9).unwrap();
    for (what, attributes, wanted) in [
        ("everything", vec![], expected()),
        ("IPv4 alone", vec![attribute(IFLA_AF_SPEC, &attribute(2, &[0; 8]))], expected()),
        (
            "the newer settings",
            vec![attribute(IFLA_AF_SPEC, &settings(&[(0, -1)], 59))],
            Interface { ipv6: Some(on), ..expected() },
        ),
        (
            "all settings but one",
            vec![attribute(IFLA_AF_SPEC, &settings(&[(0, 2)], 1))],
            Interface { ipv6: Some(on), ..expected() },
        ),
        (
            "IPv6 that is switched on",
            vec![attribute(IFLA_AF_SPEC, &settings(&[(26, 1)], 60))],
            Interface {
                ipv6: Some(Ipv6Settings {
                    disabled: true,
                    forwarding: false,
                    force_forwarding: false,
                    accepts_ra: false,
                }),
                ..expected()
            },
        ),
        (
            "its master's kind",
            vec![attribute(IFLA_MASTER, &9_u32.to_ne_bytes())],
            Interface { master: Some(Master { index: nine, kind: None }.into()), ..expected() },
        ),
        ("an Ethernet address", vec![attribute(IFLA_ADDRESS, &[10, 0, 0, 1])], expected()),
        ("an attribute's end", vec![vec![9, 0, 10, 0, 1, 0, 0, 0]], expected()),
    ] {
        assert_eq!(with(&attributes), Ok(wanted), "{what}");
    }
}

/// `ARPHRD_INFINIBAND`, `ARPHRD_TUNNEL6`, `ARPHRD_IPGRE` and `ARPHRD_NONE`, with their addresses.
#[test]
fn a_group_maps_as_on_ethernet_where_the_links_type_says_so() {
    for (kind, address, expected) in [
        (ARPHRD_ETHER, &[2, 0, 0, 0, 0, 1][..], GroupMapping::Ethernet),
        (ARPHRD_FDDI, &[2, 0, 0, 0, 0, 1], GroupMapping::Ethernet),
        (32, &[0; 20], GroupMapping::Other),
        (769, &[0; 16], GroupMapping::Other),
        (778, &[192, 0, 2, 1], GroupMapping::Other),
        (0xfffe, &[], GroupMapping::Ethernet),
        (778, &[], GroupMapping::Ethernet),
    ] {
        let with_address = attribute(IFLA_ADDRESS, address);
        let address = (!address.is_empty()).then_some(with_address);
        let attributes: Vec<_> = plain().into_iter().chain(address).collect();
        let found = interface(&[link_header_of(kind, 7, 0), attributes.concat()].concat()).unwrap();
        assert_eq!(found.group_mapping, expected, "{kind}: {found:?}");
    }
}

#[test]
fn what_a_link_must_not_lack() {
    for (what, bytes) in [
        ("a header", link_header(7, 0)[..15].to_vec()),
        ("a name", link_message(7, 0, &plain()[1..])),
        ("an MTU", link_message(7, 0, &plain()[..1])),
        ("an index", link_message(0, 0, &plain())),
        (
            "settings, where it has IPv6",
            link_message(7, 0, &[plain(), vec![attribute(IFLA_AF_SPEC, &attribute(INET6, &[]))]].concat()),
        ),
    ] {
        assert_eq!(interface(&bytes), Err(Malformed), "{what}");
    }
    assert_eq!(interface(&link_message(7, 0, &plain())), Ok(expected()), "positive control");
}

fn address_message(flags: u8, scope: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
    [[10, 64, flags, scope], 7_u32.to_ne_bytes()].concat().into_iter().chain(attributes.concat()).collect()
}

#[test]
fn addresses() {
    let own: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let peer: Ipv6Addr = "2001:db8::2".parse().unwrap();
    let flags = |flags: u32| attribute(IFA_FLAGS, &flags.to_ne_bytes());
    let address_of = |address: Ipv6Addr| attribute(IFA_ADDRESS, &address.octets());
    let plain = Address {
        address: own,
        prefix_len: 64,
        scope: AddressScope::Global,
        flags: AddressFlags::default(),
        lifetimes: Lifetimes::default(),
    };
    for (what, bytes, wanted) in [
        ("plain", address_message(0, 0, &[address_of(own)]), Ok(Some(plain))),
        (
            "link scope",
            address_message(0, 253, &[address_of(own)]),
            Ok(Some(Address { scope: AddressScope::Link, ..plain })),
        ),
        (
            "site scope",
            address_message(0, 200, &[address_of(own)]),
            Ok(Some(Address { scope: AddressScope::Site, ..plain })),
        ),
        ("host scope", address_message(0, 254, &[address_of(own)]), Ok(None)),
        (
            "with a peer",
            address_message(0, 0, &[address_of(peer), attribute(IFA_LOCAL, &own.octets())]),
            Ok(Some(plain)),
        ),
        (
            "flags of the header alone",
            address_message(0x40 | 0x20, 0, &[address_of(own)]),
            Ok(Some(Address { flags: AddressFlags { tentative: true, deprecated: true, ..plain.flags }, ..plain })),
        ),
        (
            "flags past the header's eight",
            address_message(0x40, 0, &[address_of(own), flags(IFA_F_NOPREFIXROUTE | IFA_F_TEMPORARY)]),
            Ok(Some(Address { flags: AddressFlags { noprefixroute: true, temporary: true, ..plain.flags }, ..plain })),
        ),
        (
            "optimistic",
            address_message(0, 0, &[address_of(own), flags(IFA_F_TENTATIVE | IFA_F_OPTIMISTIC | 0x08)]),
            Ok(Some(Address {
                flags: AddressFlags { tentative: true, optimistic: true, dadfailed: true, ..plain.flags },
                ..plain
            })),
        ),
        ("no address", address_message(0, 0, &[]), Err(Malformed)),
        ("an IPv4 address", address_message(0, 0, &[attribute(IFA_ADDRESS, &[10, 0, 0, 1])]), Err(Malformed)),
        ("half a header", vec![10, 64, 0, 0], Err(Malformed)),
    ] {
        let wanted = wanted.map(|found| found.map(|address| (IfIndex::new(7).unwrap(), address)));
        assert_eq!(address(&bytes, NOW), wanted, "{what}");
    }
}

/// Recorded on Linux 6.18: a notification of the kernel, without the header of the message.
#[test]
fn addresses_as_recorded() {
    let in_secs = |seconds: u64| NOW + Duration::from_secs(seconds);
    for (what, recorded, wanted, flags, lifetimes) in [
        (
            "ip addr add 2001:db8:7::1/64 dev v0 nodad valid_lft 120 preferred_lft 20",
            "0a400200030000001400010020010db8000700000000000000000001140006001400000078000000\
             1e8813001e8813000800080002000000",
            "2001:db8:7::1",
            AddressFlags::default(),
            Lifetimes { valid: Some(in_secs(120)), preferred: Preferred::Until(in_secs(20)) },
        ),
        (
            "ip addr add 2001:db8:8::1/64 dev v0 nodad preferred_lft 0",
            "0a40a200030000001400010020010db80008000000000000000000011400060000000000ffffffff\
             1f8813001f88130008000800a2000000",
            "2001:db8:8::1",
            AddressFlags { deprecated: true, ..AddressFlags::default() },
            Lifetimes { valid: None, preferred: Preferred::Zero },
        ),
        (
            "SLAAC",
            "0a400000030000001400010020010db800090000000000fffe000007140006002c01000058020000\
             2088130020881300080008000001000005000b0002000000",
            "2001:db8:9::ff:fe00:7",
            AddressFlags { learned: true, mngtmpaddr: true, ..AddressFlags::default() },
            Lifetimes { valid: Some(in_secs(600)), preferred: Preferred::Until(in_secs(300)) },
        ),
    ] {
        let (index, found) = address(&hex(recorded), NOW).unwrap().unwrap();
        let expected =
            Address { address: wanted.parse().unwrap(), prefix_len: 64, scope: AddressScope::Global, flags, lifetimes };
        assert_eq!((index.get(), found), (3, expected), "{what}");
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// Lifetimes as `struct ifa_cacheinfo` has them, and what made the address.
#[test]
fn lifetimes_and_origin() {
    let own: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let decoded = |attributes: &[Vec<u8>]| {
        let all = [&[attribute(IFA_ADDRESS, &own.octets())], attributes].concat();
        address(&address_message(0, 0, &all), NOW).unwrap().unwrap().1
    };
    let cache = |numbers: &[u32]| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
        decoded(&[attribute(IFA_CACHEINFO, &bytes)]).lifetimes
    };
    let until = |seconds: u64| Preferred::Until(NOW + Duration::from_secs(seconds));
    for (numbers, valid, preferred) in [
        (&[FOR_EVER, FOR_EVER, 1, 1][..], None, Preferred::ForEver),
        (&[0, FOR_EVER, 1, 1], None, Preferred::Zero),
        (&[3, FOR_EVER, 1, 1], None, until(3)),
        (&[0, 9, 1, 1], Some(9), Preferred::Zero),
        (&[1, FOR_EVER - 1, 1, 1], Some(u64::from(FOR_EVER) - 1), until(1)),
        // Half of it is none of it.
        (&[3], None, Preferred::ForEver),
        (&[], None, Preferred::ForEver),
    ] {
        let valid = valid.map(|seconds| NOW + Duration::from_secs(seconds));
        assert_eq!(cache(numbers), Lifetimes { valid, preferred }, "{numbers:?}");
    }
    for (proto, learned) in [(&[1][..], false), (&[2], true), (&[3], false), (&[2, 2], false), (&[], false)] {
        assert_eq!(decoded(&[attribute(IFA_PROTO, proto)]).flags.learned, learned, "{proto:?}");
    }
}

#[test]
fn only_the_highest_accept_ra_takes_in_ras_where_the_kernel_forwards() {
    for (accept_ra, expected) in [(0, false), (1, false), (2, true), (3, false)] {
        let found = with(&[attribute(IFLA_AF_SPEC, &settings(&[(0, 1), (3, accept_ra)], 60))]).unwrap();
        assert_eq!(found.ipv6.unwrap().accepts_ra, expected, "{accept_ra}");
    }
}

/// Recorded on Linux 6.18: the kernel's reply to the request for routes of the protocol `ra`.
#[test]
fn default_routes_as_recorded() {
    let metrics = "24000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000";
    let gateway = |last: &str| format!("14000500fe8000000000000000000000000000{last}");
    let one = |head: &str, index: &str| format!("{head}0800060007000000{}08000400{index}{metrics}", gateway("08"));
    let hop = |index: &str| format!("1c000000{index}{}", gateway("09"));
    let main = "0a000000fe0900010000000008000f00fe000000";
    for (what, recorded, through) in [
        ("of the main table", one(main, "03000000"), &[3_u32][..]),
        ("of another table", one("0a0000004d0900010000000008000f004d000000", "02000000"), &[2]),
        (
            "several next hops",
            format!("{main}08000600090000003c000900{}{}{metrics}", hop("03000000"), hop("02000000")),
            &[3, 2],
        ),
        (
            "a route to a /64",
            format!(
                "0a400000fe0900010000000008000f00fe0000001400010020010db800550000000000000000000008000600000400000800\
                 040003000000{metrics}"
            ),
            &[],
        ),
        ("the operator's", one("0a000000fe0400010000000008000f00fe000000", "03000000"), &[]),
        ("unreachable", one("0a000000fe0900070000000008000f00fe000000", "03000000"), &[]),
    ] {
        let route = Route::new(&hex(&recorded)).unwrap();
        let found = if route.is_default_by_ra() { route.through } else { Vec::new() };
        assert_eq!(found.into_iter().map(IfIndex::get).collect::<Vec<_>>(), through, "{what}");
    }
    assert_eq!(Route::new(&[10, 0, 0]), Err(Malformed));
}

#[test]
fn host_facts() {
    let forwarding = |value: i32| [vec![10, 0, 0, 0], attribute(NETCONFA_FORWARDING, &value.to_ne_bytes())].concat();
    assert_eq!(host_forwarding(&forwarding(1)), Ok(true));
    assert_eq!(host_forwarding(&forwarding(0)), Ok(false));
    assert_eq!(host_forwarding(&[10, 0, 0, 0]), Err(Malformed));
    assert_eq!(host_forwarding(&[10]), Err(Malformed));

    let table = |name: &[u8], limit: &[u8]| {
        [vec![10, 0, 0, 0], attribute(NDTA_NAME, name), attribute(NDTA_THRESH3, limit)].concat()
    };
    assert_eq!(neighbour_limit(&table(b"ndisc_cache\0", &1024_u32.to_ne_bytes())), Some(1024));
    assert_eq!(neighbour_limit(&table(b"arp_cache\0", &1024_u32.to_ne_bytes())), None);
    assert_eq!(neighbour_limit(&table(b"ndisc_cache\0", &[])), None);
    assert_eq!(neighbour_limit(&[]), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        drop((interface(&bytes), address(&bytes, NOW), host_forwarding(&bytes), neighbour_limit(&bytes)));
        drop(Route::new(&bytes));
    }

    #[test]
    fn a_link_stands_whatever_attribute_is_unknown(kind in 100_u16..0x3fff, value in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(with(&[attribute(kind, &value)]), Ok(expected()));
    }
}
