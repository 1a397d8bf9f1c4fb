//! What only a running daemon knows, and whether it does what the tests say.

use std::{net::Ipv6Addr, time::Duration};

use super::problem::Problem;
use crate::engine::{
    eligibility::{AddressPolicy, InUse, MapFailure, Reason, Service},
    fleet::ServiceState,
};

/// What only a running daemon knows of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromDaemon {
    /// Whether its regular expression matches.
    pub matches: bool,
    /// The state of the interface; `None` if the daemon does not know one of this index and name.
    pub state: Option<ServiceState>,
    /// The names of its reasons not to serve it.
    pub reasons: Vec<String>,
    /// Why its filter's map has no entry for the interface, if an entry was refused.
    pub map_failure: Option<MapFailure>,
    /// The reason that names another daemon, if one serves it.
    pub served_by_another: Option<Reason>,
    /// The source and the prefix in use.
    pub in_use: InUse,
    /// Which addresses it may use.
    pub addresses: AddressPolicy,
    /// How long ago it last sent an RA there.
    pub last_sent_ago: Option<Duration>,
    /// Why the last RA did not leave; `None` if it did.
    pub send_error: Option<String>,
    /// The source of the last RA from another router, and how long ago it arrived.
    pub other_router: Option<(Ipv6Addr, Duration)>,
}

impl FromDaemon {
    pub(super) fn not_sent(&self) -> Option<Problem> {
        let error = self.send_error.clone()?;
        Some(Problem::RaNotSent { error, last_sent_ago: self.last_sent_ago })
    }

    /// Returns what the daemon does with the interface, in words.
    pub(super) fn says(&self) -> String {
        let InUse { source, prefix } = self.in_use;
        let pair =
            source.zip(prefix).map(|(source, prefix)| format!(" from {source} with {prefix}")).unwrap_or_default();
        match self.state {
            None => "does not know it".to_owned(),
            Some(ServiceState::Serving) => format!("serves it{pair}"),
            Some(ServiceState::Paused) => format!("serves it{pair}, paused"),
            Some(ServiceState::NotServed) => format!("does not serve it: {}", self.reasons.join(", ")),
            Some(ServiceState::Ceasing) => "is about to withdraw it".to_owned(),
        }
    }

    /// Returns the problem if the daemon does something else than serve the interface by `service`, or than not serve
    /// it.
    pub(super) fn contradiction(&self, service: Option<&Service>) -> Option<Problem> {
        let expected = match service {
            None => ServiceState::NotServed,
            Some(service) if service.is_ready() => ServiceState::Serving,
            Some(_) => ServiceState::Paused,
        };
        let pair = service.map(|service| InUse { source: Some(service.source), prefix: Some(service.prefix) });
        match self.state {
            None => Some(Problem::UnknownToDaemon),
            Some(state) if state == expected && pair.is_none_or(|pair| pair == self.in_use) => None,
            Some(_) => Some(Problem::DaemonDisagrees { says: self.says() }),
        }
    }
}
