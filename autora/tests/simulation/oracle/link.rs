//! What the oracle knows of one interface: what the fleet was told of it, and what guests heard.

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
    bounds::FINAL_TRIES,
    broken::{Broken, rule},
    looks::Looks,
    promises::{AdvertisedPrefixes, check_murky},
    schedule::Schedule,
};
use crate::run::Tally;

/// One interface that the fleet was told of.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) seen: Interface,
    pub(super) looks: Looks,
    pub(super) standing: Standing,
    /// The map had no room for it when it was tried last.
    pub(super) full: bool,
    stopping: bool,
    pub(super) schedule: Schedule,
    promises: AdvertisedPrefixes,
    /// The source that guests hold as a router.
    router: Option<LinkLocal>,
    pub(super) final_ra: FinalRa,
    /// What the fleet knows of its past is not certain.
    pub(super) murky: bool,
}

/// What a successor has to know of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Belief {
    name: String,
    router: Option<LinkLocal>,
    prefixes: Vec<(Prefix64, bool, bool)>,
    shortened: u32,
    murky: bool,
}

impl Belief {
    /// What a successor knows is either of two things.
    pub(super) const fn murky() -> Self {
        Self { name: String::new(), router: None, prefixes: Vec::new(), shortened: 0, murky: true }
    }
}

/// What has to become of it, by the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// None of our business.
    Other,
    NotFit,
    Served {
        source: LinkLocal,
        prefix: Prefix64,
        carrier: bool,
    },
}

/// Whether a final advertisement has to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FinalRa {
    None,
    Owed {
        source: LinkLocal,
        since: BootInstant,
        tries: u32,
    },
    /// It need not leave any more, but it may.
    Allowed(LinkLocal),
}

impl Link {
    /// One that was seen for the first time.
    pub(super) fn new(
        seen: &Interface,
        last_sent: Option<BootInstant>,
        now: BootInstant,
        tally: &mut Tally,
    ) -> Self {
        let mut link = Self {
            seen: seen.clone(),
            looks: Looks::of(seen),
            standing: Standing::Other,
            full: false,
            stopping: false,
            schedule: Schedule::new(last_sent, now),
            promises: AdvertisedPrefixes::default(),
            router: None,
            final_ra: FinalRa::None,
            murky: false,
        };
        if link.schedule.floor().is_some_and(|floor| floor > now) && link.looks.reasons.is_empty() {
            tally.count("first advertisement 3 s after a crash");
        }
        link.told(seen, now, tally);
        link
    }

    /// What guests hold, if they hold anything.
    pub(super) fn belief(&self) -> Option<Belief> {
        let prefixes = self.promises.prefixes();
        let holds = self.router.is_some() || !prefixes.is_empty() || self.murky;
        let (name, router, shortened) = (self.seen.name.clone(), self.router, self.promises.shortened);
        holds.then_some(Belief { name, router, prefixes, shortened, murky: self.murky })
    }

    /// A daemon has read of it; `valid` is the Valid Lifetime of the former one if that crashed.
    pub(super) fn recalled(&mut self, valid: Option<Duration>, now: BootInstant) {
        self.schedule.recalled(valid.is_some(), now);
        self.promises.recalled(valid, now);
        (self.standing, self.final_ra) = (Standing::Other, FinalRa::None);
        (self.full, self.stopping) = (false, false);
    }

    /// The first look of the daemon that took over.
    pub(super) fn resume(
        mut self,
        seen: &Interface,
        murky: bool,
        now: BootInstant,
        tally: &mut Tally,
    ) -> Self {
        self.murky |= murky;
        let in_use = self.router;
        self.take_in(seen, in_use, now, tally);
        if self.murky {
            return self;
        }
        if self.schedule.floor().is_some_and(|floor| floor > now) && self.advertising().is_some() {
            tally.count("3 s went on over a restart");
        }
        if self.source().is_some_and(|source| self.looks.sources.first() != Some(&source)) {
            tally.count("source in use kept over a restart");
        }
        if self.promises.are_taken_back(now) {
            tally.count("prefix changed while nobody ran");
        }
        if self.final_ra != FinalRa::None {
            tally.count("final RA in place of a previous process");
        }
        self
    }

    /// A murky one is served from this source.
    pub(super) fn adopt(&mut self, of: LinkLocal) {
        if let Standing::Served { source, .. } = &mut self.standing
            && self.looks.sources.contains(&of)
        {
            *source = of;
        }
    }

    /// Another look at it.
    pub(super) fn told(&mut self, seen: &Interface, now: BootInstant, tally: &mut Tally) {
        let in_use = self.source();
        self.take_in(seen, in_use, now, tally);
    }

    fn take_in(&mut self, seen: &Interface, in_use: Option<LinkLocal>, now: BootInstant, tally: &mut Tally) {
        if self.seen != *seen {
            self.seen = seen.clone();
            self.looks = Looks::of(seen);
            self.schedule.unsettle();
        }
        let before = self.advertising();
        if std::mem::take(&mut self.full) {
            self.schedule.unsettle();
        }
        self.standing = self.judge(in_use);
        match (before, self.advertising()) {
            (before, after) if before == after => {}
            (_, Some(_)) => {
                tally.count("burst begun");
                self.schedule.begin(now);
            }
            (_, None) => self.schedule.pause(),
        }
        if before.is_some() && matches!(self.standing, Standing::Served { carrier: false, .. }) {
            tally.count("carrier lost while served");
        }
        if !self.looks.alive {
            self.forget_all();
        }
        let current = match self.standing {
            Standing::Served { prefix, .. } => Some(prefix),
            Standing::Other | Standing::NotFit => None,
        };
        if self.stopping {
            self.promises.leave_open();
        } else {
            self.promises.told(&self.looks, current, now, tally);
        }
        self.reconsider_final_ra(now, tally);
    }

    /// "Keep the one in use; else the lowest."
    fn judge(&self, in_use: Option<LinkLocal>) -> Standing {
        let Looks { matches, reasons, sources, prefixes, carrier, .. } = &self.looks;
        if !matches {
            return Standing::Other;
        }
        let source = in_use.filter(|source| sources.contains(source)).or(sources.first().copied());
        match (source, prefixes.as_slice()) {
            (Some(source), &[prefix]) if reasons.is_empty() => {
                Standing::Served { source, prefix, carrier: *carrier }
            }
            _ => Standing::NotFit,
        }
    }

    /// Guests are out of reach, and whatever they held is void.
    fn forget_all(&mut self) {
        self.router = None;
        self.final_ra = FinalRa::None;
        self.promises.forget();
        self.murky = false;
    }

    fn reconsider_final_ra(&mut self, now: BootInstant, tally: &mut Tally) {
        let in_use = self.source();
        if let FinalRa::Allowed(source) = self.final_ra
            && (in_use == Some(source) || self.looks.is_duplicate(source))
        {
            self.final_ra = FinalRa::None;
        }
        if self.murky {
            (self.router, self.final_ra) = (None, FinalRa::None);
        }
        let Some(router) = self.router else { return };
        if in_use == Some(router) {
            self.final_ra = FinalRa::None;
        } else if self.looks.carries_final_ra(router) {
            if !matches!(self.final_ra, FinalRa::Owed { .. }) {
                self.final_ra = FinalRa::Owed { source: router, since: now, tries: 0 };
            }
        } else {
            tally.count("final RA forgone");
            self.router = None;
            self.final_ra = if self.looks.is_duplicate(router) {
                tally.count("dadfailed source");
                FinalRa::None
            } else {
                FinalRa::Allowed(router)
            };
        }
    }

    /// The source that it is served from, if it is.
    fn source(&self) -> Option<LinkLocal> {
        match self.standing {
            Standing::Served { source, .. } if !self.full && !self.stopping => Some(source),
            Standing::Served { .. } | Standing::Other | Standing::NotFit => None,
        }
    }

    /// What it advertises, if it does.
    pub(super) fn advertising(&self) -> Option<(LinkLocal, Prefix64)> {
        match self.standing {
            Standing::Served { source, prefix, carrier: true } if !self.full && !self.stopping => {
                Some((source, prefix))
            }
            Standing::Served { .. } | Standing::Other | Standing::NotFit => None,
        }
    }

    /// Whether it may have an entry in the map.
    pub(super) fn may_be_in_map(&self) -> bool {
        self.source().is_some()
    }

    /// The map had no room for it.
    pub(super) fn refused(&mut self, now: BootInstant, tally: &mut Tally) {
        self.full = true;
        self.schedule.pause();
        self.reconsider_final_ra(now, tally);
        if self.final_ra != FinalRa::None {
            tally.count("map full, final RA owed");
        }
    }

    pub(super) fn stop(&mut self, now: BootInstant, tally: &mut Tally) {
        self.stopping = true;
        self.schedule.pause();
        self.reconsider_final_ra(now, tally);
    }

    /// When something has to leave at the latest, if anything has.
    pub(super) fn duty(&self, parameters: &Parameters) -> Option<BootInstant> {
        match self.final_ra {
            FinalRa::Owed { since, .. } => Some(self.schedule.put_off(since)),
            FinalRa::None | FinalRa::Allowed(_) => {
                self.advertising().map(|_| self.schedule.latest(parameters))
            }
        }
    }

    /// Whether nothing may be on its schedule.
    pub(super) fn is_silent(&self) -> bool {
        self.advertising().is_none() && self.final_ra == FinalRa::None && !self.murky
    }

    /// Whether a fleet has no reason to remember it.
    pub(super) fn is_past(&self, now: BootInstant) -> bool {
        self.standing == Standing::Other
            && self.router.is_none()
            && self.final_ra == FinalRa::None
            && self.promises.all_over(now)
            && !self.murky
            && self.schedule.put_off(now) == now
    }

    /// Whether what leaves at `at` may; it was made at `made`.
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
        let prefix = match self.standing {
            Standing::Served { prefix, .. } if !self.full => Some(prefix),
            Standing::Served { .. } | Standing::Other | Standing::NotFit => None,
        };
        let is_final = send.cause == Cause::Final;
        if self.murky {
            return check_murky(&send.advert, is_final, prefix, by);
        }
        self.promises.check(&send.advert, is_final, prefix, by, made)
    }

    fn check_advert(&self, send: &Transmission) -> Result<(), Broken> {
        rule(
            self.advertising().is_some_and(|(source, _)| source == send.source),
            "only a fit interface with a carrier advertises, from its usable source",
            || format!("{:?} from {}", self.standing, send.source),
        )?;
        let owed = matches!(self.final_ra, FinalRa::Owed { .. }) && !self.murky;
        rule(!owed, "the former source sends a final RA before the new one speaks", || {
            format!("{:?}", self.final_ra)
        })
    }

    fn check_final_ra(&self, send: &Transmission) -> Result<(), Broken> {
        let from = match self.final_ra {
            FinalRa::Owed { source, .. } | FinalRa::Allowed(source) => Some(source),
            FinalRa::None => None,
        };
        rule(
            from == Some(send.source) || self.murky,
            "one final RA where one is owed, and no other",
            || format!("from {}, but {:?}", send.source, self.final_ra),
        )?;
        rule(
            self.looks.carries_final_ra(send.source),
            "no final RA where nobody hears it, or from another's address",
            || format!("from {}: {:?}", send.source, self.looks),
        )
    }

    /// It has left.
    pub(super) fn sent(&mut self, send: &Transmission, at: BootInstant, by: &Parameters, tally: &mut Tally) {
        self.schedule.sent(send.cause, at);
        if self.murky && send.cause != Cause::Final {
            self.murky = false;
            self.promises.take_over(&send.advert, by);
        }
        self.promises.sent(send, by, at, tally);
        self.final_ra = FinalRa::None;
        self.router = match send.cause {
            Cause::Final => None,
            Cause::Unsolicited | Cause::Solicited => Some(send.source),
        };
    }

    /// It has not, and the fleet wants to try again at `retry`.
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
