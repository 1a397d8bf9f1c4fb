//! Why an interface is not served: a stable name and a sentence for each reason.

use std::{fmt, io, net::Ipv6Addr};

use crate::{
    addr::{LinkLocal, Prefix64},
    engine::interface::MIN_MTU,
};

/// A failed test of eligibility.
///
/// [`Reason::name`] is stable, for scripts; [`fmt::Display`] writes a sentence for the operator.
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
    /// A port of a bridge, bond, team or Open vSwitch: IPv6 runs on the master instead.
    Enslaved {
        /// The kind of the master, if the kernel names it.
        kind: Option<String>,
    },
    /// `forwarding` is 0, so the kernel would drop guests' packets.
    ForwardingOff,
    /// No usable link-local address.
    NoLinkLocal {
        /// A tun or tap device that no program holds open: the kernel makes no link-local address without
        /// carrier.
        unopened: bool,
        /// The only address that counts, if the operator chose one.
        required: Option<LinkLocal>,
    },
    /// No usable /64.
    NoPrefix {
        /// The addresses of global scope, with the reason why each makes no usable /64.
        others: Vec<Uncounted>,
    },
    /// More than one usable /64: which one to advertise is ambiguous.
    SeveralPrefixes(Vec<Prefix64>),
    /// The SERVED map is full.
    FilterFull,
    /// The kernel refuses an entry in the SERVED map for another reason.
    FilterError {
        /// The error number of the system call.
        errno: i32,
    },
    /// Another daemon on this host serves it.
    ServedByAnother(Option<OtherDaemon>),
}

/// A daemon of this network namespace that has claimed an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDaemon {
    /// Its runtime directory.
    pub directory: String,
    /// Its process; `None` if it has ended or let go of the interface a moment ago, and may be back.
    pub pid: Option<u32>,
}

impl fmt::Display for OtherDaemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directory, pid } = self;
        match pid {
            Some(pid) => write!(f, "another autora serves it: process {pid} with {directory}"),
            None => write!(f, "another autora served it a moment ago: the one with {directory}"),
        }
    }
}

/// Why the SERVED map took no entry for an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapFailure {
    /// The map is full.
    #[error("the filter's map of served interfaces is full")]
    Full,
    /// The kernel refused the entry for another reason.
    #[error("the kernel refuses an entry in the filter's map: {}", io::Error::from_raw_os_error(*errno))]
    Error {
        /// The error number of the system call.
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

/// An address of global scope that makes no usable /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncounted {
    /// The address.
    pub address: Ipv6Addr,
    /// The prefix length in bits.
    pub prefix_len: u8,
    /// Why it makes none.
    pub why: WhyUncounted,
}

/// Why an address of global scope makes no usable /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyUncounted {
    /// It is multicast, IPv4-mapped or the like: no guest forms an address in such a prefix.
    NotUnicast,
    /// The prefix length is not 64.
    NotA64,
    /// DAD found it at another node.
    Duplicate,
    /// DAD runs.
    Tentative,
    /// Its preferred lifetime is over, and another /64 is there.
    Deprecated,
    /// A temporary address [RFC 8981](https://www.rfc-editor.org/rfc/rfc8981).
    Temporary,
    /// The kernel formed it from an RA that came in on the interface.
    Learned,
    /// It has `mngtmpaddr`, by which kernels before Linux 5.18 mark addresses formed from an RA.
    Mngtmpaddr,
}

impl fmt::Display for WhyUncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotA64 => "not a /64",
            Self::Duplicate => "a duplicate",
            Self::Tentative => "tentative",
            Self::Deprecated => "deprecated",
            Self::Temporary => "temporary",
            Self::NotUnicast => "not unicast",
            Self::Learned => "learned from an RA",
            Self::Mngtmpaddr => "mngtmpaddr, as if learned from an RA",
        })
    }
}

impl fmt::Display for Uncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({})", self.address, self.prefix_len, self.why)
    }
}

impl Reason {
    /// Returns the stable name.
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
            Self::ServedByAnother(_) => "served-by-another",
        }
    }

    /// Returns the failure of the SERVED map, if that is the reason.
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
            | Self::SeveralPrefixes(_)
            | Self::ServedByAnother(_) => None,
        }
    }

    /// Returns whether the reason may go without a change of the interface.
    #[must_use]
    pub const fn is_outside(&self) -> bool {
        matches!(self, Self::ServedByAnother(_)) || self.map_failure().is_some()
    }
}

impl MapFailure {
    /// Returns the error number of the system call, or `None` for a full map.
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
            Self::NoLinkLocal { unopened: true, .. } => {
                f.write_str("it has no link-local address yet: no program has the tap open")
            }
            Self::NoLinkLocal { required: Some(source), .. } => {
                write!(f, "it has no usable link-local address {source} (--source-address)")
            }
            Self::NoLinkLocal { .. } => {
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
            Self::FilterFull => f.write_str("the filter's map of served interfaces is full (--max-interfaces)"),
            Self::FilterError { errno } => MapFailure::Error { errno: *errno }.fmt(f),
            Self::ServedByAnother(Some(other)) => other.fmt(f),
            Self::ServedByAnother(None) => f.write_str("another autora may serve it"),
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
