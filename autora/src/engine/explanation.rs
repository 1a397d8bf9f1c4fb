//! Why one interface is served or not, with everything that was found: for a person who wonders.
//!
//! The tests are those of [`super::eligibility`]; here are the values that they met, and what helps.

mod found;
mod remedy;
mod shell;

use std::{fmt, net::Ipv6Addr, time::Duration};

pub use self::{found::shown, remedy::Remedy, shell::Shell};
use super::{
    eligibility::{self, Policy, Reason, Service, Subject, Test},
    interface::{Host, Interface},
};
use crate::addr::{LinkLocal, Prefix64};

/// All there is to say of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: u32,
    /// What becomes of it.
    pub state: State,
    /// Every test with the value that it met, in order.
    pub checks: Vec<Check>,
    /// What does not keep it from being served, but deserves a look.
    pub warnings: Vec<(Warning, Vec<Remedy>)>,
    /// Whether the link has a carrier: without one serving pauses.
    pub carrier: bool,
    /// Whether a running daemon had its say: then it is served, or is not; else it would be, or would not.
    pub is_live: bool,
    /// How long ago that daemon last sent there.
    pub last_sent_ago: Option<Duration>,
}

/// What becomes of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is served, or would be.
    Served(Service),
    /// It would be, as soon as it has a carrier.
    Paused(Service),
    /// It failed at least one test.
    Refused,
    /// Its name does not match.
    Ignored,
}

/// One test, and what it met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The test's name.
    pub name: &'static str,
    /// The value that was found.
    pub found: String,
    /// Why the interface failed the test, if it did, and what helps.
    pub failure: Option<Failure>,
}

/// Why an interface failed a test, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The stable name of the reason.
    pub reason: &'static str,
    /// The reason as a sentence.
    pub sentence: String,
    /// What helps; what comes first has to be done first.
    pub remedies: Vec<Remedy>,
}

/// What does not keep an interface from being served, but deserves a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The host forwards nothing from there.
    HostDoesNotForward,
    /// The kernel made no route for the prefix.
    NoConnectedRoute(Prefix64),
    /// Too few neighbours for a raw socket.
    TooFewNeighbours {
        /// How many the kernel keeps at most.
        limit: u32,
        /// How many there are to be at least.
        needed: usize,
    },
    /// Another router advertises there.
    ForeignRouter {
        /// Its address.
        source: Ipv6Addr,
        /// How long ago it was heard.
        heard_ago: Duration,
    },
}

/// What an explanation goes by, beside the interface.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Which names match, if anybody said.
    pub policy: Option<&'a Policy>,
    /// The host-wide facts.
    pub host: &'a Host,
    /// The name of the device that the interface is a port of, if it is one and that can be seen.
    pub master: Option<&'a str>,
    /// How many interfaces are served through a raw socket, if they are.
    pub served_raw: Option<usize>,
    /// What a running daemon says of the interface, if one does.
    pub daemon: Option<&'a FromDaemon>,
}

/// What only a running daemon knows of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromDaemon {
    /// Its own regular expression matches.
    pub matches: bool,
    /// Its filter's map had no room left.
    pub filter_full: bool,
    /// The address that it serves the interface from now.
    pub source: Option<LinkLocal>,
    /// How long ago it last sent there.
    pub last_sent_ago: Option<Duration>,
    /// The other router that it heard there last, and how long ago.
    pub foreign_router: Option<(Ipv6Addr, Duration)>,
}

/// Explains `interface`.
#[must_use]
pub fn explain(interface: &Interface, context: Context<'_>) -> Explanation {
    let subject = Subject::new(interface, context.daemon.and_then(|daemon| daemon.source));
    let tests = Test::ALL.iter().map(|&test| {
        let failure = test.failure(&subject).map(|reason| failure(&reason, interface, context));
        Check { name: name(test), found: found::found(test, &subject, context.master), failure }
    });
    let checks: Vec<_> =
        name_check(interface, context).into_iter().chain(tests).chain(room(context)).collect();
    let service = eligibility::judge(&subject).ok();
    let state = match service {
        _ if checks.iter().any(Check::is_mismatch) => State::Ignored,
        Some(service) if checks.iter().all(|check| check.failure.is_none()) => {
            if service.carrier {
                State::Served(service)
            } else {
                State::Paused(service)
            }
        }
        Some(_) | None => State::Refused,
    };
    Explanation {
        name: interface.name.clone(),
        index: interface.index.get(),
        state,
        checks,
        warnings: warnings(service.as_ref(), interface, context),
        carrier: interface.flags.carrier,
        is_live: context.daemon.is_some(),
        last_sent_ago: context.daemon.and_then(|daemon| daemon.last_sent_ago),
    }
}

impl Explanation {
    /// Whether it is served, or would be: without a carrier it is, only nothing is sent.
    #[must_use]
    pub const fn is_served(&self) -> bool {
        matches!(self.state, State::Served(_) | State::Paused(_))
    }

    /// Every reason against it.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.checks.iter().filter_map(|check| check.failure.as_ref())
    }
}

/// The name of the test of the name, and of the reason when it fails: one that the daemon has no need of, as it says
/// nothing of interfaces that are none of its business.
const NAME: &str = "name";
const NO_MATCH: &str = "no-match";

impl Check {
    fn is_mismatch(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.reason == NO_MATCH)
    }
}

/// Whether the name matches, if there is something to match it with. A running daemon's word counts for more.
fn name_check(interface: &Interface, context: Context<'_>) -> Option<Check> {
    let (matches, whose) = match (context.daemon, context.policy) {
        (Some(daemon), _) => (daemon.matches, "the daemon's --interface-regex".to_owned()),
        (None, Some(policy)) => (policy.pattern.is_match(&interface.name), policy.pattern.to_string()),
        (None, None) => return None,
    };
    Some(Check {
        name: NAME,
        found: format!("{} {whose}", if matches { "matches" } else { "does not match" }),
        failure: (!matches).then(|| Failure {
            reason: NO_MATCH,
            sentence: format!("its name does not match {whose}"),
            remedies: vec![Remedy::Advice("give the daemon an --interface-regex that matches it".to_owned())],
        }),
    })
}

/// Whether the daemon had room for it; only the daemon knows.
fn room(context: Context<'_>) -> Option<Check> {
    let full = context.daemon?.filter_full;
    Some(Check {
        name: "room",
        found: if full { "none left" } else { "enough" }.to_owned(),
        failure: full.then(|| Failure {
            reason: Reason::FilterFull.name(),
            sentence: Reason::FilterFull.to_string(),
            remedies: vec![Remedy::Advice("start the daemon with a larger --max-interfaces".to_owned())],
        }),
    })
}

const fn name(test: Test) -> &'static str {
    match test {
        Test::Ipv6 => "ipv6",
        Test::Up => "up",
        Test::Multicast => "multicast",
        Test::NotLoopback => "not loopback",
        Test::NotEnslaved => "not a port",
        Test::Forwarding => "forwarding",
        Test::LinkLocal => "link-local",
        Test::Prefix => "one /64",
    }
}

fn failure(reason: &Reason, interface: &Interface, context: Context<'_>) -> Failure {
    Failure {
        reason: reason.name(),
        sentence: reason.to_string(),
        remedies: remedy::against(reason, interface, context.master),
    }
}

fn warnings(
    service: Option<&Service>,
    interface: &Interface,
    context: Context<'_>,
) -> Vec<(Warning, Vec<Remedy>)> {
    let Context { host, served_raw, daemon, .. } = context;
    let force = interface.ipv6.is_some_and(|ipv6| ipv6.force_forwarding);
    let limit = host.neighbour_limit;
    [
        (!host.forwarding && !force).then_some(Warning::HostDoesNotForward),
        service
            .filter(|service| !service.connected_route)
            .map(|service| Warning::NoConnectedRoute(service.prefix)),
        served_raw
            .filter(|&needed| eligibility::too_few_neighbours(host, needed))
            .and_then(|needed| Some(Warning::TooFewNeighbours { limit: limit?, needed })),
        daemon
            .and_then(|daemon| daemon.foreign_router)
            .map(|(source, heard_ago)| Warning::ForeignRouter { source, heard_ago }),
    ]
    .into_iter()
    .flatten()
    .map(|warning| {
        let remedies = remedy::for_warning(&warning, interface);
        (warning, remedies)
    })
    .collect()
}

impl Warning {
    /// A stable name, for scripts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::HostDoesNotForward => "host-forwarding-off",
            Self::NoConnectedRoute(_) => "no-connected-route",
            Self::TooFewNeighbours { .. } => "neighbour-table-small",
            Self::ForeignRouter { .. } => "foreign-router",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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
            Self::ForeignRouter { source, heard_ago } => write!(
                f,
                "another router advertises here: {source}, heard {} s ago; a guest, or a second RA daemon",
                heard_ago.as_secs()
            ),
        }
    }
}
#[cfg(test)]
#[path = "explanation_tests.rs"]
mod tests;
