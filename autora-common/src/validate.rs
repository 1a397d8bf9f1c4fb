//! The validator, run by the filter and by the daemon.
//!
//! Without `CAP_PERFMON` the kernel's verifier also walks the paths that a mispredicting CPU might take, and refuses a
//! loop that branches on every option. So the walk over the options computes in sign bits, and branches after it.

use crate::Reason;

/// A packet from its IPv6 header on, whatever holds it.
///
/// Reading past the end gives 0 and no error: the kernel's helper does so, and a walk that must not branch wants it.
/// An option of length 0 is malformed anyway, so the zeros never make a packet valid.
pub trait Packet {
    /// Whether there is a byte at offset `at`.
    fn has(&self, at: usize) -> bool;
    /// The byte at offset `at`.
    fn u8(&self, at: usize) -> u8;
    /// The number in network byte order at offset `at`.
    fn u16(&self, at: usize) -> u16;
    /// The number in network byte order at offset `at`.
    fn u64(&self, at: usize) -> u64;
}

/// A packet that passed all checks of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A Router Solicitation.
    Solicitation,
    /// A Router Advertisement.
    Advertisement(Advertisement),
}

/// What the filter records of a valid Router Advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// The upper and lower 64 bits of its source address, which is link-local.
    pub source: (u64, u64),
    /// Its Router Lifetime in seconds.
    pub router_lifetime: u16,
}

/// Holds `packet` against RFC 4861 6.1.1 (Router Solicitation) or 6.1.2 (Router Advertisement). The checksum is the
/// kernel's business.
///
/// # Errors
///
/// The first rule that it breaks. A Router Advertisement that breaks one is [`Reason::InvalidAdvertisement`].
#[inline]
pub fn validate<P: Packet + ?Sized>(packet: &P) -> Result<Message, Reason> {
    // RFC 4861 lets extension headers pass. No host sends them here, they serve to get around filters [RFC 6980 1].
    if packet.u8(NEXT_HEADER) != ICMPV6 {
        return Err(Reason::NextHeader);
    }
    let kind = packet.u8(TYPE);
    let fixed_len = match kind {
        ROUTER_SOLICITATION => 8,
        ROUTER_ADVERTISEMENT => 16,
        _ => return Err(Reason::Type),
    };
    let checked = check_common(packet, fixed_len);
    if kind == ROUTER_SOLICITATION {
        check_solicitation(packet, checked?)
    } else {
        check_advertisement(packet, checked)
    }
}

/// The rules that both messages share, of RFC 4861 6.1.1 and 6.1.2.
#[inline]
fn check_common<P: Packet + ?Sized>(packet: &P, fixed_len: usize) -> Result<Options, Reason> {
    if packet.u8(HOP_LIMIT) != 255 {
        return Err(Reason::HopLimit);
    }
    // "ICMP length (derived from the IP length)". The last byte that it claims must be there, or else the kernel would
    // read zeros where the next reader sees the end.
    let len = usize::from(packet.u16(PAYLOAD_LEN));
    if len < fixed_len || !packet.has(MESSAGE + len - 1) {
        return Err(Reason::TooShort);
    }
    if packet.u8(CODE) != 0 {
        return Err(Reason::Code);
    }
    let options = walk_options(packet, MESSAGE + fixed_len, (len - fixed_len).cast_signed());
    if options.malformed { Err(Reason::OptionLength) } else { Ok(options) }
}

/// The rules of RFC 4861 6.1.1 that concern a Router Solicitation alone.
#[inline]
fn check_solicitation<P: Packet + ?Sized>(packet: &P, options: Options) -> Result<Message, Reason> {
    if options.too_many {
        return Err(Reason::TooManyOptions);
    }
    if options.source_link_layer && source_of(packet) == (0, 0) {
        return Err(Reason::UnspecifiedWithSourceLinkLayer);
    }
    Ok(Message::Solicitation)
}

/// The rules of RFC 4861 6.1.2 that concern a Router Advertisement alone.
///
/// One with more than 16 options counts, unlike a solicitation: a router may well have that much to say, and it is only
/// recorded.
#[inline]
fn check_advertisement<P: Packet + ?Sized>(
    packet: &P,
    checked: Result<Options, Reason>,
) -> Result<Message, Reason> {
    let source = source_of(packet);
    let link_local = source.0 >> 54 == 0xfe80 >> 6;
    if checked.is_err() || !link_local {
        return Err(Reason::InvalidAdvertisement);
    }
    Ok(Message::Advertisement(Advertisement { source, router_lifetime: packet.u16(ROUTER_LIFETIME) }))
}

/// What a walk over the options found.
#[derive(Clone, Copy)]
struct Options {
    /// One of the first 16 has length 0 or reaches past the end.
    malformed: bool,
    /// There are bytes behind the first 16.
    too_many: bool,
    /// A source link-layer address is among the first 16.
    source_link_layer: bool,
}

/// Walks over the first 16 options in the `remaining` bytes from offset `at` on [RFC 4861 4.6].
///
/// ```text
///  0                   1                   2                   3
/// +---------------+---------------+-----------------------------+
/// |     Type      |    Length     |  ...   (in units of 8 bytes)
/// +---------------+---------------+-----------------------------+
/// ```
///
/// Every sum below is negative if and only if its condition holds, so conditions are or-ed and and-ed as numbers and the
/// sign bit is the answer. Behind the end, `inside` is 0, and the walk stands still.
#[inline]
fn walk_options<P: Packet + ?Sized>(packet: &P, mut at: usize, mut remaining: isize) -> Options {
    let (mut malformed, mut source_link_layer) = (0, 0);
    for _ in 0..MAX_OPTIONS {
        let [kind, units] = packet.u16(at).to_be_bytes();
        let len = isize::from(units) * 8;
        let inside = -remaining >> (isize::BITS - 1);
        malformed |= inside & ((len - 1) | (remaining - len));
        source_link_layer |= inside & (isize::from(kind ^ SOURCE_LINK_LAYER_ADDRESS) - 1);
        at = at.wrapping_add((len & inside).cast_unsigned());
        remaining -= len & inside;
    }
    Options { malformed: malformed < 0, too_many: remaining > 0, source_link_layer: source_link_layer < 0 }
}

/// The upper and lower 64 bits of the source address.
#[inline]
fn source_of<P: Packet + ?Sized>(packet: &P) -> (u64, u64) {
    (packet.u64(SOURCE), packet.u64(SOURCE + 8))
}

/// A packet in memory.
impl Packet for [u8] {
    fn has(&self, at: usize) -> bool {
        at < self.len()
    }

    fn u8(&self, at: usize) -> u8 {
        u8::from_be_bytes(bytes_at(self, at))
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes(bytes_at(self, at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_be_bytes(bytes_at(self, at))
    }
}

/// `N` bytes from offset `at` on; zeros unless all of them are there, as the kernel's helper has it.
fn bytes_at<const N: usize>(packet: &[u8], at: usize) -> [u8; N] {
    packet.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

// Offsets from the IPv6 header [RFC 8200 3] and, behind it, the ICMPv6 message [RFC 4861 4.1, 4.2].
const PAYLOAD_LEN: usize = 4;
const NEXT_HEADER: usize = 6;
const HOP_LIMIT: usize = 7;
const SOURCE: usize = 8;
const MESSAGE: usize = 40;
const TYPE: usize = MESSAGE;
const CODE: usize = MESSAGE + 1;
const ROUTER_LIFETIME: usize = MESSAGE + 6;

const ICMPV6: u8 = 58;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
const MAX_OPTIONS: u32 = 16;
