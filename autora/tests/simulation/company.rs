//! What happens besides on the same host: another daemon that claims links, and queues that do not drain.

use std::time::Duration;

use autora::{
    addr::{IfIndex, LinkLocal, Prefix64},
    engine::{
        BootInstant,
        eligibility::Verdict,
        handover::{Advertised, AdvertisedPrefix, AdvertisedRouter, Ending, TakenOver},
    },
};
use rand::RngExt;

use crate::{
    agenda::Event,
    driver::Simulation,
    oracle::{ClaimOutcome, Violation},
    restarts::PlannedCrash,
    trace::Note,
    world::{Act, Queued},
};

/// How often another daemon has the table of claims for too long.
const BUSY: f64 = 0.005;

/// The time between two looks at sockets without room.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A unit of lifetimes.
const A_MOMENT: Duration = Duration::from_secs(1);

impl Simulation {
    /// Schedules the first act of another daemon on each link, and the first queues that do not drain. The other daemon
    /// has begun before, on some links.
    pub(crate) fn plan_company(&mut self, now: BootInstant) {
        let has_daemon = self.scenario.company.daemon_acts_every.is_some();
        for slot in (0..self.world.links()).filter(|_| has_daemon) {
            let has_begun = self.company_rng.random_bool(0.1);
            if has_begun { self.on_other_daemon(slot, now) } else { self.plan_next(Event::OtherDaemon(slot), now) }
        }
        if self.scenario.company.room.is_some() {
            self.plan_next(Event::Stuck, now);
        }
    }

    pub(crate) fn on_other_daemon(&mut self, slot: usize, at: BootInstant) {
        self.plan_next(Event::OtherDaemon(slot), at);
        let Some((index, fit)) = self.world.link_for_another(slot) else { return };
        match self.world.claims.other_acts(index, fit, at) {
            Some(Act::Claims) => self.oracle.other_claims(index),
            Some(Act::LetsGo) => self.oracle.other_lets_go(index, at),
            None => {}
        }
    }

    pub(crate) fn on_deletion(&mut self, index: IfIndex, at: BootInstant) {
        if self.world.claims.other_sees_deletion(index, at) {
            self.oracle.other_lets_go(index, at);
        }
    }

    pub(crate) fn on_stuck(&mut self, at: BootInstant) {
        self.plan_next(Event::Stuck, at);
        let (links, longest) = (self.world.links(), self.scenario.outage);
        self.world.queues.stop(links, longest, at, &mut self.company_rng);
    }

    pub(crate) fn claim(&mut self, index: IfIndex) -> Result<(), Violation> {
        let is_busy = self.scenario.company.daemon_acts_every.is_some() && self.company_rng.random_bool(BUSY);
        let claimed = self.world.claims.claim(index, is_busy, self.now);
        let outcome = match &claimed {
            Ok(_) => ClaimOutcome::Granted,
            Err(None) => ClaimOutcome::Unknown,
            Err(Some(other)) => ClaimOutcome::Refused { serves: other.pid.is_some() },
        };
        self.oracle.claimed(index, outcome, self.now)?;
        match claimed {
            Ok(false) => {}
            Ok(true) => self.take_over(index),
            Err(other) => {
                self.trace.note(index, self.now, Note::ClaimRefused { known: other.is_some() });
                self.fleet.on_claim_refused(index, other, self.now);
            }
        }
        Ok(())
    }

    /// Hands on what guests hold of another daemon, from which a link is taken over.
    fn take_over(&mut self, index: IfIndex) {
        let Some(left) = self.left_by_another(index) else { return };
        self.fleet.on_taken_over(index, left.clone(), self.now);
        self.oracle.taken_over(index, &left, &self.fleet, self.now);
    }

    /// Returns what another daemon has left of a link that is to be served: nothing, or the same pair or another one,
    /// and up to three retired prefixes.
    fn left_by_another(&self, index: IfIndex) -> Option<TakenOver> {
        let Some((_, Verdict::Serve(service))) = self.fleet.verdict_of(index) else { return None };
        // No draw, so that seeds of the past stay what they were.
        let chance = self.now.since_boot().subsec_nanos();
        let source = if chance & 2 == 0 { service.source } else { other_source() };
        let prefix = if chance & 4 == 0 { service.prefix } else { other_prefix(0) };
        let held = |prefix, valid_for| AdvertisedPrefix { prefix, valid_until: self.now + valid_for };
        let retired = 1..=chance >> 3 & 3;
        let advertised = Advertised {
            router: Some(AdvertisedRouter { source, until: self.now + A_MOMENT }),
            prefix: Some(held(prefix, A_MOMENT)),
            retired: retired.map(|number| held(other_prefix(number), 600 * number * A_MOMENT)).collect(),
            ..Advertised::default()
        };
        let (valid_lifetime, router_lifetime) = (3_600 * A_MOMENT, 180 * A_MOMENT);
        (chance & 1 == 0)
            .then_some(TakenOver { ending: Ending::Unclean { valid_lifetime, router_lifetime }, advertised })
    }

    pub(crate) fn release(&mut self, index: IfIndex) {
        self.world.claims.release(index, self.now);
        self.oracle.released(index);
    }

    /// Tries again to claim what could not be claimed, when that is due.
    pub(crate) fn claim_again(&mut self) -> Result<(), Violation> {
        let is_due = self.world.claims.deadline().is_some_and(|at| at <= self.now);
        if !is_due || self.planned_crash == Some(PlannedCrash::Actions(0)) {
            return Ok(());
        }
        self.fleet.try_again(self.now);
        self.oracle.tried_again(&self.fleet, self.now);
        self.act(self.now)?;
        self.world.claims.tried(self.now);
        Ok(())
    }

    /// Passes an RA to the queue of its link. Returns whether it has left, as far as the daemon can know.
    pub(crate) fn enqueue(&mut self, index: IfIndex) -> bool {
        let queued = self.world.enqueue(index, self.now);
        match queued {
            Queued::Leaves => {}
            Queued::Held => self.oracle.tally.count("RA held by a queue"),
            Queued::Full => self.oracle.tally.count("queue without room"),
        }
        queued != Queued::Full
    }

    /// Returns whether the sockets have room, so that what is due may leave in this turn. Else the daemon looks again a
    /// moment later.
    pub(crate) fn may_send(&mut self) -> bool {
        let room = self.scenario.company.room.unwrap_or(usize::MAX);
        let has_room = self.world.queues.have_room(room, self.now);
        self.next_look = if has_room { self.now } else { self.now + LOOK_AGAIN };
        if !has_room && self.fleet.next_deadline().is_some_and(|due| due <= self.now) {
            self.oracle.without_room(self.now);
        }
        has_room
    }
}

/// Returns a source that no link has.
fn other_source() -> LinkLocal {
    LinkLocal::new("fe80::bad".parse().expect("an address")).expect("link-local")
}

/// Returns one of several prefixes that no link has.
fn other_prefix(number: u32) -> Prefix64 {
    Prefix64::containing(format!("2001:db8:bad:{number}::").parse().expect("an address"))
}
