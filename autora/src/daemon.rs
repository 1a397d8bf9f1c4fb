//! The event loop: one closed set of events in, the fleet's actions out. The only place where the rooms meet.

mod drops;
mod foreign;
mod keeper;
mod live;
mod log;
mod outlet;
mod signals;

use std::{io, mem, time::Duration};

use rand::{SeedableRng, rngs::StdRng};
use tracing::{debug, info, warn};

use self::{drops::SocketDrops, foreign::ForeignRouters, keeper::Keeper, outlet::Outlet, signals::Signals};
use crate::{
    addr::IfIndex,
    cli::OnExit,
    config::Config,
    engine::{
        Fleet, Instant,
        advertiser::MIN_DELAY_BETWEEN_RAS,
        fleet::{Action, Send},
    },
    sys::{
        clock::{self, Timer},
        filter, heap, netlink,
        netlink::{Changes, Netlink},
        receiver, sender, service_manager,
    },
};

/// How many datagrams one turn of the loop takes from a socket, and how many interfaces it looks at again, before the
/// others have their turn: a storm on one side delays the other by a millisecond or two, not more.
const BUDGET: usize = 32;

/// How much longer than the 3 s floor a stop waits for its final advertisements.
const STOP_SLACK: Duration = Duration::from_millis(200);

/// Time to the next look at everything after one that failed.
const RETRY_RESYNC: Duration = Duration::from_secs(1);

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
    let netlink = Netlink::open()?;
    let outlet = Outlet::open(&config)?;
    let mut daemon = Daemon::new(config, netlink, outlet)?;
    daemon.start()?;
    loop {
        daemon.turn(&mut signals).await?;
        if daemon.is_done() {
            daemon.finish();
            return Ok(());
        }
        // A source that is always ready must not keep the runtime from looking at the others.
        tokio::task::yield_now().await;
    }
}

struct Daemon {
    config: Config,
    fleet: Fleet,
    netlink: Netlink,
    /// Interfaces that events called stale and that were not yet looked at again.
    changes: Changes,
    outlet: Outlet,
    timer: Timer,
    rng: StdRng,
    next_resync: Instant,
    next_heartbeat: Option<Instant>,
    concerns: log::HostConcerns,
    foreign: ForeignRouters,
    drops: SocketDrops,
    tally: log::Tally,
    keeper: Keeper,
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
    /// The kernel announced changes, or some are still to be looked at.
    Links,
    /// Solicitations came in.
    Solicitations,
    /// A deadline has come.
    Deadline,
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Restart,
}

impl Daemon {
    fn new(config: Config, netlink: Netlink, outlet: Outlet) -> Result<Self, StartError> {
        let now = clock::now();
        let mut fleet = Fleet::new(config.policy.clone(), config.parameters);
        let keeper = match &outlet {
            Outlet::Live(_) => Keeper::open(&config.runtime_directory, &mut fleet, now),
            Outlet::DryRun(_) => Keeper::forgetful(),
        };
        Ok(Self {
            fleet,
            netlink,
            changes: Changes::default(),
            outlet,
            timer: Timer::new()?,
            rng: StdRng::try_from_rng(&mut rand::rngs::SysRng).map_err(io::Error::other)?,
            next_resync: now + config.resync_interval,
            next_heartbeat: config.heartbeat_interval.map(|interval| now + interval),
            concerns: log::HostConcerns::default(),
            foreign: ForeignRouters::default(),
            drops: SocketDrops::default(),
            tally: log::Tally::default(),
            keeper,
            state: State::Running,
            config,
        })
    }

    /// The first look at everything; what is due at once leaves at once.
    fn start(&mut self) -> Result<(), StartError> {
        let snapshot = self.netlink.dump()?;
        if let Outlet::DryRun(dry_run) = &mut self.outlet {
            dry_run.introduce(&self.config, &snapshot.interfaces);
        }
        self.take_in(snapshot);
        self.act();
        if let Outlet::DryRun(dry_run) = &mut self.outlet {
            dry_run.introduced();
        }
        let counts = log::Counts::of(&self.fleet);
        heap::give_back();
        log::started(&self.config, &self.outlet.filter_name(), counts);
        service_manager::ready(&counts.to_string());
        Ok(())
    }

    async fn turn(&mut self, signals: &mut Signals) -> io::Result<()> {
        self.timer.arm(self.next_deadline())?;
        match self.next_event(signals).await? {
            Event::Links => self.on_links(),
            Event::Solicitations => self.on_solicitations(),
            Event::Deadline => {}
            Event::Stop => self.on_stop(),
            Event::Restart => {
                info!("asked to restart: stopping without a withdrawal");
                service_manager::stopping();
                self.state = State::Done;
            }
        }
        self.on_time();
        self.act();
        self.keeper.attend(&mut self.fleet, clock::now());
        if let State::Stopping { until } = self.state
            && (!self.fleet.owes_goodbyes() || until <= clock::now())
        {
            self.state = State::Done;
        }
        Ok(())
    }

    async fn next_event(&mut self, signals: &mut Signals) -> io::Result<Event> {
        let stale_left = !self.changes.is_empty();
        tokio::select! {
            Some(()) = signals.terminate.recv() => Ok(Event::Stop),
            Some(()) = signals.interrupt.recv() => Ok(Event::Stop),
            Some(()) = signals.hangup.recv() => Ok(Event::Restart),
            result = self.timer.fired() => result.map(|()| Event::Deadline),
            result = self.outlet.readable() => result.map(|()| Event::Solicitations),
            result = self.netlink.readable() => result.map(|()| Event::Links),
            () = tokio::task::yield_now(), if stale_left => Ok(Event::Links),
        }
    }

    fn next_deadline(&self) -> Instant {
        let stop = match self.state {
            State::Stopping { until } => Some(until),
            State::Running | State::Done => None,
        };
        [self.fleet.next_deadline(), self.next_heartbeat, self.keeper.deadline(), stop]
            .into_iter()
            .flatten()
            .fold(self.next_resync, Instant::min)
    }

    /// Whatever is due by the clock, in every turn: no source can keep it waiting.
    fn on_time(&mut self) {
        let now = clock::now();
        if self.next_resync <= now {
            self.resync();
        }
        if let Some(at) = self.next_heartbeat
            && at <= now
        {
            self.heartbeat();
            self.next_heartbeat = self.config.heartbeat_interval.map(|interval| now + interval);
        }
        self.fleet.on_timeout(clock::now());
    }

    /// The kernel announced changes: what they concern is looked at again, a few interfaces at a time.
    fn on_links(&mut self) {
        self.netlink.drain(BUDGET, &mut self.changes);
        for index in mem::take(&mut self.changes.deleted) {
            self.fleet.forget(index);
        }
        if mem::take(&mut self.changes.overrun) {
            warn!("the kernel's announcements overflowed: looking at every interface again");
            self.changes = Changes::default();
            return self.resync();
        }
        if mem::take(&mut self.changes.host) {
            // Writing `conf.all.forwarding` flips every interface, and host and interfaces must be judged together. The
            // announcement comes first; the dump waits until all are flipped.
            return self.resync();
        }
        for _ in 0..BUDGET {
            let Some(index) = self.changes.dirty.pop_first() else { break };
            self.look_at(index);
        }
    }

    fn look_at(&mut self, index: IfIndex) {
        match self.netlink.read(index) {
            Ok(Some(interface)) => {
                debug!(?interface, "looked at an interface");
                self.fleet.reconcile(interface, clock::now());
            }
            Ok(None) => self.fleet.forget(index),
            Err(error) => {
                warn!(ifindex = index.get(), %error, "an interface could not be read: trying again with all the others");
                self.resync_soon();
            }
        }
    }

    fn resync(&mut self) {
        self.look_for_foreign_routers();
        if let Some(drops) = self.outlet.socket_drops() {
            self.drops.look(drops, clock::now());
        }
        match self.netlink.dump() {
            Ok(snapshot) => self.take_in(snapshot),
            Err(error) => {
                warn!(%error, "the interfaces could not be read: keeping what is known, and trying again");
                self.resync_soon();
            }
        }
        heap::give_back();
    }

    fn take_in(&mut self, snapshot: netlink::Snapshot) {
        let now = clock::now();
        self.tally.resyncs += 1;
        self.next_resync = now + self.config.resync_interval;
        if snapshot.complete {
            self.fleet.reconcile_all(snapshot.interfaces, now);
        } else {
            // Links came and went during the listing: one that is missing in it may be there, so nothing is forgotten.
            snapshot.interfaces.into_iter().for_each(|interface| self.fleet.reconcile(interface, now));
            self.resync_soon();
        }
        self.concerns.update(&snapshot.host, &self.fleet, self.config.send);
    }

    fn resync_soon(&mut self) {
        self.next_resync = self.next_resync.min(clock::now() + RETRY_RESYNC);
    }

    fn on_solicitations(&mut self) {
        let Outlet::Live(live) = &mut self.outlet else { return };
        let now = clock::now();
        for solicitation in live.receive(BUDGET) {
            self.tally.solicitations += 1;
            let answer = self.fleet.on_solicit(solicitation.ifindex, now, &mut self.rng);
            log::solicited(&self.fleet, solicitation.ifindex, answer);
        }
    }

    fn on_stop(&mut self) {
        service_manager::stopping();
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

    /// Carries out what the fleet wants, and tells it how that went.
    fn act(&mut self) {
        while let Some(action) = self.fleet.poll_action() {
            match action {
                Action::Serve(index) => {
                    if let Err(error) = self.outlet.serve(index) {
                        log::serve_failed(index, &error);
                        self.fleet.on_serve_failed(index);
                    }
                }
                Action::Unserve(index) => log::map_write(index, self.outlet.unserve(index)),
                Action::Answered(index) => log::map_write(index, self.outlet.clear_pending(index)),
                Action::Send(send) => self.send(&send),
                Action::Report(report) => match &mut self.outlet {
                    Outlet::Live(_) => log::report(&report),
                    Outlet::DryRun(dry_run) => dry_run.report(&report),
                },
            }
        }
    }

    fn send(&mut self, send: &Send) {
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
                log::sent(name, send, next_in, failed_before);
            }
            Err(error) => {
                self.tally.send_failures += 1;
                let failures = self.fleet.on_send_failed(send.index, now);
                let (name, _) = self.fleet.schedule_of(send.index).unwrap_or_default();
                log::send_failed(name, send, &error, failures);
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
        let counts = log::Counts::of(&self.fleet);
        log::heartbeat(counts, &self.tally, &self.outlet.totals(), self.outlet.socket_drops().unwrap_or(0));
        service_manager::status(&counts.to_string());
    }

    fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn finish(&mut self) {
        self.keeper.close(&self.fleet, clock::now());
        info!(final_ras = self.tally.finals, "stopped");
    }
}
