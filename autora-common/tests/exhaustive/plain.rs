//! A second reading of the rules for received messages: rule by rule as the RFCs state them, without regard to
//! the kernel's verifier. Tests of the filter and fuzz targets compare the validator with it.
//!
//! The quotations are the RFCs'. That "ICMP Checksum is valid" is the kernel's to check.

use std::{iter, net::Ipv6Addr};

use autora_common::{Advertisement, Message, Reason, validate};

/// Returns the validator's reason for a packet, which begins at its IPv6 header and may be cut off anywhere.
/// Panics when the second reading disagrees.
pub(crate) fn agreed_reason(packet: &[u8]) -> Reason {
    let verdict = validate(packet);
    let reason = reason_of(verdict);
    assert_eq!(reason, read_plainly(packet), "left: the validator, right: the RFCs, packet: {packet:02x?}");
    if let Ok(Message::Advertisement(Advertisement { source, router_lifetime })) = verdict {
        assert_eq!(source.map(u64::to_be_bytes).concat(), packet[8..24], "its source");
        assert_eq!(router_lifetime.to_be_bytes(), packet[46..48], "its Router Lifetime");
    }
    reason
}

/// Returns a verdict as the reason that the filter counts for it.
pub(crate) fn reason_of(verdict: Result<Message, Reason>) -> Reason {
    match verdict {
        Ok(Message::Solicitation) => Reason::Passed,
        Ok(Message::Advertisement(_)) => Reason::OtherRouterAdvertisement,
        Err(reason) => reason,
    }
}

/// Returns the reason of the first rule that a packet breaks, in the order of the tables below.
fn read_plainly(packet: &[u8]) -> Reason {
    let packet = Received(packet);
    let broken = |rules: &[Rule]| rules.iter().find(|(_, holds)| !holds(packet)).map(|(reason, _)| *reason);
    if let Some(reason) = broken(&BOTH) {
        return reason;
    }
    if packet.0[40] == 133 {
        return broken(&SOLICITATION).unwrap_or(Reason::Passed);
    }
    broken(&ADVERTISEMENT).unwrap_or(Reason::OtherRouterAdvertisement)
}

/// A rule: what is counted if it does not hold, and whether it holds.
type Rule = (Reason, fn(Received<'_>) -> bool);

/// What makes a packet one of the two messages
/// ([RFC 8200 3](https://www.rfc-editor.org/rfc/rfc8200#section-3),
/// [RFC 4443 2.1](https://www.rfc-editor.org/rfc/rfc4443#section-2.1)).
const BOTH: [Rule; 4] = [
    // An IPv6 header has 40 bytes.
    (Reason::TooShort, |packet| packet.0.len() >= 40),
    // "The ICMPv6 header is identified by a Next Header value of 58 in the immediately preceding header." That other
    // headers may precede it, and here may not, is the deviation `extension-headers`.
    (Reason::NextHeader, |packet| packet.0[6] == 58),
    // Each of the two messages has at least 8 bytes.
    (Reason::TooShort, |packet| packet.0.len() >= 48),
    // "The type field indicates the type of the message."
    (Reason::Type, |packet| [133, 134].contains(&packet.0[40])),
];

/// The "validity checks" of [RFC 4861 6.1.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.1).
const SOLICITATION: [Rule; 6] = [
    // "The IP Hop Limit field has a value of 255"
    (Reason::HopLimit, |packet| packet.0[7] == 255),
    // "ICMP length (derived from the IP length) is 8 or more octets."
    (Reason::TooShort, |packet| packet.message().is_some_and(|message| message.len() >= 8)),
    // "ICMP Code is 0."
    (Reason::Code, |packet| packet.0[41] == 0),
    // "All included options have a length that is greater than zero."
    (Reason::OptionLength, |packet| packet.options(8).take(16).all(|option| option.is_some())),
    // The deviation `sixteen-options`. Nothing behind them is read: so the rule above takes 16.
    (Reason::TooManyOptions, |packet| packet.options(8).nth(16).is_none()),
    // "If the IP source address is the unspecified address, there is no source link-layer address option in the
    // message."
    (Reason::UnspecifiedWithSourceLinkLayer, |packet| {
        !packet.source().is_unspecified() || packet.options(8).all(|option| option != Some(1))
    }),
];

/// The "validity checks" of [RFC 4861 6.1.2](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2). They have one
/// reason between them.
const ADVERTISEMENT: [Rule; 5] = [
    // "IP Source Address is a link-local address."
    (Reason::InvalidAdvertisement, |packet| packet.source().is_unicast_link_local()),
    // "The IP Hop Limit field has a value of 255"
    (Reason::InvalidAdvertisement, |packet| packet.0[7] == 255),
    // "ICMP length (derived from the IP length) is 16 or more octets."
    (Reason::InvalidAdvertisement, |packet| packet.message().is_some_and(|message| message.len() >= 16)),
    // "ICMP Code is 0."
    (Reason::InvalidAdvertisement, |packet| packet.0[41] == 0),
    // "All included options have a length that is greater than zero." Nothing behind the 16th is read.
    (Reason::InvalidAdvertisement, |packet| packet.options(16).take(16).all(|option| option.is_some())),
];

/// The bytes of a packet that arrived.
#[derive(Clone, Copy)]
struct Received<'a>(&'a [u8]);

impl<'a> Received<'a> {
    fn source(self) -> Ipv6Addr {
        let source: [u8; 16] = self.0[8..24].try_into().expect("16 bytes");
        source.into()
    }

    /// Returns the ICMPv6 message, or `None` if not all of it arrived. The Payload Length is that of "the rest of
    /// the packet following this IPv6 header" [RFC 8200 3].
    fn message(self) -> Option<&'a [u8]> {
        self.0.get(40..40 + usize::from(self.0[4]) * 256 + usize::from(self.0[5]))
    }

    /// Returns the type of each option behind `fixed` bytes of the message, and `None` in place of one that is
    /// malformed, which is the last ([RFC 4861 4.6](https://www.rfc-editor.org/rfc/rfc4861#section-4.6)).
    fn options(self, fixed: usize) -> impl Iterator<Item = Option<u8>> {
        let mut rest = self.message().map_or(&[][..], |message| &message[fixed..]);
        iter::from_fn(move || {
            let kind = *rest.first()?;
            let behind = behind_the_first(rest);
            rest = behind.unwrap_or_default();
            Some(behind.map(|_| kind))
        })
    }
}

/// Returns what follows the first of some options, or `None` if that is malformed. Its Length is "the length of
/// the option (including the type and length fields) in units of 8 octets", and "the value 0 is invalid".
fn behind_the_first(options: &[u8]) -> Option<&[u8]> {
    let units = usize::from(*options.get(1)?);
    if units > 0 { options.get(units * 8..) } else { None }
}
