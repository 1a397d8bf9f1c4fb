//! What `explain` shows: each test with what it met, what is wrong, and the commands that help.
//!
//! The tests are those of [`eligibility`], the one list that the daemon decides by. Pure, as [`crate::engine`] is.

mod found;
mod problem;
mod remedy;
mod shell;

use std::{net::Ipv6Addr, time::Duration};

pub use self::{
    found::printable,
    problem::{Concern, Problem},
    remedy::Remedy,
    shell::Shell,
};
use crate::{
    addr::{IfIndex, LinkLocal},
    engine::{
        eligibility::{self, MapFailure, Policy, Service, Subject, Test},
        interface::{Host, Interface},
    },
};

/// All there is to say of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: IfIndex,
    /// What becomes of it.
    pub conclusion: Conclusion,
    /// Every test with the value that it met, in order.
    pub checks: Vec<Check>,
    /// What does not keep it from being served, but deserves a look.
    pub warnings: Vec<Concern>,
    /// Whether the link has a carrier: without one serving pauses.
    pub carrier: bool,
    /// Whether a running daemon had its say: then it is served, or is not; else it would be, or would not.
    pub is_live: bool,
    /// How long ago that daemon last sent there.
    pub last_sent_ago: Option<Duration>,
}

/// What becomes of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// It is served, or would be.
    Served(Service),
    /// It would be, as soon as it has a carrier.
    Paused(Service),
    /// It failed at least one test.
    NotServed,
    /// Its name does not match.
    NoMatch,
}

/// One test, and what it met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The test's name.
    pub name: &'static str,
    /// The value that was found.
    pub found: String,
    /// Why the interface failed the test, if it did.
    pub failure: Option<Concern>,
}

/// What an explanation goes by, beside the interface.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Which names match, if that is known.
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
    /// Why its filter's map took no entry for it, if it took none.
    pub map_failure: Option<MapFailure>,
    /// The address that it serves the interface from now.
    pub source: Option<LinkLocal>,
    /// How long ago it last sent there.
    pub last_sent_ago: Option<Duration>,
    /// The other router that it heard there last, and how long ago.
    pub other_router: Option<(Ipv6Addr, Duration)>,
}

/// Explains `interface`.
#[must_use]
pub fn explain(interface: &Interface, evidence: Evidence<'_>) -> Explanation {
    let subject = Subject::new(interface, evidence.daemon.and_then(|daemon| daemon.source));
    let service = eligibility::judge(&subject).ok();
    let checks = checks(&subject, evidence);
    Explanation {
        name: interface.name.clone(),
        index: interface.index,
        conclusion: conclusion(service, &checks),
        checks,
        warnings: warnings(service.as_ref(), interface, evidence),
        carrier: interface.flags.carrier,
        is_live: evidence.daemon.is_some(),
        last_sent_ago: evidence.daemon.and_then(|daemon| daemon.last_sent_ago),
    }
}

impl Explanation {
    /// Returns whether it is served, or would be: without a carrier it is, only nothing is sent.
    #[must_use]
    pub const fn is_served(&self) -> bool {
        matches!(self.conclusion, Conclusion::Served(_) | Conclusion::Paused(_))
    }

    /// Returns how it is served, or would be.
    #[must_use]
    pub const fn service(&self) -> Option<&Service> {
        match &self.conclusion {
            Conclusion::Served(service) | Conclusion::Paused(service) => Some(service),
            Conclusion::NotServed | Conclusion::NoMatch => None,
        }
    }

    /// Returns every reason against it.
    pub fn failures(&self) -> impl Iterator<Item = &Concern> {
        self.checks.iter().filter_map(|check| check.failure.as_ref())
    }
}

fn conclusion(service: Option<Service>, checks: &[Check]) -> Conclusion {
    let mut failures = checks.iter().filter_map(|check| check.failure.as_ref()).peekable();
    let has_failed = failures.peek().is_some();
    match service {
        _ if failures.any(|failure| matches!(failure.problem, Problem::NoMatch { .. })) => {
            Conclusion::NoMatch
        }
        Some(service) if !has_failed && service.carrier => Conclusion::Served(service),
        Some(service) if !has_failed => Conclusion::Paused(service),
        Some(_) | None => Conclusion::NotServed,
    }
}

/// Returns all tests in order: of the name, of the interface, and of the daemon's room for it.
fn checks(subject: &Subject<'_>, evidence: Evidence<'_>) -> Vec<Check> {
    let interface = subject.interface;
    let check = |name, found, problem: Option<Problem>| Check {
        name,
        found,
        failure: problem.map(|problem| Concern::new(problem, interface, evidence.master)),
    };
    let of_name = test_of_name(interface, evidence).map(|(found, problem)| check("name", found, problem));
    let of_interface = Test::ALL.iter().map(|&test| {
        let found = found::found(test, subject, evidence.master);
        check(name(test), found, test.failure(subject).map(Problem::NotServed))
    });
    // Only the daemon knows whether it has room.
    let of_room = evidence.daemon.map(|daemon| {
        let found = match daemon.map_failure {
            None => "enough",
            Some(MapFailure::Full) => "none left",
            Some(MapFailure::Error { .. }) => "refused by the kernel",
        };
        let problem = daemon.map_failure.map(|failure| Problem::NotServed(failure.into()));
        check("room", found.to_owned(), problem)
    });
    of_name.into_iter().chain(of_interface).chain(of_room).collect()
}

/// Returns whether the name matches, if there is something to match it with. A running daemon's word counts for more.
fn test_of_name(interface: &Interface, evidence: Evidence<'_>) -> Option<(String, Option<Problem>)> {
    let (matches, whose) = match (evidence.daemon, evidence.policy) {
        (Some(daemon), _) => (daemon.matches, "the daemon's --interface-regex".to_owned()),
        (None, Some(policy)) => (policy.pattern.is_match(&interface.name), policy.pattern.to_string()),
        (None, None) => return None,
    };
    let found = format!("{} {whose}", if matches { "matches" } else { "does not match" });
    Some((found, (!matches).then_some(Problem::NoMatch { whose })))
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

fn warnings(service: Option<&Service>, interface: &Interface, evidence: Evidence<'_>) -> Vec<Concern> {
    let Evidence { host, served_raw, daemon, .. } = evidence;
    let force = interface.ipv6.is_some_and(|ipv6| ipv6.force_forwarding);
    let limit = host.neighbour_limit;
    [
        (!host.forwarding && !force).then_some(Problem::HostDoesNotForward),
        service
            .filter(|service| !service.connected_route)
            .map(|service| Problem::NoConnectedRoute(service.prefix)),
        served_raw
            .filter(|&needed| eligibility::too_few_neighbours(host, needed))
            .and_then(|needed| Some(Problem::TooFewNeighbours { limit: limit?, needed })),
        daemon
            .and_then(|daemon| daemon.other_router)
            .map(|(source, heard_ago)| Problem::OtherRouter { source, heard_ago }),
    ]
    .into_iter()
    .flatten()
    .map(|problem| Concern::new(problem, interface, evidence.master))
    .collect()
}

#[cfg(test)]
mod tests;
