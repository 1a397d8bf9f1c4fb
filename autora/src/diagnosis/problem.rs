//! What is wrong with an interface: a stable name for scripts, and a sentence for the operator.

use std::{fmt, net::Ipv6Addr, time::Duration};

use crate::{addr::Prefix64, engine::eligibility::Reason};

/// Why an interface is not served, or a warning about one that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Its name does not match. The daemon has no such reason, as it ignores these interfaces.
    NoMatch {
        /// The regular expression, or the process that has it.
        whose: String,
    },
    /// It failed a test.
    NotServed(Reason),
    /// The daemon that answers does not know it, although its name matches.
    UnknownToDaemon,
    /// The daemon that answers does something else than the tests say.
    DaemonDisagrees {
        /// What it does.
        says: String,
    },
    /// `net.ipv6.conf.all.forwarding` is 0, so the host drops what guests send through it.
    HostDoesNotForward,
    /// The prefix has no connected route, and no other that leads through the interface.
    NoConnectedRoute(Prefix64),
    /// The neighbour table is too small for `--send raw`.
    TooFewNeighbours {
        /// The table's limit (`gc_thresh3`).
        limit: u32,
        /// The number of entries that is needed.
        needed: usize,
    },
    /// The last RA did not leave.
    RaNotSent {
        /// The error.
        error: String,
        /// How long ago the last one left.
        last_sent_ago: Option<Duration>,
    },
    /// Another /64 is there, which is not advertised.
    AnotherPrefix(Prefix64),
    /// An interface of this name is served with the same /64.
    SamePrefix(Prefix64, String),
    /// `accept_ra` is 2: the kernel takes RAs of guests.
    AcceptsRa,
    /// The host has a default route through the interface that an RA made.
    DefaultRouteByRa,
    /// Another router advertises on the link.
    OtherRouter {
        /// The source address of its RA.
        source: Ipv6Addr,
        /// How long ago that RA arrived.
        heard_ago: Duration,
    },
}

impl Problem {
    /// The stable name of [`Problem::NoMatch`].
    pub const NO_MATCH: &str = "no-match";

    /// Returns the stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoMatch { .. } => Self::NO_MATCH,
            Self::NotServed(reason) => reason.name(),
            Self::UnknownToDaemon => "unknown-to-daemon",
            Self::DaemonDisagrees { .. } => "daemon-disagrees",
            Self::HostDoesNotForward => "host-forwarding-off",
            Self::NoConnectedRoute(_) => "no-connected-route",
            Self::TooFewNeighbours { .. } => "neighbour-table-small",
            Self::RaNotSent { .. } => "ra-not-sent",
            Self::AnotherPrefix(_) => "another-prefix",
            Self::SamePrefix(..) => "same-prefix",
            Self::AcceptsRa => "accepts-ra",
            Self::DefaultRouteByRa => "default-route-by-ra",
            Self::OtherRouter { .. } => "other-router",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatch { whose } => write!(f, "its name does not match {whose}"),
            Self::NotServed(reason) => reason.fmt(f),
            Self::UnknownToDaemon => f.write_str("the daemon that answers has no interface of this name and index"),
            Self::DaemonDisagrees { says } => write!(f, "the daemon that answers {says}"),
            Self::HostDoesNotForward => f.write_str(
                "the host does not forward (net.ipv6.conf.all.forwarding is 0): guests get a default route, and their \
                 packets are dropped",
            ),
            Self::NoConnectedRoute(prefix) => write!(
                f,
                "{prefix} has no connected route (noprefixroute), and no other route leads to it through this interface: \
                 replies do not reach the guest"
            ),
            Self::TooFewNeighbours { limit, needed } => write!(
                f,
                "gc_thresh3 is {limit}, and --send raw needs a neighbour entry on each of {needed} interfaces: some \
                 RAs will fail"
            ),
            Self::RaNotSent { error, last_sent_ago: Some(ago) } => {
                write!(f, "the last RA did not leave: {error}; the one before it was sent {} s ago", ago.as_secs())
            }
            Self::RaNotSent { error, last_sent_ago: None } => write!(f, "no RA has left yet: {error}"),
            Self::AnotherPrefix(prefix) => {
                write!(f, "{prefix} is there, too, and is not advertised (--several-prefixes keep)")
            }
            Self::SamePrefix(prefix, other) => {
                write!(f, "{other} is served with {prefix}, too: this host sends replies to the guests of both through one")
            }
            Self::AcceptsRa => f.write_str(
                "accept_ra is 2: the kernel configures itself by RAs that come in here; a guest can give this host addresses \
                 and routes",
            ),
            Self::DefaultRouteByRa => f.write_str(
                "this host has a default route through it that an RA made: on an uplink autora is a second router; on a \
                 guest's link the guest gets this host's packets",
            ),
            Self::OtherRouter { source, heard_ago } => write!(
                f,
                "another router advertises here: {source}, heard {} s ago; a guest, or a second RA daemon",
                heard_ago.as_secs()
            ),
        }
    }
}
