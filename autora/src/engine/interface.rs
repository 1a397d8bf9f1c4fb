//! What the kernel says of one interface: plain data, without a netlink type in it.
//!
//! `sys::netlink` makes these values, [`super::eligibility`] judges them. They hold every fact that the judgement or
//! its explanation needs, and nothing that changes without one of those changing: two equal values deserve equal
//! verdicts, so a comparison with `==` tells whether there is anything to do.

use std::net::Ipv6Addr;

use crate::addr::IfIndex;

/// One interface, as a fresh look at the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its index; a rename keeps it, a deleted interface's may be given out again.
    pub index: IfIndex,
    /// Its present name.
    pub name: String,
    /// The link's flags.
    pub flags: LinkFlags,
    /// What kind of device has this one as a port, if one has (`IFLA_INFO_SLAVE_KIND`; e.g. `bridge`, `vrf`); in a
    /// box, as it rarely is one.
    pub master: Option<Box<Master>>,
    /// Its IPv6 part, or `None` where the link has none at all: an MTU below 1280 removes it.
    pub ipv6: Option<Ipv6Settings>,
    /// The link's MTU in bytes.
    pub mtu: u32,
    /// The link-layer address, where the link has one of six bytes.
    pub link_address: Option<[u8; 6]>,
    /// Whether it is a tun or tap device, whose carrier depends on a program that has it open.
    pub tun: bool,
    /// Its IPv6 addresses, sorted; without those of host scope.
    pub addresses: Vec<Address>,
}

/// Flags of a link that matter here (`IFF_*` of `netdevice(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they mirror independent bits of the kernel's flag word")]
pub struct LinkFlags {
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Multicast-capable (`IFF_MULTICAST`).
    pub multicast: bool,
    /// The loopback device (`IFF_LOOPBACK`).
    pub loopback: bool,
    /// The layer below is there (`IFF_LOWER_UP`).
    pub carrier: bool,
}

/// The device that an interface is a port of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Master {
    /// The master's index.
    pub index: IfIndex,
    /// Its kind, as the kernel names it (`bridge`, `bond`, `team`, `openvswitch`, `vrf`, ...), where it says.
    pub kind: Option<String>,
}

/// An interface's own IPv6 settings (`net.ipv6.conf.<name>`), read over netlink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Settings {
    /// `disable_ipv6` is not 0.
    pub disabled: bool,
    /// `forwarding` is not 0: the interface acts as a router.
    pub forwarding: bool,
    /// `force_forwarding` is not 0 (Linux 6.17): forwards even with `conf.all.forwarding` = 0.
    pub force_forwarding: bool,
}

/// One IPv6 address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The address.
    pub address: Ipv6Addr,
    /// Its prefix length in bits.
    pub prefix_len: u8,
    /// Its scope.
    pub scope: AddressScope,
    /// Its state.
    pub flags: AddressFlags,
}

/// Scope of an address (`ifa_scope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressScope {
    /// Valid beyond the link; unique local addresses included.
    Global,
    /// Deprecated site scope (`fec0::/10`).
    Site,
    /// Valid on this link alone.
    Link,
}

/// State of an address (`IFA_F_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "they mirror independent bits of the kernel's flag word")]
pub struct AddressFlags {
    /// Duplicate address detection still runs, and the address must not be used yet [RFC 4862 5.4].
    pub tentative: bool,
    /// Usable while duplicate address detection runs [RFC 4429].
    pub optimistic: bool,
    /// Duplicate address detection found another owner.
    pub dadfailed: bool,
    /// Its preferred lifetime is over.
    pub deprecated: bool,
    /// A privacy address of this host itself [RFC 8981].
    pub temporary: bool,
    /// The kernel was told to make no connected route for its prefix.
    pub noprefixroute: bool,
}

impl AddressFlags {
    /// Whether a packet may carry the address as its source: not tentative (unless optimistic), not a duplicate.
    #[must_use]
    pub const fn usable(self) -> bool {
        !self.dadfailed && (!self.tentative || self.optimistic)
    }
}

/// Host-wide facts beside the interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// `net.ipv6.conf.all.forwarding` is not 0.
    pub forwarding: bool,
    /// `net.ipv6.neigh.default.gc_thresh3`: how many neighbours the kernel keeps at most, where that matters and it
    /// says.
    pub neighbour_limit: Option<u32>,
}

/// An address, for tests.
#[cfg(test)]
pub(crate) fn address(text: &str, prefix_len: u8) -> Address {
    let address: Ipv6Addr = text.parse().expect("an address");
    let scope = if address.is_unicast_link_local() { AddressScope::Link } else { AddressScope::Global };
    Address { address, prefix_len, scope, flags: AddressFlags::default() }
}

/// An interface that passes every test: the positive control of those in which one is not as it should be.
#[cfg(test)]
pub(crate) fn fit() -> Interface {
    Interface {
        index: IfIndex::new(7).expect("not 0"),
        name: "tap1".to_owned(),
        flags: LinkFlags { up: true, multicast: true, loopback: false, carrier: true },
        master: None,
        ipv6: Some(Ipv6Settings { disabled: false, forwarding: true, force_forwarding: false }),
        mtu: 1500,
        link_address: Some([2, 0, 0, 0, 0, 1]),
        tun: true,
        addresses: vec![address("2001:db8:1::1", 64), address("fe80::1", 64)],
    }
}
