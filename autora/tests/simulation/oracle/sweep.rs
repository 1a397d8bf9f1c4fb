//! The rules that hold between two steps.

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant, Fleet,
        counts::InterfaceCounts,
        eligibility::{Reason, Verdict},
        interface::Interface,
    },
};

use super::{
    Oracle, Violation,
    broken::{Broken, rule},
    link::{Expected, FinalRa, Link},
};

impl Oracle {
    /// Checks, after a step, the deadline and the map entry of every interface that the step touched.
    pub(crate) fn check_touched(&mut self, fleet: &Fleet, now: BootInstant) -> Result<(), Violation> {
        while let Some(index) = self.touched.pop_first() {
            if let Some(before) = self.must_send_of.remove(&index) {
                self.must_send.remove(&(before, index));
            }
            self.check_one(index, fleet).map_err(|broken| broken.on(index))?;
            self.inheritance.compare(index, self.links.get(&index));
            let must_send_by = self.links.get(&index).and_then(|link| link.must_send_by(&self.parameters));
            if let Some(must_send_by) = must_send_by {
                self.must_send_of.insert(index, must_send_by);
                self.must_send.insert((must_send_by, index));
            }
            if matches!(self.links.get(&index), Some(link) if final_ra_waits(link, now)) {
                self.tally.count("final RA delayed by the floor");
            }
        }
        self.check_next(fleet)
    }

    fn check_one(&self, index: IfIndex, fleet: &Fleet) -> Result<(), Broken> {
        let in_map = self.map.contains(&index);
        let scheduled = fleet.schedule_of(index);
        let Some(link) = self.links.get(&index) else {
            let clean = !in_map && scheduled.is_none();
            return rule(clean, "a deleted interface is forgotten", || {
                format!("in the map: {in_map}, scheduled: {scheduled:?}")
            });
        };
        let deadline = scheduled.and_then(|(_, deadline)| deadline);
        rule(link.may_be_in_map() || !in_map, "an interface that is not served has no entry", String::new)?;
        let has_sent = link.advertising().is_some() && link.schedule.sent > 0;
        rule(in_map || !has_sent, "an interface that advertises has an entry", String::new)?;
        rule(deadline.is_none() || !link.is_silent(), "no RA is scheduled where none may leave", || {
            format!("{deadline:?}")
        })?;
        match link.must_send_by(&self.parameters) {
            None => Ok(()),
            Some(must_send_by) => rule(
                deadline.is_some_and(|deadline| deadline <= must_send_by),
                "every RA that has to leave is scheduled in time",
                || format!("scheduled at {deadline:?}, due at {must_send_by:?} at the latest; {:?}", link.final_ra),
            ),
        }
    }

    /// Checks, before a sleep, that the fleet wakes up early enough.
    pub(crate) fn check_next(&self, fleet: &Fleet) -> Result<(), Violation> {
        let Some(&(must_send_by, index)) = self.must_send.first() else { return Ok(()) };
        let next = fleet.next_deadline();
        rule(
            next.is_some_and(|next| next <= must_send_by),
            "the next deadline is early enough for every interface",
            || format!("next at {next:?}, due at {must_send_by:?}"),
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
            rule(!needless, "an interface that does not matter is not kept", String::new)
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
                Verdict::Serve(service) if service.carrier => counted.served += 1,
                Verdict::Serve(_) => counted.paused += 1,
                Verdict::NotServed(_) | Verdict::Ignore => counted.not_served += 1,
            }
            self.check_verdict(seen, verdict).map_err(|broken| broken.on(seen.index))?;
        }
        let expected = self.links.values().filter(|link| link.observation.matches).count();
        rule(matching == expected, "every interface that matches has a verdict, and no other", || {
            format!("{matching} verdicts, {expected} interfaces")
        })
        .map_err(Broken::anywhere)?;
        rule(fleet.counts() == counted, "the counts match the verdicts", || {
            format!("{:?}, but {counted:?}", fleet.counts())
        })
        .map_err(Broken::anywhere)
    }

    fn check_verdict(&self, seen: &Interface, verdict: &Verdict) -> Result<(), Broken> {
        let link = self.links.get(&seen.index);
        let right = link.is_some_and(|link| link.seen == *seen && is_right(link, verdict));
        rule(right, "the verdict is right, with all its reasons", || {
            format!("{verdict:?} of {seen:?}, expected {:?}", link.map(|link| (link.expected, &link.observation)))
        })
    }

    /// Checks the end of a stop: no interface is served, and no final RA that could leave is owed.
    pub(crate) fn check_stopped(&self, fleet: &Fleet, now: BootInstant) -> Result<(), Violation> {
        rule(self.map.is_empty(), "a stop leaves no entry", || format!("{:?}", self.map)).map_err(Broken::anywhere)?;
        for (index, link) in &self.links {
            let overdue = link.must_send_by(&self.parameters).is_some_and(|must_send_by| must_send_by <= now);
            let owed = matches!(link.final_ra, FinalRa::Owed { .. });
            rule(!overdue && (!owed || fleet.owes_final_ras()), "a stop sends a final RA everywhere", || {
                format!("{:?}", link.final_ra)
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

fn is_right(link: &Link, verdict: &Verdict) -> bool {
    match (verdict, link.expected) {
        (Verdict::Serve(service), Expected::Served { source, prefix, carrier }) => {
            !link.full && (service.source, service.prefix, service.carrier) == (source, prefix, carrier)
        }
        (Verdict::NotServed(reasons), Expected::Served { .. }) => link.full && *reasons == [Reason::FilterFull],
        (Verdict::NotServed(reasons), Expected::NotServed) => {
            reasons.iter().map(Reason::name).eq(link.observation.reasons.iter().copied())
        }
        (Verdict::Ignore | Verdict::Serve(_), _) | (Verdict::NotServed(_), Expected::Ignored) => false,
    }
}

fn final_ra_waits(link: &Link, now: BootInstant) -> bool {
    matches!(link.final_ra, FinalRa::Owed { .. }) && link.schedule.floor().is_some_and(|floor| floor > now)
}
