//! The daemon's loop, in virtual time: looks at the world, tells the fleet, carries out its actions.

use std::{collections::BTreeSet, mem, time::Duration};

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant, Fleet,
        action::{Action, Transmission},
        eligibility::MapFailure,
        interface::Interface,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    agenda::{Agenda, Event},
    chance::any_scale,
    disk::Disk,
    lives::{Doom, End, first_look_is_incomplete, new_fleet},
    oracle::{Oracle, Violation, bounds::STOP, prefixes},
    scenario::Scenario,
    trace::{Note, Trace},
    world::{Happened, Passage, Reused, World},
};

/// When everything begins.
pub(crate) const START: BootInstant = BootInstant::from_boot(Duration::from_secs(1_000));

/// How long a stopped fleet is watched.
const AFTERLIFE: Duration = Duration::from_secs(30);

/// Time to the next look at everything after one that was incomplete.
const RETRY_RESYNC: Duration = Duration::from_secs(1);

/// One run.
pub(crate) struct Simulation {
    pub(crate) scenario: Scenario,
    pub(crate) world: World,
    pub(crate) agenda: Agenda,
    pub(crate) fleet: Fleet,
    pub(crate) disk: Disk,
    pub(crate) oracle: Oracle,
    pub(crate) trace: Trace,
    /// The world's luck, and the fleet's.
    pub(crate) luck: StdRng,
    fleet_rng: StdRng,
    pub(crate) now: BootInstant,
    pub(crate) next_resync: BootInstant,
    /// The daemon has not looked at everything yet.
    pub(crate) first_look: bool,
    pub(crate) news: News,
    /// How the daemon ends once this turn is over, and how it is going to.
    pub(crate) ending: Option<End>,
    pub(crate) doom: Option<Doom>,
}

/// What the daemon will find when it wakes up.
#[derive(Default)]
pub(crate) struct News {
    dirty: BTreeSet<IfIndex>,
    deleted: BTreeSet<IfIndex>,
    solicitations: Vec<IfIndex>,
    /// Solicitations that the filter kept back.
    coalesced: Vec<IfIndex>,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        let mut luck = StdRng::seed_from_u64(seed);
        let scenario = Scenario::draw(&mut luck);
        let fleet = new_fleet(&scenario);
        let mut disk = Disk::default();
        disk.begin(&fleet, START);
        Self {
            world: World::new(&scenario),
            agenda: Agenda::default(),
            fleet,
            disk,
            oracle: Oracle::new(scenario.parameters),
            trace: Trace::default(),
            fleet_rng: StdRng::seed_from_u64(luck.random()),
            luck,
            now: START,
            next_resync: START,
            first_look: true,
            news: News::default(),
            ending: None,
            doom: None,
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
                self.pass_on(end)?;
            }
        }
        if self.luck.random_bool(0.8) {
            self.doom = None;
            self.stop(STOP)?;
            self.live_on_stopped()?;
        }
        self.oracle.check_spreads()
    }

    /// The first event of each kind; each brings the next.
    fn plan(&mut self) {
        for slot in 0..self.world.links() {
            self.plan_next(Event::Churn(slot), START);
            self.plan_next(Event::Solicit(slot), START);
        }
        for event in [Event::Weather, Event::Capacity, Event::Overrun] {
            self.plan_next(event, START);
        }
        self.plan_end();
    }

    pub(crate) fn plan_next(&mut self, event: Event, now: BootInstant) {
        let (shortest, longest) = match event {
            Event::Churn(_) => (Duration::from_millis(5), self.scenario.calm),
            Event::Solicit(_) => (Duration::from_millis(1), self.scenario.quiet),
            Event::Detected(_) => (Duration::from_millis(200), Duration::from_millis(2_500)),
            Event::Dirty(_) | Event::Deleted(_) => (Duration::from_micros(20), Duration::from_millis(30)),
            Event::Weather => (Duration::from_millis(10), Duration::from_secs(7_200)),
            Event::Capacity => (Duration::from_secs(1), Duration::from_secs(1_800)),
            Event::Overrun => (Duration::from_secs(1), Duration::from_secs(14_400)),
            Event::End => (Duration::from_millis(5), self.scenario.life.unwrap_or(AFTERLIFE)),
        };
        self.agenda.add(now + any_scale(&mut self.luck, shortest, longest), event);
    }

    /// Final RAs, as long as the daemon is given for them.
    pub(crate) fn stop(&mut self, patience: Duration) -> Result<(), Violation> {
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
        let until = self.now + patience;
        while self.now < until && self.fleet.owes_final_ras() && self.ending.is_none() {
            self.step(until)?;
        }
        self.scenario.suspends = suspends;
        if patience == STOP && self.ending.is_none() {
            self.oracle.check_stopped(&self.fleet, self.now)?;
        }
        Ok(())
    }

    /// After a stop nothing leaves, whatever happens.
    fn live_on_stopped(&mut self) -> Result<(), Violation> {
        self.scenario.suspends = false;
        let end = self.now + AFTERLIFE;
        while self.now < end {
            self.step(end)?;
        }
        Ok(())
    }

    /// Sleeps until something happens, or until `end`, and does what is to do then.
    fn step(&mut self, end: BootInstant) -> Result<(), Violation> {
        self.oracle.check_next(&self.fleet)?;
        let daemon = [self.fleet.next_deadline(), self.disk.deadline(), Some(self.next_resync)];
        let wake = [self.agenda.next()].into_iter().chain(daemon);
        let wake = wake.flatten().fold(end, BootInstant::min);
        self.now = self.now.max(wake) + self.lateness();
        while let Some((at, event)) = self.agenda.pop(self.now) {
            self.happen(event, at);
        }
        self.turn()
    }

    /// How late the daemon wakes up.
    fn lateness(&mut self) -> Duration {
        let longest = match self.luck.random_range(0..20_000) {
            0 if self.scenario.suspends => Duration::from_secs(7_200),
            0..20 => Duration::from_secs(2),
            20..200 => Duration::from_millis(300),
            200..2_000 => Duration::from_millis(5),
            _ => Duration::from_micros(300),
        };
        let late = self.luck.random_range(Duration::ZERO..=longest);
        if late > Duration::from_secs(1) {
            self.oracle.tally.count("late by more than a second");
        }
        late
    }

    /// Something happens in the world; the daemon may hear of it.
    pub(crate) fn happen(&mut self, event: Event, at: BootInstant) {
        match event {
            Event::Churn(slot) => {
                let happened = self.world.churn(slot, &mut self.luck);
                self.announce(happened, at);
                self.plan_next(Event::Detected(slot), at);
                self.plan_next(event, at);
            }
            Event::Detected(slot) => {
                let happened = self.world.detect(slot, &mut self.luck);
                self.announce(happened, at);
            }
            Event::Solicit(slot) => {
                self.solicit(slot, at);
                self.plan_next(event, at);
            }
            Event::Dirty(index) => _ = self.news.dirty.insert(index),
            Event::Deleted(index) => {
                self.news.deleted.insert(index);
                self.news.dirty.insert(index);
            }
            Event::Weather => {
                let (links, outage) = (self.world.links(), self.scenario.outage);
                self.world.weather.turn(links, outage, at, &mut self.luck);
                self.plan_next(event, at);
            }
            Event::Capacity => {
                let wide = self.luck.random_bool(0.6);
                let capacity = if wide { self.scenario.links * 2 } else { self.scenario.capacity };
                self.world.filter.capacity = capacity;
                self.plan_next(event, at);
            }
            Event::Overrun => {
                self.agenda.lose_announcements();
                self.next_resync = at;
                self.oracle.tally.count("announcements lost");
                self.plan_next(event, at);
            }
            Event::End if !self.oracle.is_stopping() => self.be_told_to_end(),
            Event::End => {}
        }
    }

    fn announce(&mut self, happened: Happened, at: BootInstant) {
        let event = match happened {
            Happened::Nothing => return,
            Happened::Changed(index) => Event::Dirty(index),
            Happened::Deleted(index) => Event::Deleted(index),
            Happened::Created(index, reused) => {
                if reused == Reused(true) {
                    self.oracle.tally.count("index given out again");
                }
                Event::Dirty(index)
            }
        };
        if !self.luck.random_bool(self.scenario.lossiness) {
            self.plan_next(event, at);
        }
    }

    fn solicit(&mut self, slot: usize, at: BootInstant) {
        let Some(index) = self.world.heard(slot) else { return };
        match self.world.filter.solicit(index, at) {
            Passage::Passed => {
                self.trace.note(index, at, Note::Solicited { passed: true });
                self.news.solicitations.push(index);
            }
            Passage::Coalesced => {
                self.trace.note(index, at, Note::Solicited { passed: false });
                self.news.coalesced.push(index);
            }
            Passage::NotServed => {}
        }
    }

    /// One turn of the daemon's loop. Its sources have no order.
    fn turn(&mut self) -> Result<(), Violation> {
        let News { dirty, deleted, solicitations, coalesced } = mem::take(&mut self.news);
        let links_first = self.luck.random_bool(0.5);
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
        while self.doom != Some(Doom::Actions(0)) && self.fleet.on_timeout(made) {
            self.act(made)?;
        }
        self.end_turn(complete.then_some(made))
    }

    /// Looks at what the turn has come to, and saves what is to be saved; a daemon that died in it does
    /// neither.
    fn end_turn(&mut self, looked_at_all: Option<BootInstant>) -> Result<(), Violation> {
        if self.doom != Some(Doom::Actions(0)) {
            if let Some(at) = looked_at_all {
                self.oracle.check_all(&self.fleet, at)?;
            }
            self.oracle.check_touched(&self.fleet, self.now)?;
        }
        self.save();
        Ok(())
    }

    /// After each change the daemon carries out what follows from it.
    fn on_links(&mut self, dirty: BTreeSet<IfIndex>, deleted: BTreeSet<IfIndex>) -> Result<(), Violation> {
        for index in deleted {
            self.forget(index);
            self.act(self.now)?;
        }
        for index in dirty {
            match self.world.look(index) {
                Some(link) => self.tell(link),
                None => self.forget(index),
            }
            self.act(self.now)?;
        }
        Ok(())
    }

    fn tell(&mut self, link: Interface) {
        self.note_told(&link);
        let index = link.index;
        self.fleet.reconcile(link, self.now);
        self.oracle.reconciled([index], &self.fleet);
    }

    fn note_told(&mut self, link: &Interface) {
        if self.oracle.seen(link.index) != Some(link) {
            self.trace.note(link.index, self.now, Oracle::note(link));
        }
        self.oracle.told(link, self.now);
    }

    fn forget(&mut self, index: IfIndex) {
        self.note_gone(index);
        self.fleet.forget(index);
    }

    fn note_gone(&mut self, index: IfIndex) {
        self.trace.note(index, self.now, Note::Gone);
        self.oracle.gone(index);
    }

    fn on_solicit(&mut self, index: IfIndex) -> Result<(), Violation> {
        let due = |fleet: &Fleet| fleet.schedule_of(index).and_then(|(_, due)| due);
        let before = due(&self.fleet);
        self.fleet.on_solicit(index, self.now, &mut self.fleet_rng);
        self.oracle.solicited(index, self.now, before, due(&self.fleet))
    }

    /// A look at everything, or at most of it: whether it was complete.
    fn resync(&mut self) -> bool {
        let links = self.world.look_at_all();
        let first = mem::take(&mut self.first_look) && self.scenario.life.is_some();
        if self.luck.random_bool(0.03) || (first && first_look_is_incomplete(&mut self.luck)) {
            self.oracle.tally.count("incomplete dump");
            self.next_resync = self.now + RETRY_RESYNC;
            for link in links {
                if self.luck.random_bool(0.7) {
                    self.tell(link);
                }
            }
            return false;
        }
        self.next_resync = self.now + self.scenario.resync;
        let present: BTreeSet<_> = links.iter().map(|link| link.index).collect();
        let gone: Vec<_> = self.oracle.known().filter(|index| !present.contains(index)).collect();
        for index in gone {
            self.note_gone(index);
        }
        for link in &links {
            if self.oracle.seen(link.index).is_some_and(|seen| seen != link) {
                self.oracle.tally.count("change missed, found by the resync");
            }
            self.note_told(link);
        }
        self.oracle.looked_at_all(&present);
        self.fleet.reconcile_all(links, self.now);
        self.oracle.reconciled(present, &self.fleet);
        true
    }

    /// Carries out what the fleet wants; advertisements among it were made at `made`.
    fn act(&mut self, made: BootInstant) -> Result<(), Violation> {
        while let Some(action) = self.fleet.poll_action() {
            if self.dies_now() {
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
                    self.trace.note(index, self.now, Note::Answered);
                    self.oracle.answered(index)?;
                    self.world.filter.clear(index);
                }
                Action::Send(send) => self.send(&send, made)?,
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
            self.fleet.on_serve_failed(index, MapFailure::Full);
        }
        Ok(())
    }

    fn send(&mut self, send: &Transmission, made: BootInstant) -> Result<(), Violation> {
        let left = self.world.can_send(send.index, self.now, &mut self.luck);
        let (current, retired) = prefixes(&send.advert);
        let (cause, source) = (send.cause.name(), send.source);
        self.trace.note(send.index, self.now, Note::Send { left, cause, source, current, retired });
        self.oracle.sending(send, made, self.now)?;
        self.now += self.luck.random_range(Duration::ZERO..=Duration::from_micros(100));
        if self.dies_after_sending() {
            if left {
                self.oracle.tally.count("crash right after an advertisement left");
                self.oracle.sent(send, self.now, &self.fleet)?;
            }
            return Ok(());
        }
        if left {
            self.fleet.on_sent(send.index, self.now, &mut self.fleet_rng);
            self.oracle.sent(send, self.now, &self.fleet)
        } else {
            self.fleet.on_send_failed(send.index, self.now);
            self.oracle.failed(send, self.now, &self.fleet)
        }
    }
}
