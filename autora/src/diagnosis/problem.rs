//! What is wrong with an interface: a stable name for scripts, a sentence for a person, and what helps.

use std::{fmt, net::Ipv6Addr, time::Duration};

use super::remedy::{self, Remedy};
use crate::{
    addr::Prefix64,
    engine::{eligibility::Reason, interface::Interface},
};

/// What keeps an interface from being served, or deserves a look while it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Its name does not match. The daemon has no such reason: it says nothing of interfaces that do not match.
    NoMatch {
        /// The regular expression, or whose it is.
        whose: String,
    },
    /// It failed a test.
    NotServed(Reason),
    /// The host forwards nothing from there.
    HostDoesNotForward,
    /// The kernel made no route for the prefix.
    NoConnectedRoute(Prefix64),
    /// The kernel keeps fewer neighbours than a raw socket needs.
    TooFewNeighbours {
        /// How many the kernel keeps at most.
        limit: u32,
        /// How many there are to be at least.
        needed: usize,
    },
    /// Another router advertises there.
    OtherRouter {
        /// Its address.
        source: Ipv6Addr,
        /// How long ago it was heard.
        heard_ago: Duration,
    },
}

/// A problem, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// What is wrong.
    pub problem: Problem,
    /// What helps; what comes first has to be done first.
    pub remedies: Vec<Remedy>,
}

impl Concern {
    pub(super) fn new(problem: Problem, interface: &Interface, master: Option<&str>) -> Self {
        Self { remedies: remedy::against(&problem, interface, master), problem }
    }
}

impl Problem {
    /// Returns the stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoMatch { .. } => "no-match",
            Self::NotServed(reason) => reason.name(),
            Self::HostDoesNotForward => "host-forwarding-off",
            Self::NoConnectedRoute(_) => "no-connected-route",
            Self::TooFewNeighbours { .. } => "neighbour-table-small",
            Self::OtherRouter { .. } => "other-router",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatch { whose } => write!(f, "its name does not match {whose}"),
            Self::NotServed(reason) => reason.fmt(f),
            Self::HostDoesNotForward => f.write_str(
                "net.ipv6.conf.all.forwarding is 0: guests get a default route, and this host drops what they send",
            ),
            Self::NoConnectedRoute(prefix) => write!(
                f,
                "{prefix} has no connected route (noprefixroute): unless it is routed in another way, answers do \
                 not reach the guest"
            ),
            Self::TooFewNeighbours { limit, needed } => write!(
                f,
                "gc_thresh3 is {limit}, and --send raw needs a neighbour entry on each of {needed} interfaces: some \
                 RAs will fail"
            ),
            Self::OtherRouter { source, heard_ago } => write!(
                f,
                "another router advertises here: {source}, heard {} s ago; a guest, or a second RA daemon",
                heard_ago.as_secs()
            ),
        }
    }
}
