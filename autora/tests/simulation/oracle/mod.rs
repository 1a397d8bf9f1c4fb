//! The rules, checked against what the fleet does. They come from RFC 4861 6.2, RFC 9096 3.5 and the README,
//! not from the engine.
//!
//! The last state that the fleet saw counts as the truth, because the fleet cannot know a later one. A rule
//! with a time limit is checked against the fleet's deadlines, so a late wake-up breaks none.

mod advertised_prefixes;
pub(crate) mod bounds;
mod broken;
mod claims;
mod content;
mod following;
mod grace;
mod grid;
mod handover;
mod inheritance;
mod judgement;
mod kinds;
mod leaving;
mod lifetimes;
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
    },
};

use crate::{run::Tally, settings::Settings, trace::Note};
use bounds::ANSWER;
use broken::rule;
pub(crate) use broken::{Broken, Violation};
pub(crate) use claims::ClaimOutcome;
use claims::Claims;
use content::check_fixed;
pub(crate) use content::prefixes;
use inheritance::Inheritance;
pub(crate) use judgement::Choice;
use judgement::{Expected, matches};
use lifetimes::with_known_ends;
use link::Link;
use spread::Spread;

/// Intervals between two bounds that are closer are not counted: the grid would distort their spread.
const WIDE: Duration = Duration::from_secs(8);

/// The state of the oracle.
pub(crate) struct Oracle {
    settings: Settings,
    links: BTreeMap<IfIndex, Link>,
    map: BTreeSet<IfIndex>,
    /// The interface whose entry the last action added, or whose mark it cleared, so that its RA follows.
    prepared: Option<IfIndex>,
    /// The interfaces with a solicitation that was read since their mark was last cleared.
    solicited: BTreeSet<IfIndex>,
    /// The interface whose entry the last action added, so that its RA may follow.
    maybe_prepared: Option<IfIndex>,
    /// Interfaces with events since the last check.
    touched: BTreeSet<IfIndex>,
    /// Interfaces whose pair is waited for, and those for which the second has ended in this turn.
    waiting: BTreeSet<IfIndex>,
    ended: BTreeSet<IfIndex>,
    claims: Claims,
    /// The latest instant of the next RA or of the end of the grace, for each interface.
    must_wake: BTreeSet<(BootInstant, IfIndex)>,
    must_wake_of: BTreeMap<IfIndex, BootInstant>,
    intervals: Spread,
    delays: Spread,
    delays_after_floor: Spread,
    stopping: bool,
    /// Whether the sockets had no room for final RAs while the fleet stopped.
    lacked_room: bool,
    inheritance: Inheritance,
    pub(crate) tally: Tally,
}

impl Oracle {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            links: BTreeMap::new(),
            map: BTreeSet::new(),
            prepared: None,
            solicited: BTreeSet::new(),
            maybe_prepared: None,
            touched: BTreeSet::new(),
            waiting: BTreeSet::new(),
            ended: BTreeSet::new(),
            claims: Claims::default(),
            must_wake: BTreeSet::new(),
            must_wake_of: BTreeMap::new(),
            intervals: Spread::default(),
            delays: Spread::default(),
            delays_after_floor: Spread::default(),
            stopping: false,
            lacked_room: false,
            inheritance: Inheritance::default(),
            tally: Tally::default(),
        }
    }

    /// Records the state of an interface that the fleet has seen.
    pub(crate) fn observe(&mut self, seen: &Interface, fleet: &Fleet, now: BootInstant) {
        let Self { links, settings, tally, inheritance, .. } = self;
        self.touched.insert(seen.index);
        let verdict = fleet.verdict_of(seen.index).map(|(_, verdict)| verdict);
        match links.get_mut(&seen.index) {
            Some(link) => link.observe(seen, verdict, settings, now, tally),
            // A fleet that stops adds no interface.
            None if self.stopping => {}
            None => {
                let mut link = inheritance.take(seen, now, tally);
                link.observe(seen, verdict, settings, now, tally);
                link.count_first(now, tally);
                links.insert(seen.index, link);
            }
        }
    }

    /// Records whether the fleet knows an interface that it is about to see: else it knows no ends of lifetimes.
    pub(crate) fn about_to_see(&mut self, index: IfIndex, fleet: &Fleet) {
        if let Some(link) = self.links.get_mut(&index) {
            link.known = fleet.verdict_of(index).is_some();
        }
    }

    /// Decides what follows for each pair that was waited for until `now`.
    pub(crate) fn timeout(&mut self, now: BootInstant) {
        let due = self.must_wake.range(..=(now, IfIndex::MAX)).map(|(_, index)| *index);
        self.touched.extend(due);
        for index in &self.waiting {
            let Some(link) = self.links.get_mut(index) else { continue };
            if link.decide(&self.settings, now, &mut self.tally) {
                self.touched.insert(*index);
                self.ended.insert(*index);
            }
        }
    }

    /// Follows what the fleet decided about the pairs that were waited for until `now`.
    pub(crate) fn decided(&mut self, fleet: &Fleet, now: BootInstant) {
        for index in &self.ended {
            let verdict = fleet.verdict_of(*index).map(|(_, verdict)| verdict);
            if let Some(link) = self.links.get_mut(index) {
                link.decide_again(verdict, &self.settings, now, &mut self.tally);
            }
        }
    }

    /// Records that the sockets have no room for what is due.
    pub(crate) fn without_room(&mut self, now: BootInstant) {
        self.tally.count("sockets without room");
        self.lacked_room |= self.stopping;
        self.tally.add("stop without room", usize::from(self.stopping));
        let wait_of = |index| self.links.get(index).and_then(|link| link.phase.wait());
        let late = self.waiting.iter().filter_map(wait_of).filter(|wait| wait.end().is_some_and(|end| end < now));
        self.tally.add("grace ended late, without room", late.count());
    }

    /// Returns the state of an interface for the trace.
    pub(crate) fn note(&self, seen: &Interface) -> Note {
        let alive = seen.flags.up && seen.ipv6.is_some_and(|ipv6| !ipv6.disabled);
        match self.links.get(&seen.index).map(|link| link.judgement.expected) {
            Some(Expected::Served { source, prefix, carrier, dad }) => Note::Fit { source, prefix, carrier, dad },
            None | Some(Expected::Ignored | Expected::NotServed) => Note::NotFit {
                matches: matches(&seen.name),
                alive,
                carrier: seen.flags.carrier,
                addresses: seen.addresses.len(),
            },
        }
    }

    /// Returns whether the fleet has seen an interface.
    pub(crate) fn knows(&self, index: IfIndex) -> bool {
        self.links.contains_key(&index)
    }

    /// Returns whether a state differs from the last one that the fleet saw.
    pub(crate) fn is_new(&self, seen: &Interface, now: BootInstant) -> bool {
        let known = self.links.get(&seen.index).map(|link| &link.seen);
        known.is_none_or(|known| with_known_ends(seen, known, now) != *known)
    }

    /// Returns every interface that the fleet knows.
    pub(crate) fn known(&self) -> impl Iterator<Item = IfIndex> + '_ {
        self.links.keys().copied()
    }

    /// Records that the fleet saw the deletion of an interface.
    pub(crate) fn gone(&mut self, index: IfIndex) {
        self.touched.insert(index);
        let link = self.links.remove(&index);
        self.inheritance.gone(index, link.as_ref());
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
        self.solicited.insert(index);
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
        if link.is_held_back() || link.handover.owed.is_some() || link.handover.any {
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
        let Some(link) = self.links.get_mut(&index) else { return Err(unknown(index)) };
        let precedes = link.entry_precedes_ra();
        let is_claimed = self.claims.has(index);
        rule(link.may_be_in_map(), "only an interface that is fit gets an entry", || format!("{:?}", link.judgement))
            .and_then(|()| {
                let waits = link.phase.holds(now) && !link.uncertain;
                rule(!waits, "no entry is added while the pair in use is waited for", || format!("{:?}", link.phase))
            })
            .and_then(|()| match precedes {
                Some(true) => link.schedule.check(Cause::Final, now, &self.settings.parameters),
                Some(false) | None => Ok(()),
            })
            .and_then(|()| rule(!self.map.contains(&index), "one entry for each interface", String::new))
            .and_then(|()| rule(is_claimed, "what is served is claimed first", String::new))
            .map_err(|broken| broken.on(index))?;
        self.touched.insert(index);
        if !room {
            self.tally.count("map full");
            link.map_full(&self.settings, now, &mut self.tally);
            return Ok(());
        }
        self.map.insert(index);
        self.solicited.remove(&index);
        match precedes {
            Some(true) => self.prepared = Some(index),
            Some(false) => self.tally.count("entry back within the grace"),
            None => self.maybe_prepared = Some(index),
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
            .and_then(|()| {
                rule(self.solicited.remove(&index), "a mark is cleared where a solicitation has set it", String::new)
            })
            .map_err(|broken| broken.on(index))
    }

    fn expect_nothing_prepared(&mut self) -> Result<(), Violation> {
        self.maybe_prepared = None;
        rule(self.prepared.is_none(), "an entry or a cleared mark is followed by its RA", || {
            format!("not for {:?}", self.prepared)
        })
        .map_err(Broken::anywhere)
    }

    /// Checks an RA that was made at `made` and is about to leave at `at`.
    pub(crate) fn sending(&mut self, send: &Transmission, made: BootInstant, at: BootInstant) -> Result<(), Violation> {
        let maybe = self.maybe_prepared.take().filter(|index| *index == send.index && send.cause != Cause::Final);
        let prepared = self.prepared.take().or(maybe);
        let early = self.inheritance.floor(send.index).is_some_and(|floor| at < floor);
        rule(!early, "no two RAs within 3 s, of one process or of two", String::new)
            .and_then(|()| self.claims.check_alone(send.index))
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
        check_fixed(&send.advert, is_final, &self.settings.parameters)?;
        rule(is_final || in_map, "only a final RA leaves without an entry in the map", String::new)?;
        rule(link.may_be_in_map() || !in_map, "the entry is removed before the final RA", String::new)?;
        let is_right = match prepared {
            Some(index) => index == send.index && !is_final,
            None => is_final || !self.solicited.contains(&send.index),
        };
        rule(is_right, "the pending mark is cleared right before an RA leaves", || {
            format!("cleared for {prepared:?}")
        })?;
        link.check(send, made, at, &self.settings)
    }

    /// Records that the RA left at `at` and the fleet knows it.
    pub(crate) fn sent(
        &mut self,
        send: &Transmission,
        made: BootInstant,
        at: BootInstant,
        fleet: &Fleet,
    ) -> Result<(), Violation> {
        let Self { links, settings, tally, inheritance, .. } = self;
        let Some(link) = links.get_mut(&send.index) else { return Err(unknown(send.index)) };
        self.touched.insert(send.index);
        inheritance.sent(send.index, at);
        match send.cause {
            Cause::Unsolicited => tally.count("unsolicited RA"),
            Cause::Solicited => tally.count("solicited RA"),
            Cause::Final => tally.count("final RA"),
        }
        link.sent(send, made, at, settings, tally);
        let next = fleet.schedule_of(send.index).and_then(|(_, next)| next);
        match next {
            Some(next) if send.cause != Cause::Final && !link.is_held_back() && link.owes_none() => {
                self.check_interval(send.index, at, next).map_err(|broken| broken.on(send.index))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Checks the deadline of the next unsolicited RA.
    fn check_interval(&mut self, index: IfIndex, at: BootInstant, next: BootInstant) -> Result<(), Broken> {
        let Self { links, settings, intervals, tally, .. } = self;
        let Some(link) = links.get(&index) else { return Ok(()) };
        let (shortest, longest) = link.schedule.interval(&settings.parameters);
        let width = longest.saturating_sub(shortest);
        if link.schedule.is_regular() && width >= WIDE {
            let over = next.saturating_since(at).saturating_sub(shortest);
            intervals.add(over.as_secs_f64() / width.as_secs_f64());
        }
        grid::check(next, at, &link.schedule.intervals(&settings.parameters), settings.phase, tally)
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
        (self.stopping, self.lacked_room) = (true, false);
        for (index, link) in &mut self.links {
            link.stop(now, &mut self.tally);
            self.touched.insert(*index);
        }
    }
}

fn unknown(index: IfIndex) -> Violation {
    Broken { rule: "only interfaces that exist are served", detail: String::new() }.on(index)
}
