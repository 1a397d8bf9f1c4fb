//! What the daemon reads: notifications of links, solicitations, and all links at a resync.

use std::{collections::BTreeSet, mem, time::Duration};

use autora::{
    addr::IfIndex,
    engine::{BootInstant, Fleet, interface::Interface},
};
use rand::RngExt;

use crate::{driver::Simulation, oracle::Violation, restarts::first_resync_is_incomplete, trace::Note, world::Passage};

/// Time from an incomplete resync to the next one.
const RETRY_RESYNC: Duration = Duration::from_secs(1);

impl Simulation {
    /// Handles notifications of links; the daemon carries out the actions after each.
    pub(crate) fn on_links(&mut self, dirty: BTreeSet<IfIndex>, deleted: BTreeSet<IfIndex>) -> Result<(), Violation> {
        for index in deleted {
            self.forget(index);
            self.act(self.now)?;
        }
        for index in dirty {
            match self.world.link(index, self.now) {
                Some(link) => self.reconcile(&link),
                None => self.forget(index),
            }
            self.act(self.now)?;
        }
        Ok(())
    }

    fn reconcile(&mut self, link: &Interface) {
        self.oracle.about_to_see(link.index, &self.fleet);
        self.fleet.reconcile(link.clone(), self.now);
        self.note_seen(link);
    }

    /// Records a state that the fleet has seen.
    fn note_seen(&mut self, link: &Interface) {
        let is_new = self.oracle.is_new(link, self.now);
        self.oracle.observe(link, &self.fleet, self.now);
        if is_new {
            self.trace.note(link.index, self.now, self.oracle.note(link));
        }
    }

    fn forget(&mut self, index: IfIndex) {
        self.note_deleted(index);
        self.fleet.forget(index, self.now);
    }

    fn note_deleted(&mut self, index: IfIndex) {
        self.trace.note(index, self.now, Note::Gone);
        self.oracle.gone(index);
        self.world.claims.forget(index);
    }

    pub(crate) fn on_solicit(&mut self, index: IfIndex) -> Result<(), Violation> {
        let due = |fleet: &Fleet| fleet.schedule_of(index).and_then(|(_, due)| due);
        let before = due(&self.fleet);
        self.fleet.on_solicit(index, self.now, &mut self.fleet_rng);
        self.oracle.solicited(index, self.now, before, due(&self.fleet))
    }

    /// Resyncs. Returns whether the dump was complete.
    pub(crate) fn resync(&mut self) -> bool {
        let links = self.world.all_links(self.now);
        let first = mem::take(&mut self.first_resync) && self.scenario.process_lifetime.is_some();
        if self.world_rng.random_bool(0.03) || (first && first_resync_is_incomplete(&mut self.world_rng)) {
            self.oracle.tally.count("incomplete dump");
            self.next_resync = self.now + RETRY_RESYNC;
            for link in links {
                if self.world_rng.random_bool(0.7) {
                    self.reconcile(&link);
                }
            }
            return false;
        }
        self.next_resync = self.now + self.scenario.resync;
        let present: BTreeSet<_> = links.iter().map(|link| link.index).collect();
        let gone: Vec<_> = self.oracle.known().filter(|index| !present.contains(index)).collect();
        for index in gone {
            self.note_deleted(index);
        }
        self.oracle.resynced(&present);
        for index in &present {
            self.oracle.about_to_see(*index, &self.fleet);
        }
        self.fleet.reconcile_all(links.clone(), self.now);
        for link in &links {
            if self.oracle.knows(link.index) && self.oracle.is_new(link, self.now) {
                self.oracle.tally.count("change missed, found by the resync");
            }
            self.note_seen(link);
        }
        true
    }

    /// A guest solicits; the filter passes it on or not.
    pub(crate) fn solicit(&mut self, slot: usize, at: BootInstant) {
        let Some(index) = self.world.soliciting(slot) else { return };
        match self.world.filter.solicit(index, at) {
            Passage::Passed => {
                self.trace.note(index, at, Note::Solicited { passed: true });
                self.pending.solicitations.push(index);
            }
            Passage::Coalesced => {
                self.trace.note(index, at, Note::Solicited { passed: false });
                self.pending.coalesced.push(index);
            }
            Passage::NotServed => {}
        }
    }
}
