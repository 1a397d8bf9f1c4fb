//! Router Advertisements from bytes to values and back, and from values to bytes and back.

use std::time::Duration;

use autora::{
    addr::Prefix64,
    wire::{ALL_NODES, NdOption, PrefixInformation, RouterAdvert, ipv6},
};
use autora_common::{Advertisement, Message, Reason, validate};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

use crate::{rows::OTHER_ROUTER, seeds};

/// The ICMPv6 messages of the filter's table, advertisements or not.
pub fn prepare() {
    seeds::write(seeds::packets().map(|mut packet| packet.split_off(ipv6::HEADER_LEN)));
}

/// `bytes` are taken for a message, and then for the material that values are made of.
pub fn check(bytes: &[u8]) {
    read(bytes);
    let mut material = Unstructured::new(bytes);
    write(&exact(&mut material).expect("it never runs out: it ends in zeros"), true);
    write(&wild(&mut material).expect("it never runs out: it ends in zeros"), false);
}

/// Whatever is understood is written as it was, and only what a host would take is understood.
fn read(message: &[u8]) {
    let understood = RouterAdvert::decode(message);
    if let Ok(advert) = &understood {
        let mut expected = message.to_vec();
        expected[2..4].fill(0);
        assert_eq!(encode(advert), expected, "written again: {advert:?}");
        assert!(advert.to_string().lines().count() > advert.options.len(), "a line for each option");
    }
    if u16::try_from(message.len()).is_ok() {
        compare_with_filter(message, understood.ok().as_ref());
    }
}

/// The filter reads the same bytes with other code. It stops after 16 options, so it may take more.
fn compare_with_filter(message: &[u8], understood: Option<&RouterAdvert>) {
    let mut packet = Vec::new();
    // The checksum needs a place to be put to.
    if message.len() < 4 {
        return;
    }
    ipv6::encode(&mut packet, OTHER_ROUTER, ALL_NODES, |out| out.extend(message));
    match (understood, validate(&packet[..])) {
        (Some(advert), Ok(Message::Advertisement(Advertisement { router_lifetime, .. }))) => {
            assert_eq!(advert.router_lifetime, Duration::from_secs(router_lifetime.into()));
        }
        (Some(advert), verdict) => panic!("the filter says {verdict:?} of {advert:?}"),
        (None, Ok(Message::Advertisement(_))) => {
            assert!(malformed_behind(message, 16), "the filter takes what cannot be read");
        }
        (None, Ok(Message::Solicitation) | Err(Reason::InvalidAdvertisement | Reason::Type)) => {}
        (None, Err(reason)) => {
            assert_eq!(message[0], 133, "of anything but a solicitation the filter does not say {reason:?}");
        }
    }
}

/// Whether there are at least `count` options before the one that makes a message malformed.
fn malformed_behind(message: &[u8], count: usize) -> bool {
    let mut at = 16;
    for _ in 0..count {
        match message.get(at..) {
            Some([_, units, ..]) if *units > 0 => at += usize::from(*units) * 8,
            Some(_) | None => return false,
        }
    }
    at < message.len()
}

/// What is written can be read, as the same bytes; if every value has its place on the wire, as the same values.
fn write(advert: &RouterAdvert, exact: bool) {
    let bytes = encode(advert);
    let again =
        RouterAdvert::decode(&bytes).unwrap_or_else(|error| panic!("{error}: {advert:?}: {bytes:02x?}"));
    if exact {
        assert_eq!(again, *advert);
    }
    assert_eq!(encode(&again), bytes, "{advert:?}");
}

fn encode(advert: &RouterAdvert) -> Vec<u8> {
    let mut bytes = Vec::new();
    advert.encode(&mut bytes);
    bytes
}

/// Values that the wire can carry as they are.
fn exact(from: &mut Unstructured<'_>) -> Result<RouterAdvert> {
    Ok(RouterAdvert {
        cur_hop_limit: from.arbitrary()?,
        flags: from.arbitrary()?,
        router_lifetime: Duration::from_secs(from.arbitrary::<u16>()?.into()),
        reachable_time: Duration::from_millis(from.arbitrary::<u32>()?.into()),
        retrans_timer: Duration::from_millis(from.arbitrary::<u32>()?.into()),
        options: options(from, |from| {
            Ok(match from.int_in_range(0..=3)? {
                0 => NdOption::SourceLinkLayerAddress(from.arbitrary()?),
                1 => NdOption::PrefixInformation(PrefixInformation {
                    prefix: Prefix64::containing(from.arbitrary::<u128>()?.into()),
                    on_link: from.arbitrary()?,
                    autonomous: from.arbitrary()?,
                    valid: Duration::from_secs(from.arbitrary::<u32>()?.into()),
                    preferred: Duration::from_secs(from.arbitrary::<u32>()?.into()),
                }),
                2 => NdOption::Mtu(from.arbitrary()?),
                // Kinds that have a form of their own are not `Other` when they come back.
                _ => {
                    let mut body = vec![from.arbitrary()?; from.int_in_range(1..=255)? * 8 - 2];
                    body[0] = from.arbitrary()?;
                    NdOption::Other { kind: from.int_in_range(6..=255)?, body }
                }
            })
        })?,
    })
}

/// Values that saturate, fractions that are cut off, bodies that are padded.
fn wild(from: &mut Unstructured<'_>) -> Result<RouterAdvert> {
    Ok(RouterAdvert {
        cur_hop_limit: from.arbitrary()?,
        flags: from.arbitrary()?,
        router_lifetime: duration(from)?,
        reachable_time: duration(from)?,
        retrans_timer: duration(from)?,
        options: options(from, |from| {
            Ok(match from.int_in_range(0..=1)? {
                0 => NdOption::PrefixInformation(PrefixInformation {
                    prefix: Prefix64::containing(from.arbitrary::<u128>()?.into()),
                    on_link: from.arbitrary()?,
                    autonomous: from.arbitrary()?,
                    valid: duration(from)?,
                    preferred: duration(from)?,
                }),
                _ => NdOption::Other {
                    kind: from.arbitrary()?,
                    body: vec![from.arbitrary()?; from.int_in_range(0..=3000)?],
                },
            })
        })?,
    })
}

fn options(
    from: &mut Unstructured<'_>,
    mut option: impl FnMut(&mut Unstructured<'_>) -> Result<NdOption>,
) -> Result<Vec<NdOption>> {
    let count = from.int_in_range(0..=20)?;
    (0..count).map(|_| option(from)).collect()
}

fn duration(from: &mut Unstructured<'_>) -> Result<Duration> {
    let nanoseconds = from.int_in_range(0..=999_999_999)?;
    Ok(Duration::new(from.arbitrary()?, nanoseconds))
}
