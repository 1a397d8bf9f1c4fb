//! The daemon's event loop in virtual time: reads the world, calls the fleet, carries out its actions.

use std::{collections::BTreeSet, mem, time::Duration};

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant, Fleet,
        action::{Action, Transmission},
        eligibility::MapFailure,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    agenda::{Agenda, Event},
    chance::any_scale,
    disk::Disk,
    oracle::{Oracle, Violation, bounds::STOP, prefixes},
    restarts::{End, PlannedCrash},
    scenario::Scenario,
    trace::{Note, Trace},
    world::{Effect, Reused, World},
};

/// The start of virtual time.
pub(crate) const START: BootInstant = BootInstant::from_boot(Duration::from_secs(1_000));

/// How long a stopped fleet is observed.
const AFTER_STOP: Duration = Duration::from_secs(30);

/// The most timeouts of one interface at one instant: the end of a grace, and RAs.
const TIMEOUTS: usize = 4;

/// One run.
pub(crate) struct Simulation {
    pub(crate) scenario: Scenario,
    pub(crate) world: World,
    pub(crate) agenda: Agenda,
    pub(crate) fleet: Fleet,
    pub(crate) disk: Disk,
    pub(crate) oracle: Oracle,
    pub(crate) trace: Trace,
    /// The random generators of the world and of the fleet.
    pub(crate) world_rng: StdRng,
    pub(crate) fleet_rng: StdRng,
    /// That of what happens besides: so the world of a seed is the same with and without.
    pub(crate) company_rng: StdRng,
    pub(crate) now: BootInstant,
    pub(crate) next_resync: BootInstant,
    /// When to look at sockets without room again.
    pub(crate) next_look: BootInstant,
    /// Whether the first resync is still to come.
    pub(crate) first_resync: bool,
    pub(crate) pending: Pending,
    /// RAs that leave together.
    pub(crate) outbox: Vec<Transmission>,
    /// How the daemon ends after this turn, and the crash that is planned.
    pub(crate) ending: Option<End>,
    pub(crate) planned_crash: Option<PlannedCrash>,
}

/// Input that waits for the daemon's next turn.
#[derive(Default)]
pub(crate) struct Pending {
    dirty: BTreeSet<IfIndex>,
    deleted: BTreeSet<IfIndex>,
    pub(crate) solicitations: Vec<IfIndex>,
    /// Solicitations that the filter dropped because an RA is pending.
    pub(crate) coalesced: Vec<IfIndex>,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world_rng = StdRng::seed_from_u64(seed);
        let mut company_rng = StdRng::seed_from_u64(!seed);
        let scenario = Scenario::draw(&mut world_rng).in_company(seed, &mut company_rng);
        let fleet = scenario.settings.fleet();
        let mut disk = Disk::default();
        disk.begin(&fleet, START);
        Self {
            world: World::new(&scenario),
            agenda: Agenda::default(),
            fleet,
            disk,
            oracle: Oracle::new(scenario.settings),
            trace: Trace::default(),
            fleet_rng: StdRng::seed_from_u64(world_rng.random()),
            world_rng,
            company_rng,
            now: START,
            next_resync: START,
            next_look: START,
            first_resync: true,
            pending: Pending::default(),
            outbox: Vec::new(),
            ending: None,
            planned_crash: None,
            scenario,
        }
    }

    pub(crate) fn describe(&self) -> String {
        format!("{:?}", self.scenario)
    }

    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        self.plan();
        let end = START + self.scenario.duration;
        while self.now < end {
            self.step(end)?;
            if let Some(end) = self.ending.take() {
                self.restart(end)?;
            }
        }
        if self.world_rng.random_bool(0.8) {
            self.planned_crash = None;
            self.stop(STOP)?;
            self.run_stopped()?;
        }
        self.oracle.check_spreads()
    }

    /// Schedules the first event of each kind; each event schedules the next.
    fn plan(&mut self) {
        for slot in 0..self.world.links() {
            self.plan_next(Event::Churn(slot), START);
            self.plan_next(Event::Solicit(slot), START);
        }
        for event in [Event::Outage, Event::Capacity, Event::Overrun] {
            self.plan_next(event, START);
        }
        self.plan_end();
        self.plan_company(START);
    }

    pub(crate) fn plan_next(&mut self, event: Event, now: BootInstant) {
        let (shortest, longest) = match event {
            Event::Churn(_) => (Duration::from_millis(5), self.scenario.change_every),
            Event::Undo(_) => (Duration::from_millis(1), Duration::from_secs(3)),
            Event::Aged(_) => (Duration::from_millis(1), Duration::from_secs(1)),
            Event::Solicit(_) => (Duration::from_millis(1), self.scenario.solicit_every),
            Event::Detected(_) => (Duration::from_millis(200), Duration::from_millis(2_500)),
            Event::Dirty(_) | Event::Deleted(_) => (Duration::from_micros(20), Duration::from_millis(30)),
            Event::Outage => (Duration::from_millis(10), Duration::from_secs(7_200)),
            Event::Capacity => (Duration::from_secs(1), Duration::from_secs(1_800)),
            Event::Overrun => (Duration::from_secs(1), Duration::from_secs(14_400)),
            Event::OtherDaemon(_) => {
                let longest = self.scenario.company.daemon_acts_every;
                (Duration::from_millis(200), longest.unwrap_or(AFTER_STOP))
            }
            Event::Stuck => (Duration::from_secs(1), Duration::from_secs(3_600)),
            Event::End => (Duration::from_millis(5), self.scenario.process_lifetime.unwrap_or(AFTER_STOP)),
        };
        let rng = if event.is_of_company() { &mut self.company_rng } else { &mut self.world_rng };
        self.agenda.add(now + any_scale(rng, shortest, longest), event);
    }

    /// Stops the fleet and runs for at most `time_limit`, until all final RAs have left.
    pub(crate) fn stop(&mut self, time_limit: Duration) -> Result<(), Violation> {
        self.fleet.stop();
        self.oracle.stop(self.now);
        let known: Vec<_> = self.oracle.known().collect();
        for index in known {
            self.trace.note(index, self.now, Note::Stop);
        }
        self.oracle.tally.count("stop with final RAs");
        let suspends = mem::take(&mut self.scenario.suspends);
        self.act(self.now)?;
        self.end_turn(None)?;
        let until = self.now + time_limit;
        while self.now < until && self.fleet.owes_final_ras() && self.ending.is_none() {
            self.step(until)?;
        }
        self.scenario.suspends = suspends;
        if time_limit == STOP && self.ending.is_none() {
            self.oracle.check_stopped(&self.fleet, self.now)?;
        }
        Ok(())
    }

    /// Runs on after a stop: no RA may leave.
    fn run_stopped(&mut self) -> Result<(), Violation> {
        self.scenario.suspends = false;
        let end = self.now + AFTER_STOP;
        while self.now < end {
            self.step(end)?;
        }
        Ok(())
    }

    /// Sleeps until the next event, or until `end`, and runs one turn.
    fn step(&mut self, end: BootInstant) -> Result<(), Violation> {
        self.oracle.check_next(&self.fleet)?;
        let due = self.fleet.next_deadline().map(|due| due.max(self.next_look));
        let daemon = [due, self.disk.deadline(), self.world.claims.deadline(), Some(self.next_resync)];
        let wake = [self.agenda.next()].into_iter().chain(daemon);
        let wake = wake.flatten().fold(end, BootInstant::min);
        self.now = self.now.max(wake) + self.lateness();
        while let Some((at, event)) = self.agenda.pop(self.now) {
            self.apply(event, at);
        }
        self.turn()
    }

    /// Draws how late the daemon wakes up.
    fn lateness(&mut self) -> Duration {
        let longest = match self.world_rng.random_range(0..20_000) {
            0 if self.scenario.suspends => Duration::from_secs(7_200),
            0..20 => Duration::from_secs(2),
            20..200 => Duration::from_millis(300),
            200..2_000 => Duration::from_millis(5),
            _ => Duration::from_micros(300),
        };
        let late = self.world_rng.random_range(Duration::ZERO..=longest);
        if late > Duration::from_secs(1) {
            self.oracle.tally.count("late by more than a second");
        }
        late
    }

    /// Applies an event to the world; the kernel may notify the daemon of it.
    pub(crate) fn apply(&mut self, event: Event, at: BootInstant) {
        match event {
            Event::Churn(slot) => {
                let effect = self.world.churn(slot, at, &mut self.world_rng);
                if let Effect::Deleted(index) = effect {
                    self.on_deletion(index, at);
                }
                self.notify(effect, at);
                self.plan_consequences(slot, at);
                self.plan_next(event, at);
            }
            Event::Undo(slot) => {
                let effect = self.world.undo(slot, &mut self.world_rng);
                self.notify(effect, at);
                self.plan_consequences(slot, at);
            }
            Event::Aged(slot) => {
                let effect = self.world.age(slot, at);
                self.notify(effect, at);
                self.plan_aging(slot, at);
            }
            Event::Detected(slot) => {
                let effect = self.world.detect(slot, &mut self.world_rng);
                self.notify(effect, at);
            }
            Event::Solicit(slot) => {
                self.solicit(slot, at);
                self.plan_next(event, at);
            }
            Event::Dirty(index) => _ = self.pending.dirty.insert(index),
            Event::Deleted(index) => {
                self.pending.deleted.insert(index);
                self.pending.dirty.insert(index);
            }
            Event::Outage => {
                let (links, outage) = (self.world.links(), self.scenario.outage);
                self.world.outages.turn(links, outage, at, &mut self.world_rng);
                self.plan_next(event, at);
            }
            Event::Capacity => {
                let wide = self.world_rng.random_bool(0.6);
                let capacity = if wide { self.scenario.links * 2 } else { self.scenario.capacity };
                self.world.filter.capacity = capacity;
                self.plan_next(event, at);
            }
            Event::Overrun => {
                self.agenda.lose_notifications();
                self.next_resync = at;
                self.oracle.tally.count("notifications lost");
                self.plan_next(event, at);
            }
            Event::OtherDaemon(slot) => self.on_other_daemon(slot, at),
            Event::Stuck => self.on_stuck(at),
            Event::End if !self.oracle.is_stopping() => self.terminate(),
            Event::End => {}
        }
    }

    /// Schedules what follows from a change of the link in a slot.
    fn plan_consequences(&mut self, slot: usize, at: BootInstant) {
        self.plan_next(Event::Detected(slot), at);
        self.plan_aging(slot, at);
        if self.world.is_to_be_undone(slot) {
            self.plan_next(Event::Undo(slot), at);
        }
    }

    fn plan_aging(&mut self, slot: usize, at: BootInstant) {
        if let Some(end) = self.world.plan_aging(slot, at) {
            self.agenda.add(end, Event::Aged(slot));
        }
    }

    fn notify(&mut self, effect: Effect, at: BootInstant) {
        let event = match effect {
            Effect::Nothing => return,
            Effect::Changed(index) => Event::Dirty(index),
            Effect::Deleted(index) => Event::Deleted(index),
            Effect::Created(index, reused) => {
                if reused == Reused(true) {
                    self.oracle.tally.count("index given out again");
                }
                Event::Dirty(index)
            }
        };
        if !self.world_rng.random_bool(self.scenario.lossiness) {
            self.plan_next(event, at);
        }
    }

    /// Runs one turn of the event loop. Its sources are read in any order.
    fn turn(&mut self) -> Result<(), Violation> {
        let Pending { dirty, deleted, solicitations, coalesced } = mem::take(&mut self.pending);
        let links_first = self.world_rng.random_bool(0.5);
        if links_first {
            self.on_links(dirty.clone(), deleted.clone())?;
        }
        for index in solicitations {
            self.on_solicit(index)?;
        }
        for index in coalesced {
            self.oracle.coalesced(index, self.now);
        }
        if !links_first {
            self.on_links(dirty, deleted)?;
        }
        let resync = self.next_resync <= self.now;
        let complete = resync && self.resync();
        let made = self.now;
        self.act(made)?;
        self.claim_again()?;
        if self.may_send() {
            self.send_due(made)?;
        }
        self.end_turn(complete.then_some(made))
    }

    /// Carries out what is due at `made`.
    fn send_due(&mut self, made: BootInstant) -> Result<(), Violation> {
        self.oracle.timeout(made);
        let mut left = self.world.links() * TIMEOUTS;
        // No draw, so that seeds of the past stay what they were.
        let together = 1 + usize::try_from(made.since_boot().subsec_nanos() % 4).expect("small");
        while self.planned_crash != Some(PlannedCrash::Actions(0)) && self.fleet.on_timeout(made) {
            self.oracle.decided(&self.fleet, made);
            self.carry_out(made)?;
            if self.outbox.len() >= together {
                self.flush(made)?;
            }
            left -= 1;
            assert!(left > 0, "the timeouts of one instant come to an end");
        }
        self.flush(made)
    }

    /// Checks the result of the turn and saves what is due, unless the daemon crashed in the turn.
    fn end_turn(&mut self, resynced: Option<BootInstant>) -> Result<(), Violation> {
        if self.planned_crash != Some(PlannedCrash::Actions(0)) {
            if let Some(at) = resynced {
                self.oracle.check_all(&self.fleet, at)?;
            }
            self.oracle.check_touched(&self.fleet, self.now)?;
        }
        self.save();
        Ok(())
    }

    /// Carries out the fleet's actions; their RAs were made at `made`.
    pub(crate) fn act(&mut self, made: BootInstant) -> Result<(), Violation> {
        self.carry_out(made)?;
        self.flush(made)
    }

    /// Carries out the fleet's actions, but for the RAs, which wait for [`Self::flush`].
    fn carry_out(&mut self, made: BootInstant) -> Result<(), Violation> {
        while let Some(action) = self.fleet.poll_action() {
            if self.crashes_now() {
                return Ok(());
            }
            match action {
                Action::Serve(index) => self.serve(index)?,
                Action::Unserve(index) => {
                    self.trace.note(index, self.now, Note::Unserve);
                    self.oracle.unserve(index)?;
                    self.world.filter.unserve(index);
                }
                Action::ClearPending(index) => {
                    self.trace.note(index, self.now, Note::MarkCleared);
                    self.oracle.mark_cleared(index)?;
                    self.world.filter.clear(index);
                }
                Action::Send(send) => {
                    self.oracle.sending(&send, made, self.now)?;
                    self.outbox.push(send);
                }
                Action::Claim(index) => self.claim(index)?,
                Action::Release(index) => self.release(index),
                Action::Report(_) => {}
                Action::Fault(fault) => panic!("{fault}"),
            }
        }
        Ok(())
    }

    fn serve(&mut self, index: IfIndex) -> Result<(), Violation> {
        let room = !self.world.filter.is_full();
        self.trace.note(index, self.now, Note::Serve { room });
        self.oracle.serve(index, self.now, room)?;
        if room {
            self.world.filter.serve(index);
        } else {
            self.fleet.on_serve_failed(index, MapFailure::Full, self.now);
        }
        Ok(())
    }

    /// Sends the RAs that wait. A crash loses them.
    fn flush(&mut self, made: BootInstant) -> Result<(), Violation> {
        let sent = mem::take(&mut self.outbox);
        if sent.is_empty() {
            return Ok(());
        }
        for send in &sent {
            if self.planned_crash == Some(PlannedCrash::Actions(0)) {
                return Ok(());
            }
            self.send(send, made)?;
        }
        self.act(made)
    }

    fn send(&mut self, send: &Transmission, made: BootInstant) -> Result<(), Violation> {
        let left = self.world.can_send(send.index, self.now, &mut self.world_rng) && self.enqueue(send.index);
        let (last, others) = prefixes(&send.advert);
        let (cause, source) = (send.cause.name(), send.source);
        self.trace.note(send.index, self.now, Note::Send { left, cause, source, last, others });
        self.now += self.world_rng.random_range(Duration::ZERO..=Duration::from_micros(100));
        if self.crashes_after_sending() {
            if left {
                self.oracle.tally.count("crash right after an RA left");
                self.oracle.sent(send, made, self.now, &self.fleet)?;
            }
            return Ok(());
        }
        if left {
            self.fleet.on_sent(send.index, self.now, &mut self.fleet_rng);
            self.oracle.sent(send, made, self.now, &self.fleet)
        } else {
            self.fleet.on_send_failed(send.index, self.now);
            self.oracle.failed(send, self.now, &self.fleet)
        }
    }
}
