//! Compares the validator of kernel and daemon with an independent implementation of
//! [RFC 4861 6.1.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.1) and 6.1.2.

use autora_common::{Message, Reason, validate};

use crate::{plain::read_plainly, seeds};

/// Writes every packet of the filter's table as a seed.
pub fn prepare() {
    seeds::write(seeds::packets());
}

/// Compares the verdicts on `packet`, which begins at its IPv6 header and may be cut off anywhere.
pub fn check(packet: &[u8]) {
    let verdict = validate(packet);
    let reason = match verdict {
        Ok(Message::Solicitation) => Reason::Passed,
        Ok(Message::Advertisement(_)) => Reason::OtherRouterAdvertisement,
        Err(reason) => reason,
    };
    assert_eq!(reason, read_plainly(packet), "left: the validator, right: the independent implementation");
    if let Ok(Message::Advertisement(advertisement)) = verdict {
        let source = advertisement.source.map(u64::to_be_bytes);
        assert_eq!(source.concat(), packet[8..24], "its source");
        assert_eq!(advertisement.router_lifetime.to_be_bytes(), packet[46..48], "its Router Lifetime");
    }
}
