//! What may leave an interface, and what follows from it.

use std::time::Duration;

use autora::{
    addr::LinkLocal,
    engine::{
        BootInstant,
        action::{Cause, Transmission},
    },
};

use super::{
    advertised_prefixes::Live,
    broken::{Broken, rule},
    content::{link_options, prefixes_after},
    grace::Phase,
    judgement::{bounds_of, selectable},
    link::{Link, Presence, Returned},
};
use crate::{run::Tally, settings::Settings};

impl Link {
    /// Checks an RA that leaves at `at` and was made at `made`.
    pub(super) fn check(
        &self,
        send: &Transmission,
        made: BootInstant,
        at: BootInstant,
        by: &Settings,
    ) -> Result<(), Broken> {
        match send.cause {
            Cause::Final => self.check_final_ra(send, made)?,
            Cause::Unsolicited | Cause::Solicited => self.check_advert(send, made)?,
        }
        self.schedule.check(send.cause, at, &by.parameters)?;
        let carried = prefixes_after(&send.advert, &link_options(&self.seen, by.link_options))?;
        match self.live(send, by, made) {
            Some(_) if self.is_unknown(send) => Ok(()),
            Some(live) => self.prefixes.check(&carried, &live, made),
            None => Ok(()),
        }
    }

    /// Returns whether the oracle cannot know what the RA has to carry.
    fn is_unknown(&self, send: &Transmission) -> bool {
        let is_other = || send.cause == Cause::Final && !self.handover.owes(send.source);
        self.uncertain || (self.handover.any && is_other())
    }

    /// Returns the live prefix that an RA has to carry.
    fn live(&self, send: &Transmission, by: &Settings, made: BootInstant) -> Option<Live> {
        let told = self.prefixes.told(made).map(|(prefix, _)| prefix);
        let says = |prefix, told| Some(bounds_of(&self.seen, prefix, told)?.says(&by.parameters, made));
        match (self.pair(), told) {
            (Some((_, prefix)), _) => {
                // Whether a tentative address counts may have been decided before the /64 was told.
                let allowed = [says(prefix, told), says(prefix, None), says(prefix, Some(prefix))];
                Some(Live::Current(prefix, allowed.into_iter().flatten().collect()))
            }
            (None, Some(told)) => {
                let zero = (Duration::ZERO, Duration::ZERO);
                let has = says(told, Some(told)).into_iter().chain(says(told, None));
                let first_choice = selectable(&self.seen, Some(told)).contains(&told);
                // Whether a prefix that goes or comes while the fleet stops is retired is undecided.
                let at_stop = self.content.as_ref().filter(|content| self.stopping && content.prefix == told);
                let at_stop = at_stop.map(|content| content.bounds.says(&by.parameters, made));
                let gone = (!first_choice || self.stopping).then_some(zero);
                Some(Live::Told(has.chain(gone).chain(at_stop).collect()))
            }
            (None, None) => (send.cause == Cause::Final).then(|| Live::Told(Vec::new())),
        }
    }

    fn check_advert(&self, send: &Transmission, made: BootInstant) -> Result<(), Broken> {
        rule(!self.phase.holds(made) || self.uncertain, "nothing leaves while the pair in use is waited for", || {
            format!("{:?}", self.phase)
        })?;
        rule(!self.runs_dad(), "nothing leaves while DAD runs on the source", || format!("{:?}", self.judgement))?;
        let pair = if self.phase.wait().is_some() { self.pair() } else { self.advertising() };
        let right = pair.is_some_and(|(source, _)| source == send.source) && self.observation.carrier;
        rule(right, "only a fit interface with a carrier advertises, from its source", || {
            format!("{:?} from {}", self.judgement, send.source)
        })?;
        let told = self.handover.router.is_some_and(|router| router.source == send.source);
        let owed = self.handover.owed.filter(|owed| told && owed.must_since().is_some() && owed.router.is_held(made));
        rule(owed.is_none(), "the previous source's final RA leaves before any further RA of the new one", || {
            format!("{owed:?}")
        })
    }

    fn check_final_ra(&self, send: &Transmission, made: BootInstant) -> Result<(), Broken> {
        let unknown = self.is_unknown(send);
        rule(!self.phase.holds(made) || self.stopping, "no final RA while the pair in use is waited for", || {
            format!("{:?}", self.phase)
        })?;
        rule(self.phase != Phase::Lost, "a link that was down owes no final RA before it is served again", || {
            format!("from {}", send.source)
        })?;
        let in_use = self.pair().is_some_and(|(source, _)| source == send.source);
        rule(!in_use, "no final RA from a source that stays in use", || format!("{}", send.source))?;
        let due = self.handover.due_from(send.source, made).is_some() || self.may_withdraw(send.source, made);
        rule(due || unknown, "one final RA where one is owed, and no other", || {
            format!("from {}, but {:?}", send.source, self.handover)
        })?;
        let delivers = self.observation.delivers_final_ra(send.source, self.stopping);
        rule(!self.handover.was_duplicate(send.source), "no final RA from a source that was a duplicate", || {
            format!("{:?}", self.handover)
        })?;
        rule(delivers, "no final RA that no guest receives, or from a duplicate or tentative address", || {
            format!("from {}: {:?}", send.source, self.observation)
        })
    }

    /// Returns whether the source in use may be withdrawn although it may be waited for.
    fn may_withdraw(&self, source: LinkLocal, made: BootInstant) -> bool {
        let may_be_over = self.phase.wait().is_some_and(|wait| wait.may_end(made)) && self.pair().is_none();
        may_be_over && self.handover.router.is_some_and(|router| router.source == source)
    }

    /// Records that the RA left.
    pub(super) fn sent(
        &mut self,
        send: &Transmission,
        made: BootInstant,
        at: BootInstant,
        by: &Settings,
        tally: &mut Tally,
    ) {
        let live = self.live(send, by, made);
        let known = send.cause != Cause::Final || !self.is_unknown(send);
        let carried = prefixes_after(&send.advert, &link_options(&self.seen, by.link_options)).unwrap_or_default();
        if send.cause != Cause::Final && self.phase.wait().is_some() {
            self.schedule.begin(made);
        }
        self.schedule.sent(send.cause, at);
        match send.cause {
            Cause::Final => {
                if self.may_withdraw(send.source, made) {
                    self.handover.withdraw(true, &self.observation, false, at);
                }
                self.handover.withdrew(send.source, tally);
                if self.pair().is_none() {
                    self.current = None;
                }
            }
            Cause::Unsolicited | Cause::Solicited => {
                let lifetime = by.parameters.router_lifetime;
                self.handover.advertised(send.source, lifetime, &self.observation, at, tally);
                (self.current, self.content) = (self.pair(), self.content(by));
                if std::mem::take(&mut self.uncertain) {
                    self.prefixes.adopt_from(&carried);
                    self.handover.any = true;
                }
            }
        }
        if !self.stopping && self.phase != Phase::Lost && (send.cause != Cause::Final || self.handover.router.is_none())
        {
            self.phase = Phase::Steady;
        }
        self.returned = Returned::No;
        if !known {
            self.prefixes.become_unsure(&carried, at);
        } else if let Some(live) = live {
            self.prefixes.sent(&carried, &live, &by.parameters, at, tally);
            self.prefixes.drop_expired(self.pair().map(|(_, prefix)| prefix), at, tally);
        }
        // The previous source's final RA tells the /64 in use, too.
        let waits = self.phase == Phase::Over || self.phase.wait().is_some();
        if waits && self.pair().is_some() && self.presence(at) == Presence::Here {
            self.phase = Phase::Steady;
            if self.current != self.pair() {
                self.current = self.pair();
                self.schedule.begin(at);
            }
        }
    }

    /// Records that the RA failed, and that the fleet tries again at `retry`.
    pub(super) fn failed(
        &mut self,
        send: &Transmission,
        at: BootInstant,
        retry: Option<BootInstant>,
        tally: &mut Tally,
    ) -> Result<(), Broken> {
        let mut given_up = false;
        if send.cause == Cause::Final {
            if self.may_withdraw(send.source, at) {
                self.handover.withdraw(true, &self.observation, false, at);
                self.phase = Phase::Over;
                self.current = None;
            }
            given_up = self.handover.failed(send.source, tally);
            if self.handover.router.is_none() && self.phase == Phase::Over {
                self.phase = Phase::Steady;
                self.current = self.current.filter(|_| self.pair().is_some());
            }
        }
        self.schedule.failed(at, retry.filter(|_| !given_up))
    }
}
