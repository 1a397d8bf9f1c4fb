//! What an explanation rests on.

use super::{daemon::FromDaemon, routes::Routes};
use crate::engine::{
    eligibility::{self, Policy, Reason, Service, Subject},
    interface::{Host, Interface},
};

/// What an explanation rests on, apart from the interface.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The regular expression that the command was given.
    pub policy: Option<&'a Policy>,
    /// Settings of the whole host.
    pub host: &'a Host,
    /// The name of the device that the interface is a port of, if it is in the same network namespace.
    pub master: Option<&'a str>,
    /// How many interfaces are served through a raw socket; `None` for a packet socket.
    pub served_raw: Option<usize>,
    /// The host's routes through it, and another interface with the same.
    pub routes: &'a Routes,
    /// What a running daemon knows of the interface; `None` if no daemon answers.
    pub daemon: Option<&'a FromDaemon>,
}

impl Evidence<'_> {
    /// Returns whether the interface's name matches; `None` without a regular expression. A running daemon's takes
    /// precedence over the command's.
    #[must_use]
    pub fn matches(&self, interface: &Interface) -> Option<bool> {
        let by_policy = || self.policy.map(|policy| policy.pattern.is_match(&interface.name));
        self.daemon.map(|daemon| daemon.matches).or_else(by_policy)
    }

    /// Returns how the interface is served if its name matches, or why it is not.
    ///
    /// # Errors
    ///
    /// Every failed test.
    pub fn judge(&self, interface: &Interface) -> Result<Service, Vec<Reason>> {
        eligibility::judge(&self.subject(interface))
    }

    /// Prepares `interface` for the tests.
    pub(super) fn subject<'i>(&self, interface: &'i Interface) -> Subject<'i> {
        let (addresses, in_use) = self.daemon.map(|daemon| (daemon.addresses, daemon.kept())).unwrap_or_default();
        Subject::new(addresses, interface, in_use)
    }
}
