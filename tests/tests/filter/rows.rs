//! The table of packets: each with a name and the expected reason.

use std::{net::Ipv6Addr, time::Duration};

use autora::wire::{ALL_NODES, NdOption, ROUTER_ADVERTISEMENT, RouterAdvert, ipv6};
use autora_common::Reason;
use autora_tests::{Checksum, Fragments, Mac, Solicit};

/// A frame for a served interface without a pending mark.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) frame: Vec<u8>,
    pub(crate) expected: Reason,
}

/// Offset of the IPv6 packet in a frame.
pub(crate) const PACKET: usize = 14;
/// Offset of the ICMPv6 message in a frame without extension headers.
pub(crate) const MESSAGE: usize = PACKET + ipv6::HEADER_LEN;

/// The source of the RAs in the table.
pub(crate) const OTHER_ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0xabcd, 1, 2, 3);

/// Returns all rows, sent by a guest with this link-layer address.
pub(crate) fn rows(mac: Mac) -> Vec<Row> {
    [good(mac), headers(mac), lengths(mac), options(mac), unspecified(mac), advertisements(mac)]
        .into_iter()
        .flatten()
        .collect()
}

fn row(name: &'static str, expected: Reason, frame: Vec<u8>) -> Row {
    Row { name, frame, expected }
}

fn good(mac: Mac) -> Vec<Row> {
    let base = Solicit::new(mac);
    let passes = |name, solicit: Solicit| row(name, Reason::Passed, solicit.frame());
    vec![
        passes("as a kernel sends it", base.clone()),
        passes("without options", with_options(&base, &[])),
        passes("from the unspecified address", Solicit::unspecified(mac)),
        passes(
            "from a global address",
            Solicit { source: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7), ..base.clone() },
        ),
        passes("unknown option", with_options(&base, &[&option(253, 2)])),
        passes("unknown option from ::", with_options(&Solicit::unspecified(mac), &[&option(14, 1)])),
        passes("16 options", with_options(&base, &[&option(1, 1).repeat(16)])),
        passes(
            "16 options of all sizes",
            with_options(&base, &[&(1..=16).flat_map(|n| option(n, n)).collect::<Vec<_>>()]),
        ),
        passes("the largest option", with_options(&base, &[&option(253, 255)])),
        row(
            "reserved field set",
            Reason::Passed,
            edit(base.frame(), |frame| frame[MESSAGE + 4..MESSAGE + 8].fill(0xab)),
        ),
        row(
            "traffic class and flow label",
            Reason::Passed,
            edit(base.frame(), |frame| frame[PACKET..PACKET + 4].copy_from_slice(&[0x6e, 0x12, 0x34, 0x56])),
        ),
        row("padding behind the packet", Reason::Passed, edit(base.frame(), |frame| frame.extend([0; 9]))),
    ]
}

fn headers(mac: Mac) -> Vec<Row> {
    let base = Solicit::new(mac);
    let hops = |hop_limit| Solicit { hop_limit, ..base.clone() }.frame();
    let behind = |extensions: &[(u8, &[u8])]| {
        let extensions = extensions.iter().map(|(kind, bytes)| (*kind, bytes.to_vec())).collect();
        Solicit { extensions, ..base.clone() }.frame()
    };
    let other = |kind| Solicit { kind, ..base.clone() }.frame();
    vec![
        row("hop limit 0", Reason::HopLimit, hops(0)),
        row("hop limit 64", Reason::HopLimit, hops(64)),
        row("hop limit 254", Reason::HopLimit, hops(254)),
        row("hop-by-hop options", Reason::NextHeader, behind(&[(0, &PADDED)])),
        row("destination options", Reason::NextHeader, behind(&[(60, &PADDED)])),
        row("two extension headers", Reason::NextHeader, behind(&[(0, &PADDED), (60, &PADDED)])),
        row("a routing header", Reason::NextHeader, behind(&[(43, &[0, 0, 4, 0, 0, 0, 0, 0])])),
        row(
            "a message of 4 bytes behind an extension header",
            Reason::NextHeader,
            Solicit { extensions: vec![(60, PADDED.to_vec())], truncate: Some(4), ..base.clone() }.frame(),
        ),
        row("an atomic fragment", Reason::NextHeader, Solicit { fragments: Fragments::Atomic, ..base.clone() }.frame()),
        row("UDP", Reason::NextHeader, edit(base.frame(), |frame| frame[PACKET + 6] = 17)),
        row("code 1", Reason::Code, Solicit { code: 1, ..base.clone() }.frame()),
        row("code 255", Reason::Code, Solicit { code: 255, ..base.clone() }.frame()),
        row("an echo request", Reason::Type, other(128)),
        row("a neighbour solicitation", Reason::Type, other(135)),
        row("type 0", Reason::Type, other(0)),
    ]
}

fn lengths(mac: Mac) -> Vec<Row> {
    let base = Solicit::new(mac);
    let cut = |len| Solicit { truncate: Some(len), ..base.clone() }.frame();
    let claims = |len: u8| edit(base.frame(), |frame| frame[PACKET + 5] = len);
    vec![
        row("a message of 1 byte", Reason::TooShort, cut(1)),
        row("a message of 4 bytes", Reason::TooShort, cut(4)),
        row("a message of 7 bytes", Reason::TooShort, cut(7)),
        row(
            "an advertisement of 7 bytes",
            Reason::TooShort,
            Solicit { kind: ROUTER_ADVERTISEMENT, truncate: Some(7), ..base.clone() }.frame(),
        ),
        row("a payload length of 0", Reason::TooShort, claims(0)),
        row("a payload length of 7", Reason::TooShort, claims(7)),
        row("a payload length of one more than there is", Reason::TooShort, claims(17)),
        row("a payload length of an option more than there is", Reason::TooShort, claims(24)),
        row(
            "an option that lacks its last byte",
            Reason::TooShort,
            edit(base.frame(), |frame| frame.truncate(frame.len() - 1)),
        ),
        // The payload length limits the message, even if the frame is longer.
        row("a payload length that cuts the option in two", Reason::OptionLength, claims(12)),
        row("a payload length that cuts the option's head in two", Reason::OptionLength, claims(9)),
    ]
}

fn options(mac: Mac) -> Vec<Row> {
    let base = Solicit::new(mac);
    let malformed = |name, options: &[&[u8]]| row(name, Reason::OptionLength, with_options(&base, options).frame());
    let many = |name, options: &[&[u8]]| row(name, Reason::TooManyOptions, with_options(&base, options).frame());
    let fine = option(253, 1);
    vec![
        malformed("an option of length 0", &[&[1, 0, 0, 0, 0, 0, 0, 0]]),
        malformed("zeros", &[&[0; 8]]),
        malformed("an option past the end", &[&[1, 2, 0, 0, 0, 0, 0, 0]]),
        malformed("an option far past the end", &[&[1, 255, 0, 0, 0, 0, 0, 0]]),
        malformed("half an option", &[&[1, 1, 0, 0]]),
        malformed("one byte behind the message", &[&[1]]),
        malformed("one byte behind an option", &[&fine, &[1]]),
        malformed("7 bytes behind an option", &[&fine, &[1, 1, 0, 0, 0, 0, 0]]),
        malformed("a second option of length 0", &[&fine, &[1, 0, 0, 0, 0, 0, 0, 0]]),
        malformed("a second option past the end", &[&fine, &[1, 2, 0, 0, 0, 0, 0, 0]]),
        malformed("a 16th option of length 0", &[&fine.repeat(15), &[1, 0, 0, 0, 0, 0, 0, 0]]),
        malformed("a 16th option past the end", &[&fine.repeat(15), &[1, 2, 0, 0, 0, 0, 0, 0]]),
        many("17 options", &[&fine.repeat(17)]),
        many("170 options", &[&fine.repeat(170)]),
        many("a 17th option of length 0", &[&fine.repeat(16), &[0; 8]]),
        many("a byte behind the 16th option", &[&fine.repeat(16), &[1]]),
    ]
}

fn unspecified(mac: Mac) -> Vec<Row> {
    let base = Solicit::unspecified(mac);
    let invalid = |name, options: &[&[u8]]| {
        row(name, Reason::UnspecifiedWithSourceLinkLayer, with_options(&base, options).frame())
    };
    let fine = option(253, 1);
    vec![
        invalid(":: with a source link-layer address", &[&option(1, 1)]),
        invalid(":: with a long source link-layer address", &[&option(1, 3)]),
        invalid(":: with one as the second option", &[&fine, &option(1, 1)]),
        invalid(":: with one as the 16th option", &[&fine.repeat(15), &option(1, 1)]),
        row(
            "an almost unspecified source with a source link-layer address",
            Reason::Passed,
            with_options(&Solicit { source: Ipv6Addr::from_bits(1 << 64), ..base.clone() }, &[&option(1, 1)]).frame(),
        ),
    ]
}

fn advertisements(mac: Mac) -> Vec<Row> {
    let options = |count| vec![NdOption::Mtu(1500); count];
    let other_router = |name, advert: &RouterAdvert| {
        row(name, Reason::OtherRouterAdvertisement, advertisement(mac, OTHER_ROUTER, advert))
    };
    let invalid = |name, frame| row(name, Reason::InvalidAdvertisement, frame);
    let base = advertisement(mac, OTHER_ROUTER, &advert(options(1)));
    let spoilt = |change: fn(&mut Vec<u8>)| edit(base.clone(), change);
    vec![
        other_router("another router", &advert(options(0))),
        other_router("another router with an option", &advert(options(1))),
        other_router("another router with 17 options", &advert(options(17))),
        other_router("another router with every flag", &RouterAdvert { flags: 0xff, ..advert(options(1)) }),
        other_router(
            "another router with options that are unknown or belong elsewhere",
            &advert([2, 4, 253].map(|kind| NdOption::Other { kind, body: vec![0xaa; 6] }).into()),
        ),
        row(
            "another router with one of the last link-local addresses",
            Reason::OtherRouterAdvertisement,
            advertisement(mac, Ipv6Addr::new(0xfebf, 0, 0, 0, 0, 0, 0, 1), &advert(options(1))),
        ),
        other_router(
            "another router that ceases",
            &RouterAdvert { router_lifetime: Duration::ZERO, ..advert(options(1)) },
        ),
        invalid("an advertisement with hop limit 254", spoilt(|frame| frame[PACKET + 7] = 254)),
        invalid("an advertisement with code 1", spoilt(|frame| frame[MESSAGE + 1] = 1)),
        invalid("an advertisement with an option of length 0", spoilt(|frame| frame[MESSAGE + 17] = 0)),
        invalid("an advertisement with an option past the end", spoilt(|frame| frame[MESSAGE + 17] = 2)),
        invalid(
            "an advertisement of 15 bytes",
            Solicit { kind: ROUTER_ADVERTISEMENT, options: vec![0; 7], ..Solicit::new(mac) }.frame(),
        ),
        invalid(
            "an advertisement from a global address",
            advertisement(mac, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), &advert(options(1))),
        ),
        invalid(
            "an advertisement from just beyond the link-local addresses",
            advertisement(mac, Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 1), &advert(options(1))),
        ),
        row(
            "an advertisement behind an extension header",
            Reason::NextHeader,
            Solicit {
                kind: ROUTER_ADVERTISEMENT,
                options: vec![0; 8],
                extensions: vec![(60, PADDED.to_vec())],
                ..Solicit::new(mac)
            }
            .frame(),
        ),
    ]
}

/// An extension header of 8 bytes with one padding option.
const PADDED: [u8; 8] = [0, 0, 1, 4, 0, 0, 0, 0];

/// Returns an option of `units` times 8 bytes.
fn option(kind: u8, units: u8) -> Vec<u8> {
    let mut option = vec![0xaa; usize::from(units) * 8];
    option[..2].copy_from_slice(&[kind, units]);
    option
}

fn with_options(solicit: &Solicit, options: &[&[u8]]) -> Solicit {
    Solicit { options: options.concat(), checksum: Checksum::Right, ..solicit.clone() }
}

fn advert(options: Vec<NdOption>) -> RouterAdvert {
    RouterAdvert {
        cur_hop_limit: 64,
        flags: 0,
        router_lifetime: Duration::from_mins(30),
        reachable_time: Duration::ZERO,
        retrans_timer: Duration::ZERO,
        options,
    }
}

fn advertisement(mac: Mac, source: Ipv6Addr, advert: &RouterAdvert) -> Vec<u8> {
    let mut packet = Vec::new();
    ipv6::encode(&mut packet, source, ALL_NODES, |out| advert.encode(out));
    [&Mac::ALL_NODES.0[..], &mac.0, &[0x86, 0xdd], &packet].concat()
}

/// Changes a frame and corrects its checksum, if it has one.
fn edit(mut frame: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    change(&mut frame);
    if let Ok(packet) = ipv6::decode(&frame[PACKET..]) {
        let wrong_by = ipv6::checksum(packet.source, packet.destination, packet.message);
        let sum = u16::from_be_bytes([frame[MESSAGE + 2], frame[MESSAGE + 3]]);
        frame[MESSAGE + 2..MESSAGE + 4].copy_from_slice(&ones_complement_sum(sum, wrong_by).to_be_bytes());
    }
    frame
}

/// Returns the checksum of a message whose checksum field is `old` and whose sum is the complement of
/// `wrong_by`.
fn ones_complement_sum(old: u16, wrong_by: u16) -> u16 {
    let (sum, carry) = old.overflowing_add(wrong_by);
    sum + u16::from(carry)
}
