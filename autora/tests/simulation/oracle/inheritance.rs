//! What one daemon leaves to the next, and what the next one has to make of it.
//!
//! After a clean end it knows all that its predecessor knew, to the microsecond. After a crash it knows all
//! but what changed within the last 250 ms, and has to expect the worst of what it does not know: an
//! advertisement a moment ago, and a promise just renewed. Of an interface whose last change may have been
//! lost nothing is expected of it but what every daemon owes to one it sees for the first time, until it has
//! advertised there: it is murky until then.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::Duration,
};

use autora::{
    addr::IfIndex,
    engine::{BootInstant, Fleet, eligibility::Verdict, interface::Interface, parameters::Parameters},
};

use super::{
    Oracle,
    bounds::{FLOOR, SAVED},
    link::{Belief, Link},
};
use crate::run::Tally;

/// Links of former lives, and what the file says of the present ones.
#[derive(Debug, Default)]
pub(super) struct Inheritance {
    /// Those that the present daemon has not seen yet.
    past: BTreeMap<IfIndex, Link>,
    /// When the present daemon started, if the former one crashed.
    crashed: Option<BootInstant>,
    /// What guests hold, when it was last looked at.
    beliefs: BTreeMap<IfIndex, Belief>,
    /// Links whose belief has changed since the file was last written, and the first time that it was not
    /// written since.
    unsaved: BTreeMap<IfIndex, Option<BootInstant>>,
    /// Those of which a crash may have lost the last change.
    murky: BTreeSet<IfIndex>,
    /// When guests heard the last advertisement, whoever sent it.
    heard: BTreeMap<IfIndex, BootInstant>,
}

impl Inheritance {
    /// A link that the present daemon sees for the first time: an old acquaintance if index and name are the
    /// same.
    pub(super) fn claim(&mut self, seen: &Interface, now: BootInstant, tally: &mut Tally) -> Link {
        let murky = self.murky.remove(&seen.index);
        let mut link = match self.past.remove(&seen.index) {
            Some(link) if link.seen.name == seen.name => link.resume(seen, murky, now, tally),
            past => {
                if past.is_some() {
                    self.heard.remove(&seen.index);
                    tally.count("index with another name after a restart");
                }
                Link::new(seen, self.crashed, now, tally)
            }
        };
        if murky && link.looks.alive {
            tally.count("crash before a change was saved");
            link.murky = true;
        }
        link
    }

    pub(super) fn gone(&mut self, index: IfIndex) {
        self.past.remove(&index);
        self.murky.remove(&index);
        self.heard.remove(&index);
    }

    pub(super) fn heard(&mut self, index: IfIndex, at: BootInstant) {
        self.heard.insert(index, at);
    }

    /// The end of the 3 s, as guests see them.
    pub(super) fn floor(&self, index: IfIndex) -> Option<BootInstant> {
        self.heard.get(&index).map(|heard| *heard + FLOOR)
    }

    /// A link, or none, was touched.
    pub(super) fn compare(&mut self, index: IfIndex, link: Option<&Link>) {
        let belief = match link {
            Some(link) => link.belief(),
            None if self.murky.contains(&index) => Some(Belief::murky()),
            None => self.past.get(&index).and_then(Link::belief),
        };
        let before = match &belief {
            Some(belief) => self.beliefs.insert(index, belief.clone()),
            None => self.beliefs.remove(&index),
        };
        if before != belief {
            self.unsaved.insert(index, None);
        }
    }
}

impl Oracle {
    /// The daemon has looked at its state file, and written it or not.
    pub(crate) fn attended(&mut self, written: bool, now: BootInstant) {
        let lasts = |since: &mut Option<BootInstant>| *since.get_or_insert(now) + SAVED > now;
        self.inheritance.unsaved.retain(|_, since| !written && lasts(since));
    }

    /// Everything there is was looked at: what is not among it is no more.
    pub(crate) fn looked_at_all(&mut self, present: &BTreeSet<IfIndex>) {
        let Inheritance { past, murky, .. } = &self.inheritance;
        let unseen: BTreeSet<_> = past.keys().chain(murky).copied().collect();
        for index in unseen.difference(present) {
            self.tally.count("gone while nobody ran");
            self.touched.insert(*index);
            self.inheritance.gone(*index);
        }
    }

    /// The fleet has seen these: where the oracle cannot know which source it takes for the one in use, it
    /// asks.
    pub(crate) fn reconciled(&mut self, indices: impl IntoIterator<Item = IfIndex>, fleet: &Fleet) {
        let murky = |index: &IfIndex| self.links.get(index).is_some_and(|link| link.murky);
        let indices: BTreeSet<_> = indices.into_iter().filter(murky).collect();
        if indices.is_empty() {
            return;
        }
        for (seen, verdict) in fleet.verdicts() {
            if let (true, Verdict::Serve(service)) = (indices.contains(&seen.index), verdict)
                && let Some(link) = self.links.get_mut(&seen.index)
            {
                link.adopt(service.source);
            }
        }
    }

    /// Whether what a daemon says at a clean end is all that there is to know: not if it took over from a
    /// crash within the last 3 s, and so may have to wait itself on interfaces that it has not seen yet.
    pub(crate) fn vouches(&self, now: BootInstant) -> bool {
        self.inheritance.crashed.is_none_or(|crashed| crashed + FLOOR <= now)
    }

    /// The daemon is no more.
    pub(crate) fn ended(&mut self, clean: bool) {
        while let Some(index) = self.touched.pop_first() {
            self.inheritance.compare(index, self.links.get(&index));
        }
        let unsaved = mem::take(&mut self.inheritance.unsaved);
        if !clean {
            for index in unsaved.into_keys() {
                self.inheritance.murky.insert(index);
                self.inheritance.beliefs.insert(index, Belief::murky());
            }
        }
        self.inheritance.past.append(&mut self.links);
        self.map.clear();
        self.duties.clear();
        self.duty_of.clear();
        (self.announced, self.stopping) = (None, false);
    }

    /// Another has read what it left, which is exact or the worst is to be expected of it.
    pub(crate) fn recalled(&mut self, exact: bool, parameters: Parameters, now: BootInstant) {
        let former = mem::replace(&mut self.parameters, parameters);
        let valid = (!exact).then_some(former.valid_lifetime);
        self.inheritance.crashed = valid.map(|_| now);
        let Inheritance { past, beliefs, murky, .. } = &mut self.inheritance;
        for (index, link) in past {
            link.recalled(valid, now);
            // A start writes everything, and nobody holds what has run out meanwhile.
            if let Some(belief) = link.belief().filter(|_| !murky.contains(index)) {
                beliefs.insert(*index, belief);
            }
        }
    }
}

/// The file counts in microseconds, rounded up.
pub(super) fn whole_micros(instant: BootInstant) -> BootInstant {
    let missing = (1_000 - instant.since_boot().subsec_nanos() % 1_000) % 1_000;
    instant + Duration::from_nanos(missing.into())
}
