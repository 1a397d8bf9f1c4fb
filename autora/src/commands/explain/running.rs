//! What a running daemon knows. `explain` works without one.

use std::{collections::HashMap, time::Duration};

use regex::Regex;
use tokio::time::timeout;

use crate::{
    addr::{LinkLocal, Prefix64},
    commands::client::{ControlSocketArg, block_on},
    control::{
        client::ClientError,
        model::{self, Interfaces, LastAdvert, ReasonName, State, Status},
    },
    diagnosis::{FromDaemon, Problem, RaKind},
    engine::{
        action::Cause,
        eligibility::{AddressPolicy, InUse, MapFailure, OtherDaemon, Reason},
        fleet::ServiceState,
        handover::HeldByGuests,
        interface::Interface,
    },
    error,
    settings::SendPath,
};

/// How long to wait for the daemon's answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// A daemon's answers.
pub(in crate::commands) struct RunningDaemon {
    pattern: Regex,
    addresses: AddressPolicy,
    send: Option<SendPath>,
    interfaces: HashMap<u32, model::Interface>,
}

impl RunningDaemon {
    /// Asks the daemon at `socket`; returns `None` if none answers in time. Warns if one is there, or was named, of the
    /// consequence.
    pub(in crate::commands) fn ask(socket: &ControlSocketArg, consequence: &str) -> Option<Self> {
        let asked = block_on(async {
            Ok(timeout(ANSWER_LIMIT, answers(socket)).await.unwrap_or_else(|_elapsed| Err(ClientError::Silent))?)
        });
        let (status, Interfaces { interfaces, .. }) = match asked {
            Ok(Some(answers)) => answers,
            Ok(None) => {
                socket.warn_of_absence(consequence);
                return None;
            }
            Err(failure) => {
                error::warn(&format!("{failure}: {consequence}"));
                return None;
            }
        };
        Self::of(&status, interfaces)
    }

    /// Returns the daemon that gave these answers; `None` if its regular expression is none here.
    pub(in crate::commands) fn of(status: &Status, interfaces: Vec<model::Interface>) -> Option<Self> {
        let settings = &status.settings;
        let pattern = Regex::new(&settings.interface_regex).ok()?;
        let addresses = AddressPolicy {
            source: settings.source_address.and_then(LinkLocal::new),
            several_prefixes: settings.several_prefixes.known().copied().unwrap_or_default(),
        };
        let interfaces = interfaces.into_iter().map(|one| (one.ifindex, one)).collect();
        Some(Self { pattern, addresses, send: settings.send.known().copied(), interfaces })
    }

    /// Returns its regular expression.
    pub(super) fn pattern(&self) -> &str {
        self.pattern.as_str()
    }

    /// Returns which socket it sends through, if this version knows that.
    pub(super) const fn send(&self) -> Option<SendPath> {
        self.send
    }

    /// Returns what the daemon knows of `interface`. The same index with another name is another
    /// interface: in another network namespace, or renamed a moment ago.
    pub(super) fn knows(&self, interface: &Interface) -> FromDaemon {
        let matches = self.pattern.is_match(&interface.name);
        let Some(known) = self.find(interface) else {
            return FromDaemon { matches, addresses: self.addresses, ..FromDaemon::default() };
        };
        FromDaemon {
            matches,
            state: known.state.known().copied().map(state),
            reasons: known.reasons.iter().map(|reason| reason.name.to_string()).collect(),
            map_failure: known.reasons.iter().find_map(map_failure),
            served_by_another: known.reasons.iter().find_map(served_by_another),
            in_use: InUse {
                source: known.source.and_then(LinkLocal::new),
                prefix: known.prefix.as_deref().and_then(prefix64),
            },
            advertised: known.advertised_prefix.as_ref().and_then(|held| prefix64(&held.prefix)),
            guests_hold: guests_hold(known),
            retired: known.retired_prefixes.iter().filter_map(|retired| prefix64(&retired.prefix)).collect(),
            addresses: self.addresses,
            last_ra: known.last_ra.as_ref().and_then(|last| Some((kind(known, last)?, duration(last.ago_s)))),
            next_ra_in: known.next_ra_in_s.map(duration),
            send_error: known.send_failures.error.clone(),
            other_router: known.other_router.as_ref().map(|other| (other.source, duration(other.ago_s))),
        }
    }

    /// Returns whether `interface` is served: by this daemon, or as far as it knows by another one.
    pub(in crate::commands) fn serves(&self, interface: &Interface) -> Served {
        let Some(known) = self.find(interface) else {
            let matches = self.pattern.is_match(&interface.name);
            let why = if matches { Problem::UnknownToDaemon.name() } else { Problem::NO_MATCH };
            return Served::No(vec![why.to_owned()]);
        };
        let is_served_by_another = known.reasons.iter().any(|reason| reason.name == ReasonName::ServedByAnother.into());
        match known.state.known() {
            None => Served::Unknown,
            Some(State::Serving | State::Paused) => Served::Yes,
            Some(State::NotServed) if is_served_by_another => Served::Yes,
            Some(State::NotServed) => Served::No(known.reasons.iter().map(|reason| reason.name.to_string()).collect()),
            Some(State::Ceasing) => Served::No(vec![State::Ceasing.name().to_owned()]),
        }
    }

    fn find(&self, interface: &Interface) -> Option<&model::Interface> {
        self.interfaces.get(&interface.index.get()).filter(|known| known.name == interface.name)
    }
}

/// Whether an interface is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Served {
    /// No daemon answers, or it is in a state that only a newer daemon knows.
    Unknown,
    /// It is.
    Yes,
    /// The daemon that answers does not serve it, for reasons of these names.
    No(Vec<String>),
}

/// Returns what guests hold of an interface that is not served. One that owes a final RA has it due, and after that
/// they know.
fn guests_hold(known: &model::Interface) -> Option<HeldByGuests> {
    let were_told = known.last_ra.as_ref().is_some_and(|last| kind(known, last) == Some(RaKind::Final));
    let is_silent = known.state == State::NotServed.into() && known.next_ra_in_s.is_none() && !were_told;
    let held = HeldByGuests {
        route_for: known.advertised_router.as_ref().map(|router| duration(router.for_s)),
        prefix_for: known
            .advertised_prefix
            .as_ref()
            .and_then(|held| Some((prefix64(&held.prefix)?, duration(held.for_s)))),
    };
    (is_silent && !held.is_nothing()).then_some(held)
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Returns what guests made of the last RA. Where they hold the present source, a final RA had another. Whether that of
/// the previous process was a final one is unknown where they hold no router.
fn kind(interface: &model::Interface, last: &LastAdvert) -> Option<RaKind> {
    let is_unknown = last.cause.is_none() && interface.advertised_router.is_none();
    match (last.cause == Some(Cause::Final.into()), interface.advertised) {
        (false, _) => (!is_unknown).then_some(RaKind::Usual),
        (true, false) => Some(RaKind::Final),
        (true, true) => Some(RaKind::FinalOfOldSource),
    }
}

const fn state(state: State) -> ServiceState {
    match state {
        State::Serving => ServiceState::Serving,
        State::Paused => ServiceState::Paused,
        State::NotServed => ServiceState::NotServed,
        State::Ceasing => ServiceState::Ceasing,
    }
}

fn prefix64(text: &str) -> Option<Prefix64> {
    text.strip_suffix("/64")?.parse().ok().map(Prefix64::containing)
}

fn map_failure(reason: &model::Reason) -> Option<MapFailure> {
    match reason.errno {
        None => (reason.name == ReasonName::FilterFull.into()).then_some(MapFailure::Full),
        Some(errno) => Some(MapFailure::Error { errno }),
    }
}

fn served_by_another(reason: &model::Reason) -> Option<Reason> {
    let other = reason.other_daemon.clone();
    let other = other.map(|other| OtherDaemon { directory: other.runtime_directory, pid: other.pid });
    (reason.name == ReasonName::ServedByAnother.into()).then_some(Reason::ServedByAnother(other))
}

/// Returns the daemon's answers, or `None` if none runs.
async fn answers(socket: &ControlSocketArg) -> Result<Option<(Status, Interfaces)>, ClientError> {
    let mut client = match socket.connect().await {
        Err(error) if error.says_that_none_runs() => return Ok(None),
        client => client?,
    };
    Ok(Some((client.get("/v1/status").await?, client.get("/v1/interfaces").await?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::interface::fit;

    fn known(state: &str, reasons: &[&str]) -> model::Interface {
        let reasons: Vec<_> = reasons.iter().map(|name| json!({ "name": name, "text": "" })).collect();
        let interface = json!({
            "name": fit().name, "ifindex": fit().index.get(), "state": state, "prefix": null, "source": null,
            "advertised": false, "reasons": reasons, "retired_prefixes": [], "last_ra": null, "next_ra_in_s": null,
            "overdue": false, "rs": null, "other_router": null,
            "ra_sent": { "unsolicited": 0, "solicited": 0, "final": 0 },
            "send_failures": { "total": 0, "in_a_row": 0, "error": null },
        });
        serde_json::from_value(interface).unwrap()
    }

    /// What a process does not know of the one before it, it does not say.
    #[test]
    fn the_last_ra_of_the_previous_process_may_be_a_final_one() {
        let held = || Some(model::HeldRouter { source: "fe80::1".parse().unwrap(), for_s: 100.0 });
        for (cause, advertised_router, expected) in [
            (None, None, None),
            (None, held(), Some(RaKind::Usual)),
            (Some(Cause::Unsolicited), None, Some(RaKind::Usual)),
            (Some(Cause::Final), None, Some(RaKind::Final)),
        ] {
            let last = LastAdvert { ago_s: 54.0, cause: cause.map(Into::into) };
            let interface = model::Interface { advertised_router, ..known("not-served", &["no-prefix"]) };
            assert_eq!(kind(&interface, &last), expected, "{cause:?}");
        }
    }

    #[test]
    fn what_is_not_served_has_its_reasons() {
        let no = |reasons: &[&str]| Served::No(reasons.iter().map(ToString::to_string).collect());
        let [every, taps] = ["", "^tap"].map(|regex| Regex::new(regex).unwrap());
        for (known, expected) in [
            (Some(known("serving", &[])), Served::Yes),
            (Some(known("paused", &[])), Served::Yes),
            (Some(known("not-served", &["down", "no-prefix"])), no(&["down", "no-prefix"])),
            (Some(known("not-served", &["served-by-another"])), Served::Yes),
            (Some(known("ceasing", &[])), no(&["ceasing"])),
            (Some(known("resting", &[])), Served::Unknown),
            (None, no(&["unknown-to-daemon"])),
        ] {
            let daemon = RunningDaemon {
                pattern: every.clone(),
                addresses: AddressPolicy::default(),
                send: None,
                interfaces: known.into_iter().map(|one| (one.ifindex, one)).collect(),
            };
            assert_eq!(daemon.serves(&fit()), expected);
            let elsewhere = Interface { name: "other".to_owned(), ..fit() };
            assert_eq!(daemon.serves(&elsewhere), no(&["unknown-to-daemon"]), "an index with another name");
            let daemon = RunningDaemon { pattern: taps.clone(), ..daemon };
            assert_eq!(daemon.serves(&elsewhere), no(&["no-match"]));
        }
    }
}
