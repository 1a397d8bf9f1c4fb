//! Claims: of an interface that two daemons would serve, one serves.

use std::collections::{BTreeMap, BTreeSet};

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant, Fleet,
        handover::{Ending, TakenOver},
    },
};

use super::{
    Oracle, Violation,
    bounds::ABSENCE,
    broken::{Broken, rule},
    unknown,
};

/// The claims of both daemons.
#[derive(Debug, Default)]
pub(super) struct Claims {
    own: BTreeSet<IfIndex>,
    /// Interfaces of which it was not known at the last claim who has them.
    unknown: BTreeSet<IfIndex>,
    others: BTreeMap<IfIndex, Other>,
}

/// What another daemon does with an interface that it has claimed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    Serves,
    Left(BootInstant),
}

/// The outcome of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimOutcome {
    Granted,
    /// Another daemon serves the interface, or has let go of it a moment ago.
    Refused {
        serves: bool,
    },
    /// The table of claims cannot be read for now.
    Unknown,
}

impl Claims {
    pub(super) fn has(&self, index: IfIndex) -> bool {
        self.own.contains(&index)
    }

    /// Checks that no other daemon is known to have the interface.
    pub(super) fn check_alone(&self, index: IfIndex) -> Result<(), Broken> {
        let taken = self.others.get(&index) == Some(&Other::Serves) && !self.unknown.contains(&index);
        rule(!taken, "no RA leaves where another daemon serves", String::new)
    }

    fn check(&self, index: IfIndex, outcome: ClaimOutcome, now: BootInstant) -> Result<(), Broken> {
        rule(!self.has(index), "an interface is claimed once", String::new)?;
        let is_free = match self.others.get(&index) {
            None => true,
            Some(Other::Serves) => false,
            Some(Other::Left(at)) => now.saturating_since(*at) >= ABSENCE,
        };
        rule(
            is_free || outcome != ClaimOutcome::Granted,
            "an interface is taken over once another daemon has been gone for 5 s",
            || format!("{:?} at {now:?}", self.others.get(&index)),
        )
    }

    /// Lets go of all interfaces, with the end of the process.
    pub(super) fn end_process(&mut self) {
        self.own.clear();
    }
}

impl Oracle {
    /// Records that another daemon has claimed an interface.
    pub(crate) fn other_claims(&mut self, index: IfIndex) {
        self.claims.others.insert(index, Other::Serves);
    }

    /// Records that another daemon has let go of an interface.
    pub(crate) fn other_lets_go(&mut self, index: IfIndex, at: BootInstant) {
        self.claims.others.insert(index, Other::Left(at));
    }

    /// Checks and records a claim of the fleet.
    pub(crate) fn claimed(&mut self, index: IfIndex, outcome: ClaimOutcome, now: BootInstant) -> Result<(), Violation> {
        self.touched.insert(index);
        let Self { links, claims, tally, .. } = self;
        let Some(link) = links.get_mut(&index) else { return Err(unknown(index)) };
        claims.check(index, outcome, now).map_err(|broken| broken.on(index))?;
        link.claim_tried = Some(now);
        claims.unknown.remove(&index);
        let (serves, held) = (link.pair().is_some(), link.handover.router.is_some());
        match outcome {
            ClaimOutcome::Granted => {
                claims.own.insert(index);
                tally.add("taken over from another daemon", usize::from(claims.others.remove(&index).is_some()));
                return Ok(());
            }
            ClaimOutcome::Unknown => {
                tally.count("claim refused, not known");
                claims.unknown.insert(index);
                link.wait_for_claim(now);
                return Ok(());
            }
            ClaimOutcome::Refused { serves: true } => tally.count("claim refused, another daemon serves"),
            ClaimOutcome::Refused { serves: false } => tally.count("claim refused, another daemon served"),
        }
        tally.add("claim refused, guests held a source", usize::from(serves && held));
        tally.add("final RA not sent, another daemon serves", usize::from(!serves));
        link.yield_to_another(now);
        Ok(())
    }

    /// Records what the fleet takes over of another daemon, which may have sent an RA right before its end.
    pub(crate) fn taken_over(&mut self, index: IfIndex, left: &TakenOver, fleet: &Fleet, now: BootInstant) {
        let Some(link) = self.links.get_mut(&index).filter(|link| link.pair().is_some()) else { return };
        let Ending::Unclean { valid_lifetime, router_lifetime } = left.ending else { return };
        self.tally.count("what guests hold taken over from another daemon");
        link.take_over(&left.advertised, now + valid_lifetime, now + router_lifetime, now);
        let seen = link.seen.clone();
        self.observe(&seen, fleet, now);
    }

    /// Records that the fleet lets go of an interface.
    pub(crate) fn released(&mut self, index: IfIndex) {
        self.touched.insert(index);
        self.claims.own.remove(&index);
    }

    /// Records that the fleet tries again what the map or another daemon kept from being served.
    pub(crate) fn tried_again(&mut self, fleet: &Fleet, now: BootInstant) {
        let kept = self.links.values().filter(|link| link.obstacle.is_some());
        for seen in kept.map(|link| link.seen.clone()).collect::<Vec<_>>() {
            self.observe(&seen, fleet, now);
        }
    }
}
