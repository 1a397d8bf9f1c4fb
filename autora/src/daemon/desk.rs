//! Where the event loop answers those who look in, and tells those who listen. Each answer costs a turn a fraction of a
//! millisecond, however many interfaces there are.

use std::{collections::HashMap, io, time::Duration};

use super::{log::Tally, outlet::Outlet};
use crate::{
    addr::IfIndex,
    config::Config,
    control::{
        Control, DaemonInfo,
        events::{EventKind, InterfaceRef},
        query::{Detail, Overview, Query, Row},
    },
    engine::{
        Fleet,
        action::{Report, Transmission},
        advertiser::SolicitedRa,
        fleet::View,
    },
    sys::{clock, control_socket::Listeners, netlink, process_stats::ProcessStats},
};

/// What the loop's other parts have counted.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    pub(super) tally: &'a Tally,
    pub(super) netlink: netlink::Counts,
    pub(super) state_save_failures: u64,
}

/// The loop's end of the control socket, and what it has to remember for it alone.
#[derive(Debug)]
pub(super) struct Desk {
    control: Control,
    /// What the kernel said last where sending fails.
    errors: HashMap<IfIndex, i32>,
}

impl Desk {
    /// One that nobody comes to.
    pub(super) fn closed() -> Self {
        Self { control: Control::none(), errors: HashMap::new() }
    }

    /// Lets people in, if there is a way.
    pub(super) fn open(listeners: Listeners, info: DaemonInfo) -> Self {
        Self { control: Control::start(listeners, info), ..Self::closed() }
    }

    pub(super) async fn next_query(&mut self) -> Query {
        self.control.next_query().await
    }

    /// Answers; whoever has stopped waiting misses nothing.
    pub(super) fn answer(&self, query: Query, fleet: &Fleet, outlet: &Outlet, counted: &Counted<'_>) {
        match query {
            Query::Overview(reply) => drop(reply.send(overview(outlet, counted))),
            Query::Indices(reply) => drop(reply.send(fleet.indices().collect())),
            Query::Rows { indices, detail, reply } => {
                let views = indices.into_iter().filter_map(|index| fleet.view(index));
                drop(reply.send(views.map(|view| self.row(&view, detail, outlet)).collect()));
            }
            Query::Named(name, reply) => {
                let view = fleet.view_named(&name);
                drop(reply.send(view.map(|view| self.row(&view, Detail::Full, outlet))));
            }
        }
    }

    fn row(&self, view: &View<'_>, detail: Detail, outlet: &Outlet) -> Row {
        let index = view.interface.index;
        let packets = match detail {
            Detail::Full => outlet.interface_stats(index),
            Detail::Brief => None,
        };
        Row { error: self.errors.get(&index).copied(), packets, ..Row::new(view) }
    }

    pub(super) fn changed(&self, report: &Report) {
        self.control.events.changed(report);
    }

    pub(super) fn sent(&mut self, name: &str, send: &Transmission, next_in: Option<Duration>) {
        self.errors.remove(&send.index);
        self.control.events.tell(|| {
            let what = EventKind::Sent { send: Box::new(send.clone()), next_in };
            (Some(InterfaceRef { index: send.index, name: name.to_owned() }), what)
        });
    }

    pub(super) fn send_failed(&mut self, name: &str, send: &Transmission, error: &io::Error, failures: u32) {
        if let Some(code) = error.raw_os_error() {
            self.errors.insert(send.index, code);
        }
        self.control.events.tell(|| {
            let what = EventKind::SendFailed { cause: send.cause, error: error.to_string(), failures };
            (Some(InterfaceRef { index: send.index, name: name.to_owned() }), what)
        });
    }

    pub(super) fn solicited(&self, fleet: &Fleet, index: IfIndex, answer: Option<SolicitedRa>) {
        let Some(SolicitedRa { due, .. }) = answer else { return };
        self.control.events.tell(|| {
            let (name, _) = fleet.schedule_of(index).unwrap_or_default();
            let answer_in = due.saturating_since(clock::now());
            (Some(InterfaceRef { index, name: name.to_owned() }), EventKind::Solicited { answer_in })
        });
    }

    /// Forgets what concerns interfaces that are gone.
    pub(super) fn tidy(&mut self, fleet: &Fleet) {
        self.errors.retain(|&index, _| fleet.schedule_of(index).is_some());
    }

    pub(super) fn stopping(&self) {
        self.control.stopping();
    }

    pub(super) fn close(&mut self) {
        self.control.close();
    }
}

/// What whoever looks in is told of this daemon. Opens files.
pub(super) fn info(config: &Config, outlet: &mut Outlet) -> DaemonInfo {
    DaemonInfo {
        started: clock::now(),
        pattern: config.policy.pattern.clone(),
        parameters: config.parameters,
        send: config.send.to_string(),
        filter: outlet.filter_model(),
        metrics_per_interface: config.control.metrics_per_interface,
        process_stats: ProcessStats::open(),
    }
}

fn overview(outlet: &Outlet, counted: &Counted<'_>) -> Overview {
    let Counted { tally, netlink, state_save_failures } = *counted;
    Overview {
        unsolicited: tally.unsolicited,
        solicited: tally.solicited,
        finals: tally.finals,
        send_failures: tally.send_failures,
        resyncs: netlink.surveys.into(),
        overruns: netlink.overruns,
        state_save_failures,
        packets: outlet.totals(),
        socket_drops: outlet.socket_drops(),
    }
}
