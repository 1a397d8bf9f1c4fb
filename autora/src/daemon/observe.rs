//! What is logged, counted and published: the one place through which everything passes that happens in the loop.

use tracing::info;

use super::{
    backend::Backend, control_handle::ControlHandle, dry_run::DryRun, host_warnings::HostWarnings, log,
    log_limiter::LogLimiter, other_routers::OtherRouters, socket_drops::SocketDrops,
};
use crate::{
    addr::IfIndex,
    config::Config,
    control::event::{Event, EventKind},
    engine::{
        BootInstant, Fleet,
        action::StateChange,
        counts::{InterfaceCounts, RaCounts},
        interface::{Host, Interface},
    },
    sys::netlink,
};

/// Where everything goes that happens.
pub(super) struct Observer {
    output: Output,
    pub(super) control: ControlHandle,
    pub(super) ras: RaCounts,
    /// Solicitations that came through the filter.
    pub(super) solicitations: u64,
    other_routers: OtherRouters,
    socket_drops: SocketDrops,
    host_warnings: HostWarnings,
}

/// What is written for the operator.
pub(super) enum Output {
    /// The log, in which no interface has too many lines.
    Log(LogLimiter),
    DryRun(DryRun),
}

impl Output {
    /// A dry run begins with a table of `interfaces`.
    pub(super) fn new(config: &Config, interfaces: &[Interface]) -> Self {
        if config.dry_run {
            Self::DryRun(DryRun::new(config, interfaces))
        } else {
            Self::Log(LogLimiter::default())
        }
    }

    fn show(&mut self, event: &Event<'_>, fleet: &Fleet, now: BootInstant) {
        let admitted = match self {
            Self::Log(limiter) => is_admitted(limiter, event, fleet, now),
            Self::DryRun(dry_run) => {
                dry_run.show(event);
                false
            }
        };
        log::event(event, admitted);
    }

    const fn lines_suppressed(&self) -> u64 {
        match self {
            Self::Log(limiter) => limiter.total(),
            Self::DryRun(_) => 0,
        }
    }
}

/// Whether `event` may have a line that counts against its interface's share. What has none is not asked for.
fn is_admitted(limiter: &mut LogLimiter, event: &Event<'_>, fleet: &Fleet, now: BootInstant) -> bool {
    let Some(interface) = event.interface else { return false };
    match event.kind {
        EventKind::Changed(StateChange::Gone) => {
            limiter.gone(interface.index, fleet);
            true
        }
        EventKind::Changed(_)
        | EventKind::Sent { failed_before: 1.., .. }
        // The first failure of a row alone.
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
            solicitations: 0,
            other_routers: OtherRouters::default(),
            socket_drops: SocketDrops::default(),
            host_warnings: HostWarnings::default(),
        }
    }

    /// The start is over. Its lines are as many as there are interfaces, and count for nothing.
    pub(super) fn begin(&mut self) {
        match &mut self.output {
            Output::Log(limiter) => *limiter = LogLimiter::default(),
            Output::DryRun(dry_run) => dry_run.introduced(),
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
        self.control.publish(event);
    }

    /// Returns whether one more line about the interface may be logged. To be asked only when there is one.
    pub(super) fn admits(&mut self, index: IfIndex, fleet: &Fleet, now: BootInstant) -> bool {
        match &mut self.output {
            Output::Log(limiter) => limiter.admits(index, fleet, now),
            Output::DryRun(_) => true,
        }
    }

    /// Looks at what the kernel has counted, once in a while, and writes what was held back.
    pub(super) fn look_around(&mut self, backend: &Backend, fleet: &Fleet, now: BootInstant) {
        self.look_for_other_routers(backend, fleet, now);
        if let Output::Log(limiter) = &mut self.output {
            limiter.sweep(fleet, now);
        }
        if let Some(drops) = backend.socket_drops() {
            self.socket_drops.look(drops, now);
        }
    }

    fn look_for_other_routers(&mut self, backend: &Backend, fleet: &Fleet, now: BootInstant) {
        for (interface, router) in self.other_routers.look(backend, fleet, now) {
            let event = Event { interface: Some(interface), kind: EventKind::OtherRouter(router) };
            self.output.show(&event, fleet, now);
        }
    }

    /// A resync has ended.
    pub(super) fn resynced(&mut self, fleet: &Fleet, host: &Host, complete: bool) {
        if complete {
            self.control.tidy(fleet);
        }
        self.host_warnings.update(host, fleet);
    }

    /// Logs a line of totals.
    pub(super) fn heartbeat(
        &mut self,
        backend: &Backend,
        fleet: &Fleet,
        netlink: netlink::Counts,
        notifications_dropped: u64,
        now: BootInstant,
    ) {
        self.look_for_other_routers(backend, fleet, now);
        let InterfaceCounts { served, paused, not_served } = fleet.counts();
        let RaCounts { unsolicited, solicited, finals, failures } = self.ras;
        let netlink::Counts { surveys, questions, overruns } = netlink;
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
            resyncs = surveys,
            single_reads = questions,
            overruns,
            lines_suppressed = self.output.lines_suppressed(),
            notifications_dropped,
            "heartbeat"
        );
    }

    /// The last RA has left.
    pub(super) fn close(&mut self) {
        self.control.close();
        info!(final_ras = self.ras.finals, "stopped");
    }
}
