//! The validator of both sides against RFC 4861 6.1.1 and 6.1.2, read a second time.

use autora_common::{Message, Reason, validate};

use crate::{plain::read_plainly, seeds};

/// A whole IPv6 header, which the plain reading wants. Behind the end of a packet both sides read zeros.
const HEADER_LEN: usize = 40;

/// Every packet of the filter's table is a seed.
pub fn prepare() {
    seeds::write(seeds::packets());
}

/// `packet` begins at its IPv6 header and may be cut off anywhere.
pub fn check(packet: &[u8]) {
    let verdict = validate(packet);
    let reason = match verdict {
        Ok(Message::Solicitation) => Reason::Passed,
        Ok(Message::Advertisement(_)) => Reason::ForeignAdvertisement,
        Err(reason) => reason,
    };
    let mut whole = packet.to_vec();
    whole.resize(packet.len().max(HEADER_LEN), 0);
    assert_eq!(reason, read_plainly(&whole), "the validator says the first, the plain reading the second");
    if let Ok(Message::Advertisement(advertisement)) = verdict {
        let (high, low) = advertisement.source;
        assert_eq!([high.to_be_bytes(), low.to_be_bytes()].concat(), whole[8..24], "its source");
        assert_eq!(advertisement.router_lifetime.to_be_bytes(), whole[46..48], "its Router Lifetime");
    }
}
