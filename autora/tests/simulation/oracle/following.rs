//! How a link follows what the fleet saw of it: the grace, the burst, and the final RA.

use autora::engine::{BootInstant, eligibility::Verdict};

use super::{
    content::link_options,
    grace::{Phase, Wait},
    judgement::bounds_of,
    link::{Content, Link, Presence, Returned},
};
use crate::{run::Tally, settings::Settings};

impl Link {
    /// Lets the phase and all that depends on it follow the last state.
    pub(super) fn follow(&mut self, phase: Phase, by: &Settings, now: BootInstant, tally: &mut Tally) {
        if self.stopping {
            return self.follow_in_stop(now);
        }
        if self.uncertain {
            (self.handover.router, self.handover.withdrawal, self.handover.owed) = (None, None, None);
        }
        let (before, was_held) = (self.phase, self.is_held_back());
        self.phase = if self.uncertain { self.next_phase(now) } else { phase };
        self.count_phase(before, now, tally);
        if self.phase.wait().is_some() || self.phase == Phase::Lost {
            self.handover.hold();
        }
        if matches!(self.phase, Phase::Steady | Phase::Over)
            && let Some((source, _)) = self.pair()
        {
            self.handover.use_again(source, tally);
        }
        let due = self.phase == Phase::Over && self.pair().is_none();
        if !self.handover.withdraw(due, &self.observation, false, now) {
            tally.count("dadfailed source");
            self.phase = Phase::Steady;
        }
        if self.pair().is_none() && self.phase.wait().is_some_and(|wait| wait.may_end(now)) {
            self.handover.may_give_up_duplicate();
        }
        self.follow_schedule(before, by, now, tally);
        if was_held && !self.is_held_back() {
            self.schedule.release(now);
        }
        let current = self.pair().map(|(_, prefix)| prefix).filter(|_| self.phase.wait().is_none());
        self.prefixes.drop_expired(current, now, tally);
    }

    pub(super) fn follow_in_stop(&mut self, now: BootInstant) {
        if !self.observation.alive {
            self.phase = Phase::Lost;
        }
        let due = self.phase != Phase::Lost;
        self.handover.withdraw(due, &self.observation, true, now);
        // An interface without a carrier sends none, now or later.
        if !self.observation.carrier
            && let Some(withdrawal) = &mut self.handover.withdrawal
        {
            withdrawal.must = false;
        }
    }

    pub(super) fn next_phase(&self, now: BootInstant) -> Phase {
        let (presence, carrier) = (self.presence(now), self.observation.carrier);
        match (self.phase, presence) {
            _ if !self.observation.alive => Phase::Lost,
            (Phase::Lost, _) if self.pair().is_none() => Phase::Lost,
            (_, Presence::Here) => Phase::Steady,
            (Phase::Steady, Presence::Gone) => Phase::Waiting(Wait::new(carrier, true, now)),
            // One that may have been over before may begin anew with this change.
            (Phase::Waiting(wait), Presence::Gone)
                if carrier && wait.may_be_over() && wait.end().is_some_and(|end| end <= now) =>
            {
                Phase::Waiting(Wait::new(carrier, false, now))
            }
            (Phase::Waiting(wait), _) => Phase::Waiting(wait.with_carrier(carrier, presence == Presence::Gone, now)),
            // Whether lifetimes that have run out count is open at each change.
            (Phase::Over, Presence::Gone) if self.may_wait_again => Phase::Waiting(Wait::new(carrier, false, now)),
            (Phase::Steady | Phase::Over | Phase::Lost, Presence::GoneAndOver) => {
                Phase::Waiting(Wait::new(carrier, false, now))
            }
            (Phase::Lost | Phase::Over, _) => Phase::Over,
        }
    }

    /// Returns whether the pair that guests were told is there.
    pub(super) fn presence(&self, now: BootInstant) -> Presence {
        let Some(router) = self.handover.router else { return Presence::Here };
        let told = self.prefixes.told(now);
        let pair = self.pair();
        let source_here = pair.is_some_and(|(source, _)| source == router.source);
        let prefix_here = pair.is_some_and(|(_, prefix)| told.is_none_or(|(told, _)| told == prefix));
        let over = !router.is_held(now) || (source_here && told.is_some_and(|(_, held)| !held));
        match (source_here && prefix_here, over) {
            (true, _) => Presence::Here,
            (false, true) => Presence::GoneAndOver,
            (false, false) => Presence::Gone,
        }
    }

    /// Starts or restarts the initial burst if what RAs say has changed.
    fn follow_schedule(&mut self, before: Phase, by: &Settings, now: BootInstant, tally: &mut Tally) {
        let pair = self.pair().filter(|_| self.observation.carrier);
        let current = match self.phase {
            Phase::Steady | Phase::Over => pair,
            Phase::Waiting(_) => self.current.filter(|_| self.observation.carrier),
            Phase::Lost => None,
        };
        let content = self.phase.wait().is_none().then(|| self.content(by)).flatten();
        let changed = current != self.current;
        if changed && current.is_none() {
            self.schedule.pause();
        } else if changed || (current.is_some() && self.says_less(content.as_ref(), by, now, tally)) {
            tally.count("burst begun");
            self.schedule.begin(now);
        }
        let ended_late = before.wait().is_some_and(|wait| wait.may_end(now));
        if self.phase.wait().is_some_and(|wait| wait.may_end(now)) || ended_late {
            self.schedule.may_begin();
        }
        self.returned = match self.phase {
            Phase::Steady if ended_late => Returned::Maybe,
            Phase::Steady if before.wait().is_some() => Returned::Yes,
            Phase::Steady => self.returned,
            Phase::Waiting(_) | Phase::Over | Phase::Lost => Returned::No,
        };
        self.current = current;
        self.content = content.or_else(|| self.content.take());
    }

    pub(super) fn content(&self, by: &Settings) -> Option<Content> {
        let (_, prefix) = self.pair()?;
        // Once told, tentative addresses count.
        let bounds = bounds_of(&self.seen, prefix, Some(prefix))?;
        Some(Content { prefix, bounds, options: link_options(&self.seen, by.link_options) })
    }

    /// Returns what RAs say of the prefix told last, if the interface has it.
    pub(super) fn told_content(&self, now: BootInstant) -> Option<Content> {
        let (prefix, _) = self.prefixes.told(now)?;
        let bounds = bounds_of(&self.seen, prefix, Some(prefix))?;
        Some(Content { prefix, bounds, options: Vec::new() })
    }

    /// Returns whether guests have to be told at once that lifetimes became shorter or the link's options
    /// changed.
    fn says_less(&self, content: Option<&Content>, by: &Settings, now: BootInstant, tally: &mut Tally) -> bool {
        let (Some(before), Some(after)) = (&self.content, content) else { return false };
        if before.prefix != after.prefix {
            return false;
        }
        let shorter = after.bounds.shorten(&before.bounds, &by.parameters, now);
        let others = after.options != before.options;
        tally.add("lifetimes became shorter", usize::from(shorter));
        tally.add("options about the link changed", usize::from(others));
        let longer = after.bounds.prolong(&before.bounds, &by.parameters, now);
        tally.add("lifetimes became longer", usize::from(longer && !shorter));
        shorter || others
    }

    /// Decides what follows if the pair was waited for until `now`. Returns whether it was.
    pub(super) fn decide(&mut self, by: &Settings, now: BootInstant, tally: &mut Tally) -> bool {
        let ends = !self.stopping && self.phase.wait().and_then(Wait::end).is_some_and(|end| end <= now);
        if ends {
            let what = if self.pair().is_some() { "grace over, another pair" } else { "grace over, no pair" };
            tally.count(what);
            self.may_wait_again = self.presence(now) == Presence::GoneAndOver;
            self.follow(Phase::Over, by, now, tally);
        }
        ends
    }

    /// Follows the fleet's verdict at the end of the grace, where the rules leave room: what is true then decides, and
    /// whether lifetimes that have run out meanwhile count is open.
    pub(super) fn decide_again(
        &mut self,
        verdict: Option<&Verdict>,
        by: &Settings,
        now: BootInstant,
        tally: &mut Tally,
    ) {
        if self.phase != Phase::Over || self.judgement.agrees(verdict, self.obstacle) {
            return;
        }
        self.judgement = self.judge(verdict, by, now);
        self.follow(Phase::Over, by, now, tally);
    }
}
