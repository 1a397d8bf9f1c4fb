//! Decodes links. A decoded [`Link`] borrows from its message, so that it is compared with what is known without a
//! copy.

use std::{borrow::Cow, mem};

use nix::libc::{
    AF_INET6, AF_UNSPEC, ARPHRD_ETHER, ARPHRD_FDDI, ARPHRD_IEEE802, IFF_LOOPBACK, IFF_LOWER_UP, IFF_MULTICAST, IFF_UP,
    IFLA_ADDRESS, IFLA_AF_SPEC, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_INFO_SLAVE_KIND, IFLA_LINKINFO, IFLA_MASTER,
    IFLA_MTU, IFLA_PROTINFO,
};

use crate::{
    addr::{IfIndex, shown_name},
    engine::interface::{GroupMapping, Interface, Ipv6Settings, LinkFlags, Master},
    sys::netlink::frame::{Malformed, attributes, find, half, number, string, utf8},
};

/// The size of `struct ifinfomsg` of
/// [linux/rtnetlink.h](https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/rtnetlink.h):
/// the family in the first byte, the type in the third and fourth, and in the second to fourth 32 bits the index, the
/// flags, and which flags have changed.
const LINK_HEADER_LEN: usize = 16;

/// The value of `ifi_change` in the notification of a link that was just created (`rtmsg_ifinfo()` in
/// `register_netdevice()`, `rtnl_configure_link()` and `dev_change_net_namespace()`). In that of a change it has the
/// flags that have changed.
const CREATED: u32 = u32::MAX;

/// `linux/if_link.h`: the settings, as an array of 32-bit numbers.
pub(super) const IFLA_INET6_CONF: u16 = 2;
/// Places in that array (`DEVCONF_*` of `linux/ipv6.h`, which are never renumbered); an older kernel's is
/// shorter.
const DEVCONF_FORWARDING: usize = 0;
const DEVCONF_ACCEPT_RA: usize = 3;
const DEVCONF_DISABLE_IPV6: usize = 26;
const DEVCONF_FORCE_FORWARDING: usize = 59;
/// The value of `accept_ra` with which the kernel accepts RAs although the interface forwards (`ipv6_accept_ra()`,
/// `include/net/ipv6.h`, Linux 6.12).
const ACCEPT_RA_ALWAYS: u32 = 2;

/// Types of links to whose addresses the kernel maps groups as on Ethernet (`ARPHRD_ETHER`, `ARPHRD_IEEE802` and
/// `ARPHRD_FDDI` of `linux/if_arp.h`, in `ndisc_mc_map()`, `net/ipv6/ndisc.c`, Linux 6.12).
const LIKE_ETHERNET: [u16; 3] = [ARPHRD_ETHER, ARPHRD_IEEE802, ARPHRD_FDDI];

/// The link of an `RTM_NEWLINK`.
#[derive(Clone, Debug)]
pub(in crate::sys::netlink) struct Link<'a> {
    pub(in crate::sys::netlink) index: IfIndex,
    /// Whether the message has everything but the addresses, as one of the family AF_UNSPEC has. One of AF_INET6
    /// (`inet6_fill_ifinfo()`, `net/ipv6/addrconf.c`) lacks the master and the kind of the link.
    pub(in crate::sys::netlink) whole: bool,
    /// Whether the message is the notification that the link was created.
    pub(in crate::sys::netlink) created: bool,
    pub(in crate::sys::netlink) name: Cow<'a, str>,
    pub(in crate::sys::netlink) flags: LinkFlags,
    master: Option<(IfIndex, Option<Cow<'a, str>>)>,
    pub(in crate::sys::netlink) ipv6: Option<Ipv6Settings>,
    mtu: u32,
    #[expect(clippy::struct_field_names, reason = "the kernel's link-layer address, as in `Interface`")]
    link_address: Option<[u8; 6]>,
    group_mapping: GroupMapping,
    tun: bool,
}

/// Decodes an `RTM_NEWLINK`.
pub(in crate::sys::netlink) fn link(payload: &[u8]) -> Result<Link<'_>, Malformed> {
    let (header, rest) = payload.split_at_checked(LINK_HEADER_LEN).ok_or(Malformed)?;
    let field = |place: usize| number(&header[4 * place..]).ok_or(Malformed);
    let whole = i32::from(header[0]) == AF_UNSPEC;
    let mut name = None;
    let mut mtu = None;
    let mut link_address: &[u8] = &[];
    let mut master = None;
    let mut info: &[u8] = &[];
    let mut inet6 = None;
    for (kind, value) in attributes(rest) {
        match kind {
            IFLA_IFNAME => name = Some(shown_name(string(value))),
            IFLA_MTU => mtu = number(value),
            IFLA_ADDRESS => link_address = value,
            IFLA_MASTER => master = number(value).and_then(IfIndex::new),
            IFLA_LINKINFO => info = value,
            IFLA_AF_SPEC if whole => inet6 = family(value),
            IFLA_PROTINFO if !whole => inet6 = Some(value),
            _ => {}
        }
    }
    Ok(Link {
        index: IfIndex::new(field(1)?).ok_or(Malformed)?,
        whole,
        created: field(3)? == CREATED,
        name: name.ok_or(Malformed)?,
        flags: link_flags(field(2)?.cast_signed()),
        master: master.map(|index| (index, find(info, IFLA_INFO_SLAVE_KIND).map(utf8))),
        ipv6: inet6.map(settings).transpose()?,
        mtu: mtu.ok_or(Malformed)?,
        link_address: link_address.try_into().ok(),
        group_mapping: group_mapping(half(&header[2..]).ok_or(Malformed)?, link_address),
        tun: find(info, IFLA_INFO_KIND).is_some_and(|kind| utf8(kind) == "tun"),
    })
}

/// Returns how the kernel maps groups on a link of this type. A link without link-layer addresses has no mapping that
/// could differ.
fn group_mapping(kind: u16, link_address: &[u8]) -> GroupMapping {
    if link_address.is_empty() || LIKE_ETHERNET.contains(&kind) { GroupMapping::Ethernet } else { GroupMapping::Other }
}

impl Link<'_> {
    /// Returns the interface, without addresses.
    pub(in crate::sys::netlink) fn interface(&self) -> Interface {
        let Self {
            index,
            ref name,
            flags,
            ref master,
            ipv6,
            mtu,
            link_address,
            group_mapping,
            tun,
            created: _,
            whole: _,
        } = *self;
        let kind = |kind: &Cow<'_, str>| kind.clone().into_owned();
        let master =
            master.as_ref().map(|(index, name)| Master { index: *index, kind: name.as_ref().map(kind) }.into());
        let name = name.clone().into_owned();
        Interface { index, name, flags, master, ipv6, mtu, link_address, group_mapping, tun, addresses: Vec::new() }
    }

    /// Returns whether `known` already has everything that the message carries.
    pub(in crate::sys::netlink) fn agrees_with(&self, known: &Interface) -> bool {
        let rest = !self.whole || (self.has_master(known.master.as_deref()) && self.tun == known.tun);
        rest && self.name == known.name
            && self.flags == known.flags
            && self.ipv6 == known.ipv6
            && self.mtu == known.mtu
            && self.link_address == known.link_address
            && self.group_mapping == known.group_mapping
    }

    /// Writes everything that the message carries to `known`.
    pub(in crate::sys::netlink) fn apply_to(&self, known: &mut Interface) {
        let addresses = mem::take(&mut known.addresses);
        let Interface { master, tun, .. } = mem::replace(known, self.interface());
        if !self.whole {
            (known.master, known.tun) = (master, tun);
        }
        known.addresses = addresses;
    }

    /// Returns whether the link has this master.
    pub(in crate::sys::netlink) fn has_master(&self, known: Option<&Master>) -> bool {
        match (&self.master, known) {
            (None, None) => true,
            (Some((index, kind)), Some(known)) => *index == known.index && kind.as_deref() == known.kind.as_deref(),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

const fn link_flags(flags: i32) -> LinkFlags {
    LinkFlags {
        up: flags & IFF_UP != 0,
        multicast: flags & IFF_MULTICAST != 0,
        loopback: flags & IFF_LOOPBACK != 0,
        carrier: flags & IFF_LOWER_UP != 0,
    }
}

/// Returns the IPv6 part of a link; `None` if it has none.
fn family(families: &[u8]) -> Option<&[u8]> {
    attributes(families).find_map(|(kind, value)| (i32::from(kind) == AF_INET6).then_some(value))
}

/// Decodes the settings in a link's IPv6 part. A part without settings is malformed (no kernel sends it), so that the
/// interface is not taken for one with IPv6 disabled.
fn settings(inet6: &[u8]) -> Result<Ipv6Settings, Malformed> {
    let settings = find(inet6, IFLA_INET6_CONF).ok_or(Malformed)?;
    let (settings, _) = settings.as_chunks::<4>();
    let value = |place: usize| settings.get(place).map_or(0, |value| u32::from_ne_bytes(*value));
    let on = |place: usize| value(place) != 0;
    Ok(Ipv6Settings {
        disabled: on(DEVCONF_DISABLE_IPV6),
        forwarding: on(DEVCONF_FORWARDING),
        force_forwarding: on(DEVCONF_FORCE_FORWARDING),
        accepts_ra: value(DEVCONF_ACCEPT_RA) == ACCEPT_RA_ALWAYS,
    })
}
