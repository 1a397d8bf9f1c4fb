//! Logs, counts and publishes each event of the loop.

use std::{future, io};

use tracing::info;

use super::{
    backend::Backend,
    control_handle::ControlHandle,
    dry_run::DryRun,
    host_warnings::{HostWarnings, WarnedInterfaces},
    log,
    log_limiter::LogLimiter,
    other_routers::OtherRouters,
    socket_drops::SocketDrops,
};
use crate::{
    addr::IfIndex,
    config::Config,
    control::event::{Event, EventKind},
    diagnosis::Shell,
    engine::{
        BootInstant, Fleet,
        action::{Cause, StateChange},
        counts::{InterfaceCounts, RaCounts},
        delays::RaDelays,
        eligibility::{Reason, Verdict},
        handover::HeldByGuests,
        interface::{Host, Interface},
    },
    logging,
    sys::netlink,
};

/// Receives each event of the loop.
pub(super) struct Observer {
    pub(super) output: Output,
    pub(super) control: ControlHandle,
    pub(super) ras: RaCounts,
    pub(super) delays: RaDelays,
    /// Solicitations that passed the filter.
    pub(super) solicitations: u64,
    /// How many final RAs had left when the daemon began to stop.
    finals_before_stop: Option<u64>,
    other_routers: OtherRouters,
    socket_drops: SocketDrops,
    host_warnings: HostWarnings,
}

/// What others counted since the start.
#[derive(Clone, Copy)]
pub(super) struct Outside {
    pub(super) netlink: netlink::Counts,
    pub(super) notifications_dropped: u64,
    pub(super) send_buffers_full: u64,
}

/// Where the operator reads the events.
pub(super) enum Output {
    /// The log, with a limit on the lines about each interface.
    Log {
        limiter: LogLimiter,
        /// Whether guests have a default route here: with a Router Lifetime of 0 they have none to lose.
        is_default_router: bool,
        /// The command that asks this daemon why an interface is not served, without its name.
        explain: Shell,
    },
    DryRun(DryRun),
}

impl Output {
    /// Returns the output that `config` asks for. A dry run begins with a table of `interfaces`.
    pub(super) fn new(config: &Config, interfaces: &[Interface]) -> Self {
        if config.dry_run {
            return Self::DryRun(DryRun::new(config, interfaces));
        }
        let is_default_router = !config.parameters.router_lifetime.is_zero();
        let explain = log::explain(config.control.socket.as_deref());
        Self::Log { limiter: LogLimiter::default(), is_default_router, explain }
    }

    fn show(&mut self, event: &Event<'_>, fleet: &Fleet, now: BootInstant) {
        match self {
            Self::Log { limiter, .. } => {
                let admitted = is_admitted(limiter, event, fleet, now);
                log::event(event, admitted, left_with_guests(event, fleet, now));
            }
            Self::DryRun(dry_run) => {
                dry_run.show(event);
                log::dry_run_event(event);
            }
        }
    }

    /// Logs that guests have lost this router, if the RA was the last one of an interface that is no longer served: a
    /// final RA that is still due is that of another source.
    fn show_withdrawal(&mut self, event: &Event<'_>, fleet: &Fleet, now: BootInstant) {
        if let (Self::Log { limiter, is_default_router: true, explain }, Some(interface)) = (self, event.interface)
            && let EventKind::Sent { transmission, next_in: None, .. } = event.kind
            && transmission.cause == Cause::Final
            && let Some(reasons) = reasons_of(fleet, interface.index)
            && limiter.admits(interface.index, fleet, now)
        {
            log::withdrawn(interface, transmission.source, reasons, explain);
        }
    }

    /// Returns whether one more line about the interface may be logged. Costs a token: ask only when there is
    /// a line.
    fn admits(&mut self, index: IfIndex, fleet: &Fleet, now: BootInstant) -> bool {
        match self {
            Self::Log { limiter, .. } => limiter.admits(index, fleet, now),
            Self::DryRun(_) => true,
        }
    }

    /// Waits until a dry run's standard output takes no more; without end for the log, which is never waited for.
    pub(super) async fn closed(&self) {
        match self {
            Self::Log { .. } => future::pending().await,
            Self::DryRun(dry_run) => dry_run.closed().await,
        }
    }

    const fn lines_suppressed(&self) -> u64 {
        match self {
            Self::Log { limiter, .. } => limiter.total(),
            Self::DryRun(_) => 0,
        }
    }
}

/// Returns why an interface is not served, no reason if its name no longer matches; `None` if it is served or gone.
fn reasons_of(fleet: &Fleet, index: IfIndex) -> Option<&[Reason]> {
    match fleet.verdict_of(index)? {
        (_, Verdict::Serve(_)) => None,
        (_, Verdict::Ignore) => Some(&[]),
        (_, Verdict::NotServed(reasons)) => Some(reasons),
    }
}

/// Returns what guests hold of the interface that `event` says is not served, if no RA tells them so.
fn left_with_guests(event: &Event<'_>, fleet: &Fleet, now: BootInstant) -> Option<HeldByGuests> {
    let EventKind::Changed(StateChange::NotServing(_)) = event.kind else { return None };
    fleet.row(event.interface?.index)?.left_with_guests(now)
}

/// Returns whether `event` may have a line that counts towards its interface's limit. Asks the limiter only
/// about events that have such a line.
fn is_admitted(limiter: &mut LogLimiter, event: &Event<'_>, fleet: &Fleet, now: BootInstant) -> bool {
    let Some(interface) = event.interface else { return false };
    match event.kind {
        EventKind::Changed(StateChange::Gone) => {
            limiter.gone(interface.index, fleet);
            true
        }
        EventKind::Changed(_)
        | EventKind::Sent { failed_before: 1.., .. }
        // Of failures in a row, the first alone has a line.
        | EventKind::SendFailed { failures: 1, .. } => limiter.admits(interface.index, fleet, now),
        EventKind::Sent { .. }
        | EventKind::SendFailed { .. }
        | EventKind::Solicited { .. }
        | EventKind::Dropped(_)
        | EventKind::OtherRouter(_)
        | EventKind::Stopping(_) => false,
    }
}

impl Observer {
    pub(super) fn new(output: Output, control: ControlHandle) -> Self {
        Self {
            output,
            control,
            ras: RaCounts::default(),
            delays: RaDelays::default(),
            solicitations: 0,
            finals_before_stop: None,
            other_routers: OtherRouters::default(),
            socket_drops: SocketDrops::default(),
            host_warnings: HostWarnings::default(),
        }
    }

    /// Notes that the start is over. Its lines, at least one for each interface, do not count towards the
    /// limits.
    pub(super) fn started(&mut self) {
        match &mut self.output {
            Output::Log { limiter, .. } => *limiter = LogLimiter::default(),
            Output::DryRun(dry_run) => dry_run.started(),
        }
    }

    /// Counts, publishes and shows `event`.
    pub(super) fn observe(&mut self, event: &Event<'_>, fleet: &Fleet, now: BootInstant) {
        if let EventKind::Sent { transmission, .. } = event.kind {
            self.ras.sent(transmission.cause);
        } else if let EventKind::SendFailed { .. } = event.kind {
            self.ras.failed();
        }
        self.output.show(event, fleet, now);
        if let EventKind::Stopping(_) = event.kind {
            self.finals_before_stop.get_or_insert(self.ras.finals);
        } else if self.finals_before_stop.is_none() {
            // A stop says at its end how many final RAs have left.
            self.output.show_withdrawal(event, fleet, now);
        }
        self.control.publish(event);
    }

    /// Warns at once of an interface that begins to be served while the host does not forward: the next resync may be
    /// far.
    pub(super) fn expect_forwarding(&mut self, change: &StateChange, host_forwarding: bool) {
        if let StateChange::Serving(service) = change
            && service.leads_nowhere(host_forwarding)
        {
            self.host_warnings.leads_nowhere();
        }
    }

    /// Returns whether one more line about the interface may be logged. Costs a token: ask only when there is
    /// a line.
    pub(super) fn admits(&mut self, index: IfIndex, fleet: &Fleet, now: BootInstant) -> bool {
        self.output.admits(index, fleet, now)
    }

    /// Returns how many interfaces have a condition that was logged as a warning.
    pub(super) fn warned_interfaces(&self) -> WarnedInterfaces {
        self.host_warnings.interfaces()
    }

    /// Reads the kernel's counters and logs what they show; logs how many lines were suppressed.
    pub(super) fn read_counters(&mut self, backend: &Backend, fleet: &Fleet, now: BootInstant) {
        self.report_other_routers(backend, fleet, now);
        if let Output::Log { limiter, .. } = &mut self.output {
            limiter.sweep(fleet, now);
        }
        if let Some(drops) = backend.socket_drops() {
            self.socket_drops.update(drops, now);
        }
    }

    fn report_other_routers(&mut self, backend: &Backend, fleet: &Fleet, now: BootInstant) {
        for (interface, router) in self.other_routers.new_warnings(backend, fleet, now) {
            let event = Event { interface: Some(interface), kind: EventKind::OtherRouter(router) };
            self.output.show(&event, fleet, now);
        }
    }

    /// Updates what depends on all interfaces, after a resync.
    pub(super) fn resynced(&mut self, fleet: &Fleet, host: &Host, now: BootInstant) {
        self.control.forget_gone(fleet);
        let output = &mut self.output;
        self.host_warnings.update(host, fleet, |index| output.admits(index, fleet, now));
    }

    /// Logs a line of totals.
    pub(super) fn heartbeat(&mut self, backend: &Backend, fleet: &Fleet, outside: Outside, now: BootInstant) {
        self.report_other_routers(backend, fleet, now);
        let InterfaceCounts { served, paused, not_served } = fleet.counts();
        let RaCounts { unsolicited, solicited, finals, failures } = self.ras;
        let Outside { netlink, notifications_dropped, send_buffers_full } = outside;
        let netlink::Counts { resyncs, single_reads, overruns } = netlink;
        info!(
            served,
            paused,
            not_served,
            ra_unsolicited = unsolicited,
            ra_solicited = solicited,
            ra_final = finals,
            send_failures = failures,
            solicitations = self.solicitations,
            packets = %log::by_reason(&backend.packets()),
            socket_drops = backend.socket_drops().unwrap_or(0),
            resyncs,
            single_reads,
            overruns,
            lines_suppressed = self.output.lines_suppressed(),
            notifications_dropped,
            log_lines_dropped = logging::lines_dropped(),
            send_buffers_full,
            "heartbeat"
        );
    }

    /// Ends the control thread and logs the end, after the last RA has left.
    ///
    /// # Errors
    ///
    /// The error of a dry run's standard output.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.control.close();
        match &mut self.output {
            Output::Log { .. } => {
                log::stopped(self.ras.finals - self.finals_before_stop.unwrap_or(self.ras.finals));
                Ok(())
            }
            Output::DryRun(dry_run) => {
                log::dry_run_ended();
                dry_run.take_error().map_or(Ok(()), Err)
            }
        }
    }
}
