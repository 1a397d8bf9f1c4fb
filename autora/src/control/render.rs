//! Conversion of the event loop's answers and events into the model.

use std::time::Duration;

use autora_common::Reason as Packet;

use super::{
    event::{Event, EventKind},
    model::{
        Adverts, Counts, EventDetail, EventLine, HeldPrefix, HeldRouter, Interface, LastAdvert, Named, OtherDaemon,
        OtherRouter, PacketReason, Reason, ReasonName, RetiredPrefix, SendFailures, Solicitations, State, seconds,
    },
    query::Row,
};
use crate::{
    addr::LinkLocal,
    engine::{
        BootInstant,
        action::StateChange,
        counts::RaCounts,
        eligibility::{self, MapFailure, Service, WaitsFor},
        fleet::ServiceState,
    },
    sys::filter::{Counters, HeardRouter, InterfaceStats},
};

/// Time for which another router counts as present after its last RA, if its Router Lifetime is shorter.
const OTHER_ROUTER_TIMEOUT: Duration = Duration::from_secs(1_800);

/// Returns the interface as of `now`.
pub(super) fn interface(row: &Row, max_interval: Duration, now: BootInstant) -> Interface {
    let in_s = |instant: BootInstant| seconds(instant.saturating_since(now));
    let ago_s = |instant| seconds(now.saturating_since(instant));
    let Row { interface: one, send_error, packets } = row;
    let source = one.service.map(|service| service.source);
    Interface {
        name: one.name.clone(),
        ifindex: one.index.get(),
        state: State::from(one.state).into(),
        reasons: reasons(&one.reasons),
        prefix: one.service.map(|service| service.prefix.to_string()),
        source: source.map(LinkLocal::get),
        waits_for: one.service.filter(|_| one.state == ServiceState::Paused).and_then(|service| waits_for(&service)),
        advertised: one.router.is_some_and(|router| source.is_none_or(|source| source == router.source)),
        advertised_router: one
            .router
            .filter(|held| held.is_held(now))
            .map(|held| HeldRouter { source: held.source.get(), for_s: in_s(held.until) }),
        advertised_prefix: one
            .advertised
            .filter(|held| held.is_valid(now))
            .map(|held| HeldPrefix { prefix: held.prefix.to_string(), for_s: in_s(held.valid_until) }),
        retired_prefixes: one
            .retired
            .iter()
            .filter(|retired| retired.is_valid(now))
            .map(|retired| RetiredPrefix { prefix: retired.prefix.to_string(), for_s: in_s(retired.valid_until) })
            .collect(),
        last_ra: one.last.map(|last| LastAdvert { ago_s: ago_s(last), cause: one.last_cause.map(Into::into) }),
        next_ra_in_s: one.next.map(in_s),
        overdue: row.is_overdue(max_interval, now),
        ra_sent: one.sent.into(),
        send_failures: SendFailures {
            total: one.sent.failures,
            in_a_row: one.failures.into(),
            error: send_error.clone(),
        },
        rs: packets.map(|packets| solicitations(one.sent.solicited, &packets.counters)),
        other_router: packets.and_then(|InterfaceStats { counters, other_router }| {
            let router = other_router?;
            Some(OtherRouter {
                source: router.source,
                router_lifetime_s: seconds(router.router_lifetime),
                ago_s: ago_s(router.seen),
                advertisements: counters.get(Packet::OtherRouterAdvertisement),
            })
        }),
    }
}

fn waits_for(service: &Service) -> Option<Named<WaitsFor>> {
    service.waits_for().map(Into::into)
}

impl From<RaCounts> for Adverts {
    fn from(RaCounts { unsolicited, solicited, finals, .. }: RaCounts) -> Self {
        Self { unsolicited, solicited, finals }
    }
}

/// Returns whether the other router counts as present.
pub(super) fn is_present(router: &HeardRouter, now: BootInstant) -> bool {
    now.saturating_since(router.seen) <= router.router_lifetime.max(OTHER_ROUTER_TIMEOUT)
}

/// Returns the solicitations that were counted; `answered` is the number of RAs that answered them.
pub(super) fn solicitations(answered: u64, counters: &Counters) -> Solicitations {
    Solicitations {
        answered,
        passed: counters.get(Packet::Passed),
        coalesced: counters.get(Packet::Coalesced),
        dropped: counts(counters, is_drop),
    }
}

/// Returns whether `reason` is one for which a packet is dropped; RAs of other routers and coalesced
/// solicitations are counted apart.
pub(super) const fn is_drop(reason: Packet) -> bool {
    !matches!(
        reason,
        Packet::Passed | Packet::Coalesced | Packet::OtherRouterAdvertisement | Packet::InvalidAdvertisement
    )
}

/// Returns the counters of the reasons that are `wanted`, without those that are 0.
fn counts(counters: &Counters, wanted: impl Fn(Packet) -> bool) -> Counts<PacketReason> {
    let counted = counters.iter().filter(|&(reason, count)| wanted(reason) && count > 0);
    counted.map(|(reason, count)| (PacketReason(reason).into(), count)).collect()
}

fn reasons(reasons: &[eligibility::Reason]) -> Vec<Reason> {
    let rendered = reasons.iter().map(|reason| Reason {
        name: ReasonName::from(reason).into(),
        text: reason.to_string(),
        errno: reason.map_failure().and_then(MapFailure::errno),
        other_daemon: other_daemon(reason),
    });
    rendered.collect()
}

fn other_daemon(reason: &eligibility::Reason) -> Option<OtherDaemon> {
    let eligibility::Reason::ServedByAnother(Some(other)) = reason else { return None };
    Some(OtherDaemon { runtime_directory: other.directory.clone(), pid: other.pid })
}

/// Returns the line of an event that happened at `at`, the time since 1970.
pub(super) fn event(event: &Event<'_>, at: Duration) -> EventLine {
    let interface = event.interface.map(|interface| interface.name.to_owned());
    let ifindex = event.interface.map(|interface| interface.index.get());
    EventLine { time: seconds(at), interface, ifindex, what: detail(event.kind) }
}

fn detail(kind: EventKind<'_>) -> EventDetail {
    match kind {
        EventKind::Changed(change) => changed(change),
        EventKind::Sent { transmission, next_in, .. } => EventDetail::RaSent {
            cause: transmission.cause.into(),
            source: transmission.source.get(),
            next_in_s: next_in.map(seconds),
        },
        EventKind::SendFailed { transmission, error, failures } => EventDetail::RaFailed {
            cause: transmission.cause.into(),
            error: error.to_string(),
            in_a_row: failures.into(),
        },
        EventKind::Solicited { answer_in, .. } => EventDetail::RsAccepted { answer_in_s: seconds(answer_in) },
        EventKind::Dropped(counters) => EventDetail::RsDropped {
            dropped: counts(&counters, |reason| is_drop(reason) || reason == Packet::Coalesced),
        },
        EventKind::OtherRouter(router) => {
            EventDetail::OtherRouter { source: router.source, router_lifetime_s: seconds(router.router_lifetime) }
        }
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
        StateChange::NotServing(why) => EventDetail::NotServed { reasons: reasons(why) },
        StateChange::NoLongerMatching => EventDetail::NoLongerMatching,
        StateChange::Gone => EventDetail::Gone,
    }
}
