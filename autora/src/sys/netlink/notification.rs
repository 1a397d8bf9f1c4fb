//! Parses notifications, the messages that the kernel sends unasked: a pure function over bytes.
//!
//! The table shows what each type of message carries, as tried on Linux 6.18 and read in its source
//! (`net/core/rtnetlink.c`, `net/ipv6/addrconf.c`):
//!
//! | message | carries | does not carry |
//! |---|---|---|
//! | `RTM_NEWLINK` | everything about the link and its IPv6 settings as they were then | addresses |
//! | the same, AF_INET6 (IPV6_IFINFO) | the same | master, kind |
//! | the same, another family | the settings of a bridge port; `RTM_NEWLINK` of AF_UNSPEC comes beside it | |
//! | `RTM_NEWADDR`, `RTM_DELADDR` | one address: flags, seconds left of its lifetimes, since 5.18 what made it | |
//! | `RTM_NEWNETCONF` | `forwarding`, where that has changed | `disable_ipv6`; `force_forwarding`: it is about the interface then |
//! | `RTM_DELNETCONF` | that the settings are gone | whether IPv6 is (a small MTU), or the link, or only the name |
//!
//! The kernel sends no notification of `disable_ipv6` = 1, only of the addresses that it then deletes
//! (`addrconf_ifdown()`), and none of a change of `accept_ra`, which a resync finds.
//!
//! | attribute | carries |
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

/// One notification, reduced to what the mirror needs.
#[derive(Debug)]
pub(super) enum Notification<'a> {
    /// A link was created or has changed, or its IPv6 part has.
    Link(Link<'a>),
    /// A link was deleted.
    LinkDeleted(IfIndex),
    /// An address was added or has changed.
    Address(IfIndex, Address),
    /// An address was deleted.
    AddressDeleted(IfIndex, Ipv6Addr),
    /// `forwarding` of an interface is this now.
    Forwarding(IfIndex, bool),
    /// The IPv6 settings of an interface were deleted.
    SettingsDeleted(IfIndex),
    /// An IPv6 setting of an interface has changed, and the message does not say which.
    SettingsUnspecified(IfIndex),
    /// A message about an interface that cannot be decoded.
    Undecodable(IfIndex),
    /// `conf.all.forwarding` is this now.
    HostForwarding(bool),
    /// The message changes nothing that the mirror keeps.
    Other,
}

impl<'a> Notification<'a> {
    /// Returns the interface that it is about.
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

    /// Parses `message`, which was received at `now`.
    ///
    /// # Errors
    ///
    /// If `message` does not even have the index of its interface.
    pub(super) fn parse(message: Message<'a>, now: BootInstant) -> Result<Self, Malformed> {
        let payload = message.payload;
        let family = payload.first().copied().map(i32::from);
        // struct ifinfomsg and struct ifaddrmsg both have the index in their second 32 bits.
        let index = || payload.get(4..).and_then(number).and_then(IfIndex::new).ok_or(Malformed);
        let or_undecodable = |parsed: Result<Self, Malformed>| match parsed {
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

/// What the settings in a message belong to.
enum Target {
    Interface(IfIndex),
    /// `conf.all`.
    Host,
    /// `conf.default`, which new interfaces begin with; the notification of a new one has its settings.
    Default,
}

/// Parses an `RTM_NEWNETCONF`. Other settings than `forwarding` (`mc_forwarding`, `proxy_ndp`,
/// `ignore_routes_with_linkdown`) come with an attribute of their own and do not matter here. A message without any
/// attribute is about a setting that the kernel does not fill in (`inet6_netconf_fill_devconf()`).
fn settings(payload: &[u8]) -> Result<Notification<'_>, Malformed> {
    let (target, settings) = netconf_target(payload)?;
    let is_empty = || attributes(settings).all(|(kind, _)| kind == NETCONFA_IFINDEX);
    Ok(match (target, decode::forwarding(settings)) {
        (Target::Interface(index), Some(on)) => Notification::Forwarding(index, on),
        (Target::Interface(index), None) if is_empty() => Notification::SettingsUnspecified(index),
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

/// Returns what the settings belong to, and all attributes.
fn netconf_target(payload: &[u8]) -> Result<(Target, &[u8]), Malformed> {
    let attributes = payload.get(NETCONF_HEADER_LEN..).ok_or(Malformed)?;
    let index = find(attributes, NETCONFA_IFINDEX).and_then(number).ok_or(Malformed)?;
    let target = match index.cast_signed() {
        NETCONFA_IFINDEX_ALL => Target::Host,
        NETCONFA_IFINDEX_DEFAULT => Target::Default,
        _ => Target::Interface(IfIndex::new(index).ok_or(Malformed)?),
    };
    Ok((target, attributes))
}

#[cfg(test)]
mod tests;
