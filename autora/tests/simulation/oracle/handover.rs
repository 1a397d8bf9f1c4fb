//! The sources that guests hold as routers, and the final RAs that they are owed.

use std::time::Duration;

use autora::{addr::LinkLocal, engine::BootInstant};

use super::{bounds::FINAL_TRIES, inheritance::whole_micros, observation::Observation};
use crate::run::Tally;

/// The sources of one interface.
#[derive(Debug, Default)]
pub(super) struct Handover {
    /// The source that was told and not withdrawn.
    pub(super) router: Option<Router>,
    /// The final RA of an interface that is not to be served, or of a stop.
    pub(super) withdrawal: Option<Due>,
    /// The final RA of the source before the one in use.
    pub(super) owed: Option<Due>,
    /// How many tries of a final RA from the source in use failed before it was in use again.
    pub(super) failed_before: u32,
    /// Whether a final RA from a source that the oracle does not know may leave.
    pub(super) any: bool,
}

/// A source that guests hold as a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Router {
    pub(super) source: LinkLocal,
    /// The end of its Router Lifetime.
    pub(super) until: BootInstant,
    /// Until when a process may have to assume that guests hold it.
    assumed: BootInstant,
    /// Whether an RA of the current process left from it, so that this process knows the end.
    pub(super) told_by_this_process: bool,
    /// Whether DAD found it at another node since an RA left from it: nothing leaves from it, even if it goes.
    pub(super) was_duplicate: bool,
}

/// A final RA that has to leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) router: Router,
    /// Since when it is due and can leave.
    pub(super) since: BootInstant,
    /// Whether it has to leave; else it may.
    pub(super) must: bool,
    /// Whether it could leave in the last state.
    delivers: bool,
    tries: u32,
    /// Whether the interface changed between two tries, so that it is open whether the first ones count.
    interrupted: bool,
}

/// The end of a lifetime that may be over.
const OVER: BootInstant = BootInstant::from_boot(Duration::ZERO);

impl Due {
    fn new(router: Router, must: bool, now: BootInstant) -> Self {
        Self { router, since: now, must, delivers: false, tries: 0, interrupted: false }
    }

    /// Updates it with a state of the interface. Returns whether it is still owed.
    fn observe(&mut self, seen: &Observation, stopping: bool, now: BootInstant) -> bool {
        let delivers = seen.delivers_final_ra(self.router.source, stopping);
        if delivers && !self.delivers {
            self.since = now;
        }
        self.interrupted |= self.tries > 0 && delivers != self.delivers;
        self.delivers = delivers;
        !seen.is_duplicate(self.router.source)
    }

    pub(super) fn delivers(&self) -> bool {
        self.delivers
    }

    /// Returns the time since which it has to leave, if it has to and can.
    pub(super) fn must_since(&self) -> Option<BootInstant> {
        (self.must && self.delivers).then_some(self.since)
    }
}

impl Router {
    /// Returns whether guests hold it at `now`.
    pub(super) fn is_held(&self, now: BootInstant) -> bool {
        self.until > now
    }
}

impl Handover {
    /// Returns the source that guests hold of another daemon, until this end.
    pub(super) fn taken_over(source: Option<LinkLocal>, until: BootInstant) -> Self {
        let router =
            |source| Router { source, until, assumed: until, told_by_this_process: false, was_duplicate: false };
        Self { router: source.map(router), ..Self::default() }
    }

    /// Updates the final RAs with a state of the interface.
    pub(super) fn observe(&mut self, seen: &Observation, stopping: bool, now: BootInstant) {
        self.owed.take_if(|due| !due.observe(seen, stopping, now));
        if let Some(router) = &mut self.router {
            router.was_duplicate |= seen.is_duplicate(router.source);
        }
        if !seen.alive
            && let Some(owed) = &mut self.owed
        {
            owed.must = false;
        }
        if let Some(due) = &mut self.withdrawal {
            _ = due.observe(seen, stopping, now);
        }
    }

    /// Records that the final RA of the source before the one in use waits for something else.
    pub(super) fn hold(&mut self) {
        self.owed.iter_mut().for_each(|due| due.interrupted |= due.tries > 0);
    }

    /// Makes the final RA of the source in use due, or not. Returns false if DAD found the source at another
    /// node: then it is given up.
    pub(super) fn withdraw(&mut self, due: bool, seen: &Observation, stopping: bool, now: BootInstant) -> bool {
        let dropped = self.withdrawal.take_if(|_| !due);
        self.failed_before += dropped.map_or(0, |dropped| dropped.tries);
        let Some(router) = self.router.as_mut().filter(|_| due) else { return true };
        if seen.is_duplicate(router.source) && router.is_held(now) {
            (self.router, self.withdrawal) = (None, None);
            return false;
        }
        if router.was_duplicate {
            self.withdrawal = None;
            self.may_give_up_duplicate();
            return true;
        }
        let router = *router;
        let must = router.is_held(now) && self.failed_before == 0;
        let due = self.withdrawal.get_or_insert_with(|| Due::new(router, must, now));
        due.interrupted |= self.failed_before > 0;
        _ = due.observe(seen, stopping, now);
        true
    }

    /// Records that the source in use may be given up if it was a duplicate. Whether it is still in use is open: guests
    /// hold it.
    pub(super) fn may_give_up_duplicate(&mut self) {
        if let Some(router) = self.router.as_mut().filter(|router| router.was_duplicate) {
            (router.until, router.told_by_this_process) = (OVER, false);
        }
    }

    /// Returns whether `source` is in use and was a duplicate address meanwhile.
    pub(super) fn was_duplicate(&self, source: LinkLocal) -> bool {
        self.router.is_some_and(|router| router.source == source && router.was_duplicate)
    }

    /// Returns the final RA from `source` that may leave at `now`.
    pub(super) fn due_from(&self, source: LinkLocal, now: BootInstant) -> Option<&Due> {
        let owed = self.owed.as_ref().filter(|owed| owed.router.assumed > now);
        self.withdrawal.iter().chain(owed).find(|due| due.router.source == source)
    }

    /// Returns whether a final RA from `source` is known to be owed.
    pub(super) fn owes(&self, source: LinkLocal) -> bool {
        let known = self.withdrawal.iter().chain(&self.owed).map(|due| &due.router).chain(&self.router);
        known.into_iter().any(|router| router.source == source)
    }

    /// Records an RA of another kind than a final one from `source`.
    pub(super) fn advertised(
        &mut self,
        source: LinkLocal,
        lifetime: Duration,
        seen: &Observation,
        now: BootInstant,
        tally: &mut Tally,
    ) {
        let before = self.router.take();
        let until = now + lifetime;
        let assumed = before.filter(|before| before.source == source).map_or(until, |same| same.assumed.max(until));
        self.router = Some(Router { source, until, assumed, told_by_this_process: true, was_duplicate: false });
        if let Some(before) = before.filter(|before| before.source != source) {
            self.owe(before, seen, now, tally);
        }
        self.use_again(source, tally);
        (self.withdrawal, self.failed_before) = (None, 0);
    }

    /// Records that `source` is in use again: it is owed no final RA.
    pub(super) fn use_again(&mut self, source: LinkLocal, tally: &mut Tally) {
        if self.owed.take_if(|owed| owed.router.source == source).is_some() {
            tally.count("final RA not owed, source in use again");
        }
    }

    fn owe(&mut self, before: Router, seen: &Observation, now: BootInstant, tally: &mut Tally) {
        let duplicate = before.was_duplicate;
        if duplicate || before.assumed <= now {
            tally.count(if duplicate { "dadfailed source" } else { "final RA not owed, Router Lifetime over" });
            // Whether it replaces an earlier one although it is owed none is open.
            self.owed.iter_mut().for_each(|owed| owed.must = false);
            return;
        }
        if self.owed.is_some() {
            tally.count("final RA replaced by a further change");
        }
        let mut due = Due::new(before, before.is_held(now), now);
        due.observe(seen, false, now);
        self.owed = Some(due);
    }

    /// Records a final RA that left.
    pub(super) fn withdrew(&mut self, source: LinkLocal, tally: &mut Tally) {
        if self.withdrawal.take_if(|due| due.router.source == source).is_some() {
            self.router = None;
        } else if self.owed.take_if(|owed| owed.router.source == source).is_some() {
            tally.count("final RA from the previous source");
        } else {
            self.any = false;
        }
    }

    /// Records a final RA that failed. Returns whether it is given up, as after three failures, or may be: the oracle
    /// does not count the tries of one that it does not know.
    pub(super) fn failed(&mut self, source: LinkLocal, tally: &mut Tally) -> bool {
        if self.any && !self.owes(source) {
            return true;
        }
        for due in self.withdrawal.iter_mut().chain(&mut self.owed).filter(|due| due.router.source == source) {
            due.tries += 1;
            due.must &= due.tries < FINAL_TRIES;
        }
        if self.withdrawal.as_ref().is_some_and(|due| due.router.source == source) {
            self.hold();
        }
        let given_up = |due: &mut Due| due.tries >= FINAL_TRIES && !due.interrupted;
        let withdrawal = self.withdrawal.take_if(given_up);
        if withdrawal.is_some() {
            self.router = None;
        }
        // One that may be given up may be forgotten.
        if let (Some(router), Some(due)) = (&mut self.router, &self.withdrawal)
            && due.tries + self.failed_before >= FINAL_TRIES
        {
            (router.until, router.told_by_this_process) = (OVER, false);
        }
        let given_up = withdrawal.or_else(|| self.owed.take_if(given_up)).is_some();
        tally.add("final RA given up", usize::from(given_up));
        given_up
    }

    /// Restores the sources in the next process; after a crash it has to assume that an RA with `lifetime`
    /// left just now.
    pub(super) fn restored(&mut self, lifetime: Option<Duration>, now: BootInstant) {
        (self.withdrawal, self.failed_before) = (None, 0);
        let routers = self.router.iter_mut().chain(self.owed.as_mut().map(|owed| &mut owed.router));
        for router in routers {
            router.until = whole_micros(router.until);
            router.assumed = whole_micros(router.assumed);
        }
        if let Some(router) = &mut self.router {
            match lifetime {
                Some(lifetime) => {
                    // One that has run out may have been dropped before.
                    if router.is_held(now) {
                        router.until = router.until.max(now + lifetime);
                    }
                    router.assumed = router.assumed.max(now + lifetime);
                }
                // The state of a clean end is what that process knew.
                None if router.told_by_this_process => router.assumed = router.until,
                None => {}
            }
            (router.told_by_this_process, router.was_duplicate) = (false, false);
        }
        self.router.take_if(|router| router.assumed <= now);
        self.owed.take_if(|owed| owed.router.assumed <= now);
        if let Some(owed) = &mut self.owed {
            *owed = Due::new(owed.router, owed.must, now);
        }
    }

    /// Returns whether guests hold no source and are owed nothing.
    pub(super) fn is_over(&self, now: BootInstant) -> bool {
        let mut routers = self.router.iter().chain(self.owed.as_ref().map(|owed| &owed.router));
        !self.any && routers.all(|router| router.assumed <= now)
    }
}
