//! Addresses and numbers of neighbour discovery [RFC 4861](https://www.rfc-editor.org/rfc/rfc4861).

use std::net::Ipv6Addr;

/// `ff02::1`, all nodes on the link: the destination of every RA that autora sends.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// `ff02::2`, all routers on the link: the destination of guests' solicitations.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The hop limit of every neighbour-discovery packet: it proves that no router forwarded the packet [RFC 4861
/// 3.1](https://www.rfc-editor.org/rfc/rfc4861#section-3.1).
pub const ND_HOP_LIMIT: u8 = 255;

/// ICMPv6 type of a Router Solicitation [RFC 4861 4.1](https://www.rfc-editor.org/rfc/rfc4861#section-4.1).
pub const ROUTER_SOLICITATION: u8 = 133;

/// ICMPv6 type of a Router Advertisement [RFC 4861 4.2](https://www.rfc-editor.org/rfc/rfc4861#section-4.2).
pub const ROUTER_ADVERTISEMENT: u8 = 134;

/// The preference of a router among several [RFC 4191 2.1](https://www.rfc-editor.org/rfc/rfc4191#section-2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouterPreference {
    /// Preferred to routers of medium preference.
    High,
    /// The preference of a router that knows none.
    #[default]
    Medium,
    /// A last resort.
    Low,
}

impl RouterPreference {
    /// Returns the bits of the RA's flag byte [RFC 4191 2.2](https://www.rfc-editor.org/rfc/rfc4191#section-2.2).
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::High => 0b01 << 3,
            Self::Medium => 0b00,
            Self::Low => 0b11 << 3,
        }
    }
}
