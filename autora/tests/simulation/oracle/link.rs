//! The oracle's state of one interface: what the fleet saw of it, and what guests hold.

use autora::{
    addr::{LinkLocal, Prefix64},
    engine::{BootInstant, eligibility::Verdict, handover::Advertised, interface::Interface},
    wire::NdOption,
};

use super::{
    advertised_prefixes::AdvertisedPrefixes,
    bounds::GRACE,
    content::link_options,
    grace::{Phase, Wait},
    handover::{Due, Handover},
    judgement::{Expected, Judgement, Obstacle, Told, link_locals},
    lifetimes::{Bounds, with_known_ends},
    observation::Observation,
    schedule::Schedule,
};
use crate::{run::Tally, settings::Settings};

/// One interface that the fleet knows.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub(super) struct Link {
    /// The last state, with the ends of lifetimes as they were first known.
    pub(super) seen: Interface,
    /// Whether the fleet knew it before the next state, and with it the ends of lifetimes.
    pub(super) known: bool,
    pub(super) observation: Observation,
    pub(super) judgement: Judgement,
    pub(super) obstacle: Option<Obstacle>,
    /// When it was last claimed, with success or not.
    pub(super) claim_tried: Option<BootInstant>,
    pub(super) stopping: bool,
    pub(super) phase: Phase,
    /// Whether it is open if the pair was waited for before the grace was over, so that it may be yet.
    pub(super) may_wait_again: bool,
    /// The pair that RAs are scheduled for, while the interface has a carrier.
    pub(super) current: Option<(LinkLocal, Prefix64)>,
    /// What RAs say, apart from the pair; at a stop, what they said of the prefix told last.
    pub(super) content: Option<Content>,
    pub(super) schedule: Schedule,
    pub(super) handover: Handover,
    pub(super) prefixes: AdvertisedPrefixes,
    /// Whether its pair has come back within the grace since the last RA.
    pub(super) returned: Returned,
    /// Whether it is uncertain what the fleet restored of the interface.
    pub(super) uncertain: bool,
}

/// What RAs say, apart from the pair.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    pub(super) prefix: Prefix64,
    pub(super) bounds: Bounds,
    pub(super) options: Vec<NdOption>,
}

/// What guests of a link hold: the next process has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GuestState {
    name: String,
    /// The source, and whether the current process has told it.
    router: Option<(LinkLocal, bool)>,
    owed: Option<LinkLocal>,
    prefixes: Vec<(Prefix64, bool, bool)>,
    shortened: u32,
    /// Whether something of it is unknown.
    uncertain: bool,
}

impl GuestState {
    /// Returns the state of a link whose last change may be saved or not.
    pub(super) const fn uncertain() -> Self {
        Self { name: String::new(), router: None, owed: None, prefixes: Vec::new(), shortened: 0, uncertain: true }
    }
}

/// Whether a pair has come back within the grace, so that the interface gets its entry before the next RA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returned {
    No,
    Yes,
    /// The grace may have been over.
    Maybe,
}

/// Whether the pair that guests were told is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Here,
    Gone,
    /// It has gone, and its lifetimes have run out, so that it need not be waited for.
    GoneAndOver,
}

impl Link {
    /// Returns a link that the fleet sees for the first time; [`Link::observe`] follows.
    pub(super) fn new(seen: &Interface, last_sent: Option<BootInstant>, now: BootInstant) -> Self {
        Self {
            seen: seen.clone(),
            known: false,
            observation: Observation::of(seen),
            judgement: Judgement { expected: Expected::Ignored, reasons: Vec::new() },
            obstacle: None,
            claim_tried: None,
            stopping: false,
            phase: Phase::Steady,
            may_wait_again: false,
            current: None,
            content: None,
            schedule: Schedule::new(last_sent, now),
            handover: Handover::default(),
            prefixes: AdvertisedPrefixes::default(),
            returned: Returned::No,
            uncertain: false,
        }
    }

    /// Returns what guests hold, if anything.
    pub(super) fn guest_state(&self) -> Option<GuestState> {
        let uncertain = self.uncertain || self.handover.any;
        let (name, shortened) = (self.seen.name.clone(), self.prefixes.shortened);
        let router = self.handover.router.map(|router| (router.source, router.told_by_this_process));
        let owed = self.handover.owed.map(|owed| owed.router.source);
        let prefixes = self.prefixes.prefixes();
        let holds = router.is_some() || owed.is_some() || !prefixes.is_empty() || uncertain;
        holds.then_some(GuestState { name, router, owed, prefixes, shortened, uncertain })
    }

    /// Restores the link in the next process; `previous` are the previous process's settings if it crashed.
    pub(super) fn restored(&mut self, previous: Option<&Settings>, now: BootInstant) {
        self.schedule.restored(previous.is_some(), now);
        self.prefixes.restored(previous.map(|by| by.parameters.valid_lifetime), now);
        self.handover.restored(previous.map(|by| by.parameters.router_lifetime), now);
        self.judgement = Judgement { expected: Expected::Ignored, reasons: Vec::new() };
        (self.phase, self.current, self.content) = (Phase::Steady, None, None);
        (self.obstacle, self.claim_tried) = (None, None);
        (self.stopping, self.returned) = (false, Returned::No);
    }

    /// Sets the first state that the next process sees; [`Link::observe`] follows.
    pub(super) fn seen_again(&mut self, seen: &Interface) {
        self.seen = seen.clone();
        self.observation = Observation::of(seen);
    }

    /// Updates the link with a state that the fleet saw, and its verdict.
    pub(super) fn observe(
        &mut self,
        seen: &Interface,
        verdict: Option<&Verdict>,
        by: &Settings,
        now: BootInstant,
        tally: &mut Tally,
    ) {
        let settled = if self.known { with_known_ends(seen, &self.seen, now) } else { seen.clone() };
        let unchanged = self.known && self.seen == settled;
        if self.seen != settled {
            // An RA too many does no harm where they change and change back while a pair is waited for.
            if link_options(&self.seen, by.link_options) != link_options(&settled, by.link_options) {
                self.schedule.may_begin();
            }
            self.seen = settled;
            self.observation = Observation::of(&self.seen);
            self.schedule.reset_backoff();
        }
        self.known = true;
        let was_kept = self.obstacle.take().is_some();
        if was_kept {
            self.schedule.reset_backoff();
        }
        // What was told since counts from the next change on.
        let stands = unchanged && self.judgement.agrees(verdict, None);
        if !self.stopping && !stands {
            self.judgement = self.judge(verdict, by, now);
        }
        if !self.stopping {
            self.count_kinds(by.choice.keep, now, tally);
        }
        self.handover.observe(&self.observation, self.stopping, now);
        let stays = unchanged && !was_kept && self.phase == Phase::Over;
        let phase = if stays { Phase::Over } else { self.next_phase(now) };
        self.follow(phase, by, now, tally);
    }

    /// Returns the required verdict: where the rules leave room, the one that the fleet chose.
    pub(super) fn judge(&self, verdict: Option<&Verdict>, by: &Settings, now: BootInstant) -> Judgement {
        let mut first = None;
        for told in self.told(now) {
            let judgement = Judgement::of(&self.seen, told, by.choice);
            if judgement.agrees(verdict, self.obstacle) {
                return judgement;
            }
            first.get_or_insert(judgement);
        }
        first.expect("one at least")
    }

    /// Returns what may count as told, the likeliest first: lifetimes that have run out count or not.
    fn told(&self, now: BootInstant) -> Vec<Told> {
        let (mut sources, mut prefixes) = (Vec::new(), Vec::new());
        match self.handover.router {
            Some(router) if router.is_held(now) => sources.push(Some(router.source)),
            router => sources.extend([None, router.map(|router| router.source)]),
        }
        match self.prefixes.told(now) {
            Some((prefix, true)) => prefixes.push(Some(prefix)),
            told => prefixes.extend([None, told.map(|(prefix, _)| prefix)]),
        }
        if self.uncertain {
            (sources, prefixes) = (vec![None], vec![None]);
            sources.extend(link_locals(&self.seen).map(|(source, _)| Some(source)));
            prefixes.extend(self.seen.addresses.iter().map(|address| Some(Prefix64::containing(address.address))));
        }
        let with = |source| prefixes.iter().map(move |&prefix| Told { source, prefix });
        sources.iter().flat_map(|&source| with(source)).collect()
    }

    /// Returns the pair with which it is served, with carrier or not.
    pub(super) fn pair(&self) -> Option<(LinkLocal, Prefix64)> {
        match self.judgement.expected {
            Expected::Served { source, prefix, .. } if self.obstacle.is_none() && !self.stopping => {
                Some((source, prefix))
            }
            Expected::Served { .. } | Expected::Ignored | Expected::NotServed => None,
        }
    }

    /// Returns the pair that RAs are scheduled for.
    pub(super) fn advertising(&self) -> Option<(LinkLocal, Prefix64)> {
        self.current.filter(|_| !self.stopping)
    }

    /// Returns whether DAD runs on the source.
    pub(super) fn runs_dad(&self) -> bool {
        self.pair().is_some() && matches!(self.judgement.expected, Expected::Served { dad: true, .. })
    }

    /// Returns whether nothing leaves for now.
    pub(super) fn is_held_back(&self) -> bool {
        self.phase.wait().is_some() || self.runs_dad()
    }

    /// Returns whether it may have an entry in the map.
    pub(super) fn may_be_in_map(&self) -> bool {
        self.pair().is_some()
    }

    /// Returns whether it has to have an entry: its RAs leave, or would but for the schedule.
    pub(super) fn must_be_in_map(&self) -> bool {
        let advertises = self.phase == Phase::Steady && self.advertising().is_some() && !self.uncertain;
        advertises && self.schedule.sent > 0 && self.returned != Returned::Maybe
    }

    /// Returns whether an entry that is added now is followed by an RA: always, never, or either.
    pub(super) fn entry_precedes_ra(&self) -> Option<bool> {
        match self.returned {
            _ if self.uncertain || self.phase.wait().is_some_and(Wait::may_be_over) => None,
            _ if self.must_be_in_map() => Some(false),
            Returned::No => Some(true),
            Returned::Yes | Returned::Maybe => None,
        }
    }

    /// Records that the map had no room.
    pub(super) fn map_full(&mut self, by: &Settings, now: BootInstant, tally: &mut Tally) {
        self.obstacle = Some(Obstacle::MapFull);
        let stays = self.phase == Phase::Over && !self.may_wait_again;
        let phase = if stays { Phase::Over } else { self.next_phase(now) };
        self.follow(phase, by, now, tally);
        if self.handover.withdrawal.is_some() || self.phase.wait().is_some() {
            tally.count("map full, final RA owed");
        }
    }

    /// Records that the interface cannot be claimed for now: if it is to be served, it waits as without a carrier; else
    /// its final RA is owed all the same.
    pub(super) fn wait_for_claim(&mut self, now: BootInstant) {
        if self.pair().is_none() {
            return;
        }
        self.obstacle = Some(Obstacle::OtherDaemon);
        if let Phase::Waiting(wait) = self.phase {
            self.phase = Phase::Waiting(wait.with_carrier(false, true, now));
        }
        (self.current, self.returned) = (None, Returned::No);
        self.schedule.pause();
    }

    /// Records that another daemon serves the interface: what guests hold is left to it, and only the floor goes on.
    pub(super) fn yield_to_another(&mut self, now: BootInstant) {
        if self.pair().is_some() {
            self.obstacle = Some(Obstacle::OtherDaemon);
        }
        (self.phase, self.may_wait_again, self.returned) = (Phase::Steady, false, Returned::No);
        (self.current, self.content, self.uncertain) = (None, None, false);
        (self.handover, self.prefixes) = (Handover::default(), AdvertisedPrefixes::default());
        self.schedule.forget(now);
    }

    /// Takes over what guests hold of another daemon, the pair until these ends; [`Link::observe`] follows.
    pub(super) fn take_over(
        &mut self,
        left: &Advertised,
        valid_until: BootInstant,
        router_until: BootInstant,
        now: BootInstant,
    ) {
        (self.phase, self.may_wait_again, self.returned) = (Phase::Steady, false, Returned::No);
        (self.current, self.content) = (None, None);
        self.handover = Handover::taken_over(left.router.map(|router| router.source), router_until);
        self.prefixes = AdvertisedPrefixes::taken_over(left, valid_until);
        self.schedule.forget(now);
    }

    pub(super) fn stop(&mut self, now: BootInstant, tally: &mut Tally) {
        if self.phase.wait().is_some() {
            tally.count("stop within the grace");
        }
        self.schedule.pause();
        self.stopping = true;
        self.handover.owed = None;
        self.handover.any = self.uncertain || self.handover.any;
        self.current = None;
        self.content = self.told_content(now);
        self.follow_in_stop(now);
    }

    /// Returns the latest instant of the next RA, or of the end of the grace.
    pub(super) fn must_wake_by(&self, by: &Settings, now: BootInstant) -> Option<BootInstant> {
        let scheduled = || self.advertising().map(|_| self.schedule.latest(&by.parameters));
        if self.obstacle == Some(Obstacle::OtherDaemon) && !self.stopping {
            return None;
        }
        if let Some(wait) = self.phase.wait().filter(|_| !self.stopping) {
            let end = wait.end().filter(|_| !wait.may_be_over() || self.may_send_soon(now))?;
            return Some(if wait.may_be_over() { self.schedule.postpone(end) } else { end });
        }
        let Handover { withdrawal, owed, .. } = &self.handover;
        match withdrawal.as_ref().or(owed.as_ref().filter(|_| self.phase != Phase::Lost)) {
            _ if self.runs_dad() => None,
            // The previous process may have told another pair, which is waited for.
            _ if self.uncertain => scheduled().map(|at| at.max(self.schedule.begun() + GRACE)),
            Some(due) => match due.must_since().map(|since| self.schedule.postpone(since)) {
                Some(at) if !due.router.is_held(at.max(now)) => scheduled(),
                at => at,
            },
            None => scheduled(),
        }
    }

    /// Returns whether an RA leaves soon if the pair is no longer waited for.
    fn may_send_soon(&self, now: BootInstant) -> bool {
        let delivers = |source| self.observation.delivers_final_ra(source, false);
        let owed = self.handover.router.filter(|router| router.is_held(now) && !router.was_duplicate);
        let withdraws = owed.is_some_and(|router| delivers(router.source)) && self.handover.failed_before == 0;
        if self.pair().is_some() { !self.runs_dad() } else { withdraws }
    }

    /// Returns whether the next RA is surely no final one.
    pub(super) fn owes_none(&self) -> bool {
        let Handover { withdrawal, owed, any, .. } = &self.handover;
        withdrawal.is_none() && owed.is_none() && !any && !self.uncertain
    }

    /// Returns whether no RA may be scheduled.
    pub(super) fn is_silent(&self) -> bool {
        let waits = self.phase.wait().is_some_and(|wait| wait.is_running() || wait.may_be_over()) && !self.stopping;
        let Handover { withdrawal, owed, any, .. } = &self.handover;
        let final_ra = withdrawal.iter().chain(owed).any(Due::delivers) || *any;
        let advertises = self.advertising().is_some() && !self.runs_dad();
        !advertises && !waits && !final_ra && !self.uncertain && self.obstacle != Some(Obstacle::MapFull)
    }

    /// Returns whether the fleet has no reason to keep it.
    pub(super) fn is_spent(&self, now: BootInstant) -> bool {
        self.judgement.expected == Expected::Ignored
            && self.handover.is_over(now)
            && self.phase.wait().is_none()
            && !self.uncertain
            && self.prefixes.all_expired(now)
            && self.schedule.postpone(now) == now
    }
}
