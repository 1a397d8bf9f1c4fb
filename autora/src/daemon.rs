//! The event loop: one closed set of events in, the fleet's actions out. The only place where the rooms meet.

mod confinement;
mod desk;
mod drops;
mod foreign;
mod hush;
mod keeper;
mod links;
mod live;
mod log;
mod outlet;
mod signals;

use std::{io, time::Duration};

use rand::{SeedableRng, rngs::StdRng};
use tracing::info;

use self::{
    desk::{Counted, Desk},
    drops::SocketDrops,
    foreign::ForeignRouters,
    hush::Hush,
    keeper::Keeper,
    outlet::Outlet,
    signals::Signals,
};
use crate::{
    addr::IfIndex,
    config::{Config, ControlConfig},
    control::query::Query,
    engine::{
        Fleet, Instant,
        action::{Action, Report, StateChange, Transmission},
        rfc4861::MIN_DELAY_BETWEEN_RAS,
    },
    settings::OnExit,
    sys::{
        clock::{self, Timer},
        control_socket::Listeners,
        filter, heap,
        netlink::{self, Netlink},
        program, receiver,
        sandbox::SandboxError,
        sender,
        service_manager::ServiceNotifier,
    },
};

/// How many datagrams one turn of the loop takes from a socket before the others have their turn: a storm on one side
/// delays the other by a millisecond or two, not more.
const BUDGET: usize = 32;

/// How much longer than the 3 s floor a stop waits for its final advertisements.
const STOP_SLACK: Duration = Duration::from_millis(200);

/// `AsyncFd::readable` registers nothing, so it makes no system call that could fail: its one error is that the runtime's I/O
/// driver has shut down ([`Registration::readiness`](https://docs.rs/tokio/1.54.1/src/tokio/runtime/io/registration.rs.html)).
const RUNTIME_LIVES: &str = "the runtime outlives the future that it blocks on";

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No filter.
    #[error(transparent)]
    Filter(#[from] filter::LoadError),
    /// No receiving socket.
    #[error(transparent)]
    Receiver(#[from] receiver::OpenError),
    /// No sending socket.
    #[error(transparent)]
    Sender(#[from] sender::OpenError),
    /// No netlink socket.
    #[error(transparent)]
    Netlink(#[from] netlink::OpenError),
    /// The kernel did not tell its interfaces.
    #[error("cannot read the interfaces from the kernel")]
    Dump(#[from] netlink::QueryError),
    /// The capabilities could not be given up.
    #[error("cannot give up the capabilities")]
    Privileges(#[from] caps::errors::CapsError),
    /// The kernel can confine the daemon, and does not.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A file descriptor could not be had.
    #[error("cannot set up the event loop")]
    Io(#[from] io::Error),
}

/// Runs until a signal asks to stop.
///
/// # Errors
///
/// A [`StartError`] when it cannot start. Once it runs, nothing ends it but a signal.
pub async fn run(config: Config) -> Result<(), StartError> {
    // Signals first: one that comes while everything opens is not lost.
    let mut signals = Signals::new()?;
    // Before the capabilities are given up: CAP_NET_ADMIN, where it is there, makes room for more announcements.
    let netlink = links::open(&config)?;
    let listeners = (!config.dry_run).then(|| {
        let ControlConfig { socket, group, metrics_listen, .. } = &config.control;
        Listeners::open(socket.as_deref(), group.as_deref(), *metrics_listen)
    });
    let outlet = Outlet::open(&config)?;
    let mut daemon = Daemon::new(config, netlink, outlet)?;
    if let Some(listeners) = listeners {
        let info = desk::info(&daemon.config, &mut daemon.outlet);
        confinement::confine_files(&daemon.config)?;
        daemon.desk = Desk::open(listeners, info);
        confinement::confine_calls()?;
    }
    daemon.start()?;
    daemon.run(&mut signals).await;
    Ok(())
}

struct Daemon {
    config: Config,
    fleet: Fleet,
    netlink: Netlink,
    outlet: Outlet,
    timer: Timer,
    rng: StdRng,
    next_resync: Instant,
    next_heartbeat: Option<Instant>,
    /// `conf.all.forwarding`.
    forwarding: bool,
    concerns: log::HostConcerns,
    foreign: ForeignRouters,
    drops: SocketDrops,
    tally: log::Tally,
    hush: Hush,
    keeper: Keeper,
    desk: Desk,
    notifier: ServiceNotifier,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// Final advertisements are on their way; whatever has not left by then stays.
    Stopping {
        until: Instant,
    },
    Done,
}

/// What wakes the loop.
enum Event {
    /// The kernel announced changes, or has answered a question about them.
    Links,
    /// Solicitations came in.
    Solicitations,
    /// A deadline has come.
    Deadline,
    /// Somebody asks.
    Query(Query),
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Restart,
}

impl Daemon {
    fn new(config: Config, netlink: Netlink, outlet: Outlet) -> Result<Self, StartError> {
        let now = clock::now();
        let mut fleet =
            Fleet::new(config.policy.clone(), config.parameters).with_link_options(config.link_options);
        let keeper = match &outlet {
            Outlet::Live(_) => Keeper::open(&config.runtime_directory, &mut fleet, now),
            Outlet::DryRun(_) => Keeper::forgetful(),
        };
        Ok(Self {
            fleet,
            netlink,
            outlet,
            timer: Timer::new()?,
            rng: StdRng::try_from_rng(&mut rand::rngs::SysRng).map_err(io::Error::other)?,
            next_resync: now + config.resync_interval,
            next_heartbeat: config.heartbeat_interval.map(|interval| now + interval),
            forwarding: true,
            concerns: log::HostConcerns::default(),
            foreign: ForeignRouters::default(),
            drops: SocketDrops::default(),
            tally: log::Tally::default(),
            hush: Hush::default(),
            keeper,
            desk: Desk::closed(),
            notifier: ServiceNotifier::open(now),
            state: State::Running,
            config,
        })
    }

    /// The first look at everything. What is due at once leaves in the first turn.
    fn start(&mut self) -> Result<(), StartError> {
        let snapshot = self.netlink.dump()?;
        if let Outlet::DryRun(dry_run) = &mut self.outlet {
            dry_run.introduce(&self.config, &snapshot.interfaces);
        }
        self.netlink.follow(self.fleet.unseen());
        self.netlink.adopt(snapshot, clock::now())?;
        self.on_links();
        if let Outlet::DryRun(dry_run) = &mut self.outlet {
            dry_run.introduced();
        }
        self.hush.begin();
        let counts = self.fleet.counts();
        heap::give_back();
        program::forget_start();
        log::started(&self.config, &self.outlet.filter_name(), counts);
        self.notifier.ready(counts.to_string(), clock::now());
        Ok(())
    }

    /// Runs until a signal ends it, and nothing else does.
    async fn run(&mut self, signals: &mut Signals) {
        while !self.is_done() {
            self.turn(signals).await;
            // A source that is always ready must not keep the runtime from looking at the others.
            tokio::task::yield_now().await;
        }
        self.finish();
    }

    async fn turn(&mut self, signals: &mut Signals) {
        self.timer.arm(self.next_deadline());
        match self.next_event(signals).await {
            Event::Links => self.on_links(),
            Event::Solicitations => self.on_solicitations(),
            Event::Deadline => {}
            Event::Query(query) => {
                let counted = Counted {
                    tally: &self.tally,
                    netlink: self.netlink.counts(),
                    state_save_failures: self.keeper.failures(),
                };
                self.desk.answer(query, &self.fleet, &self.outlet, &counted);
            }
            Event::Stop => self.on_stop(),
            Event::Restart => {
                info!("asked to restart: stopping without a withdrawal");
                self.notifier.stopping();
                self.desk.stopping();
                self.state = State::Done;
            }
        }
        self.on_time();
        self.act();
        self.keeper.attend(&mut self.fleet, clock::now());
        self.notifier.attend(clock::now(), || self.fleet.counts().to_string());
        if let State::Stopping { until } = self.state
            && (!self.fleet.owes_final_ras() || until <= clock::now())
        {
            self.state = State::Done;
        }
    }

    async fn next_event(&mut self, signals: &mut Signals) -> Event {
        let busy = self.netlink.is_busy();
        tokio::select! {
            // tokio documents that `recv` never returns None.
            Some(()) = signals.terminate.recv() => Event::Stop,
            Some(()) = signals.interrupt.recv() => Event::Stop,
            Some(()) = signals.hangup.recv() => Event::Restart,
            result = self.timer.fired() => result.map(|()| Event::Deadline).expect(RUNTIME_LIVES),
            result = self.outlet.readable() => result.map(|()| Event::Solicitations).expect(RUNTIME_LIVES),
            result = self.netlink.readable() => result.map(|()| Event::Links).expect(RUNTIME_LIVES),
            query = self.desk.next_query() => Event::Query(query),
            () = tokio::task::yield_now(), if busy => Event::Links,
        }
    }

    fn next_deadline(&self) -> Instant {
        let stop = match self.state {
            State::Stopping { until } => Some(until),
            State::Running | State::Done => None,
        };
        [
            self.fleet.next_deadline(),
            self.next_heartbeat,
            self.keeper.deadline(),
            self.netlink.deadline(),
            self.notifier.deadline(),
            stop,
        ]
        .into_iter()
        .flatten()
        .fold(self.next_resync, Instant::min)
    }

    /// Whatever else is due by the clock, in every turn: no source can keep it waiting.
    fn on_time(&mut self) {
        let now = clock::now();
        if self.next_resync <= now {
            self.resync(now);
        }
        if self.netlink.deadline().is_some_and(|at| at <= now) {
            self.on_links();
        }
        if let Some(at) = self.next_heartbeat
            && at <= now
        {
            self.heartbeat();
            self.next_heartbeat = self.config.heartbeat_interval.map(|interval| now + interval);
        }
    }

    fn on_solicitations(&mut self) {
        let Outlet::Live(live) = &mut self.outlet else { return };
        let now = clock::now();
        for solicitation in live.receive(BUDGET) {
            self.tally.solicitations += 1;
            let answer = self.fleet.on_solicit(solicitation.ifindex, now, &mut self.rng);
            log::solicited(&self.fleet, solicitation.ifindex, answer);
            self.desk.solicited(&self.fleet, solicitation.ifindex, answer);
        }
    }

    fn on_stop(&mut self) {
        self.notifier.stopping();
        self.desk.stopping();
        let withdraw = self.config.on_exit == OnExit::Withdraw && !self.config.dry_run;
        self.state = match self.state {
            State::Running if withdraw => {
                info!("asked to stop: withdrawing; a second signal stops at once");
                self.fleet.stop();
                State::Stopping { until: clock::now() + MIN_DELAY_BETWEEN_RAS + STOP_SLACK }
            }
            State::Running | State::Stopping { .. } | State::Done => {
                info!("asked to stop: stopping at once");
                State::Done
            }
        };
    }

    /// What the fleet wants by now, and then, in every turn, whatever is due for guests.
    fn act(&mut self) {
        self.carry_out();
        let now = clock::now();
        while self.fleet.on_timeout(now) {
            self.carry_out();
        }
    }

    /// Does what the fleet wants, and tells it how that went.
    fn carry_out(&mut self) {
        while let Some(action) = self.fleet.poll_action() {
            match action {
                Action::Serve(index) => {
                    if let Err(error) = self.outlet.serve(index) {
                        if self.admits_line(index) {
                            log::serve_failed(index, &error);
                        }
                        self.fleet.on_serve_failed(index);
                    }
                }
                Action::Unserve(index) => {
                    let result = self.outlet.unserve(index);
                    self.map_written(index, result);
                }
                Action::ClearPending(index) => {
                    let result = self.outlet.clear_pending(index);
                    self.map_written(index, result);
                }
                Action::Send(send) => self.send(&send),
                Action::Fault(fault) => log::fault(fault),
                Action::Report(report) => {
                    self.desk.changed(&report);
                    self.notifier.touch();
                    self.report(&report);
                }
            }
        }
    }

    fn report(&mut self, report: &Report) {
        match &mut self.outlet {
            Outlet::DryRun(dry_run) => dry_run.report(report),
            Outlet::Live(_) if report.change == StateChange::Gone => {
                self.hush.gone(report.index, &self.fleet);
                log::report(report);
            }
            Outlet::Live(_) => {
                if self.admits_line(report.index) {
                    log::report(report);
                }
            }
        }
    }

    /// Whether one more line about the interface may be written. To be asked only when there is one.
    fn admits_line(&mut self, index: IfIndex) -> bool {
        self.hush.admits(index, &self.fleet, clock::now())
    }

    fn map_written(&mut self, index: IfIndex, result: io::Result<()>) {
        if let Err(error) = result
            && self.admits_line(index)
        {
            log::map_write_failed(index, &error);
        }
    }

    fn send(&mut self, send: &Transmission) {
        let result = self.outlet.send(send);
        let now = clock::now();
        match result {
            Ok(()) => {
                self.tally.sent(send.cause);
                let failed_before = self.fleet.on_sent(send.index, now, &mut self.rng);
                let (name, next) = self.fleet.schedule_of(send.index).unwrap_or_default();
                let next_in = next.map(|next| next.saturating_since(now));
                if let Outlet::DryRun(dry_run) = &mut self.outlet {
                    dry_run.show(name, send, next_in);
                }
                if failed_before > 0 && self.hush.admits(send.index, &self.fleet, now) {
                    log::sends_again(name, send, failed_before);
                }
                log::sent(name, send, next_in);
                self.desk.sent(name, send, next_in);
            }
            Err(error) => {
                self.tally.send_failures += 1;
                let failures = self.fleet.on_send_failed(send.index, now);
                let (name, _) = self.fleet.schedule_of(send.index).unwrap_or_default();
                // The first failure of a row is news, the others are not.
                let is_news = failures == 1 && self.hush.admits(send.index, &self.fleet, now);
                log::send_failed(name, send, &error, failures, is_news);
                self.desk.send_failed(name, send, &error, failures);
            }
        }
    }

    fn look_for_foreign_routers(&mut self) {
        if let Outlet::Live(live) = &self.outlet {
            self.foreign.look(live, &self.fleet, clock::now());
        }
    }

    fn heartbeat(&mut self) {
        self.look_for_foreign_routers();
        let (netlink, drops) = (self.netlink.counts(), self.outlet.socket_drops().unwrap_or(0));
        log::heartbeat(
            self.fleet.counts(),
            &self.tally,
            netlink,
            &self.outlet.totals(),
            drops,
            self.hush.total(),
            self.notifier.dropped(),
        );
    }

    fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn finish(&mut self) {
        self.keeper.close(&self.fleet, clock::now());
        self.desk.close();
        info!(final_ras = self.tally.finals, "stopped");
    }
}
