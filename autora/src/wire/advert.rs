//! The Router Advertisement [RFC 4861 4.2](https://www.rfc-editor.org/rfc/rfc4861#section-4.2).

use std::{fmt, time::Duration};

use super::{
    error::DecodeError,
    field::{lifetime, millis_u32, seconds_u16},
    option::NdOption,
    protocol::ROUTER_ADVERTISEMENT,
};

const FIXED_LEN: usize = 16;

/// A decoded Router Advertisement.
///
/// ```text
///  0                   1                   2                   3
/// +---------------+---------------+-----------------------------+
/// |   Type = 134  |    Code = 0   |          Checksum           |
/// +---------------+-+-+-----------+-----------------------------+
/// | Cur Hop Limit |M|O|  Reserved |       Router Lifetime       |
/// +---------------+-+-+-----------+-----------------------------+
/// |                       Reachable Time                        |
/// +-------------------------------------------------------------+
/// |                        Retrans Timer                        |
/// +-------------------------------------------------------------+
/// |  Options ...
/// +------------
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterAdvert {
    /// Cur Hop Limit, the hop limit that guests use; 0 leaves it unspecified.
    pub cur_hop_limit: u8,
    /// The raw flag byte: M (0x80), O (0x40), and flags that later RFCs define.
    pub flags: u8,
    /// How long the sender is a default router, in whole seconds; 0 if it is none.
    pub router_lifetime: Duration,
    /// Reachable Time, in whole milliseconds; 0 leaves it unspecified.
    pub reachable_time: Duration,
    /// Retrans Timer, the time between repeated Neighbour Solicitations, in whole milliseconds; 0 leaves it
    /// unspecified.
    pub retrans_timer: Duration,
    /// The options, in the order of the message.
    pub options: Vec<NdOption>,
}

impl RouterAdvert {
    /// Appends the ICMPv6 message to `out`, with checksum 0: [`super::ipv6::encode`] fills it in.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend([ROUTER_ADVERTISEMENT, 0, 0, 0, self.cur_hop_limit, self.flags]);
        out.extend(seconds_u16(self.router_lifetime).to_be_bytes());
        out.extend(millis_u32(self.reachable_time).to_be_bytes());
        out.extend(millis_u32(self.retrans_timer).to_be_bytes());
        for option in &self.options {
            option.encode(out);
        }
    }

    /// Decodes an ICMPv6 message; the checksum is not verified.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] unless `message` is a whole, well-formed Router Advertisement.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        let Some((fixed, options)) = message.split_first_chunk::<FIXED_LEN>() else {
            return Err(DecodeError::Truncated { len: message.len(), needed: FIXED_LEN });
        };
        let &[kind, code, _, _, cur_hop_limit, flags, l0, l1, r0, r1, r2, r3, t0, t1, t2, t3] = fixed;
        if (kind, code) != (ROUTER_ADVERTISEMENT, 0) {
            return Err(DecodeError::WrongType);
        }
        Ok(Self {
            cur_hop_limit,
            flags,
            router_lifetime: Duration::from_secs(u16::from_be_bytes([l0, l1]).into()),
            reachable_time: Duration::from_millis(u32::from_be_bytes([r0, r1, r2, r3]).into()),
            retrans_timer: Duration::from_millis(u32::from_be_bytes([t0, t1, t2, t3]).into()),
            options: NdOption::decode_all(options)?,
        })
    }
}

/// Writes one line for the fixed part and one for each option, each indented by two spaces.
impl fmt::Display for RouterAdvert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cur_hop_limit, flags, router_lifetime, reachable_time, retrans_timer, options } = self;
        let bit = |mask: u8| u8::from(flags & mask != 0);
        writeln!(
            f,
            "  router lifetime {}, cur hop limit {cur_hop_limit}, M={} O={}, reachable {} ms, retrans {} ms",
            lifetime(*router_lifetime),
            bit(0x80),
            bit(0x40),
            reachable_time.as_millis(),
            retrans_timer.as_millis(),
        )?;
        options.iter().try_for_each(|option| writeln!(f, "  {option}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        addr::Prefix64,
        wire::{field::INFINITE_LIFETIME, option::PrefixInformation},
    };

    fn advert(options: Vec<NdOption>) -> RouterAdvert {
        RouterAdvert {
            cur_hop_limit: 0,
            flags: 0,
            router_lifetime: Duration::from_secs(180),
            reachable_time: Duration::ZERO,
            retrans_timer: Duration::ZERO,
            options,
        }
    }

    fn prefix_information() -> PrefixInformation {
        PrefixInformation {
            prefix: Prefix64::containing("2001:db8:1:2::".parse().unwrap()),
            on_link: false,
            autonomous: true,
            valid: Duration::from_secs(86_400),
            preferred: Duration::from_secs(14_400),
        }
    }

    #[track_caller]
    fn check(advert: &RouterAdvert, golden: &[u8]) {
        let mut bytes = Vec::new();
        advert.encode(&mut bytes);
        assert_eq!(bytes, golden, "encoding");
        assert_eq!(RouterAdvert::decode(golden).as_ref(), Ok(advert), "decoding");
    }

    #[test]
    fn the_default_ra_has_its_golden_bytes() {
        #[rustfmt::skip]
        let golden = [
            134, 0, 0, 0,  0, 0, 0, 180,  0, 0, 0, 0,  0, 0, 0, 0,
            3, 4, 64, 0x40,  0, 1, 0x51, 0x80,  0, 0, 0x38, 0x40,  0, 0, 0, 0,
            0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        check(&advert(vec![NdOption::PrefixInformation(prefix_information())]), &golden);
    }

    #[test]
    fn the_other_options_have_their_golden_bytes() {
        #[rustfmt::skip]
        let golden = [
            134, 0, 0, 0,  0, 0, 0, 180,  0, 0, 0, 0,  0, 0, 0, 0,
            1, 1, 2, 0, 0, 0, 0, 1,
            5, 1, 0, 0, 0, 0, 5, 0xdc,
            24, 1, 0, 8, 0, 0, 0, 60,
        ];
        let options = vec![
            NdOption::SourceLinkLayerAddress([2, 0, 0, 0, 0, 1]),
            NdOption::Mtu(1500),
            NdOption::Other { kind: 24, body: vec![0, 8, 0, 0, 0, 60] },
        ];
        check(&advert(options), &golden);
    }

    #[test]
    fn the_flags_of_a_prefix_are_told_apart() {
        for (on_link, autonomous, flags) in
            [(false, false, 0), (true, false, 0x80), (false, true, 0x40), (true, true, 0xc0)]
        {
            let option = NdOption::PrefixInformation(PrefixInformation { on_link, autonomous, ..prefix_information() });
            let mut bytes = Vec::new();
            option.encode(&mut bytes);
            assert_eq!(bytes[3], flags);
            assert_eq!(NdOption::decode_all(&bytes), Ok(vec![option]));
        }
    }

    #[test]
    fn an_option_that_its_variant_cannot_represent_keeps_its_bytes() {
        let mut prefix = Vec::new();
        NdOption::PrefixInformation(prefix_information()).encode(&mut prefix);
        let mtu = vec![5, 1, 0, 0, 0, 0, 5, 0xdc];
        for (known, at, value) in
            [(&prefix, 2, 63), (&prefix, 3, 0x41), (&prefix, 12, 1), (&prefix, 31, 1), (&mtu, 2, 1), (&mtu, 3, 1)]
        {
            let mut bytes = known.clone();
            bytes[at] = value;
            let expected = NdOption::Other { kind: bytes[0], body: bytes[2..].to_vec() };
            assert_eq!(NdOption::decode_all(&bytes), Ok(vec![expected]), "byte {at} of {known:?}");
        }
    }

    #[test]
    fn a_body_is_filled_up_to_whole_units() {
        for (body, golden) in [
            (vec![], vec![24, 1, 0, 0, 0, 0, 0, 0]),
            (vec![9; 6], [&[24, 1][..], &[9; 6]].concat()),
            (vec![9; 7], [&[24, 2][..], &[9; 7], &[0; 7]].concat()),
        ] {
            let mut bytes = Vec::new();
            NdOption::Other { kind: 24, body }.encode(&mut bytes);
            assert_eq!(bytes, golden);
        }
    }

    #[test]
    fn an_ra_is_displayed_line_by_line() {
        let mut shown = advert(vec![NdOption::PrefixInformation(prefix_information()), NdOption::Mtu(1500)]);
        shown.flags = 0x40;
        let expected = "  router lifetime 180s, cur hop limit 0, M=0 O=1, reachable 0 ms, retrans 0 ms\n  \
            prefix 2001:db8:1:2::/64, L=0 A=1, valid 86400s, preferred 14400s\n  mtu 1500\n";
        assert_eq!(shown.to_string(), expected);
    }

    #[test]
    fn values_saturate_on_the_wire() {
        let mut large = advert(vec![NdOption::PrefixInformation(PrefixInformation {
            valid: Duration::MAX,
            preferred: INFINITE_LIFETIME,
            ..prefix_information()
        })]);
        large.router_lifetime = Duration::from_secs(70_000);
        let mut bytes = Vec::new();
        large.encode(&mut bytes);
        assert_eq!(bytes[6..8], [0xff; 2]);
        assert_eq!(bytes[20..28], [0xff; 8]);
    }

    #[test]
    fn other_messages_are_refused() {
        let whole = [134, 0, 0, 0, 0, 0, 0, 180, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(RouterAdvert::decode(&whole).is_ok(), "positive control");
        let with = |at: usize, value: u8| {
            let mut bytes = whole;
            bytes[at] = value;
            bytes.to_vec()
        };
        let followed_by = |tail: &[u8]| [whole.as_slice(), tail].concat();
        for (bytes, expected) in [
            (whole[..15].to_vec(), DecodeError::Truncated { len: 15, needed: 16 }),
            (with(0, 133), DecodeError::WrongType),
            (with(1, 1), DecodeError::WrongType),
            (followed_by(&[5]), DecodeError::OptionLength),
            (followed_by(&[5, 0, 0, 0, 0, 0, 5, 0xdc]), DecodeError::OptionLength),
            (followed_by(&[5, 2, 0, 0, 0, 0, 5, 0xdc]), DecodeError::OptionLength),
        ] {
            assert_eq!(RouterAdvert::decode(&bytes), Err(expected), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn a_decoded_message_encodes_to_the_same_bytes(
            mut bytes in proptest::collection::vec(any::<u8>(), 16..120),
            units in proptest::collection::vec(0_u8..5, 8),
        ) {
            bytes[..4].copy_from_slice(&[134, 0, 0, 0]);
            let mut at = 16;
            for unit in units {
                if let Some(option) = bytes.get_mut(at..at + 2) {
                    option[1] = unit;
                }
                at += usize::from(unit) * 8;
            }
            if let Ok(advert) = RouterAdvert::decode(&bytes) {
                let mut again = Vec::new();
                advert.encode(&mut again);
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
