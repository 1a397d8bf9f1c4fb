//! The loop's end of the control socket: answers queries and publishes events. An answer takes a fraction of
//! a millisecond of a turn, however many interfaces there are.

use std::{collections::HashMap, mem};

use super::{backend::Backend, claimant::Claimant, host_warnings::WarnedInterfaces, links::Links};
use crate::{
    addr::IfIndex,
    config::Config,
    control::{
        Control, DaemonInfo,
        event::{Event, EventKind},
        model,
        query::{Detail, Overview, Query, Row},
    },
    engine::{
        Fleet,
        counts::RaCounts,
        delays::RaDelays,
        eligibility::{OtherDaemon, Reason},
        fleet::InterfaceRow,
    },
    logging,
    sys::{clock, control_socket::Listeners, filter::Filter, process_stats::ProcessStats},
};

/// The parts of the loop that answers are made from.
pub(super) struct Sources<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) backend: &'a Backend,
    pub(super) claimant: &'a Claimant,
    pub(super) ras: RaCounts,
    pub(super) delays: RaDelays,
    pub(super) links: &'a Links,
    pub(super) state_save_failures: u64,
    pub(super) notifications_dropped: u64,
    pub(super) send_buffers_full: u64,
    pub(super) warned_interfaces: WarnedInterfaces,
}

/// The loop's end of the control socket, and the state that only clients see.
#[derive(Debug)]
pub(super) struct ControlHandle {
    control: Control,
    /// The last error, for each interface where sending fails now.
    send_errors: HashMap<IfIndex, String>,
}

impl ControlHandle {
    /// Returns a handle without a socket or a thread.
    pub(super) fn closed() -> Self {
        Self { control: Control::none(), send_errors: HashMap::new() }
    }

    /// Starts the control thread, if there is a socket for it.
    pub(super) fn open(listeners: Listeners, info: DaemonInfo) -> Self {
        Self { control: Control::start(listeners, info), ..Self::closed() }
    }

    /// Waits for the next query; without end if there is no control thread.
    pub(super) async fn next_query(&mut self) -> Query {
        self.control.next_query().await
    }

    /// Answers `query`. An answer that no client waits for any more is dropped.
    pub(super) fn answer(&self, query: Query, sources: &Sources<'_>) {
        let fleet = sources.fleet;
        match query {
            Query::Overview(reply) => drop(reply.send(overview(sources))),
            Query::Indices(reply) => drop(reply.send(fleet.indices().collect())),
            Query::Rows { indices, detail, reply } => {
                let rows = indices.into_iter().filter_map(|index| fleet.row(index));
                drop(reply.send(rows.map(|row| self.row(row, detail, sources)).collect()));
            }
            Query::Named(name, reply) => {
                let row = fleet.row_named(&name);
                drop(reply.send(row.map(|row| self.row(row, Detail::Full, sources))));
            }
        }
    }

    fn row(&self, mut interface: InterfaceRow, detail: Detail, sources: &Sources<'_>) -> Row {
        let index = interface.index;
        name_holder(&mut interface, sources.claimant);
        let packets = match detail {
            Detail::Full => sources.backend.filter().and_then(|filter| filter.interface_stats(index).ok().flatten()),
            Detail::Brief => None,
        };
        Row { interface, send_error: self.send_errors.get(&index).cloned(), packets }
    }

    /// Publishes `event` to the clients that listen, and keeps the error of a failed send.
    pub(super) fn publish(&mut self, event: &Event<'_>) {
        if let EventKind::Sent { transmission, .. } = event.kind {
            self.send_errors.remove(&transmission.index);
        } else if let EventKind::SendFailed { transmission, error, .. } = event.kind {
            self.send_errors.insert(transmission.index, error.to_string());
        }
        self.control.events.publish(event);
    }

    /// Forgets the errors of interfaces that are gone.
    pub(super) fn forget_gone(&mut self, fleet: &Fleet) {
        self.send_errors.retain(|&index, _| fleet.schedule_of(index).is_some());
    }

    /// Ends the control thread.
    pub(super) fn close(&mut self) {
        self.control.close();
    }
}

/// Names the process that serves an interface now: since a claim was refused it may have ended, and the next one begun.
fn name_holder(row: &mut InterfaceRow, claimant: &Claimant) {
    for reason in &mut row.reasons {
        if let Reason::ServedByAnother(Some(other)) = reason {
            let gone = OtherDaemon { pid: None, directory: mem::take(&mut other.directory) };
            *other = claimant.holder(row.index).unwrap_or(gone);
        }
    }
}

/// Returns the facts about this daemon that clients see. Opens files of `/proc`.
pub(super) fn info(config: &Config, filter: &Filter) -> DaemonInfo {
    DaemonInfo {
        started: clock::now(),
        pattern: config.policy.pattern.clone(),
        addresses: config.policy.addresses,
        parameters: config.parameters,
        send: config.send,
        filter: model::Filter { mode: filter.kind().into(), program_id: filter.program_id() },
        options: config.settings().map(|(option, value)| (option.to_owned(), value)).collect(),
        metrics_per_interface: config.control.metrics_per_interface,
        process_stats: ProcessStats::open(),
    }
}

fn overview(sources: &Sources<'_>) -> Overview {
    let WarnedInterfaces { accepting_ra, default_route_by_ra } = sources.warned_interfaces;
    let netlink = sources.links.netlink.counts();
    Overview {
        host_forwarding: sources.links.host_forwarding(),
        accepting_ra,
        default_route_by_ra,
        ras: sources.ras,
        delays: sources.delays,
        resyncs: netlink.resyncs.into(),
        overruns: netlink.overruns,
        state_save_failures: sources.state_save_failures,
        notifications_dropped: sources.notifications_dropped,
        log_lines_dropped: logging::lines_dropped(),
        send_buffers_full: sources.send_buffers_full,
        packets: sources.backend.packets(),
        socket_drops: sources.backend.socket_drops(),
    }
}
