//! Counts the kinds of states that links go through, for the list of what must happen.

use autora::engine::{BootInstant, interface::Preferred};

use super::{
    grace::Phase,
    judgement::{Expected, link_locals, makers, selectable},
    lifetimes::is_parked,
    link::Link,
};
use crate::run::Tally;

impl Link {
    /// Counts what is special about a link that a process sees for the first time.
    pub(super) fn count_first(&self, now: BootInstant, tally: &mut Tally) {
        let floor = self.schedule.floor().is_some_and(|floor| floor > now);
        if floor && self.advertising().is_some() {
            let told = self.handover.router.is_some();
            tally.count(if told { "floor continued over a restart" } else { "first RA 3 s after a crash" });
        }
        if self.phase.wait().is_some() {
            tally.count("grace after a restart");
        }
        let lowest = link_locals(&self.seen).map(|(source, _)| source).min();
        if self.handover.router.is_some_and(|router| self.pair().is_some_and(|(source, _)| source == router.source))
            && self.pair().map(|(source, _)| source) != lowest
        {
            tally.count("source in use kept over a restart");
        }
        let told = self.prefixes.told(now).map(|(told, _)| told);
        if told.is_some() && self.pair().is_some_and(|(_, prefix)| Some(prefix) != told) {
            tally.count("prefix changed between two processes");
        }
        if self.handover.owed.is_some() {
            tally.count("owed final RA taken over from a previous process");
        }
    }

    /// Counts what is special about the last state.
    pub(super) fn count_kinds(&self, told_choice_keeps: bool, now: BootInstant, tally: &mut Tally) {
        let Expected::Served { source, prefix, carrier, dad } = self.judgement.expected else { return };
        if dad {
            tally.count("tentative source kept");
        }
        if !carrier && self.advertising().is_some() {
            tally.count("carrier lost while served");
        }
        let told = self.prefixes.told(now).map(|(told, _)| told);
        let makers = makers(&self.seen, told);
        let Some(of) = makers.get(&prefix) else { return };
        if of.iter().all(|address| address.flags.tentative && !address.flags.optimistic) {
            tally.count("tentative prefix kept");
        }
        if of.iter().all(|address| address.flags.deprecated) {
            let parked = of.iter().any(|address| is_parked(address.lifetimes));
            tally.count(if parked { "parked prefix served" } else { "deprecated prefix served" });
        }
        if of.iter().any(|address| matches!(address.lifetimes.preferred, Preferred::Until(end) if end <= now)) {
            tally.count("preferred lifetime ran out while seen");
        }
        let several = selectable(&self.seen, told).len();
        if several > 1 && told_choice_keeps {
            tally.count("several prefixes, the told one kept");
        }
        if several == 1 && makers.len() > 1 {
            tally.count("deprecated prefix beside another");
        }
        if link_locals(&self.seen).any(|(other, address)| other < source && address.flags.deprecated) {
            tally.count("deprecated source passed over");
        }
        let flags = || self.seen.addresses.iter().map(|address| address.flags);
        if flags().any(|flags| flags.learned || flags.mngtmpaddr) {
            tally.count("learned address passed over");
        }
    }

    /// Counts a change of the phase.
    pub(super) fn count_phase(&self, before: Phase, now: BootInstant, tally: &mut Tally) {
        if before == self.phase {
            return;
        }
        match (before, self.phase) {
            (Phase::Steady, Phase::Waiting(_)) if self.pair().is_some() => tally.count("grace, another pair possible"),
            (Phase::Steady, Phase::Waiting(_)) => tally.count("grace, no pair"),
            (Phase::Waiting(wait), Phase::Waiting(_)) if wait.is_running() => {
                tally.count("grace stopped without carrier");
            }
            (Phase::Waiting(_), Phase::Waiting(_)) => tally.count("grace begun anew with the carrier"),
            (Phase::Waiting(wait), Phase::Steady) if wait.may_end(now) => tally.count("pair back as the grace ended"),
            (Phase::Waiting(_), Phase::Steady) => tally.count("pair back within the grace"),
            (Phase::Over, Phase::Steady) => tally.count("pair back after the grace"),
            (Phase::Waiting(_) | Phase::Over, Phase::Lost) => tally.count("link down, no final RA owed"),
            (Phase::Lost, Phase::Steady) if self.handover.router.is_some() => {
                tally.count("link up again with the pair told");
            }
            (Phase::Lost, Phase::Over) => tally.count("link up again with another pair"),
            (_, Phase::Lost | Phase::Steady | Phase::Over | Phase::Waiting(_)) => {}
        }
    }
}
