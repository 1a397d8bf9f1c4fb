//! The validator, run by the filter and by the daemon.
//!
//! In the kernel each read of the packet is a helper call, and without `CAP_PERFMON` the verifier also
//! follows the paths that a mispredicting CPU might take. So the fixed part is read with two calls, and the
//! walk over the options ends where they end.

use crate::Reason;

/// An IPv6 header ([RFC 8200 3](https://www.rfc-editor.org/rfc/rfc8200#section-3)). All numbers are in network
/// byte order.
///
/// ```text
/// byte 0   version, traffic class, flow label
///      4   payload length
///      6   next header
///      7   hop limit
///      8   source
///      24  destination
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ipv6Header {
    /// The first four bytes, as they are in memory.
    pub first: u32,
    payload_len: u16,
    next_header: u8,
    hop_limit: u8,
    source: [u64; 2],
    destination: [u64; 2],
}

/// The first 8 bytes of a message, as many as the shortest one has (RFC 4861
/// [4.1](https://www.rfc-editor.org/rfc/rfc4861#section-4.1),
/// [4.2](https://www.rfc-editor.org/rfc/rfc4861#section-4.2)). All numbers are in network byte order.
///
/// ```text
/// byte 0   type
///      1   code
///      2   checksum
///      4   reserved, or in an advertisement: cur hop limit, flags
///      6   reserved, or in an advertisement: router lifetime
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The first four bytes, as they are in memory.
    pub first: u32,
    hop_limit_and_flags: u16,
    router_lifetime: u16,
}

const _: () = {
    assert!(size_of::<Ipv6Header>() == HEADER_LEN, "no padding: the kernel's helper fills it as a whole");
    assert!(core::mem::offset_of!(Ipv6Header, source) == 8);
    assert!(size_of::<Start>() == 8);
    assert!(core::mem::offset_of!(Start, router_lifetime) == 6);
};

/// Access to a packet, in the kernel or in memory.
///
/// The header is read by itself, as the kernel keeps it apart from the message. Offsets count from a byte of
/// the reader's choice.
pub trait Packet {
    /// Returns the IPv6 header, or `None` if the packet is shorter.
    fn header(&self) -> Option<Ipv6Header>;
    /// Returns the start of the message that follows `header`, and its offset, or `None` if the packet is
    /// shorter.
    fn start(&self, header: &Ipv6Header) -> Option<(Start, usize)>;
    /// Returns whether all bytes before offset `end` exist.
    fn reaches(&self, end: usize) -> bool;
    /// Returns the two bytes at offset `at`, zeros past the end: the caller needs no check, as an option of
    /// length 0 is malformed anyway.
    fn pair(&self, at: usize) -> [u8; 2];
    /// Returns `value`; in the kernel so that the verifier loses track of it. It checks what follows once for each
    /// value that it knows.
    fn forget_value(&self, value: u32) -> u32 {
        value
    }
}

/// A valid message, by type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A Router Solicitation.
    Solicitation,
    /// A Router Advertisement.
    Advertisement(Advertisement),
}

/// The part of a valid Router Advertisement that the filter records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// The upper and lower 64 bits of its source address, which is link-local.
    pub source: [u64; 2],
    /// Its Router Lifetime in seconds.
    pub router_lifetime: u16,
}

/// Validates `packet` by RFC 4861 [6.1.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.1) (Router
/// Solicitation) or [6.1.2](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2) (Router Advertisement). The
/// kernel has checked the checksum.
///
/// # Errors
///
/// The first rule that it breaks; [`Reason::InvalidAdvertisement`] for a Router Advertisement, whichever rule
/// it breaks after its type.
#[inline]
pub fn validate<P: Packet + ?Sized>(packet: &P) -> Result<Message, Reason> {
    let header = packet.header().ok_or(Reason::TooShort)?;
    // RFC 4861 allows extension headers. No guest sends them in a solicitation; they serve to evade filters
    // [RFC 6980 1](https://www.rfc-editor.org/rfc/rfc6980#section-1).
    if header.next_header != ICMPV6 {
        return Err(Reason::NextHeader);
    }
    let (start, at) = packet.start(&header).ok_or(Reason::TooShort)?;
    let [kind, code, ..] = start.first.to_ne_bytes();
    let fixed_len = match kind {
        ROUTER_SOLICITATION => SOLICITATION_LEN,
        ROUTER_ADVERTISEMENT => ADVERTISEMENT_LEN,
        _ => return Err(Reason::Type),
    };
    let fixed_len = packet.forget_value(fixed_len);
    let checked = check_common(packet, &header, code, at, fixed_len as usize);
    if fixed_len == SOLICITATION_LEN {
        check_solicitation(&header, checked?)
    } else {
        check_advertisement(&header, start, checked)
    }
}

/// Checks the rules that both messages share [RFC 4861 6.1.1, 6.1.2], of a message at offset `at`.
#[inline]
fn check_common<P: Packet + ?Sized>(
    packet: &P,
    header: &Ipv6Header,
    code: u8,
    at: usize,
    fixed_len: usize,
) -> Result<Options, Reason> {
    if header.hop_limit != 255 {
        return Err(Reason::HopLimit);
    }
    // "ICMP length (derived from the IP length)". All of it must exist: reads past the end return zeros.
    let len = usize::from(u16::from_be(header.payload_len));
    if len < fixed_len || !packet.reaches(at + len) {
        return Err(Reason::TooShort);
    }
    if code != 0 {
        return Err(Reason::Code);
    }
    walk_options(packet, at + fixed_len, len - fixed_len)
}

/// Checks the rules for a Router Solicitation alone [RFC 4861 6.1.1].
#[inline]
fn check_solicitation(header: &Ipv6Header, options: Options) -> Result<Message, Reason> {
    if options.too_many {
        return Err(Reason::TooManyOptions);
    }
    if options.source_link_layer && header.source == [0, 0] {
        return Err(Reason::UnspecifiedWithSourceLinkLayer);
    }
    Ok(Message::Solicitation)
}

/// Checks the rules for a Router Advertisement alone [RFC 4861 6.1.2].
///
/// Unlike a solicitation it may have more than 16 options: a router may need them, and the RA is only
/// recorded.
#[inline]
fn check_advertisement(header: &Ipv6Header, start: Start, checked: Result<Options, Reason>) -> Result<Message, Reason> {
    let source = header.source.map(u64::from_be);
    let link_local = source[0] >> 54 == 0xfe80 >> 6;
    if checked.is_err() || !link_local {
        return Err(Reason::InvalidAdvertisement);
    }
    Ok(Message::Advertisement(Advertisement { source, router_lifetime: u16::from_be(start.router_lifetime) }))
}

/// The result of a walk over the options.
#[derive(Clone, Copy)]
struct Options {
    /// Bytes follow the first 16 options.
    too_many: bool,
    /// A source link-layer address is among the first 16 options.
    source_link_layer: bool,
}

/// Walks over the first 16 options in the `remaining` bytes from offset `at` on
/// [RFC 4861 4.6](https://www.rfc-editor.org/rfc/rfc4861#section-4.6).
///
/// ```text
///  0                   1                   2                   3
/// +---------------+---------------+-----------------------------+
/// |     Type      |    Length     |  ...   (in units of 8 bytes)
/// +---------------+---------------+-----------------------------+
/// ```
#[inline]
fn walk_options<P: Packet + ?Sized>(packet: &P, mut at: usize, mut remaining: usize) -> Result<Options, Reason> {
    // Negative once the type was seen. Without a branch, of which the verifier would follow both sides at each option.
    let mut source_link_layer = 0;
    for _ in 0..MAX_OPTIONS {
        if remaining == 0 {
            break;
        }
        let [kind, units] = packet.pair(at);
        let len = usize::from(units) * 8;
        if len == 0 || len > remaining {
            return Err(Reason::OptionLength);
        }
        source_link_layer |= i64::from(kind ^ SOURCE_LINK_LAYER_ADDRESS) - 1;
        at += len;
        remaining -= len;
    }
    Ok(Options { too_many: remaining > 0, source_link_layer: source_link_layer < 0 })
}

/// A packet in memory, from its IPv6 header on.
impl Packet for [u8] {
    fn header(&self) -> Option<Ipv6Header> {
        let header: &[u8; HEADER_LEN] = self.first_chunk()?;
        Some(Ipv6Header {
            first: u32::from_ne_bytes(bytes_at(header, 0)?),
            payload_len: u16::from_ne_bytes(bytes_at(header, 4)?),
            next_header: header[6],
            hop_limit: header[7],
            source: [u64::from_ne_bytes(bytes_at(header, 8)?), u64::from_ne_bytes(bytes_at(header, 16)?)],
            destination: [u64::from_ne_bytes(bytes_at(header, 24)?), u64::from_ne_bytes(bytes_at(header, 32)?)],
        })
    }

    fn start(&self, _: &Ipv6Header) -> Option<(Start, usize)> {
        let start: [u8; 8] = bytes_at(self, HEADER_LEN)?;
        let start = Start {
            first: u32::from_ne_bytes(bytes_at(&start, 0)?),
            hop_limit_and_flags: u16::from_ne_bytes(bytes_at(&start, 4)?),
            router_lifetime: u16::from_ne_bytes(bytes_at(&start, 6)?),
        };
        Some((start, HEADER_LEN))
    }

    fn reaches(&self, end: usize) -> bool {
        end <= self.len()
    }

    fn pair(&self, at: usize) -> [u8; 2] {
        bytes_at(self, at).unwrap_or_default()
    }
}

/// Returns the `N` bytes at offset `at`, if all of them exist.
fn bytes_at<const N: usize>(packet: &[u8], at: usize) -> Option<[u8; N]> {
    packet.get(at..)?.first_chunk().copied()
}

/// The length of a Router Solicitation without options.
const SOLICITATION_LEN: u32 = 8;
/// The length of a Router Advertisement without options.
const ADVERTISEMENT_LEN: u32 = 16;

/// The length of an IPv6 header.
pub const HEADER_LEN: usize = 40;

const ICMPV6: u8 = 58;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
const MAX_OPTIONS: u32 = 16;

#[cfg(test)]
mod tests;
