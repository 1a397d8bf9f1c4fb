//! Why an interface is not served: a stable name for scripts, a sentence for people.

use std::{fmt, io, net::Ipv6Addr};

use super::MIN_MTU;
use crate::addr::Prefix64;

/// A test that an interface failed.
///
/// [`Reason::name`] is stable and meant for scripts; [`fmt::Display`] is a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// IPv6 is disabled, or the link has no IPv6 part because its MTU is too small for one.
    Ipv6Disabled {
        /// The link's MTU in bytes.
        mtu: u32,
    },
    /// Administratively down.
    Down,
    /// Not capable of multicast.
    NoMulticast,
    /// The loopback device.
    Loopback,
    /// A port of a bridge, bond, team or Open vSwitch: IPv6 lives on the master, not here.
    Enslaved {
        /// The kind of the master, where the kernel says.
        kind: Option<String>,
    },
    /// The interface does not forward, so a guest's packets would end here.
    ForwardingOff,
    /// No link-local address that could be the source.
    NoLinkLocal {
        /// It is a tun or tap device that no program has open: without a carrier it never gets one.
        unopened: bool,
    },
    /// No usable /64.
    NoPrefix {
        /// The addresses of global scope that there are, and why they do not count.
        others: Vec<Uncounted>,
    },
    /// More than one usable /64, and no way to tell which is meant.
    SeveralPrefixes(Vec<Prefix64>),
    /// The filter's map of served interfaces has no room left.
    FilterFull,
    /// The kernel refuses an entry in that map for another reason.
    FilterError {
        /// The number of the system call's error.
        errno: i32,
    },
}

/// Why the filter's map of served interfaces took no entry for an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapFailure {
    /// It has no room for one more; there may be some later.
    #[error("the filter's map of served interfaces is full")]
    Full,
    /// The kernel refused for another reason.
    #[error("the kernel refuses an entry in the filter's map: {}", io::Error::from_raw_os_error(*errno))]
    Error {
        /// The number of the system call's error.
        errno: i32,
    },
}

impl From<MapFailure> for Reason {
    fn from(failure: MapFailure) -> Self {
        match failure {
            MapFailure::Full => Self::FilterFull,
            MapFailure::Error { errno } => Self::FilterError { errno },
        }
    }
}

/// An address of global scope that does not make a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncounted {
    /// The address.
    pub address: Ipv6Addr,
    /// Its prefix length in bits.
    pub prefix_len: u8,
    /// Why it does not count.
    pub why: WhyUncounted,
}

/// Why an address of global scope does not make a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyUncounted {
    /// Its prefix has another length.
    NotA64,
    /// Duplicate address detection failed.
    Duplicate,
    /// Duplicate address detection is running.
    Tentative,
    /// Its preferred lifetime is over.
    Deprecated,
    /// A privacy address [RFC 8981].
    Temporary,
}

impl fmt::Display for WhyUncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotA64 => "not a /64",
            Self::Duplicate => "a duplicate",
            Self::Tentative => "tentative",
            Self::Deprecated => "deprecated",
            Self::Temporary => "temporary",
        })
    }
}

impl fmt::Display for Uncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({})", self.address, self.prefix_len, self.why)
    }
}

impl Reason {
    /// The reason's stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ipv6Disabled { .. } => "ipv6-disabled",
            Self::Down => "down",
            Self::NoMulticast => "no-multicast",
            Self::Loopback => "loopback",
            Self::Enslaved { .. } => "enslaved",
            Self::ForwardingOff => "forwarding-off",
            Self::NoLinkLocal { .. } => "no-link-local",
            Self::NoPrefix { .. } => "no-prefix",
            Self::SeveralPrefixes(_) => "several-prefixes",
            Self::FilterFull => "filter-full",
            Self::FilterError { .. } => "filter-error",
        }
    }

    /// What the filter's map said, where that is the reason.
    #[must_use]
    pub const fn map_failure(&self) -> Option<MapFailure> {
        match self {
            Self::FilterFull => Some(MapFailure::Full),
            Self::FilterError { errno } => Some(MapFailure::Error { errno: *errno }),
            Self::Ipv6Disabled { .. }
            | Self::Down
            | Self::NoMulticast
            | Self::Loopback
            | Self::Enslaved { .. }
            | Self::ForwardingOff
            | Self::NoLinkLocal { .. }
            | Self::NoPrefix { .. }
            | Self::SeveralPrefixes(_) => None,
        }
    }
}

impl MapFailure {
    /// The number of the system call's error, unless it was the one that says "full".
    #[must_use]
    pub const fn errno(self) -> Option<i32> {
        match self {
            Self::Full => None,
            Self::Error { errno } => Some(errno),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv6Disabled { mtu } if *mtu < MIN_MTU => {
                write!(f, "its MTU of {mtu} is below {MIN_MTU}, so the kernel runs no IPv6 on it")
            }
            Self::Ipv6Disabled { .. } => f.write_str("IPv6 is disabled on it (disable_ipv6)"),
            Self::Down => f.write_str("it is down"),
            Self::NoMulticast => f.write_str("it is not capable of multicast"),
            Self::Loopback => f.write_str("it is the loopback device"),
            Self::Enslaved { kind: Some(kind) } => write!(f, "it is a port of a {kind}"),
            Self::Enslaved { kind: None } => f.write_str("it is a port of another device"),
            Self::ForwardingOff => f.write_str("it does not forward IPv6 (forwarding is 0)"),
            Self::NoLinkLocal { unopened: true } => {
                f.write_str("it has no link-local address yet: no program has the tap open")
            }
            Self::NoLinkLocal { unopened: false } => {
                f.write_str("it has no usable link-local address (none, tentative, or a duplicate)")
            }
            Self::NoPrefix { others } if others.is_empty() => f.write_str("it has no usable /64"),
            Self::NoPrefix { others } => {
                f.write_str("it has no usable /64, only ")?;
                write_list(f, others)
            }
            Self::SeveralPrefixes(prefixes) => {
                f.write_str("it has more than one /64: ")?;
                write_list(f, prefixes)
            }
            Self::FilterFull => {
                f.write_str("the filter's map of served interfaces is full (--max-interfaces)")
            }
            Self::FilterError { errno } => MapFailure::Error { errno: *errno }.fmt(f),
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, items: impl IntoIterator<Item = impl fmt::Display>) -> fmt::Result {
    for (position, item) in items.into_iter().enumerate() {
        if position > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
