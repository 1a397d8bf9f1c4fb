//! The event loop: a closed set of wake-ups in, the fleet's actions out.

use std::{future::poll_fn, io, mem, pin::pin, time::Duration};

use rand::rngs::StdRng;

use super::{
    backend::Backend,
    claimant::Claimant,
    congestion::Congestion,
    control_handle::Sources,
    links::Links,
    log,
    observe::{Observer, Outside},
    shutdown::Shutdown,
    signals::{Request, Signals},
    state_saver::StateSaver,
};
use crate::{
    addr::IfIndex,
    control::{
        event::{Event, EventKind, InterfaceRef, StopKind},
        query::Query,
    },
    engine::{
        BootInstant, Fleet,
        action::{Action, Report, Transmission},
        advertiser::SentRa,
    },
    sys::{
        clock::{self, Timer},
        filter::Filter,
        heap,
        netlink::Change,
        sender,
        service_manager::ServiceNotifier,
    },
};

/// How many datagrams one turn of the loop takes from a socket before the other sockets have their turn: a
/// storm on one socket delays the others by a millisecond or two.
const BUDGET: usize = 32;

/// `AsyncFd::readable` registers nothing, so it makes no system call that could fail: its one error is that
/// the runtime's I/O driver has shut down
/// ([`Registration::readiness`](https://docs.rs/tokio/1.54.1/src/tokio/runtime/io/registration.rs.html)).
const RUNTIME_LIVES: &str = "the runtime outlives the future that it blocks on";

/// Everything that the loop works with.
pub(super) struct EventLoop {
    pub(super) fleet: Fleet,
    pub(super) links: Links,
    pub(super) backend: Backend,
    pub(super) claimant: Claimant,
    pub(super) congestion: Congestion,
    pub(super) timer: Timer,
    pub(super) signals: Signals,
    pub(super) rng: StdRng,
    /// RAs that leave together, at the end of the turn at the latest.
    pub(super) outbox: Vec<Transmission>,
    pub(super) observer: Observer,
    pub(super) state_saver: StateSaver,
    pub(super) notifier: ServiceNotifier,
    pub(super) heartbeat_interval: Option<Duration>,
    pub(super) next_heartbeat: Option<BootInstant>,
    pub(super) shutdown: Shutdown,
}

/// What wakes the loop.
enum WakeUp {
    /// Notifications of the kernel have come, or a netlink reply waits to be applied.
    Links,
    Solicitations,
    Deadline,
    /// A client of the control socket asks.
    Query(Query),
    Signal(Request),
    /// A dry run's standard output takes no more.
    OutputClosed,
}

/// Whether a turn waited for its wake-up: then the runtime has polled all sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waited(bool);

impl EventLoop {
    /// Runs until a signal ends it. Nothing else does, but for a dry run, which ends with its reader.
    ///
    /// # Errors
    ///
    /// The error of a dry run's standard output.
    pub(super) async fn run(mut self) -> io::Result<()> {
        while !self.shutdown.is_done() {
            if self.turn().await == Waited(false) {
                // Lets the runtime poll the other sources even if one is always ready.
                tokio::task::yield_now().await;
            }
        }
        self.state_saver.close(&self.fleet, &mut self.claimant, clock::now());
        self.observer.close()
    }

    async fn turn(&mut self) -> Waited {
        self.timer.arm(self.next_deadline());
        let (wake_up, waited) = noticing(self.next_wake_up()).await;
        match wake_up {
            WakeUp::Links => self.on_links(),
            WakeUp::Solicitations => self.on_solicitations(),
            WakeUp::Deadline => {}
            WakeUp::Query(query) => self.on_query(query),
            WakeUp::Signal(request) => self.on_signal(request),
            WakeUp::OutputClosed => self.on_output_closed(),
        }
        self.on_time();
        self.act();
        self.state_saver.attend(&mut self.fleet, &mut self.claimant, clock::now());
        self.notifier.attend(clock::now(), || self.fleet.counts().to_string());
        self.shutdown.update(self.fleet.owes_final_ras(), clock::now());
        waited
    }

    async fn next_wake_up(&mut self) -> WakeUp {
        let busy = self.links.netlink.is_busy();
        tokio::select! {
            request = self.signals.next() => WakeUp::Signal(request),
            result = self.timer.fired() => result.map(|()| WakeUp::Deadline).expect(RUNTIME_LIVES),
            result = self.backend.readable() => result.map(|()| WakeUp::Solicitations).expect(RUNTIME_LIVES),
            result = self.links.netlink.readable() => result.map(|()| WakeUp::Links).expect(RUNTIME_LIVES),
            query = self.observer.control.next_query() => WakeUp::Query(query),
            () = self.observer.output.closed() => WakeUp::OutputClosed,
            () = tokio::task::yield_now(), if busy => WakeUp::Links,
        }
    }

    fn next_deadline(&self) -> BootInstant {
        [
            self.fleet.next_deadline().map(|due| self.congestion.delay(due)),
            self.next_heartbeat,
            self.claimant.deadline(),
            self.state_saver.deadline(),
            self.notifier.deadline(),
            self.shutdown.deadline(),
        ]
        .into_iter()
        .flatten()
        .fold(self.links.deadline(), BootInstant::min)
    }

    /// Does what is due by the clock. Runs in every turn, so that no source of events can delay it.
    fn on_time(&mut self) {
        let now = clock::now();
        if self.links.resync_is_due(now) {
            self.resync(now);
        }
        if self.links.is_due(now) {
            self.on_links();
        }
        if self.claimant.deadline().is_some_and(|at| at <= now) {
            self.fleet.try_again(now);
            self.carry_out();
            self.claimant.tried(now);
        }
        if self.next_heartbeat.is_some_and(|at| at <= now) {
            self.heartbeat(now);
            self.next_heartbeat = self.heartbeat_interval.map(|interval| now + interval);
        }
    }

    /// Applies a bounded number of netlink messages, and hands the changes to the fleet.
    pub(super) fn on_links(&mut self) {
        let now = clock::now();
        self.links.process(BUDGET, now);
        while let Some(change) = self.links.poll_change() {
            match change {
                Change::Gone(index) => {
                    self.fleet.forget(index, now);
                    self.claimant.forget(index);
                    self.backend.forget(index);
                }
                Change::Seen(interface) => self.fleet.reconcile(interface, now),
                // Writing `conf.all.forwarding` flips every interface, and host and interfaces must be judged
                // together. The notification of the host's setting comes first, so the host is judged at the end of
                // a resync.
                Change::HostForwarding(on) => {
                    if self.links.host_forwarding_changed(on) {
                        self.resync(now);
                    }
                }
                Change::Resynced { complete } => self.on_resynced(complete, now),
            }
            self.carry_out();
            self.flush();
        }
        self.claimant.end_turn();
    }

    /// Begins a resync. The loop goes on beside it.
    fn resync(&mut self, now: BootInstant) {
        self.observer.read_counters(&self.backend, &self.fleet, now);
        self.links.resync(now);
    }

    fn on_resynced(&mut self, complete: bool, now: BootInstant) {
        self.links.resynced(complete, now);
        if complete {
            self.fleet.all_seen(now);
        }
        // RAs that are due leave before the host's routes are read, which may be many.
        self.act();
        self.observer.resynced(&self.fleet, &self.links.host(), now);
        heap::trim();
    }

    fn on_solicitations(&mut self) {
        let now = clock::now();
        let Backend::Kernel(kernel) = &mut self.backend else { return };
        for solicitation in kernel.receive(BUDGET, now) {
            self.observer.solicitations += 1;
            let Some(answer) = self.fleet.on_solicit(solicitation.ifindex, now, &mut self.rng) else {
                continue;
            };
            let answer_in = answer.due.saturating_since(now);
            let kind = EventKind::Solicited { answer, answer_in };
            let event = Event { interface: Some(interface(&self.fleet, solicitation.ifindex)), kind };
            self.observer.observe(&event, &self.fleet, now);
        }
    }

    fn on_query(&mut self, query: Query) {
        let sources = Sources {
            fleet: &self.fleet,
            backend: &self.backend,
            claimant: &self.claimant,
            ras: self.observer.ras,
            delays: self.observer.delays,
            links: &self.links,
            state_save_failures: self.state_saver.failures(),
            notifications_dropped: self.notifier.dropped(),
            send_buffers_full: self.congestion.times(),
            warned_interfaces: self.observer.warned_interfaces(),
        };
        self.observer.control.answer(query, &sources);
    }

    fn on_signal(&mut self, request: Request) {
        let now = clock::now();
        let kind = self.shutdown.begin(request, now);
        self.notifier.stopping();
        self.observer.observe(&Event { interface: None, kind: EventKind::Stopping(kind) }, &self.fleet, now);
        if kind == StopKind::Withdraw {
            self.fleet.stop();
        }
    }

    fn on_output_closed(&mut self) {
        self.shutdown.end();
        self.notifier.stopping();
        log::output_closed();
    }

    /// Carries out the fleet's actions, those that fall due now included.
    fn act(&mut self) {
        self.carry_out();
        let now = clock::now();
        while self.may_send(now) && self.fleet.on_timeout(now) {
            self.carry_out();
        }
        self.flush();
        self.claimant.end_turn();
    }

    /// Returns whether RAs that are due may leave now.
    fn may_send(&mut self, now: BootInstant) -> bool {
        if self.fleet.next_deadline().is_none_or(|due| due > now) {
            return false;
        }
        if !self.backend.has_room(self.outbox.len() + 1) {
            self.flush();
        }
        self.congestion.update(self.backend.has_room(self.outbox.len() + 1), now)
    }

    /// Carries out the fleet's queued actions, and reports their outcome to the fleet. RAs wait for [`Self::flush`].
    fn carry_out(&mut self) {
        while let Some(action) = self.fleet.poll_action() {
            match action {
                Action::Claim(index) => self.claimant.claim_for(&mut self.fleet, index, clock::now()),
                Action::Release(index) => self.claimant.release(index, clock::now()),
                Action::Serve(index) => self.serve(index),
                Action::Unserve(index) => self.update_map(index, Filter::unserve),
                Action::ClearPending(index) => self.update_map(index, Filter::clear_pending),
                Action::Send(transmission) => self.post(transmission),
                Action::Report(report) => self.report(&report),
                Action::Fault(fault) => log::fault(fault),
            }
        }
    }

    fn serve(&mut self, index: IfIndex) {
        let Some(filter) = self.backend.filter_mut() else { return };
        if let Err(failure) = filter.serve(index) {
            if self.observer.admits(index, &self.fleet, clock::now()) {
                log::serve_failed(index, failure);
            }
            self.fleet.on_serve_failed(index, failure, clock::now());
        }
    }

    /// Writes to the filter's map. A failure is only logged: the fleet does not depend on it.
    fn update_map(&mut self, index: IfIndex, update: impl FnOnce(&mut Filter, IfIndex) -> io::Result<()>) {
        let Some(filter) = self.backend.filter_mut() else { return };
        if let Err(error) = update(filter, index)
            && self.observer.admits(index, &self.fleet, clock::now())
        {
            log::map_write_failed(index, &error);
        }
    }

    fn report(&mut self, report: &Report) {
        self.notifier.touch();
        let interface = InterfaceRef { index: report.index, name: &report.name };
        let event = Event { interface: Some(interface), kind: EventKind::Changed(&report.change) };
        self.observer.observe(&event, &self.fleet, clock::now());
        self.observer.expect_forwarding(&report.change, self.links.host_forwarding());
    }

    fn post(&mut self, transmission: Transmission) {
        self.outbox.push(transmission);
        if self.outbox.len() == sender::MOST_AT_ONCE {
            self.flush();
        }
    }

    /// Sends the RAs that wait, and reports the outcome of each to the fleet.
    fn flush(&mut self) {
        if self.outbox.is_empty() {
            return;
        }
        let sent = self.backend.send(mem::take(&mut self.outbox));
        let now = clock::now();
        for (transmission, outcome) in &sent {
            self.on_outcome(transmission, outcome, now);
        }
        self.carry_out();
    }

    fn on_outcome(&mut self, transmission: &Transmission, outcome: &io::Result<()>, now: BootInstant) {
        let index = transmission.index;
        let kind = match outcome {
            Ok(()) => {
                let SentRa { failed_before, delay } = self.fleet.on_sent(index, now, &mut self.rng);
                self.observer.delays.add(delay);
                let next = self.fleet.schedule_of(index).and_then(|(_, next)| next);
                let next_in = next.map(|next| next.saturating_since(now));
                EventKind::Sent { transmission, next_in, failed_before }
            }
            Err(error) => {
                let failures = self.fleet.on_send_failed(index, now);
                EventKind::SendFailed { transmission, error, failures }
            }
        };
        self.observer.observe(&Event { interface: Some(interface(&self.fleet, index)), kind }, &self.fleet, now);
    }

    fn heartbeat(&mut self, now: BootInstant) {
        let outside = Outside {
            netlink: self.links.netlink.counts(),
            notifications_dropped: self.notifier.dropped(),
            send_buffers_full: self.congestion.times(),
        };
        self.observer.heartbeat(&self.backend, &self.fleet, outside, now);
    }
}

/// Waits for `future`, and returns also whether it was not ready at once.
async fn noticing<T>(future: impl Future<Output = T>) -> (T, Waited) {
    let mut future = pin!(future);
    let mut waited = Waited(false);
    poll_fn(|context| {
        let polled = future.as_mut().poll(context);
        waited.0 |= polled.is_pending();
        polled.map(|output| (output, waited))
    })
    .await
}

/// Returns the interface with the name that it had last; an empty name if its final RA was all that was left
/// of it.
fn interface(fleet: &Fleet, index: IfIndex) -> InterfaceRef<'_> {
    let (name, _) = fleet.schedule_of(index).unwrap_or_default();
    InterfaceRef { index, name }
}
