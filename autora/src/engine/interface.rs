//! The kernel's state of one interface, as plain data without netlink types.
//!
//! `sys::netlink` builds these values, [`super::eligibility`] decides about them. They hold every fact that a
//! verdict or its explanation needs and nothing else, so equal values get equal verdicts and the fleet
//! compares with `==`.

use std::{net::Ipv6Addr, rc::Rc, time::Duration};

use super::BootInstant;
use crate::addr::IfIndex;

/// The smallest MTU with which Linux runs IPv6 on a link [RFC 8200
/// 5](https://www.rfc-editor.org/rfc/rfc8200#section-5): below it `addrconf_notify()` removes the link's IPv6
/// part (`net/ipv6/addrconf.c`, Linux 6.12).
pub const MIN_MTU: u32 = 1280;

/// One interface, as the kernel holds it at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The index; a rename keeps it, and the kernel may reuse that of a deleted interface.
    pub index: IfIndex,
    /// The current name, as [`shown_name`](crate::addr::shown_name) shows it.
    pub name: String,
    /// The link's flags.
    pub flags: LinkFlags,
    /// The device that has this interface as a port, if any (`IFLA_MASTER`, `IFLA_INFO_SLAVE_KIND`). Boxed,
    /// because most interfaces have none.
    pub master: Option<Box<Master>>,
    /// The IPv6 settings, or `None` if the link has no IPv6 part: an MTU below [`MIN_MTU`] removes it.
    pub ipv6: Option<Ipv6Settings>,
    /// The link's MTU in bytes.
    pub mtu: u32,
    /// The link-layer address, if it has six bytes.
    pub link_address: Option<[u8; 6]>,
    /// How the kernel maps a group to an address of the link.
    pub group_mapping: GroupMapping,
    /// Whether it is a tun or tap device, whose carrier depends on a program that holds it open.
    pub tun: bool,
    /// The IPv6 addresses, sorted, without those of host scope.
    pub addresses: Vec<Address>,
}

impl Interface {
    /// Keeps the ends of lifetimes that are the same as in `known`, read earlier than this one, which was read at
    /// `now`.
    pub fn settle_lifetimes(self: &mut Rc<Self>, known: &Self, now: BootInstant) {
        for position in 0..self.addresses.len() {
            let Address { address, lifetimes, .. } = self.addresses[position];
            let earlier = known.addresses.iter().find(|known| known.address == address);
            let settled = earlier.map_or(lifetimes, |known| lifetimes.settled(known.lifetimes, now));
            if settled != lifetimes {
                Rc::make_mut(self).addresses[position].lifetimes = settled;
            }
        }
    }

    /// Returns whether the link is up and runs IPv6.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.flags.up && self.ipv6.is_some_and(|ipv6| !ipv6.disabled)
    }
}

/// The flags of a link that eligibility needs (`IFF_*` of `netdevice(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they mirror independent bits of the kernel's flag word")]
pub struct LinkFlags {
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Multicast-capable (`IFF_MULTICAST`).
    pub multicast: bool,
    /// The loopback device (`IFF_LOOPBACK`).
    pub loopback: bool,
    /// Has carrier (`IFF_LOWER_UP`).
    pub carrier: bool,
}

/// How the kernel maps ff02::1 to an address of the link (`ndisc_mc_map()`, `net/ipv6/ndisc.c`, Linux 6.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupMapping {
    /// As on Ethernet [RFC 2464 7](https://www.rfc-editor.org/rfc/rfc2464#section-7); or the link has no addresses.
    Ethernet,
    /// Otherwise: to the remote end of a GRE tunnel over IPv4, to an address of 20 bytes of IPoIB, to the broadcast
    /// address.
    Other,
}

/// The device that an interface is a port of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Master {
    /// The master's index.
    pub index: IfIndex,
    /// Its kind as the kernel names it (`bridge`, `bond`, `team`, `openvswitch`, `vrf`, ...), if the kernel
    /// names it.
    pub kind: Option<String>,
}

/// The IPv6 settings of one interface (`net.ipv6.conf.<name>`), read over netlink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they mirror independent settings of the kernel")]
pub struct Ipv6Settings {
    /// `disable_ipv6` is not 0.
    pub disabled: bool,
    /// `forwarding` is not 0: the kernel acts as a router on it.
    pub forwarding: bool,
    /// `force_forwarding` is not 0 (since Linux 6.17): it forwards even if `conf.all.forwarding` is 0.
    pub force_forwarding: bool,
    /// `accept_ra` is 2: the kernel configures itself by the RAs of guests although it forwards. The kernel
    /// sends no notification of a change.
    pub accepts_ra: bool,
}

/// One IPv6 address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The address.
    pub address: Ipv6Addr,
    /// The prefix length in bits.
    pub prefix_len: u8,
    /// The scope.
    pub scope: AddressScope,
    /// The flags.
    pub flags: AddressFlags,
    /// When its lifetimes end.
    pub lifetimes: Lifetimes,
}

/// When the lifetimes of an address end, counted from when the kernel gave them (`struct ifa_cacheinfo`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetimes {
    /// The end of the valid lifetime, or `None` for ever.
    pub valid: Option<BootInstant>,
    /// The end of the preferred lifetime.
    pub preferred: Preferred,
}

/// Ends that differ by less are the same: the kernel rounds lifetimes to whole seconds.
pub(super) const SAME_END: Duration = Duration::from_secs(2);

impl Lifetimes {
    /// Returns these lifetimes, read at `now`, with the ends in `known` that are the same: one that was read a moment
    /// earlier or later, and a preferred lifetime that ran out while it was known.
    #[must_use]
    pub fn settled(self, known: Self, now: BootInstant) -> Self {
        let preferred = match (self.preferred, known.preferred) {
            (Preferred::Until(end), Preferred::Until(known)) => Preferred::Until(same_end(end, known)),
            (Preferred::Zero, Preferred::Until(known)) if known < now + SAME_END => Preferred::Until(known),
            (preferred, _) => preferred,
        };
        let valid = self.valid.map(|end| known.valid.map_or(end, |known| same_end(end, known)));
        Self { valid, preferred }
    }
}

/// Returns the end that was known if `end` is the same.
fn same_end(end: BootInstant, known: BootInstant) -> BootInstant {
    let distance = end.saturating_since(known).max(known.saturating_since(end));
    if distance < SAME_END { known } else { end }
}

/// When the preferred lifetime of an address ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preferred {
    /// Never.
    #[default]
    ForEver,
    /// At this instant, which may have passed.
    Until(BootInstant),
    /// It was 0 when it was seen first or set: the operator has parked an address that is valid for ever.
    Zero,
}

/// The scope of an address (`ifa_scope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressScope {
    /// Valid beyond the link, including unique local addresses.
    Global,
    /// Site scope (`fec0::/10`), deprecated by [RFC 3879](https://www.rfc-editor.org/rfc/rfc3879).
    Site,
    /// Valid on this link only.
    Link,
}

/// The flags of an address (`IFA_F_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "they mirror independent bits of the kernel's flag word")]
pub struct AddressFlags {
    /// Duplicate address detection (DAD) runs, and the address must not be used yet
    /// [RFC 4862 5.4](https://www.rfc-editor.org/rfc/rfc4862#section-5.4).
    pub tentative: bool,
    /// Usable while DAD runs [RFC 4429](https://www.rfc-editor.org/rfc/rfc4429).
    pub optimistic: bool,
    /// DAD found the address at another node.
    pub dadfailed: bool,
    /// The preferred lifetime has ended.
    pub deprecated: bool,
    /// A temporary address that the host made for itself [RFC 8981](https://www.rfc-editor.org/rfc/rfc8981).
    pub temporary: bool,
    /// The kernel makes no connected route for its prefix (`noprefixroute`).
    pub noprefixroute: bool,
    /// The kernel formed it from an RA (`IFA_PROTO` is `kernel_ra`, since Linux 5.18).
    pub learned: bool,
    /// The kernel forms temporary addresses beside it (`mngtmpaddr`): on every kernel the mark of an address that it
    /// formed from an RA.
    pub mngtmpaddr: bool,
}

impl AddressFlags {
    /// Returns whether a packet may use the address as its source: not a duplicate, and not tentative unless
    /// optimistic.
    #[must_use]
    pub const fn usable(self) -> bool {
        !self.dadfailed && (!self.tentative || self.optimistic)
    }
}

/// Settings of the host as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// `net.ipv6.conf.all.forwarding` is not 0.
    pub forwarding: bool,
    /// `net.ipv6.neigh.default.gc_thresh3`, the most entries of the kernel's neighbour table; `None` if it is
    /// unknown or does not matter.
    pub neighbour_limit: Option<u32>,
}

impl Host {
    /// Returns whether the host drops what comes in on `interface` for others (`ip6_forward()`,
    /// `net/ipv6/ip6_output.c`, Linux 6.17): `force_forwarding` of the interface is enough.
    #[must_use]
    pub fn drops_from(&self, interface: &Interface) -> bool {
        !self.forwarding && !interface.ipv6.is_some_and(|ipv6| ipv6.force_forwarding)
    }
}

/// Returns an address, for tests.
#[cfg(test)]
pub(crate) fn address(text: &str, prefix_len: u8) -> Address {
    let address: Ipv6Addr = text.parse().expect("an address");
    let scope = if address.is_unicast_link_local() { AddressScope::Link } else { AddressScope::Global };
    Address { address, prefix_len, scope, flags: AddressFlags::default(), lifetimes: Lifetimes::default() }
}

/// Returns an interface that passes every test of eligibility; tests change one fact of it.
#[cfg(test)]
pub(crate) fn fit() -> Interface {
    Interface {
        index: IfIndex::new(7).expect("not 0"),
        name: "tap1".to_owned(),
        flags: LinkFlags { up: true, multicast: true, loopback: false, carrier: true },
        master: None,
        ipv6: Some(Ipv6Settings { disabled: false, forwarding: true, force_forwarding: false, accepts_ra: false }),
        mtu: 1500,
        link_address: Some([2, 0, 0, 0, 0, 1]),
        group_mapping: GroupMapping::Ethernet,
        tun: true,
        addresses: vec![address("2001:db8:1::1", 64), address("fe80::1", 64)],
    }
}

#[cfg(test)]
mod tests;
