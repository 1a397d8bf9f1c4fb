//! The rules that hold between two steps.

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant, Fleet,
        counts::InterfaceCounts,
        eligibility::Verdict,
        interface::{Interface, Lifetimes},
    },
};

use super::{
    Oracle, Violation,
    broken::{Broken, rule},
    judgement::{Obstacle, matches},
    link::Link,
    unknown,
};

impl Oracle {
    /// Checks, after a step, the deadline and the map entry of every interface that the step touched.
    pub(crate) fn check_touched(&mut self, fleet: &Fleet, now: BootInstant) -> Result<(), Violation> {
        while let Some(index) = self.touched.pop_first() {
            if let Some(before) = self.must_wake_of.remove(&index) {
                self.must_wake.remove(&(before, index));
            }
            self.check_one(index, fleet, now).map_err(|broken| broken.on(index))?;
            self.inheritance.compare(index, self.links.get(&index));
            self.ended.remove(&index);
            if self.links.get(&index).is_some_and(|link| link.phase.wait().is_some()) {
                self.waiting.insert(index);
            } else {
                self.waiting.remove(&index);
            }
            // What is late, as without room, may be scheduled anew.
            let must_wake_by = self.links.get(&index).and_then(|link| link.must_wake_by(&self.settings, now));
            let must_wake_by = must_wake_by.map(|at| at.max(now));
            if let Some(must_wake_by) = must_wake_by {
                self.must_wake_of.insert(index, must_wake_by);
                self.must_wake.insert((must_wake_by, index));
            }
            if matches!(self.links.get(&index), Some(link) if final_ra_waits(link, now)) {
                self.tally.count("final RA delayed by the floor");
            }
        }
        self.check_next(fleet)
    }

    fn check_one(&self, index: IfIndex, fleet: &Fleet, now: BootInstant) -> Result<(), Broken> {
        let in_map = self.map.contains(&index);
        let scheduled = fleet.schedule_of(index);
        let Some(link) = self.links.get(&index) else {
            let clean = !in_map && scheduled.is_none() && !self.claims.has(index);
            return rule(clean, "a deleted interface is forgotten", || {
                format!("in the map: {in_map}, scheduled: {scheduled:?}")
            });
        };
        let deadline = scheduled.and_then(|(_, deadline)| deadline);
        if !self.stopping {
            check_verdict(link, fleet.verdict_of(index))?;
            let claims_right = self.claims.has(index) == link.pair().is_some();
            rule(claims_right, "an interface is claimed while it is to be served, and only then", String::new)?;
        }
        rule(link.may_be_in_map() || !in_map, "an interface that is not served has no entry", String::new)?;
        rule(in_map || !link.must_be_in_map(), "an interface that advertises has an entry", String::new)?;
        rule(deadline.is_none() || !link.is_silent(), "no RA is scheduled where none may leave", || {
            format!("{deadline:?}: {:?}, {:?}, {:?}", link.phase, link.handover, link.observation)
        })?;
        match link.must_wake_by(&self.settings, now) {
            None => Ok(()),
            Some(must_wake_by) => rule(
                deadline.is_some_and(|deadline| deadline <= must_wake_by.max(now)),
                "every RA that has to leave is scheduled in time",
                || format!("at {deadline:?}, due at {must_wake_by:?}; {:?}, {:?}", link.phase, link.handover),
            ),
        }
    }

    /// Checks, before a sleep, that the fleet wakes up early enough.
    pub(crate) fn check_next(&self, fleet: &Fleet) -> Result<(), Violation> {
        let Some(&(must_wake_by, index)) = self.must_wake.first() else { return Ok(()) };
        let next = fleet.next_deadline();
        rule(
            next.is_some_and(|next| next <= must_wake_by),
            "the next deadline is early enough for every interface",
            || format!("next at {next:?}, due at {must_wake_by:?}: {:?}", self.links.get(&index)),
        )
        .map_err(|broken| broken.on(index))
    }

    /// Checks all verdicts after a full resync, and that the fleet keeps no interface without a reason.
    pub(crate) fn check_all(&mut self, fleet: &Fleet, now: BootInstant) -> Result<(), Violation> {
        if !self.stopping {
            self.check_verdicts(fleet)?;
        }
        for (index, link) in &self.links {
            let needless = !self.stopping && link.is_spent(now) && fleet.schedule_of(*index).is_some();
            let is_left = link.obstacle == Some(Obstacle::OtherDaemon);
            let untried = !self.stopping && is_left && link.claim_tried < Some(now);
            rule(!needless, "an interface that does not matter is not kept", String::new)
                .and_then(|()| {
                    rule(!untried, "what is left to another daemon is tried again at each resync", String::new)
                })
                .map_err(|broken| broken.on(*index))?;
            self.touched.insert(*index);
        }
        self.check_touched(fleet, now)?;
        let stale = self.map.iter().find(|index| !self.links.contains_key(index));
        stale.map_or(Ok(()), |index| {
            Err(Broken { rule: "no entry without an interface", detail: String::new() }.on(*index))
        })
    }

    fn check_verdicts(&self, fleet: &Fleet) -> Result<(), Violation> {
        let (mut matching, mut counted) = (0, InterfaceCounts::default());
        for (seen, verdict) in fleet.verdicts() {
            matching += 1;
            match verdict {
                Verdict::Serve(service) if service.carrier && !service.dad => counted.served += 1,
                Verdict::Serve(_) => counted.paused += 1,
                Verdict::NotServed(_) | Verdict::Ignore => counted.not_served += 1,
            }
            let link = self.links.get(&seen.index).ok_or_else(|| unknown(seen.index))?;
            check_verdict(link, Some((seen, verdict))).map_err(|broken| broken.on(seen.index))?;
        }
        let expected = self.links.values().filter(|link| matches(&link.seen.name)).count();
        rule(matching == expected, "every interface that matches has a verdict, and no other", || {
            format!("{matching} verdicts, {expected} interfaces")
        })
        .map_err(Broken::anywhere)?;
        rule(fleet.counts() == counted, "the counts match the verdicts", || {
            format!("{:?}, but {counted:?}", fleet.counts())
        })
        .map_err(Broken::anywhere)
    }

    /// Checks the end of a stop: no interface is served, and no final RA that could leave is owed.
    pub(crate) fn check_stopped(&self, fleet: &Fleet, now: BootInstant) -> Result<(), Violation> {
        rule(self.map.is_empty(), "a stop leaves no entry", || format!("{:?}", self.map)).map_err(Broken::anywhere)?;
        for (index, link) in self.links.iter().filter(|_| !self.lacked_room) {
            let overdue = link.must_wake_by(&self.settings, now).is_some_and(|must_wake_by| must_wake_by <= now);
            let owed = link.handover.withdrawal.is_some_and(|due| due.must_since().is_some());
            rule(!overdue && (!owed || fleet.owes_final_ras()), "a stop sends a final RA everywhere", || {
                format!("{:?}", link.handover)
            })
            .map_err(|broken| broken.on(*index))?;
        }
        Ok(())
    }

    /// Checks, at the end of a run, that random values are uniform.
    pub(crate) fn check_spreads(&self) -> Result<(), Violation> {
        self.intervals
            .check("intervals are uniform between Min and MaxRtrAdvInterval [RFC 4861 6.2.4]")
            .and_then(|()| self.delays.check("answers are delayed by a uniform 0 to 0.5 s [RFC 4861 6.2.6]"))
            .and_then(|()| {
                self.delays_after_floor.check("answers leave 3 s plus a uniform delay after the last [RFC 4861 6.2.6]")
            })
            .map_err(Broken::anywhere)
    }
}

/// Checks the fleet's verdict about a link, and the state that it is about.
fn check_verdict(link: &Link, verdict: Option<(&Interface, &Verdict)>) -> Result<(), Broken> {
    let same_state = verdict.is_none_or(|(seen, _)| without_ends(seen) == without_ends(&link.seen));
    let right = same_state && link.judgement.agrees(verdict.map(|(_, verdict)| verdict), link.obstacle);
    rule(right, "the verdict is right, with all its reasons", || {
        format!("{verdict:?}, expected {:?} of {:?}, {:?}", link.judgement, link.seen, link.handover)
    })
}

/// Returns a state without the ends of lifetimes, which wander.
fn without_ends(seen: &Interface) -> Interface {
    let mut seen = seen.clone();
    seen.addresses.iter_mut().for_each(|address| address.lifetimes = Lifetimes::default());
    seen
}

fn final_ra_waits(link: &Link, now: BootInstant) -> bool {
    let due = link.handover.withdrawal.or(link.handover.owed);
    due.is_some_and(|due| due.delivers()) && link.schedule.floor().is_some_and(|floor| floor > now)
}
