//! The log lines of events: one line for each change of state, with fields; nothing per packet above TRACE.

use std::{ffi::OsStr, fmt, io, os::unix::ffi::OsStrExt, path::Path, time::Duration};

use autora_common::maps::PENDING_HOLD;
use tracing::{debug, error, field::display, info, trace, warn};

use crate::{
    addr::{IfIndex, LinkLocal},
    config::{Config, DEFAULT_SOCKET},
    control::event::{Event, EventKind, InterfaceRef, StopKind},
    diagnosis::Shell,
    engine::{
        action::{Fault, StateChange},
        advertiser::SolicitedRa,
        counts::InterfaceCounts,
        eligibility::{MapFailure, Reason, Service},
        handover::HeldByGuests,
    },
    sys::filter::{self, Counters},
};

/// Logs `event`. Lines that a guest can repeat without end are logged above TRACE only if they are
/// `admitted`. `held` is what guests hold of an interface that is not served and tells them nothing.
pub(super) fn event(event: &Event<'_>, admitted: bool, held: Option<HeldByGuests>) {
    let (name, ifindex) = match event.interface {
        Some(InterfaceRef { index, name }) => (name, index.get()),
        None => ("", 0),
    };
    match event.kind {
        EventKind::Changed(change) => {
            if admitted {
                changed(name, ifindex, change, held);
            }
        }
        EventKind::Sent { transmission, next_in, failed_before } => {
            if admitted {
                info!(interface = %name, ifindex, failed_before, "sending works again");
            }
            let (source, cause) = (transmission.source, transmission.cause.name());
            trace!(interface = %name, ifindex, %source, cause, ?next_in, "sent an RA");
        }
        EventKind::SendFailed { transmission, error, failures } => {
            let cause = transmission.cause.name();
            if admitted {
                warn!(interface = %name, ifindex, cause, %error, "an RA could not be sent: retrying until it can");
            } else {
                trace!(interface = %name, ifindex, cause, %error, failures, "an RA could not be sent");
            }
        }
        // A guest causes at most one of these in 3 s. At TRACE the filter itself logs each packet.
        EventKind::Solicited { answer: SolicitedRa { delay, due }, .. } => {
            debug!(interface = %name, ifindex, delay = %Micros(delay), due = %Micros(due.since_boot()), "solicited");
        }
        EventKind::OtherRouter(router) => warn!(
            interface = %name,
            ifindex,
            source = %router.source,
            router_lifetime = router.router_lifetime.as_secs(),
            "another router sends RAs on this interface: a guest, or a second RA daemon on this host; still serving; \
             block its RAs, or stop that daemon"
        ),
        EventKind::Stopping(StopKind::Withdraw) => {
            info!("asked to stop: sending final RAs; a second signal stops at once");
        }
        EventKind::Stopping(StopKind::AtOnce) => info!("asked to stop: stopping without final RAs"),
        EventKind::Stopping(StopKind::Restart) => info!("asked to restart: stopping without final RAs"),
        // The heartbeat has the totals.
        EventKind::Dropped(_) => {}
    }
}

/// Logs `event` of a dry run, whose output shows all others.
pub(super) fn dry_run_event(event: &Event<'_>) {
    if let EventKind::Stopping(_) = event.kind {
        info!("asked to stop the dry run");
    }
}

/// Logs that the output of a dry run takes no more.
pub(super) fn output_closed() {
    info!("standard output takes no more: the dry run ends");
}

/// Logs the end of a dry run.
pub(super) fn dry_run_ended() {
    info!("the dry run has ended");
}

/// Logs the end, with the number of final RAs that have left since the daemon began to stop.
pub(super) fn stopped(final_ras: u64) {
    info!(final_ras, "stopped");
}

/// Logs that guests lose this router: a final RA has left from `source`. Reasons not to serve it need the operator;
/// without them its name no longer matches, which is what the operator wanted.
/// `explain` is the command that says what they need.
pub(super) fn withdrawn(interface: InterfaceRef<'_>, source: LinkLocal, reasons: &[Reason], explain: &Shell) {
    let InterfaceRef { index, name } = interface;
    let ifindex = index.get();
    if reasons.is_empty() {
        info!(
            interface = %name,
            ifindex,
            %source,
            "guests lose their default route: a final RA has left, as the name no longer matches"
        );
    } else {
        warn!(
            interface = %name,
            ifindex,
            %source,
            reasons = %names(reasons),
            "guests lose their default route: a final RA has left, as the interface is not served; `{}` shows what to \
             do",
            explain.clone().about(name)
        );
    }
}

/// Returns the command that asks the daemon that has this control socket why an interface is not served, without its
/// name.
pub(super) fn explain(socket: Option<&Path>) -> Shell {
    let socket = socket.filter(|socket| *socket != Path::new(DEFAULT_SOCKET));
    let option = socket.map(|socket| [OsStr::new("--socket"), socket.as_os_str()]);
    let words = ["autora", "explain"].map(OsStr::new).into_iter().chain(option.into_iter().flatten());
    Shell::of(words.map(OsStr::as_bytes))
}

fn changed(name: &str, ifindex: u32, change: &StateChange, held: Option<HeldByGuests>) {
    match change {
        StateChange::Serving(service) => {
            serving(name, ifindex, service);
            if let Some(other) = service.other_prefix {
                warn!(
                    interface = %name,
                    ifindex,
                    prefix = %service.prefix,
                    %other,
                    "the interface has another /64, which is not advertised (--several-prefixes keep): park it with \
                     preferred_lft 0, or remove it"
                );
            }
        }
        StateChange::Carrier(service) => serving(name, ifindex, service),
        StateChange::NotServing(reasons) => {
            let names = names(reasons);
            let because = join("; ", reasons);
            let guests_hold = held.map(display);
            info!(interface = %name, ifindex, reasons = %names, because, guests_hold, "not serving");
        }
        StateChange::NoLongerMatching => info!(interface = %name, ifindex, "no longer matches"),
        StateChange::Gone => info!(interface = %name, ifindex, "gone"),
    }
}

fn names(reasons: &[Reason]) -> String {
    join(",", reasons.iter().map(Reason::name))
}

fn serving(name: &str, ifindex: u32, service: &Service) {
    let Service { source, prefix, carrier, .. } = service;
    if *carrier {
        info!(interface = %name, ifindex, %source, %prefix, "serving");
    } else {
        info!(interface = %name, ifindex, %source, %prefix, "paused: no RAs until the interface has a carrier");
    }
}

/// Logs that the filter's map takes no entry. A full map has no line here: it is a reason, logged as the
/// others are.
pub(super) fn serve_failed(index: IfIndex, failure: MapFailure) {
    if let MapFailure::Error { errno } = failure {
        let error = io::Error::from_raw_os_error(errno);
        warn!(
            ifindex = index.get(),
            %error,
            "the kernel refused an entry in the filter's map: the interface is not served; retrying at the next resync"
        );
    }
}

/// Logs that an entry of the filter's map could not be removed, or its pending mark not cleared; the mark
/// expires by itself ([`PENDING_HOLD`]).
pub(super) fn map_write_failed(index: IfIndex, error: &io::Error) {
    warn!(
        ifindex = index.get(),
        %error,
        "the kernel refused a write to the filter's map: solicitations may stay unanswered for up to {PENDING_HOLD:?}"
    );
}

/// Logs a bug, which costs no more than the entry that it concerns.
pub(super) fn fault(fault: Fault) {
    error!(%fault, "a bug in autora, please report it: one entry was dropped, the daemon goes on");
}

/// Logs that the daemon runs, with its main settings.
pub(super) fn started(config: &Config, filter: &str, interfaces: InterfaceCounts) {
    let settings = config.given();
    if !settings.is_empty() {
        info!(%settings, "these settings were given");
    }
    if config.dry_run {
        return dry_run_started(config, interfaces);
    }
    if filter::embedded().is_none() {
        info!(
            "this build carries no eBPF program and can use the classic filter alone; `cargo xtask build` includes it"
        );
    }
    let InterfaceCounts { served, paused, not_served } = interfaces;
    info!(
        version = %env!("CARGO_PKG_VERSION"),
        %filter,
        send = %config.send,
        regex = %config.policy.pattern,
        served,
        paused,
        not_served,
        "started"
    );
}

fn dry_run_started(config: &Config, interfaces: InterfaceCounts) {
    let InterfaceCounts { served, paused, not_served } = interfaces;
    info!(
        version = %env!("CARGO_PKG_VERSION"),
        regex = %config.policy.pattern,
        would_be_served = served,
        would_be_paused = paused,
        not_served,
        "dry run started: nothing is sent"
    );
}

/// Returns every result that was counted at least once, as `name:count,...`; `none` if there is none.
pub(super) fn by_reason(packets: &Counters) -> String {
    let counted = packets.iter().filter(|&(_, count)| count > 0);
    let counted = join(",", counted.map(|(reason, count)| format!("{}:{count}", reason.name())));
    if counted.is_empty() { "none".to_owned() } else { counted }
}

fn join(separator: &str, items: impl IntoIterator<Item = impl fmt::Display>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(separator)
}

/// A time in microseconds, formatted only if the line is logged.
struct Micros(Duration);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.0.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_step_names_this_daemon() {
        for (socket, interface, expected) in [
            (Some(DEFAULT_SOCKET), "tap-vm-1", "autora explain tap-vm-1"),
            (None, "tap-vm-1", "autora explain tap-vm-1"),
            (Some("/run/autora-b/control.sock"), "vm1", "autora explain --socket /run/autora-b/control.sock vm1"),
            (Some("/srv/a b"), "-$(x)", "autora explain --socket '/srv/a b' -- '-$(x)'"),
        ] {
            assert_eq!(explain(socket.map(Path::new)).about(interface).to_string(), expected);
        }
    }
}
