//! The rules, held against what the fleet does: from RFC 4861 6.2, RFC 9096 3.5 and what the README promises,
//! and from nothing that the engine thinks.
//!
//! What the fleet was told last counts as the truth here: it cannot know better. A rule that sets a time
//! limit is held against the fleet's deadlines, so a machine that wakes up late breaks none.

pub(crate) mod bounds;
mod broken;
mod inheritance;
mod link;
mod looks;
mod promises;
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
use bounds::{ANSWER, INITIAL_ADVERTISEMENTS};
use broken::rule;
pub(crate) use broken::{Broken, Violation};
use inheritance::Inheritance;
use link::{FinalRa, Link};
use looks::Looks;
pub(crate) use promises::prefixes;
use spread::Spread;

/// Everything that it knows.
pub(crate) struct Oracle {
    parameters: Parameters,
    links: BTreeMap<IfIndex, Link>,
    map: BTreeSet<IfIndex>,
    /// The interface whose entry was made or whose mark was cleared by the last action.
    announced: Option<IfIndex>,
    /// Interfaces that something has happened to since the last check.
    touched: BTreeSet<IfIndex>,
    /// When something has to leave at the latest, for each interface.
    duties: BTreeSet<(BootInstant, IfIndex)>,
    duty_of: BTreeMap<IfIndex, BootInstant>,
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
            announced: None,
            touched: BTreeSet::new(),
            duties: BTreeSet::new(),
            duty_of: BTreeMap::new(),
            intervals: Spread::default(),
            delays: Spread::default(),
            delays_after_floor: Spread::default(),
            stopping: false,
            inheritance: Inheritance::default(),
            tally: Tally::default(),
        }
    }

    /// The fleet is told how an interface looks.
    pub(crate) fn told(&mut self, seen: &Interface, now: BootInstant) {
        self.touched.insert(seen.index);
        match self.links.get_mut(&seen.index) {
            Some(link) => link.told(seen, now, &mut self.tally),
            // A fleet that stops takes nobody on.
            None if self.stopping => {}
            None => {
                let link = self.inheritance.claim(seen, now, &mut self.tally);
                self.links.insert(seen.index, link);
            }
        }
    }

    /// How an interface looks, for the trace.
    pub(crate) fn note(seen: &Interface) -> Note {
        let Looks { matches, reasons, sources, prefixes, carrier, alive, .. } = Looks::of(seen);
        let prefix = prefixes.first().copied();
        match (sources.first(), prefix) {
            (Some(&source), Some(prefix)) if matches && reasons.is_empty() => {
                Note::Fit { source, prefix, carrier }
            }
            _ => Note::NotFit { matches, alive, carrier, prefix },
        }
    }

    /// What the fleet was told last of an interface.
    pub(crate) fn seen(&self, index: IfIndex) -> Option<&Interface> {
        self.links.get(&index).map(|link| &link.seen)
    }

    /// Everything that the fleet was told of.
    pub(crate) fn known(&self) -> impl Iterator<Item = IfIndex> + '_ {
        self.links.keys().copied()
    }

    /// The fleet is told that an interface is gone.
    pub(crate) fn gone(&mut self, index: IfIndex) {
        self.touched.insert(index);
        self.links.remove(&index);
        self.inheritance.gone(index);
    }

    /// A solicitation came in that passed the filter, and the fleet was told at `now`.
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
        link.schedule.ask(now, true);
        if after == before {
            return Ok(());
        }
        rule(!link.schedule.answer(), "a further solicitation before the answer changes nothing", || {
            format!("{before:?} became {after:?}")
        })
        .map_err(|broken| broken.on(index))?;
        self.note_delay(index, now, after)
    }

    /// The delay that was drawn for an answer.
    fn note_delay(
        &mut self,
        index: IfIndex,
        now: BootInstant,
        due: Option<BootInstant>,
    ) -> Result<(), Violation> {
        let (Some(link), Some(due)) = (self.links.get(&index), due) else { return Ok(()) };
        if matches!(link.final_ra, FinalRa::Owed { .. }) {
            return Ok(());
        }
        if link.schedule.has_failed() || link.murky {
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
            "an answer leaves within 0.5 s, or that long after the 3 s [RFC 4861 6.2.6]",
            || format!("{delay:?}"),
        )
        .map_err(|broken| broken.on(index))
    }

    /// A solicitation came in that the filter dropped because an answer is pending: that one counts for it
    /// too.
    pub(crate) fn coalesced(&mut self, index: IfIndex, now: BootInstant) {
        self.tally.count("solicitation coalesced");
        if let Some(link) = self.links.get_mut(&index)
            && link.advertising().is_some()
        {
            self.touched.insert(index);
            link.schedule.ask(now, false);
        }
    }

    /// An entry is to be made in the map, which has room or not.
    pub(crate) fn serve(&mut self, index: IfIndex, now: BootInstant, room: bool) -> Result<(), Violation> {
        self.expect_nothing_announced()?;
        let Self { links, parameters, tally, .. } = self;
        let Some(link) = links.get_mut(&index) else { return Err(unknown(index)) };
        let fit = link.advertising().is_some();
        rule(fit, "only an interface that is fit gets an entry", || format!("{:?}", link.standing))
            .and_then(|()| link.schedule.check(Cause::Final, now, parameters))
            .and_then(|()| rule(!self.map.contains(&index), "one entry for each interface", String::new))
            .map_err(|broken| broken.on(index))?;
        self.touched.insert(index);
        if room {
            self.map.insert(index);
            self.announced = Some(index);
        } else {
            tally.count("map full");
            link.refused(now, tally);
        }
        Ok(())
    }

    pub(crate) fn unserve(&mut self, index: IfIndex) -> Result<(), Violation> {
        self.expect_nothing_announced()?;
        self.touched.insert(index);
        rule(self.map.remove(&index), "an entry is removed once", String::new)
            .map_err(|broken| broken.on(index))
    }

    pub(crate) fn answered(&mut self, index: IfIndex) -> Result<(), Violation> {
        self.expect_nothing_announced()?;
        self.announced = Some(index);
        rule(self.map.contains(&index), "a mark is cleared in an entry that is there", String::new)
            .map_err(|broken| broken.on(index))
    }

    fn expect_nothing_announced(&self) -> Result<(), Violation> {
        rule(self.announced.is_none(), "an entry or a cleared mark is followed by its advertisement", || {
            format!("not for {:?}", self.announced)
        })
        .map_err(Broken::anywhere)
    }

    /// An advertisement that was made at `made` is about to leave at `at`.
    pub(crate) fn sending(
        &mut self,
        send: &Transmission,
        made: BootInstant,
        at: BootInstant,
    ) -> Result<(), Violation> {
        let announced = self.announced.take();
        let early = self.inheritance.floor(send.index).is_some_and(|floor| at < floor);
        rule(!early, "no two advertisements within 3 s, of one daemon or of two", String::new)
            .and_then(|()| self.check_sending(send, announced, made, at))
            .map_err(|broken| broken.on(send.index))
    }

    fn check_sending(
        &self,
        send: &Transmission,
        announced: Option<IfIndex>,
        made: BootInstant,
        at: BootInstant,
    ) -> Result<(), Broken> {
        let link = self.links.get(&send.index);
        let link = link.ok_or(Broken { rule: "only on interfaces that are there", detail: String::new() })?;
        let in_map = self.map.contains(&send.index);
        let is_final = send.cause == Cause::Final;
        let lifetime = if is_final { Duration::ZERO } else { self.parameters.router_lifetime };
        let advert = &send.advert;
        let zeros = (advert.cur_hop_limit, advert.flags) == (0, 0)
            && advert.reachable_time.is_zero()
            && advert.retrans_timer.is_zero();
        rule(advert.router_lifetime == lifetime && zeros, "the fixed part is as set", || advert.to_string())?;
        rule(is_final || in_map, "nothing but final RAs without an entry in the map", String::new)?;
        rule(link.may_be_in_map() || !in_map, "the entry goes before the final RA", String::new)?;
        let expected = (!is_final).then_some(send.index);
        rule(
            announced == expected,
            "the pending mark is cleared right before an advertisement leaves",
            || format!("cleared for {announced:?}"),
        )?;
        link.check(send, made, at, &self.parameters)
    }

    /// It has left at `at`, and the fleet has been told.
    pub(crate) fn sent(
        &mut self,
        send: &Transmission,
        at: BootInstant,
        fleet: &Fleet,
    ) -> Result<(), Violation> {
        let Self { links, parameters, tally, intervals, inheritance, .. } = self;
        let Some(link) = links.get_mut(&send.index) else { return Err(unknown(send.index)) };
        self.touched.insert(send.index);
        inheritance.heard(send.index, at);
        match send.cause {
            Cause::Unsolicited => tally.count("advertisement unsolicited"),
            Cause::Solicited => tally.count("advertisement solicited"),
            Cause::Final => tally.count("advertisement final"),
        }
        if send.cause == Cause::Final && link.advertising().is_some() {
            tally.count("final RA from a former source");
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

    /// It did not leave at `at`, and the fleet has been told.
    pub(crate) fn failed(
        &mut self,
        send: &Transmission,
        at: BootInstant,
        fleet: &Fleet,
    ) -> Result<(), Violation> {
        self.tally.count("send failed");
        self.touched.insert(send.index);
        let Some(link) = self.links.get_mut(&send.index) else { return Err(unknown(send.index)) };
        let retry = fleet.schedule_of(send.index).and_then(|(_, next)| next);
        link.failed(send, at, retry, &mut self.tally).map_err(|broken| broken.on(send.index))
    }

    /// Whether the fleet was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// The fleet is told to stop.
    pub(crate) fn stop(&mut self, now: BootInstant) {
        self.stopping = true;
        for (index, link) in &mut self.links {
            link.stop(now, &mut self.tally);
            self.touched.insert(*index);
        }
    }
}

fn unknown(index: IfIndex) -> Violation {
    Broken { rule: "only interfaces that are there are served", detail: String::new() }.on(index)
}
