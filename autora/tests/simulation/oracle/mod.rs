//! The rules, checked against what the fleet does. They come from RFC 4861 6.2, RFC 9096 3.5 and the README,
//! not from the engine.
//!
//! The last state that the fleet saw counts as the truth, because the fleet cannot know a later one. A rule
//! with a time limit is checked against the fleet's deadlines, so a late wake-up breaks none.

mod advertised_prefixes;
pub(crate) mod bounds;
mod broken;
mod inheritance;
mod link;
mod observation;
mod schedule;
mod spread;
mod sweep;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant, Fleet,
        action::{Cause, Transmission},
        interface::Interface,
        parameters::Parameters,
    },
};

use crate::{run::Tally, trace::Note};
pub(crate) use advertised_prefixes::prefixes;
use bounds::{ANSWER, INITIAL_ADVERTISEMENTS};
use broken::rule;
pub(crate) use broken::{Broken, Violation};
use inheritance::Inheritance;
use link::{FinalRa, Link};
use observation::Observation;
use spread::Spread;

/// The state of the oracle.
pub(crate) struct Oracle {
    parameters: Parameters,
    links: BTreeMap<IfIndex, Link>,
    map: BTreeSet<IfIndex>,
    /// The interface whose entry the last action added, or whose mark it cleared.
    prepared: Option<IfIndex>,
    /// Interfaces with events since the last check.
    touched: BTreeSet<IfIndex>,
    /// The latest instant of the next RA, for each interface.
    must_send: BTreeSet<(BootInstant, IfIndex)>,
    must_send_of: BTreeMap<IfIndex, BootInstant>,
    intervals: Spread,
    delays: Spread,
    delays_after_floor: Spread,
    stopping: bool,
    inheritance: Inheritance,
    pub(crate) tally: Tally,
}

impl Oracle {
    pub(crate) fn new(parameters: Parameters) -> Self {
        Self {
            parameters,
            links: BTreeMap::new(),
            map: BTreeSet::new(),
            prepared: None,
            touched: BTreeSet::new(),
            must_send: BTreeSet::new(),
            must_send_of: BTreeMap::new(),
            intervals: Spread::default(),
            delays: Spread::default(),
            delays_after_floor: Spread::default(),
            stopping: false,
            inheritance: Inheritance::default(),
            tally: Tally::default(),
        }
    }

    /// Records the state of an interface that the fleet sees.
    pub(crate) fn observe(&mut self, seen: &Interface, now: BootInstant) {
        self.touched.insert(seen.index);
        match self.links.get_mut(&seen.index) {
            Some(link) => link.observe(seen, now, &mut self.tally),
            // A fleet that stops adds no interface.
            None if self.stopping => {}
            None => {
                let link = self.inheritance.take(seen, now, &mut self.tally);
                self.links.insert(seen.index, link);
            }
        }
    }

    /// Returns the state of an interface for the trace.
    pub(crate) fn note(seen: &Interface) -> Note {
        let Observation { matches, reasons, sources, prefixes, carrier, alive, .. } = Observation::of(seen);
        let prefix = prefixes.first().copied();
        match (sources.first(), prefix) {
            (Some(&source), Some(prefix)) if matches && reasons.is_empty() => Note::Fit { source, prefix, carrier },
            _ => Note::NotFit { matches, alive, carrier, prefix },
        }
    }

    /// Returns the last state of an interface that the fleet saw.
    pub(crate) fn seen(&self, index: IfIndex) -> Option<&Interface> {
        self.links.get(&index).map(|link| &link.seen)
    }

    /// Returns every interface that the fleet knows.
    pub(crate) fn known(&self) -> impl Iterator<Item = IfIndex> + '_ {
        self.links.keys().copied()
    }

    /// Records that the fleet saw the deletion of an interface.
    pub(crate) fn gone(&mut self, index: IfIndex) {
        self.touched.insert(index);
        self.links.remove(&index);
        self.inheritance.gone(index);
    }

    /// Checks a solicitation that passed the filter and reached the fleet at `now`.
    pub(crate) fn solicited(
        &mut self,
        index: IfIndex,
        now: BootInstant,
        before: Option<BootInstant>,
        after: Option<BootInstant>,
    ) -> Result<(), Violation> {
        self.touched.insert(index);
        self.tally.count("solicitation passed");
        let Some(link) = self.links.get_mut(&index) else { return Ok(()) };
        if link.advertising().is_none() {
            return Ok(());
        }
        if link.schedule.has_failed() {
            self.tally.count("solicitation while sends fail");
        }
        link.schedule.solicit(now, true);
        if after == before {
            return Ok(());
        }
        rule(!link.schedule.schedule_answer(), "a further solicitation before the RA changes nothing", || {
            format!("{before:?} became {after:?}")
        })
        .map_err(|broken| broken.on(index))?;
        self.note_delay(index, now, after)
    }

    /// Checks and records the delay of a solicited RA.
    fn note_delay(&mut self, index: IfIndex, now: BootInstant, due: Option<BootInstant>) -> Result<(), Violation> {
        let (Some(link), Some(due)) = (self.links.get(&index), due) else { return Ok(()) };
        if matches!(link.final_ra, FinalRa::Owed { .. }) {
            return Ok(());
        }
        if link.schedule.has_failed() || link.uncertain {
            return Ok(());
        }
        let floor = link.schedule.floor().filter(|floor| *floor > now);
        let delay = due.saturating_since(floor.unwrap_or(now));
        let spread = if floor.is_some() { &mut self.delays_after_floor } else { &mut self.delays };
        spread.add(delay.as_secs_f64() / ANSWER.as_secs_f64());
        if floor.is_some() {
            self.tally.count("solicitation within the floor");
        }
        rule(
            delay <= ANSWER,
            "a solicited RA leaves within 0.5 s, or that long after the floor [RFC 4861 6.2.6]",
            || format!("{delay:?}"),
        )
        .map_err(|broken| broken.on(index))
    }

    /// Records a solicitation that the filter dropped because an RA is pending: that RA answers it, too.
    pub(crate) fn coalesced(&mut self, index: IfIndex, now: BootInstant) {
        self.tally.count("solicitation coalesced");
        if let Some(link) = self.links.get_mut(&index)
            && link.advertising().is_some()
        {
            self.touched.insert(index);
            link.schedule.solicit(now, false);
        }
    }

    /// Checks a new entry in the map, which has room or not.
    pub(crate) fn serve(&mut self, index: IfIndex, now: BootInstant, room: bool) -> Result<(), Violation> {
        self.expect_nothing_prepared()?;
        let Self { links, parameters, tally, .. } = self;
        let Some(link) = links.get_mut(&index) else { return Err(unknown(index)) };
        let fit = link.advertising().is_some();
        rule(fit, "only an interface that is fit gets an entry", || format!("{:?}", link.expected))
            .and_then(|()| link.schedule.check(Cause::Final, now, parameters))
            .and_then(|()| rule(!self.map.contains(&index), "one entry for each interface", String::new))
            .map_err(|broken| broken.on(index))?;
        self.touched.insert(index);
        if room {
            self.map.insert(index);
            self.prepared = Some(index);
        } else {
            tally.count("map full");
            link.map_full(now, tally);
        }
        Ok(())
    }

    pub(crate) fn unserve(&mut self, index: IfIndex) -> Result<(), Violation> {
        self.expect_nothing_prepared()?;
        self.touched.insert(index);
        rule(self.map.remove(&index), "an entry is removed once", String::new).map_err(|broken| broken.on(index))
    }

    pub(crate) fn mark_cleared(&mut self, index: IfIndex) -> Result<(), Violation> {
        self.expect_nothing_prepared()?;
        self.prepared = Some(index);
        rule(self.map.contains(&index), "a mark is cleared in an existing entry", String::new)
            .map_err(|broken| broken.on(index))
    }

    fn expect_nothing_prepared(&self) -> Result<(), Violation> {
        rule(self.prepared.is_none(), "an entry or a cleared mark is followed by its RA", || {
            format!("not for {:?}", self.prepared)
        })
        .map_err(Broken::anywhere)
    }

    /// Checks an RA that was made at `made` and is about to leave at `at`.
    pub(crate) fn sending(&mut self, send: &Transmission, made: BootInstant, at: BootInstant) -> Result<(), Violation> {
        let prepared = self.prepared.take();
        let early = self.inheritance.floor(send.index).is_some_and(|floor| at < floor);
        rule(!early, "no two RAs within 3 s, of one process or of two", String::new)
            .and_then(|()| self.check_sending(send, prepared, made, at))
            .map_err(|broken| broken.on(send.index))
    }

    fn check_sending(
        &self,
        send: &Transmission,
        prepared: Option<IfIndex>,
        made: BootInstant,
        at: BootInstant,
    ) -> Result<(), Broken> {
        let link = self.links.get(&send.index);
        let link = link.ok_or(Broken { rule: "only on interfaces that exist", detail: String::new() })?;
        let in_map = self.map.contains(&send.index);
        let is_final = send.cause == Cause::Final;
        let lifetime = if is_final { Duration::ZERO } else { self.parameters.router_lifetime };
        let advert = &send.advert;
        let zeros = (advert.cur_hop_limit, advert.flags) == (0, 0)
            && advert.reachable_time.is_zero()
            && advert.retrans_timer.is_zero();
        rule(advert.router_lifetime == lifetime && zeros, "the fixed part has the configured values", || {
            advert.to_string()
        })?;
        rule(is_final || in_map, "only a final RA leaves without an entry in the map", String::new)?;
        rule(link.may_be_in_map() || !in_map, "the entry is removed before the final RA", String::new)?;
        let expected = (!is_final).then_some(send.index);
        rule(prepared == expected, "the pending mark is cleared right before an RA leaves", || {
            format!("cleared for {prepared:?}")
        })?;
        link.check(send, made, at, &self.parameters)
    }

    /// Records that the RA left at `at` and the fleet knows it.
    pub(crate) fn sent(&mut self, send: &Transmission, at: BootInstant, fleet: &Fleet) -> Result<(), Violation> {
        let Self { links, parameters, tally, intervals, inheritance, .. } = self;
        let Some(link) = links.get_mut(&send.index) else { return Err(unknown(send.index)) };
        self.touched.insert(send.index);
        inheritance.sent(send.index, at);
        match send.cause {
            Cause::Unsolicited => tally.count("unsolicited RA"),
            Cause::Solicited => tally.count("solicited RA"),
            Cause::Final => tally.count("final RA"),
        }
        if send.cause == Cause::Final && link.advertising().is_some() {
            tally.count("final RA from the previous source");
        }
        link.sent(send, at, parameters, tally);
        let next = fleet.schedule_of(send.index).and_then(|(_, next)| next);
        if let Some(next) = next
            && send.cause != Cause::Final
            && link.schedule.sent >= INITIAL_ADVERTISEMENTS
        {
            let (shortest, longest) = link.schedule.interval(parameters);
            let over = next.saturating_since(at).saturating_sub(shortest);
            intervals.add(over.as_secs_f64() / longest.saturating_sub(shortest).as_secs_f64());
        }
        Ok(())
    }

    /// Records that the RA failed at `at` and the fleet knows it.
    pub(crate) fn failed(&mut self, send: &Transmission, at: BootInstant, fleet: &Fleet) -> Result<(), Violation> {
        self.tally.count("send failed");
        self.touched.insert(send.index);
        let Some(link) = self.links.get_mut(&send.index) else { return Err(unknown(send.index)) };
        let retry = fleet.schedule_of(send.index).and_then(|(_, next)| next);
        link.failed(send, at, retry, &mut self.tally).map_err(|broken| broken.on(send.index))
    }

    /// Returns whether the fleet stops.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Records that the fleet stops.
    pub(crate) fn stop(&mut self, now: BootInstant) {
        self.stopping = true;
        for (index, link) in &mut self.links {
            link.stop(now, &mut self.tally);
            self.touched.insert(*index);
        }
    }
}

fn unknown(index: IfIndex) -> Violation {
    Broken { rule: "only interfaces that exist are served", detail: String::new() }.on(index)
}
