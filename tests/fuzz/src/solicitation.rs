//! The validator of both sides against RFC 4861 6.1.1 and 6.1.2, read a second time.

use autora_common::{Message, Reason, validate};

use crate::{plain::read_plainly, seeds};

/// Every packet of the filter's table is a seed.
pub fn prepare() {
    seeds::write(seeds::packets());
}

/// `packet` begins at its IPv6 header and may be cut off anywhere.
pub fn check(packet: &[u8]) {
    let verdict = validate(packet);
    let reason = match verdict {
        Ok(Message::Solicitation) => Reason::Passed,
        Ok(Message::Advertisement(_)) => Reason::OtherRouterAdvertisement,
        Err(reason) => reason,
    };
    assert_eq!(reason, read_plainly(packet), "the validator says the first, the plain reading the second");
    if let Ok(Message::Advertisement(advertisement)) = verdict {
        let source = advertisement.source.map(u64::to_be_bytes);
        assert_eq!(source.concat(), packet[8..24], "its source");
        assert_eq!(advertisement.router_lifetime.to_be_bytes(), packet[46..48], "its Router Lifetime");
    }
}
