//! The IPv6 header and the ICMPv6 checksum. The packet socket takes whole packets, so the kernel adds
//! neither.

use std::net::Ipv6Addr;

use super::{error::DecodeError, protocol::ND_HOP_LIMIT};

/// Length of the fixed IPv6 header in bytes [RFC 8200 3](https://www.rfc-editor.org/rfc/rfc8200#section-3).
pub const HEADER_LEN: usize = 40;

/// Next Header value of ICMPv6 [RFC 4443 1](https://www.rfc-editor.org/rfc/rfc4443#section-1).
pub const ICMPV6: u8 = 58;

const CHECKSUM_AT: usize = HEADER_LEN + 2;

/// A decoded IPv6 packet whose payload is an ICMPv6 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmpv6Packet<'a> {
    /// The source address.
    pub source: Ipv6Addr,
    /// The destination address.
    pub destination: Ipv6Addr,
    /// The hop limit.
    pub hop_limit: u8,
    /// Traffic class and flow label: the first four bytes without the version.
    pub class_and_flow: u32,
    /// The ICMPv6 message, including its checksum.
    pub message: &'a [u8],
}

/// Replaces `out` with an IPv6 packet of hop limit 255 around the ICMPv6 message that `write_message`
/// appends, and fills in the checksum.
///
/// # Panics
///
/// If the message is longer than 65,535 bytes or too short to hold a checksum, which is a bug of the caller.
pub fn encode(out: &mut Vec<u8>, source: Ipv6Addr, destination: Ipv6Addr, write_message: impl FnOnce(&mut Vec<u8>)) {
    out.clear();
    out.extend([0x60, 0, 0, 0, 0, 0, ICMPV6, ND_HOP_LIMIT]);
    out.extend(source.octets());
    out.extend(destination.octets());
    write_message(out);
    let payload_len = u16::try_from(out.len() - HEADER_LEN).expect("an ND message is far below 64 KiB");
    out[4..6].copy_from_slice(&payload_len.to_be_bytes());
    let sum = checksum(source, destination, &out[HEADER_LEN..]);
    out[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Decodes an IPv6 packet whose ICMPv6 payload follows the fixed header directly. The checksum is not
/// verified: [`checksum`] of a message with a correct one is 0.
///
/// # Errors
///
/// [`DecodeError::Truncated`] if bytes are missing, [`DecodeError::WrongType`] unless the packet is IPv6 with
/// ICMPv6.
pub fn decode(packet: &[u8]) -> Result<Icmpv6Packet<'_>, DecodeError> {
    let Some((header, payload)) = packet.split_first_chunk::<HEADER_LEN>() else {
        return Err(DecodeError::Truncated { len: packet.len(), needed: HEADER_LEN });
    };
    let first = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
    if first >> 28 != 6 || header[6] != ICMPV6 {
        return Err(DecodeError::WrongType);
    }
    let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let Some(message) = payload.get(..payload_len) else {
        return Err(DecodeError::Truncated { len: packet.len(), needed: HEADER_LEN + payload_len });
    };
    let address =
        |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&header[at..at + 16]).expect("the header has 40 bytes"));
    Ok(Icmpv6Packet {
        source: address(8),
        destination: address(24),
        hop_limit: header[7],
        class_and_flow: first & 0x0fff_ffff,
        message,
    })
}

/// Returns the ICMPv6 checksum of `message` with its pseudo-header, in host byte order
/// [RFC 4443 2.3](https://www.rfc-editor.org/rfc/rfc4443#section-2.3),
/// [RFC 8200 8.1](https://www.rfc-editor.org/rfc/rfc8200#section-8.1).
#[must_use]
pub fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let len = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let pseudo_header = [&source.octets()[..], &destination.octets(), &len, &[0, 0, 0, ICMPV6]].concat();
    let sum = |bytes: &[u8]| {
        bytes
            .chunks(2)
            .map(|pair| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])))
            .sum::<u64>()
    };
    let mut folded = sum(&pseudo_header) + sum(message);
    while folded > 0xffff {
        folded = (folded & 0xffff) + (folded >> 16);
    }
    !u16::try_from(folded).expect("folded to 16 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::protocol::ALL_NODES;

    /// A Router Solicitation sent by a Linux kernel, captured with tcpdump.
    const FROM_A_KERNEL: [u8; 56] = [
        0x60, 0x00, 0x00, 0x00, 0x00, 0x10, 0x3a, 0xff, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x30, 0x40,
        0xcc, 0xff, 0xfe, 0x09, 0xf7, 0x10, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x02, 0x85, 0x00, 0x94, 0x78, 0x00, 0x00, 0x00, 0x00, 0x01, 0x01, 0x32, 0x40, 0xcc, 0x09,
        0xf7, 0x10,
    ];

    #[test]
    fn an_encoded_packet_decodes_to_the_same_values() {
        let source: Ipv6Addr = "fe80::1".parse().unwrap();
        let mut packet = vec![0xaa; 3];
        encode(&mut packet, source, ALL_NODES, |out| out.extend([134, 0, 0, 0, 1, 2, 3]));
        let decoded = decode(&packet).unwrap();
        assert_eq!((decoded.source, decoded.destination, decoded.hop_limit), (source, ALL_NODES, 255));
        assert_eq!((decoded.class_and_flow, decoded.message.len()), (0, 7));
        assert_eq!(checksum(source, ALL_NODES, decoded.message), 0, "a correct checksum sums up to 0");
        assert_eq!(packet.len(), HEADER_LEN + 7);
    }

    #[test]
    fn a_packet_from_a_kernel_decodes() {
        let decoded = decode(&FROM_A_KERNEL).unwrap();
        assert_eq!(decoded.source, "fe80::3040:ccff:fe09:f710".parse::<Ipv6Addr>().unwrap());
        assert_eq!(checksum(decoded.source, decoded.destination, decoded.message), 0);
    }

    #[test]
    fn the_checksum_is_the_one_of_a_kernel() {
        let mut packet = FROM_A_KERNEL;
        packet[42..44].fill(0);
        let decoded = decode(&packet).unwrap();
        assert_eq!(checksum(decoded.source, decoded.destination, decoded.message), 0x9478);
    }

    #[test]
    fn other_packets_are_refused() {
        assert!(decode(&FROM_A_KERNEL).is_ok(), "positive control");
        let with = |at: usize, value: u8| {
            let mut packet = FROM_A_KERNEL;
            packet[at] = value;
            packet
        };
        assert_eq!(decode(&with(0, 0x45)), Err(DecodeError::WrongType));
        assert_eq!(decode(&with(6, 17)), Err(DecodeError::WrongType));
        assert_eq!(decode(&with(5, 17)), Err(DecodeError::Truncated { len: 56, needed: 57 }));
        assert_eq!(decode(&FROM_A_KERNEL[..39]), Err(DecodeError::Truncated { len: 39, needed: 40 }));
    }
}
