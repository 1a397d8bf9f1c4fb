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
