//! Bytes: Router Advertisements and Solicitations, and the IPv6 header around them. Pure, and without configuration.

mod advert;
mod hex;
pub mod ipv6;
mod option;

use std::{net::Ipv6Addr, time::Duration};

pub use advert::RouterAdvert;
pub use hex::Hex;
pub use option::{NdOption, PrefixInformation};

/// `ff02::1`, all nodes on the link: the destination of every RA that autora sends.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// `ff02::2`, all routers on the link: where hosts send their solicitations.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The hop limit of every neighbour-discovery packet: it shows that no router forwarded it [RFC 4861 3.1].
pub const ND_HOP_LIMIT: u8 = 255;

/// ICMPv6 type of a Router Solicitation [RFC 4861 4.1].
pub const ROUTER_SOLICITATION: u8 = 133;

/// ICMPv6 type of a Router Advertisement [RFC 4861 4.2].
pub const ROUTER_ADVERTISEMENT: u8 = 134;

/// All ones: a prefix lifetime that never ends [RFC 4861 4.6.2].
pub const INFINITE_LIFETIME: Duration = Duration::from_secs(u32::MAX as u64);

/// Why bytes are not the message they were taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the fixed part of the message has.
    #[error("too short: {len} bytes, {needed} needed")]
    Truncated {
        /// Bytes that are there.
        len: usize,
        /// Bytes that the fixed part has.
        needed: usize,
    },
    /// Another protocol, ICMPv6 type or code.
    #[error("not the expected message")]
    WrongType,
    /// An option of length 0 or one that reaches past the end [RFC 4861 4.6].
    #[error("an option has a wrong length")]
    OptionLength,
}

/// A lifetime for a person: `180s`, or `infinity`.
fn lifetime(duration: Duration) -> String {
    if duration >= INFINITE_LIFETIME { "infinity".to_owned() } else { format!("{}s", duration.as_secs()) }
}

/// Whole seconds for a 16-bit field: larger values saturate, fractions are cut off.
fn seconds_u16(duration: Duration) -> u16 {
    duration.as_secs().try_into().unwrap_or(u16::MAX)
}

/// Whole seconds for a 32-bit field: larger values saturate (at infinity, which all ones mean), fractions are cut off.
fn seconds_u32(duration: Duration) -> u32 {
    duration.as_secs().try_into().unwrap_or(u32::MAX)
}

/// Whole milliseconds for a 32-bit field: larger values saturate, fractions are cut off.
fn millis_u32(duration: Duration) -> u32 {
    duration.as_millis().try_into().unwrap_or(u32::MAX)
}
