//! What the kernel announces, one message at a time: a pure function over bytes.
//!
//! What each says, tried on 6.18 and read in its source (`net/core/rtnetlink.c`, `net/ipv6/addrconf.c`):
//!
//! | message | carries | does not carry |
//! |---|---|---|
//! | `RTM_NEWLINK` | everything about the link and its IPv6 settings as they were then | addresses |
//! | the same, AF_INET6 (IPV6_IFINFO) | the same | master, kind |
//! | the same, another family | what a bridge thinks of its port; the link itself is announced beside it | |
//! | `RTM_NEWADDR`, `RTM_DELADDR` | one address: flags, seconds left of its lifetimes, since 5.18 what made it | |
//! | `RTM_NEWNETCONF` | `forwarding`, where that is what changed | `disable_ipv6`; `force_forwarding`: then it names the interface alone |
//! | `RTM_DELNETCONF` | that the settings are gone | whether IPv6 is (a small MTU), or the link, or only the name |
//!
//! `disable_ipv6` = 1 is not announced at all, it shows by the addresses that go (`addrconf_ifdown()`). Nor is a
//! change of `accept_ra`, which a resync finds.
//!
//! | attribute | says |
//! |---|---|
//! | `IFLA_INET6_CONF` of a link | `forwarding`, `accept_ra`, `disable_ipv6`, `force_forwarding` |
//! | `IFA_CACHEINFO` of an address | whole seconds left, so that ends computed from two messages differ by up to 1 s |
//! | `IFA_PROTO` of an address | `kernel_ra` if the kernel formed it from an RA; an operator's has none |

use std::net::Ipv6Addr;

use nix::libc::{
    AF_INET6, AF_UNSPEC, RTM_DELADDR, RTM_DELLINK, RTM_DELNETCONF, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNETCONF,
};

use super::{
    decode::{self, Link, NETCONF_HEADER_LEN, NETCONFA_IFINDEX, NETCONFA_IFINDEX_ALL, NETCONFA_IFINDEX_DEFAULT},
    frame::{Malformed, Message, attributes, find, number},
};
use crate::{
    addr::IfIndex,
    engine::{BootInstant, interface::Address},
};

/// One of them.
#[derive(Debug)]
pub(super) enum Notification<'a> {
    /// A link was made or has changed, or its IPv6 part has.
    Link(Link<'a>),
    /// A link is no more.
    LinkDeleted(IfIndex),
    /// An address was made or has changed.
    Address(IfIndex, Address),
    /// An address is no more.
    AddressDeleted(IfIndex, Ipv6Addr),
    /// `forwarding` of an interface.
    Forwarding(IfIndex, bool),
    /// The settings of an interface were taken away.
    SettingsDeleted(IfIndex),
    /// A setting of an interface has changed, and the message does not say which.
    SettingsUnspecified(IfIndex),
    /// A message about an interface that cannot be decoded.
    Undecodable(IfIndex),
    /// `conf.all.forwarding`.
    HostForwarding(bool),
    /// Nothing that concerns us.
    Other,
}

impl<'a> Notification<'a> {
    /// The interface that it is about.
    pub(super) const fn index(&self) -> Option<IfIndex> {
        match self {
            Self::Link(link) => Some(link.index),
            Self::LinkDeleted(index)
            | Self::Address(index, _)
            | Self::AddressDeleted(index, _)
            | Self::Forwarding(index, _)
            | Self::SettingsDeleted(index)
            | Self::SettingsUnspecified(index)
            | Self::Undecodable(index) => Some(*index),
            Self::HostForwarding(_) | Self::Other => None,
        }
    }

    /// Understands `message`, which was read at `now`; malformed is one that does not even say whom it is about.
    pub(super) fn parse(message: Message<'a>, now: BootInstant) -> Result<Self, Malformed> {
        let payload = message.payload;
        let family = payload.first().copied().map(i32::from);
        // struct ifinfomsg and struct ifaddrmsg both have the index in their second 32 bits.
        let index = || payload.get(4..).and_then(number).and_then(IfIndex::new).ok_or(Malformed);
        let or_undecodable = |understood: Result<Self, Malformed>| match understood {
            Ok(notification) => Ok(notification),
            Err(Malformed) => index().map(Self::Undecodable),
        };
        match (message.kind, family) {
            (RTM_NEWLINK, Some(AF_UNSPEC | AF_INET6)) => or_undecodable(decode::link(payload).map(Self::Link)),
            (RTM_DELLINK, Some(AF_UNSPEC)) => index().map(Self::LinkDeleted),
            (RTM_DELLINK, Some(AF_INET6)) => index().map(Self::Undecodable),
            (RTM_NEWADDR | RTM_DELADDR, Some(AF_INET6)) => or_undecodable(address(message, now)),
            (RTM_NEWNETCONF, Some(AF_INET6)) => settings(payload),
            (RTM_DELNETCONF, Some(AF_INET6)) => settings_deleted(payload),
            (RTM_NEWLINK | RTM_DELLINK | RTM_NEWADDR | RTM_DELADDR | RTM_NEWNETCONF | RTM_DELNETCONF, None) => {
                Err(Malformed)
            }
            _ => Ok(Self::Other),
        }
    }
}

fn address(message: Message<'_>, now: BootInstant) -> Result<Notification<'_>, Malformed> {
    Ok(match decode::address(message.payload, now)? {
        None => Notification::Other,
        Some((index, address)) if message.kind == RTM_NEWADDR => Notification::Address(index, address),
        Some((index, address)) => Notification::AddressDeleted(index, address.address),
    })
}

/// Whose settings a message is about.
enum Target {
    Interface(IfIndex),
    /// `conf.all`.
    Host,
    /// `conf.default`: what new interfaces begin with, and say themselves.
    Default,
}

/// Other settings (`mc_forwarding`, `proxy_ndp`, `ignore_routes_with_linkdown`) come with their own
/// attribute, and concern no interface; a message with none is one about a setting that the kernel does not put in
/// (`inet6_netconf_fill_devconf()`).
fn settings(payload: &[u8]) -> Result<Notification<'_>, Malformed> {
    let (subject, told) = netconf_target(payload)?;
    let says_nothing = || attributes(told).all(|(kind, _)| kind == NETCONFA_IFINDEX);
    Ok(match (subject, decode::forwarding(told)) {
        (Target::Interface(index), Some(on)) => Notification::Forwarding(index, on),
        (Target::Interface(index), None) if says_nothing() => Notification::SettingsUnspecified(index),
        (Target::Host, Some(on)) => Notification::HostForwarding(on),
        (Target::Interface(_) | Target::Host | Target::Default, _) => Notification::Other,
    })
}

fn settings_deleted(payload: &[u8]) -> Result<Notification<'_>, Malformed> {
    Ok(match netconf_target(payload)? {
        (Target::Interface(index), _) => Notification::SettingsDeleted(index),
        (Target::Host | Target::Default, _) => Notification::Other,
    })
}

fn netconf_target(payload: &[u8]) -> Result<(Target, &[u8]), Malformed> {
    let attributes = payload.get(NETCONF_HEADER_LEN..).ok_or(Malformed)?;
    let index = find(attributes, NETCONFA_IFINDEX).and_then(number).ok_or(Malformed)?;
    let subject = match index.cast_signed() {
        NETCONFA_IFINDEX_ALL => Target::Host,
        NETCONFA_IFINDEX_DEFAULT => Target::Default,
        _ => Target::Interface(IfIndex::new(index).ok_or(Malformed)?),
    };
    Ok((subject, attributes))
}

#[cfg(test)]
mod tests;
