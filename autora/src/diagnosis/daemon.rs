//! What only a running daemon knows, and whether it does what the tests say.

use std::{net::Ipv6Addr, time::Duration};

use super::problem::Problem;
use crate::{
    addr::Prefix64,
    engine::{
        eligibility::{AddressPolicy, InUse, MapFailure, Reason, Service},
        fleet::ServiceState,
        handover::HeldByGuests,
    },
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
    /// The source and the prefix with which it serves.
    pub in_use: InUse,
    /// The prefix that it advertised last, until its Valid Lifetime has run out at guests; also where it serves no
    /// more.
    pub advertised: Option<Prefix64>,
    /// What guests hold where it does not serve, and no final RA is about to leave.
    pub guests_hold: Option<HeldByGuests>,
    /// The prefixes that guests hold from before that one, the oldest first.
    pub retired: Vec<Prefix64>,
    /// Which addresses it may use.
    pub addresses: AddressPolicy,
    /// How long ago it last sent an RA there, and which.
    pub last_ra: Option<(RaKind, Duration)>,
    /// How long until the next RA is due there.
    pub next_ra_in: Option<Duration>,
    /// Why the last RA did not leave; `None` if it did.
    pub send_error: Option<String>,
    /// The source of the last RA from another router, and how long ago it arrived.
    pub other_router: Option<(Ipv6Addr, Duration)>,
}

/// What guests make of an RA that has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaKind {
    /// They have a router.
    Usual,
    /// They drop the source as a router.
    Final,
    /// They drop the source that was in use before the present one.
    FinalOfOldSource,
}

/// The RA that is due next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueRa {
    /// How long until it may leave.
    pub due_in: Duration,
    /// Whether it is a final one, after which guests have no router here.
    pub is_final: bool,
}

impl FromDaemon {
    /// Returns the prefix that guests hold, the one advertised last if they hold several.
    pub(super) fn held_prefix(&self) -> Option<Prefix64> {
        self.in_use.prefix.or(self.advertised).or(self.retired.last().copied())
    }

    /// Returns the source and the prefix that the interface keeps as long as it can; no source where it does not serve,
    /// as the daemon does not tell that one.
    pub(super) fn kept(&self) -> InUse {
        InUse { prefix: self.in_use.prefix.or(self.advertised), ..self.in_use }
    }

    /// Returns the RA that is due next. Where it does not serve, only a final RA is due.
    pub(super) fn next_ra(&self) -> Option<DueRa> {
        let serves = matches!(self.state, Some(ServiceState::Serving | ServiceState::Paused));
        Some(DueRa { due_in: self.next_ra_in?, is_final: !serves })
    }

    pub(super) fn not_sent(&self) -> Option<Problem> {
        let error = self.send_error.clone()?;
        Some(Problem::RaNotSent { error, last_sent_ago: self.last_ra.map(|(_, ago)| ago) })
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
            Some(ServiceState::NotServed) => format!("does not serve it ({})", self.reasons.join(", ")),
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
