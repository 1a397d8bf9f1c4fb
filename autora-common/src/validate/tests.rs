//! Packets in memory. That the program in the kernel says the same is tested in `tests/tests/filter`.

use std::{vec, vec::Vec};

use super::*;

const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0xab, 0xcd, 0, 1, 0, 2, 0, 3];
const UNSPECIFIED: [u8; 16] = [0; 16];

/// Where fields are in a packet.
const PAYLOAD_LEN: usize = 5;
const NEXT_HEADER: usize = 6;
const HOP_LIMIT: usize = 7;
const SOURCE: usize = 8;
const TYPE: usize = 40;
const CODE: usize = 41;

/// Returns a packet with this source and message, valid otherwise.
fn packet(source: [u8; 16], message: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(message.len()).expect("messages are short").to_be_bytes();
    let all_routers = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    [&[0x60, 0, 0, 0, high, low, 58, 255][..], &source, &all_routers, message].concat()
}

fn solicitation(source: [u8; 16], options: &[u8]) -> Vec<u8> {
    packet(source, &[&[133, 0, 0, 0, 0, 0, 0, 0], options].concat())
}

fn advertisement(source: [u8; 16], options: &[u8]) -> Vec<u8> {
    packet(source, &[&[134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0], options].concat())
}

/// Returns an option whose body does not look like an option.
fn option(kind: u8, units: u8) -> Vec<u8> {
    let mut option = vec![0; usize::from(units) * 8];
    option[..2].copy_from_slice(&[kind, units]);
    option
}

fn with(mut packet: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    packet[at] = value;
    packet
}

#[track_caller]
fn check(packet: &[u8], expected: Result<Message, Reason>) {
    assert_eq!(validate(packet), expected, "{packet:02x?}");
}

#[test]
fn a_solicitation_is_valid_by_each_rule() {
    let plain = || solicitation(LINK_LOCAL, &[]);
    check(&plain(), Ok(Message::Solicitation));
    for (at, value, expected) in [
        (NEXT_HEADER, 0, Reason::NextHeader),
        (TYPE, 135, Reason::Type),
        (HOP_LIMIT, 254, Reason::HopLimit),
        (PAYLOAD_LEN, 7, Reason::TooShort),
        (PAYLOAD_LEN, 9, Reason::TooShort),
        (CODE, 1, Reason::Code),
    ] {
        check(&with(plain(), at, value), Err(expected));
    }
    check(&plain()[..47], Err(Reason::TooShort));
    check(&plain()[..39], Err(Reason::TooShort));
    check(&[&plain()[..], &[0xff; 9]].concat(), Ok(Message::Solicitation));
}

#[test]
fn options_fill_the_message_and_are_at_most_sixteen() {
    for (options, expected) in [
        (option(253, 255), Ok(Message::Solicitation)),
        (option(1, 1).repeat(16), Ok(Message::Solicitation)),
        (option(253, 1).repeat(17), Err(Reason::TooManyOptions)),
        (option(253, 0x10).repeat(2), Ok(Message::Solicitation)),
        (vec![253, 0, 0, 0, 0, 0, 0, 0], Err(Reason::OptionLength)),
        (vec![253, 2, 0, 0, 0, 0, 0, 0], Err(Reason::OptionLength)),
        (vec![253], Err(Reason::OptionLength)),
        ([option(253, 2), vec![253, 2, 0, 0, 0, 0, 0, 0]].concat(), Err(Reason::OptionLength)),
    ] {
        check(&solicitation(LINK_LOCAL, &options), expected);
    }
    // What follows the message belongs to no option: here one byte less than the option claims.
    let cut = with(solicitation(LINK_LOCAL, &option(253, 1)), PAYLOAD_LEN, 15);
    check(&cut, Err(Reason::OptionLength));
}

#[test]
fn the_unspecified_address_has_no_link_layer_address() {
    let refused = Err(Reason::UnspecifiedWithSourceLinkLayer);
    for (options, expected) in [
        (vec![], Ok(Message::Solicitation)),
        (option(2, 1), Ok(Message::Solicitation)),
        (option(1, 1), refused),
        (option(1, 1).repeat(2), refused),
        ([option(253, 3), option(1, 1)].concat(), refused),
        ([option(1, 1), option(253, 3)].concat(), refused),
    ] {
        check(&solicitation(UNSPECIFIED, &options), expected);
        check(&solicitation(LINK_LOCAL, &options), Ok(Message::Solicitation));
    }
    for at in [SOURCE, SOURCE + 15] {
        check(&with(solicitation(UNSPECIFIED, &option(1, 1)), at, 1), Ok(Message::Solicitation));
    }
}

#[test]
fn an_advertisement_is_recorded_or_invalid() {
    let recorded = |source| Ok(Message::Advertisement(Advertisement { source, router_lifetime: 0x0708 }));
    let invalid = Err(Reason::InvalidAdvertisement);
    let plain = || advertisement(LINK_LOCAL, &[]);
    let source = [0xfe80 << 48, 0xabcd_0001_0002_0003];
    check(&plain(), recorded(source));
    check(&advertisement(LINK_LOCAL, &option(3, 4).repeat(20)), recorded(source));
    check(&advertisement(LINK_LOCAL, &[3, 0, 0, 0, 0, 0, 0, 0]), invalid);
    for (at, value) in [(HOP_LIMIT, 254), (PAYLOAD_LEN, 15), (PAYLOAD_LEN, 17), (CODE, 1), (SOURCE, 0x20)] {
        check(&with(plain(), at, value), invalid);
    }
    // fe80::/10
    check(&with(plain(), SOURCE + 1, 0xbf), recorded([0xfebf << 48, source[1]]));
    check(&with(plain(), SOURCE + 1, 0xc0), invalid);
    check(&with(plain(), SOURCE + 1, 0x7f), invalid);
}
