//! What `explain` shows: each test with the value that it found, the problems, and what to do about them.
//!
//! The tests are those of [`eligibility`], by which the daemon decides. Pure, as [`crate::engine`] is.

mod concern;
mod daemon;
mod evidence;
mod found;
pub mod guest;
mod problem;
mod remedy;
mod routes;
mod shell;

use std::time::Duration;

pub use self::{
    concern::Concern,
    daemon::{DueRa, FromDaemon, RaKind},
    evidence::Evidence,
    problem::Problem,
    remedy::{Remedy, refuse_ras},
    routes::Routes,
    shell::Shell,
};
use crate::{
    addr::IfIndex,
    engine::{
        eligibility::{self, MapFailure, Service, Subject, Test},
        fleet::ServiceState,
        handover::HeldByGuests,
        interface::Interface,
    },
};

/// The tests of one interface, and their result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The interface's name.
    pub name: String,
    /// The interface's index.
    pub index: IfIndex,
    /// The result of the tests.
    pub conclusion: Conclusion,
    /// Every test, in order.
    pub checks: Vec<Check>,
    /// Problems that do not prevent serving.
    pub warnings: Vec<Concern>,
    /// Whether the link has a carrier; without one, serving is paused.
    pub carrier: bool,
    /// Whether a running daemon knows the interface and does what the tests say, so that this is what it does, and not
    /// what one would do.
    pub is_live: bool,
    /// Whether that daemon serves it no more, and a final RA has yet to leave.
    pub is_ceasing: bool,
    /// Which RA that daemon sent there last, and how long ago.
    pub last_ra: Option<(RaKind, Duration)>,
    /// Which RA is due there next, and in how long.
    pub next_ra: Option<DueRa>,
    /// What guests hold of an interface that the daemon does not serve, where no final RA tells them.
    pub guests_hold: Option<HeldByGuests>,
}

/// Whether an interface is served, or would be if a daemon ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// It is served.
    Served(Service),
    /// It is served, and nothing is sent until it has a carrier and duplicate address detection is over.
    Paused(Service),
    /// It passes every test, and the daemon that answers does not serve it so.
    Doubtful(Service),
    /// It failed at least one test.
    NotServed,
    /// Its name does not match.
    NoMatch,
}

/// One test, and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The test's name.
    pub name: &'static str,
    /// The value that was found.
    pub found: String,
    /// Why the interface failed the test; `None` if it passed.
    pub failure: Option<Concern>,
}

/// Tests `interface`, and explains the result.
#[must_use]
pub fn explain(interface: &Interface, evidence: Evidence<'_>) -> Explanation {
    let subject = evidence.subject(interface);
    let service = eligibility::judge(&subject).ok();
    let checks = checks(&subject, evidence);
    Explanation {
        name: interface.name.clone(),
        index: interface.index,
        conclusion: conclusion(service, &checks),
        is_live: evidence.daemon.is_some() && !checks.iter().any(Check::is_contradicted),
        is_ceasing: evidence.daemon.is_some_and(|daemon| daemon.state == Some(ServiceState::Ceasing)),
        checks,
        warnings: warnings(service.as_ref(), interface, evidence),
        carrier: interface.flags.carrier,
        last_ra: evidence.daemon.and_then(|daemon| daemon.last_ra),
        next_ra: evidence.daemon.and_then(FromDaemon::next_ra),
        guests_hold: evidence.daemon.and_then(|daemon| daemon.guests_hold),
    }
}

impl Explanation {
    /// Returns whether the interface is served, or would be; a paused one is.
    #[must_use]
    pub const fn is_served(&self) -> bool {
        matches!(self.conclusion, Conclusion::Served(_) | Conclusion::Paused(_))
    }

    /// Returns whether RAs are to leave, and the last one did not.
    #[must_use]
    pub fn fails_to_send(&self) -> bool {
        let failed = |warning: &Concern| matches!(warning.problem, Problem::RaNotSent { .. });
        matches!(self.conclusion, Conclusion::Served(_)) && self.warnings.iter().any(failed)
    }

    /// Returns the source and prefix with which the interface is served, or would be.
    #[must_use]
    pub const fn service(&self) -> Option<&Service> {
        match &self.conclusion {
            Conclusion::Served(service) | Conclusion::Paused(service) | Conclusion::Doubtful(service) => Some(service),
            Conclusion::NotServed | Conclusion::NoMatch => None,
        }
    }

    /// Returns why the interface is not served: one problem for each test that it failed.
    pub fn failures(&self) -> impl Iterator<Item = &Concern> {
        self.checks.iter().filter_map(|check| check.failure.as_ref())
    }
}

impl Check {
    /// Returns whether the daemon says something else than the tests of the interface.
    fn is_contradicted(&self) -> bool {
        self.has(|problem| matches!(problem, Problem::UnknownToDaemon | Problem::DaemonDisagrees { .. }))
    }

    fn has(&self, is_it: impl FnOnce(&Problem) -> bool) -> bool {
        self.failure.as_ref().is_some_and(|failure| is_it(&failure.problem))
    }
}

fn conclusion(service: Option<Service>, checks: &[Check]) -> Conclusion {
    let is_no_match = |check: &Check| check.has(|problem| matches!(problem, Problem::NoMatch { .. }));
    let mut failed = checks.iter().filter(|check| check.failure.is_some()).peekable();
    match service {
        _ if checks.iter().any(is_no_match) => Conclusion::NoMatch,
        Some(service) if failed.peek().is_none() && service.is_ready() => Conclusion::Served(service),
        Some(service) if failed.peek().is_none() => Conclusion::Paused(service),
        Some(service) if failed.all(Check::is_contradicted) => Conclusion::Doubtful(service),
        Some(_) | None => Conclusion::NotServed,
    }
}

/// Returns all tests in order: of the name, of the interface, of the daemon's filter map and of its claim, and of what
/// the daemon does.
fn checks(subject: &Subject<'_>, evidence: Evidence<'_>) -> Vec<Check> {
    let interface = subject.interface;
    let check = |name, found, problem: Option<Problem>| Check {
        name,
        found,
        failure: problem.map(|problem| Concern::new(problem, interface, evidence)),
    };
    let of_name = test_of_name(interface, evidence).map(|(found, problem)| check("name", found, problem));
    let of_interface = Test::ALL.iter().map(|&test| {
        let found = found::found(test, subject, evidence.master);
        check(name(test), found, test.failure(subject).map(Problem::NotServed))
    });
    let of_map = evidence.daemon.and_then(test_of_map).map(|(found, problem)| check("filter map", found, problem));
    let of_claim = evidence
        .daemon
        .and_then(|daemon| daemon.served_by_another.clone())
        .map(|reason| check("one daemon", "another autora has it".to_owned(), Some(Problem::NotServed(reason))));
    let tests: Vec<_> = of_name.into_iter().chain(of_interface).chain(of_map).chain(of_claim).collect();
    let of_daemon = evidence.daemon.filter(|daemon| daemon.matches).map(|daemon| {
        let service = eligibility::judge(subject).ok().filter(|_| tests.iter().all(|test| test.failure.is_none()));
        let contradiction = daemon.contradiction(service.as_ref());
        let agrees = if contradiction.is_none() { "agrees: " } else { "" };
        check("daemon", format!("{agrees}{}", daemon.says()), contradiction)
    });
    tests.into_iter().chain(of_daemon).collect()
}

/// Returns the test of the name, if there is a regular expression.
fn test_of_name(interface: &Interface, evidence: Evidence<'_>) -> Option<(String, Option<Problem>)> {
    let matches = evidence.matches(interface)?;
    let whose = match (evidence.daemon, evidence.policy) {
        (None, Some(policy)) => policy.pattern.to_string(),
        (Some(_), _) | (None, None) => "the daemon's --interface-regex".to_owned(),
    };
    let found = format!("{} {whose}", if matches { "matches" } else { "does not match" });
    Some((found, (!matches).then_some(Problem::NoMatch { whose })))
}

/// Returns the test of the room in the daemon's filter map, if the daemon knows: it asks for an entry only where every
/// test before is passed.
fn test_of_map(daemon: &FromDaemon) -> Option<(String, Option<Problem>)> {
    let found = match (daemon.map_failure, daemon.state) {
        (None, Some(ServiceState::Serving | ServiceState::Paused)) => "has room (--max-interfaces)",
        (None, Some(ServiceState::NotServed | ServiceState::Ceasing) | None) => return None,
        (Some(MapFailure::Full), _) => "full (--max-interfaces)",
        (Some(MapFailure::Error { .. }), _) => "the kernel refuses the entry",
    };
    Some((found.to_owned(), daemon.map_failure.map(|failure| Problem::NotServed(failure.into()))))
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
    let Evidence { host, served_raw, routes, daemon, .. } = evidence;
    let limit = host.neighbour_limit;
    let matches = evidence.matches(interface);
    let service = service.filter(|_| matches != Some(false));
    // An interface that is not to be served may be the uplink, which has to take RAs.
    let is_wanted = matches.unwrap_or(service.is_some());
    [
        (host.drops_from(interface) && matches != Some(false)).then_some(Problem::HostDoesNotForward),
        service
            .filter(|service| !service.connected_route && !routes.lead_to_prefix)
            .map(|service| Problem::NoConnectedRoute(service.prefix)),
        service.and_then(|service| service.other_prefix).map(Problem::AnotherPrefix),
        service.zip(routes.same_prefix_on.clone()).map(|(service, other)| Problem::SamePrefix(service.prefix, other)),
        served_raw
            .filter(|&needed| eligibility::too_few_neighbours(host, needed))
            .and_then(|needed| Some(Problem::TooFewNeighbours { limit: limit?, needed })),
        daemon.and_then(FromDaemon::not_sent),
        (is_wanted && interface.ipv6.is_some_and(|ipv6| ipv6.accepts_ra)).then_some(Problem::AcceptsRa),
        service.filter(|_| routes.default_by_ra).map(|_| Problem::DefaultRouteByRa),
        daemon
            .and_then(|daemon| daemon.other_router)
            .map(|(source, heard_ago)| Problem::OtherRouter { source, heard_ago }),
    ]
    .into_iter()
    .flatten()
    .map(|problem| Concern::new(problem, interface, evidence))
    .collect()
}

#[cfg(test)]
mod tests;
