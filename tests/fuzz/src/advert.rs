//! Router Advertisements from bytes to values and back, and from values to bytes and back.

use std::time::Duration;

use autora::{
    addr::Prefix64,
    wire::{ALL_NODES, NdOption, PrefixInformation, RouterAdvert, ipv6},
};
use autora_common::{Advertisement, Message, Reason, validate};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

use crate::{rows::OTHER_ROUTER, seeds};

/// Writes the ICMPv6 messages of the filter's table as seeds, RAs or not.
pub fn prepare() {
    seeds::write(seeds::packets().map(|mut packet| packet.split_off(ipv6::HEADER_LEN)));
}

/// Decodes `bytes` as a message, then makes values of them and encodes those.
pub fn check(bytes: &[u8]) {
    read(bytes);
    let mut material = Unstructured::new(bytes);
    write(&exact(&mut material).expect("it continues with zeros"), true);
    write(&arbitrary(&mut material).expect("it continues with zeros"), false);
}

/// A decoded message is encoded to the same bytes, and the filter judges it valid too.
fn read(message: &[u8]) {
    let decoded = RouterAdvert::decode(message);
    if let Ok(advert) = &decoded {
        let mut expected = message.to_vec();
        expected[2..4].fill(0);
        assert_eq!(encode(advert), expected, "encoded again: {advert:?}");
        assert!(advert.to_string().lines().count() > advert.options.len(), "a line for each option");
    }
    if u16::try_from(message.len()).is_ok() {
        compare_with_filter(message, decoded.ok().as_ref());
    }
}

/// Compares the decoder with the filter, which reads the same bytes with other code. The filter stops after
/// 16 options, so it accepts more.
fn compare_with_filter(message: &[u8], decoded: Option<&RouterAdvert>) {
    let mut packet = Vec::new();
    // A shorter message has no checksum field.
    if message.len() < 4 {
        return;
    }
    ipv6::encode(&mut packet, OTHER_ROUTER, ALL_NODES, |out| out.extend(message));
    match (decoded, validate(&packet[..])) {
        (Some(advert), Ok(Message::Advertisement(Advertisement { router_lifetime, .. }))) => {
            assert_eq!(advert.router_lifetime, Duration::from_secs(router_lifetime.into()));
        }
        (Some(advert), verdict) => panic!("the filter's verdict on {advert:?} is {verdict:?}"),
        (None, Ok(Message::Advertisement(_))) => {
            assert!(malformed_behind(message, 16), "the filter accepts a malformed message");
        }
        (None, Ok(Message::Solicitation) | Err(Reason::InvalidAdvertisement | Reason::Type)) => {}
        (None, Err(reason)) => {
            assert_eq!(message[0], 133, "{reason:?} is a reason for solicitations alone");
        }
    }
}

/// Returns whether at least `count` options precede the malformed one.
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

/// An encoded RA decodes and encodes to the same bytes; if the wire can carry every value exactly, to the
/// same values.
fn write(advert: &RouterAdvert, exact: bool) {
    let bytes = encode(advert);
    let again = RouterAdvert::decode(&bytes).unwrap_or_else(|error| panic!("{error}: {advert:?}: {bytes:02x?}"));
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

/// Makes values that the wire carries exactly.
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
                // Kinds below 6 have types of their own and do not decode to `Other`.
                _ => {
                    let mut body = vec![from.arbitrary()?; from.int_in_range(1..=255)? * 8 - 2];
                    body[0] = from.arbitrary()?;
                    NdOption::Other { kind: from.int_in_range(6..=255)?, body }
                }
            })
        })?,
    })
}

/// Makes values that saturate, fractions that are cut off, bodies that are padded.
fn arbitrary(from: &mut Unstructured<'_>) -> Result<RouterAdvert> {
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
