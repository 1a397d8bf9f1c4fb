//! The oracle's state of one interface: what the fleet saw of it, and what guests hold.

use std::time::Duration;

use autora::{
    addr::{LinkLocal, Prefix64},
    engine::{
        BootInstant,
        action::{Cause, Transmission},
        interface::Interface,
        parameters::Parameters,
    },
};

use super::{
    advertised_prefixes::{AdvertisedPrefixes, check_uncertain},
    bounds::FINAL_TRIES,
    broken::{Broken, rule},
    observation::Observation,
    schedule::Schedule,
};
use crate::run::Tally;

/// One interface that the fleet knows.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) seen: Interface,
    pub(super) observation: Observation,
    pub(super) expected: Expected,
    /// Whether the map had no room at the last try.
    pub(super) full: bool,
    stopping: bool,
    pub(super) schedule: Schedule,
    advertised_prefixes: AdvertisedPrefixes,
    /// The source that guests hold as a router.
    router: Option<LinkLocal>,
    pub(super) final_ra: FinalRa,
    /// Whether it is uncertain what the fleet restored of the interface.
    pub(super) uncertain: bool,
}

/// What guests of a link hold: the next process has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GuestState {
    name: String,
    router: Option<LinkLocal>,
    prefixes: Vec<(Prefix64, bool, bool)>,
    shortened: u32,
    uncertain: bool,
}

impl GuestState {
    /// Returns the state of a link whose last change may be saved or not.
    pub(super) const fn uncertain() -> Self {
        Self { name: String::new(), router: None, prefixes: Vec::new(), shortened: 0, uncertain: true }
    }
}

/// The verdict that the rules require, given the last state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// The name does not match.
    Ignored,
    NotServed,
    Served {
        source: LinkLocal,
        prefix: Prefix64,
        carrier: bool,
    },
}

/// Whether a final RA has to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FinalRa {
    None,
    Owed {
        source: LinkLocal,
        since: BootInstant,
        tries: u32,
    },
    /// A final RA may leave, and need not.
    Allowed(LinkLocal),
}

impl Link {
    /// Returns a link that the fleet sees for the first time.
    pub(super) fn new(seen: &Interface, last_sent: Option<BootInstant>, now: BootInstant, tally: &mut Tally) -> Self {
        let mut link = Self {
            seen: seen.clone(),
            observation: Observation::of(seen),
            expected: Expected::Ignored,
            full: false,
            stopping: false,
            schedule: Schedule::new(last_sent, now),
            advertised_prefixes: AdvertisedPrefixes::default(),
            router: None,
            final_ra: FinalRa::None,
            uncertain: false,
        };
        if link.schedule.floor().is_some_and(|floor| floor > now) && link.observation.reasons.is_empty() {
            tally.count("first RA 3 s after a crash");
        }
        link.observe(seen, now, tally);
        link
    }

    /// Returns what guests hold, if anything.
    pub(super) fn guest_state(&self) -> Option<GuestState> {
        let prefixes = self.advertised_prefixes.prefixes();
        let holds = self.router.is_some() || !prefixes.is_empty() || self.uncertain;
        let (name, router, shortened) = (self.seen.name.clone(), self.router, self.advertised_prefixes.shortened);
        holds.then_some(GuestState { name, router, prefixes, shortened, uncertain: self.uncertain })
    }

    /// Restores the link in the next process; `valid` is the previous process's Valid Lifetime if it crashed.
    pub(super) fn restored(&mut self, valid: Option<Duration>, now: BootInstant) {
        self.schedule.restored(valid.is_some(), now);
        self.advertised_prefixes.restored(valid, now);
        (self.expected, self.final_ra) = (Expected::Ignored, FinalRa::None);
        (self.full, self.stopping) = (false, false);
    }

    /// Updates the link when the next process sees it for the first time.
    pub(super) fn resume(mut self, seen: &Interface, uncertain: bool, now: BootInstant, tally: &mut Tally) -> Self {
        self.uncertain |= uncertain;
        let in_use = self.router;
        self.update(seen, in_use, now, tally);
        if self.uncertain {
            return self;
        }
        if self.schedule.floor().is_some_and(|floor| floor > now) && self.advertising().is_some() {
            tally.count("floor continued over a restart");
        }
        if self.source().is_some_and(|source| self.observation.sources.first() != Some(&source)) {
            tally.count("source in use kept over a restart");
        }
        if self.advertised_prefixes.are_retired(now) {
            tally.count("prefix changed between two processes");
        }
        if self.final_ra != FinalRa::None {
            tally.count("final RA in place of a previous process");
        }
        self
    }

    /// Sets the source of an uncertain link to the one that the fleet chose.
    pub(super) fn set_source(&mut self, of: LinkLocal) {
        if let Expected::Served { source, .. } = &mut self.expected
            && self.observation.sources.contains(&of)
        {
            *source = of;
        }
    }

    /// Updates the link with a state that the fleet sees.
    pub(super) fn observe(&mut self, seen: &Interface, now: BootInstant, tally: &mut Tally) {
        let in_use = self.source();
        self.update(seen, in_use, now, tally);
    }

    fn update(&mut self, seen: &Interface, in_use: Option<LinkLocal>, now: BootInstant, tally: &mut Tally) {
        if self.seen != *seen {
            self.seen = seen.clone();
            self.observation = Observation::of(seen);
            self.schedule.reset_backoff();
        }
        let before = self.advertising();
        if std::mem::take(&mut self.full) {
            self.schedule.reset_backoff();
        }
        self.expected = self.judge(in_use);
        match (before, self.advertising()) {
            (before, after) if before == after => {}
            (_, Some(_)) => {
                tally.count("burst begun");
                self.schedule.begin(now);
            }
            (_, None) => self.schedule.pause(),
        }
        if before.is_some() && matches!(self.expected, Expected::Served { carrier: false, .. }) {
            tally.count("carrier lost while served");
        }
        if !self.observation.alive {
            self.forget_all();
        }
        let current = match self.expected {
            Expected::Served { prefix, .. } => Some(prefix),
            Expected::Ignored | Expected::NotServed => None,
        };
        if self.stopping {
            self.advertised_prefixes.leave_undecided();
        } else {
            self.advertised_prefixes.observe(&self.observation, current, now, tally);
        }
        self.update_final_ra(now, tally);
    }

    /// Returns the required verdict. The source in use stays; else the lowest is selected.
    fn judge(&self, in_use: Option<LinkLocal>) -> Expected {
        let Observation { matches, reasons, sources, prefixes, carrier, .. } = &self.observation;
        if !matches {
            return Expected::Ignored;
        }
        let source = in_use.filter(|source| sources.contains(source)).or(sources.first().copied());
        match (source, prefixes.as_slice()) {
            (Some(source), &[prefix]) if reasons.is_empty() => Expected::Served { source, prefix, carrier: *carrier },
            _ => Expected::NotServed,
        }
    }

    /// Drops what guests held: the link is down.
    fn forget_all(&mut self) {
        self.router = None;
        self.final_ra = FinalRa::None;
        self.advertised_prefixes.forget();
        self.uncertain = false;
    }

    fn update_final_ra(&mut self, now: BootInstant, tally: &mut Tally) {
        let in_use = self.source();
        if let FinalRa::Allowed(source) = self.final_ra
            && (in_use == Some(source) || self.observation.is_duplicate(source))
        {
            self.final_ra = FinalRa::None;
        }
        if self.uncertain {
            (self.router, self.final_ra) = (None, FinalRa::None);
        }
        let Some(router) = self.router else { return };
        if in_use == Some(router) {
            self.final_ra = FinalRa::None;
        } else if self.observation.delivers_final_ra(router) {
            if !matches!(self.final_ra, FinalRa::Owed { .. }) {
                self.final_ra = FinalRa::Owed { source: router, since: now, tries: 0 };
            }
        } else {
            tally.count("final RA forgone");
            self.router = None;
            self.final_ra = if self.observation.is_duplicate(router) {
                tally.count("dadfailed source");
                FinalRa::None
            } else {
                FinalRa::Allowed(router)
            };
        }
    }

    /// Returns the source of RAs, if the interface is served.
    fn source(&self) -> Option<LinkLocal> {
        match self.expected {
            Expected::Served { source, .. } if !self.full && !self.stopping => Some(source),
            Expected::Served { .. } | Expected::Ignored | Expected::NotServed => None,
        }
    }

    /// Returns the source and the prefix, if the interface advertises.
    pub(super) fn advertising(&self) -> Option<(LinkLocal, Prefix64)> {
        match self.expected {
            Expected::Served { source, prefix, carrier: true } if !self.full && !self.stopping => {
                Some((source, prefix))
            }
            Expected::Served { .. } | Expected::Ignored | Expected::NotServed => None,
        }
    }

    /// Returns whether it may have an entry in the map.
    pub(super) fn may_be_in_map(&self) -> bool {
        self.source().is_some()
    }

    /// Records that the map had no room.
    pub(super) fn map_full(&mut self, now: BootInstant, tally: &mut Tally) {
        self.full = true;
        self.schedule.pause();
        self.update_final_ra(now, tally);
        if self.final_ra != FinalRa::None {
            tally.count("map full, final RA owed");
        }
    }

    pub(super) fn stop(&mut self, now: BootInstant, tally: &mut Tally) {
        self.stopping = true;
        self.schedule.pause();
        self.update_final_ra(now, tally);
    }

    /// Returns the latest instant of the next RA, if one has to leave.
    pub(super) fn must_send_by(&self, parameters: &Parameters) -> Option<BootInstant> {
        match self.final_ra {
            FinalRa::Owed { since, .. } => Some(self.schedule.postpone(since)),
            FinalRa::None | FinalRa::Allowed(_) => self.advertising().map(|_| self.schedule.latest(parameters)),
        }
    }

    /// Returns whether no RA may be scheduled.
    pub(super) fn is_silent(&self) -> bool {
        self.advertising().is_none() && self.final_ra == FinalRa::None && !self.uncertain
    }

    /// Returns whether the fleet has no reason to keep it.
    pub(super) fn is_spent(&self, now: BootInstant) -> bool {
        self.expected == Expected::Ignored
            && self.router.is_none()
            && self.final_ra == FinalRa::None
            && self.advertised_prefixes.all_expired(now)
            && !self.uncertain
            && self.schedule.postpone(now) == now
    }

    /// Checks an RA that leaves at `at` and was made at `made`.
    pub(super) fn check(
        &self,
        send: &Transmission,
        made: BootInstant,
        at: BootInstant,
        by: &Parameters,
    ) -> Result<(), Broken> {
        match send.cause {
            Cause::Final => self.check_final_ra(send)?,
            Cause::Unsolicited | Cause::Solicited => self.check_advert(send)?,
        }
        self.schedule.check(send.cause, at, by)?;
        let prefix = match self.expected {
            Expected::Served { prefix, .. } if !self.full => Some(prefix),
            Expected::Served { .. } | Expected::Ignored | Expected::NotServed => None,
        };
        let is_final = send.cause == Cause::Final;
        if self.uncertain {
            return check_uncertain(&send.advert, is_final, prefix, by);
        }
        self.advertised_prefixes.check(&send.advert, is_final, prefix, by, made)
    }

    fn check_advert(&self, send: &Transmission) -> Result<(), Broken> {
        rule(
            self.advertising().is_some_and(|(source, _)| source == send.source),
            "only a fit interface with a carrier advertises, from its usable source",
            || format!("{:?} from {}", self.expected, send.source),
        )?;
        let owed = matches!(self.final_ra, FinalRa::Owed { .. }) && !self.uncertain;
        rule(!owed, "the previous source sends a final RA before the new one sends an RA", || {
            format!("{:?}", self.final_ra)
        })
    }

    fn check_final_ra(&self, send: &Transmission) -> Result<(), Broken> {
        let from = match self.final_ra {
            FinalRa::Owed { source, .. } | FinalRa::Allowed(source) => Some(source),
            FinalRa::None => None,
        };
        rule(from == Some(send.source) || self.uncertain, "one final RA where one is owed, and no other", || {
            format!("from {}, but {:?}", send.source, self.final_ra)
        })?;
        rule(
            self.observation.delivers_final_ra(send.source),
            "no final RA that no guest receives, or from a duplicate address",
            || format!("from {}: {:?}", send.source, self.observation),
        )
    }

    /// Records that the RA left.
    pub(super) fn sent(&mut self, send: &Transmission, at: BootInstant, by: &Parameters, tally: &mut Tally) {
        self.schedule.sent(send.cause, at);
        if self.uncertain && send.cause != Cause::Final {
            self.uncertain = false;
            self.advertised_prefixes.adopt_from(&send.advert, by);
        }
        self.advertised_prefixes.sent(send, by, at, tally);
        self.final_ra = FinalRa::None;
        self.router = match send.cause {
            Cause::Final => None,
            Cause::Unsolicited | Cause::Solicited => Some(send.source),
        };
    }

    /// Records that the RA failed, and that the fleet tries again at `retry`.
    pub(super) fn failed(
        &mut self,
        send: &Transmission,
        at: BootInstant,
        retry: Option<BootInstant>,
        tally: &mut Tally,
    ) -> Result<(), Broken> {
        if send.cause == Cause::Final
            && let FinalRa::Owed { source, tries, .. } = &mut self.final_ra
        {
            *tries += 1;
            if *tries >= FINAL_TRIES {
                tally.count("final RA given up");
                self.router = None;
                self.final_ra = FinalRa::Allowed(*source);
            }
        }
        self.schedule.failed(at, retry)
    }
}
