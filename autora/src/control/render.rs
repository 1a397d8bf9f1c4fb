//! From what the event loop says to what is written.

use std::{io, time::Duration};

use autora_common::Reason as Packet;

use super::{
    event::{Event, EventKind},
    model::{
        Adverts, EventDetail, EventLine, Interface, LastAdvert, OtherRouter, Reason, SendFailures,
        Solicitations, State, Withdrawn, seconds,
    },
    query::Row,
};
use crate::{
    engine::{
        Instant,
        action::StateChange,
        eligibility::{self, MapFailure},
        fleet::ServiceState,
    },
    sys::filter::{Counters, ForeignRouter, InterfaceStats},
};

/// How long another router counts as present that gives itself no lifetime.
const FOREIGN_MEMORY: Duration = Duration::from_secs(1_800);

pub(super) fn state(state: ServiceState) -> State {
    match state {
        ServiceState::Serving => State::Serving,
        ServiceState::Paused => State::Paused,
        ServiceState::NotServed => State::Refused,
        ServiceState::Withdrawing => State::Ceasing,
    }
}

/// An interface as it stands at `now`.
pub(super) fn interface(row: &Row, max_interval: Duration, now: Instant) -> Interface {
    let in_s = |instant: Instant| seconds(instant.saturating_since(now));
    let ago_s = |instant| seconds(now.saturating_since(instant));
    let answered = row.sent.solicited;
    let foreign = row.packets.and_then(|packets| Some((packets.foreign?, packets.counters)));
    Interface {
        name: row.name.clone(),
        ifindex: row.index.get(),
        state: state(row.state),
        reasons: reasons(&row.reasons),
        prefix: row.service.map(|service| service.prefix.to_string()),
        source: row.service.map(|service| service.source.get()),
        advertised: row.router.is_some() && row.router == row.service.map(|service| service.source),
        withdrawn: row
            .retired
            .iter()
            .filter(|retired| retired.is_valid(now))
            .map(|retired| Withdrawn { prefix: retired.prefix.to_string(), for_s: in_s(retired.valid_until) })
            .collect(),
        last_ra: row.last.map(|last| LastAdvert {
            ago_s: ago_s(last),
            cause: row.last_cause.map(|cause| cause.name().into()),
        }),
        next_ra_in_s: row.next.map(in_s),
        overdue: row.is_overdue(max_interval, now),
        ra_sent: Adverts { unsolicited: row.sent.unsolicited, solicited: answered, finals: row.sent.finals },
        send_failures: SendFailures {
            total: row.sent.failures,
            in_a_row: row.failures.into(),
            error: row.error.map(|code| io::Error::from_raw_os_error(code).to_string()),
        },
        rs: row.packets.map(|InterfaceStats { counters, .. }| solicitations(answered, &counters)),
        other_router: foreign.map(|(router, counters)| OtherRouter {
            source: router.source,
            router_lifetime_s: seconds(router.router_lifetime),
            ago_s: ago_s(router.seen),
            advertisements: counters.get(Packet::ForeignAdvertisement),
        }),
    }
}

/// Whether another router counts as present.
pub(super) fn is_present(router: &ForeignRouter, now: Instant) -> bool {
    now.saturating_since(router.seen) <= router.router_lifetime.max(FOREIGN_MEMORY)
}

pub(super) fn solicitations(answered: u64, counters: &Counters) -> Solicitations {
    Solicitations {
        answered,
        passed: counters.get(Packet::Passed),
        coalesced: counters.get(Packet::Coalesced),
        dropped: counters
            .iter()
            .filter(|&(reason, count)| is_drop(reason) && count > 0)
            .map(|(reason, count)| (reason.name().into(), count))
            .collect(),
    }
}

/// Whether `reason` is one for which a solicitation is dropped.
pub(super) const fn is_drop(reason: Packet) -> bool {
    !matches!(
        reason,
        Packet::Passed | Packet::Coalesced | Packet::ForeignAdvertisement | Packet::InvalidAdvertisement
    )
}

fn reasons(reasons: &[eligibility::Reason]) -> Vec<Reason> {
    let told = reasons.iter().map(|reason| Reason {
        name: reason.name().into(),
        text: reason.to_string(),
        errno: reason.map_failure().and_then(MapFailure::errno),
    });
    told.collect()
}

/// An event that happened at `at`, the time since 1970.
pub(super) fn event(event: &Event<'_>, at: Duration) -> EventLine {
    let interface = event.interface.map(|interface| interface.name.to_owned());
    let ifindex = event.interface.map(|interface| interface.index.get());
    EventLine { time: seconds(at), interface, ifindex, what: detail(event.kind) }
}

fn detail(kind: EventKind<'_>) -> EventDetail {
    match kind {
        EventKind::Changed(change) => changed(change),
        EventKind::Sent { transmission, next_in, .. } => EventDetail::RaSent {
            cause: transmission.cause.name().into(),
            source: transmission.source.get(),
            next_in_s: next_in.map(seconds),
        },
        EventKind::SendFailed { transmission, error, failures } => EventDetail::RaFailed {
            cause: transmission.cause.name().into(),
            error: error.to_string(),
            in_a_row: failures.into(),
        },
        EventKind::Solicited { answer_in, .. } => EventDetail::RsAccepted { answer_in_s: seconds(answer_in) },
        EventKind::Dropped(counters) => EventDetail::RsDropped {
            dropped: counters
                .iter()
                .filter(|&(reason, count)| (is_drop(reason) || reason == Packet::Coalesced) && count > 0)
                .map(|(reason, count)| (reason.name().into(), count))
                .collect(),
        },
        EventKind::OtherRouter(router) => EventDetail::OtherRouter {
            source: router.source,
            router_lifetime_s: seconds(router.router_lifetime),
        },
        EventKind::Stopping(_) => EventDetail::Stopping,
    }
}

fn changed(change: &StateChange) -> EventDetail {
    match change {
        StateChange::Serving(service) | StateChange::Carrier(service) => {
            let (source, prefix) = (service.source.get(), service.prefix.to_string());
            if service.carrier {
                EventDetail::Serving { source, prefix }
            } else {
                EventDetail::Paused { source, prefix }
            }
        }
        StateChange::NotServing(why) => EventDetail::Refused { reasons: reasons(why) },
        StateChange::NoLongerMatching => EventDetail::NoLongerMatching,
        StateChange::Gone => EventDetail::Gone,
    }
}
