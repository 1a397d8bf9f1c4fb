//! What `explain` found, before it is shown.

use crate::{
    commands::{absent::Missing, screen::list},
    diagnosis::{Concern, Conclusion, Explanation, Problem, Shell},
    engine::{
        eligibility::{Reason, Service},
        interface::Host,
    },
};

/// The explanations, and what they rest on.
pub(super) struct Findings {
    /// The regular expression by which names were tested, if there is one.
    pub(super) regex: Option<String>,
    pub(super) host: Host,
    pub(super) interfaces: Vec<Explanation>,
    pub(super) missing: Vec<Missing>,
    pub(super) daemon_answers: bool,
    /// The command that lists all interfaces, beside the same daemon.
    pub(super) list: Shell,
}

impl Findings {
    /// Returns whether every interface that was named and exists, or else every one that matches, is served and has its
    /// RAs, and there is one. Without names and without a regular expression it is only a list, which is always true.
    pub(super) fn all_served(&self, named: bool) -> bool {
        if !named && self.regex.is_none() {
            return true;
        }
        let matching = |found: &&Explanation| named || found.conclusion != Conclusion::NoMatch;
        let mut wanted = self.interfaces.iter().filter(matching).peekable();
        wanted.peek().is_some() && wanted.all(|one| one.is_served() && !one.fails_to_send())
    }
}

/// Returns why an interface is not served: every test that it failed, but of the loopback device, which fails others by
/// its nature, that one alone.
pub(super) fn causes(found: &Explanation) -> Vec<&Concern> {
    let is_loopback = |one: &&Concern| matches!(one.problem, Problem::NotServed(Reason::Loopback));
    match found.failures().find(is_loopback) {
        Some(loopback) => vec![loopback],
        None => found.failures().collect(),
    }
}

/// Returns the names of these causes.
pub(super) fn named(causes: &[&Concern]) -> String {
    list(causes.iter().map(|cause| cause.problem.name()))
}

/// Returns the source and the prefix of `service` in words.
pub(super) fn describe(service: &Service) -> String {
    format!("from {} with {}", service.source, service.prefix)
}

/// Returns the same of one that is paused, and what it waits for.
pub(super) fn paused(service: &Service) -> String {
    let until = service.waits_for().map(|what| format!(", once {}", what.condition())).unwrap_or_default();
    format!("{}{until}", describe(service))
}
