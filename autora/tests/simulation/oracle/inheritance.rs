//! What one process leaves to the next, and what the next one makes of it.
//!
//! After a clean end the next process knows the whole state, to the microsecond. After a crash it knows all
//! but the changes of the last 250 ms, and assumes the worst case: an RA just now, with full lifetimes. A
//! link whose last change may be lost is uncertain until the next process has advertised on it: until then
//! only the rules for a link that is seen for the first time apply.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::Duration,
};

use autora::{
    addr::IfIndex,
    engine::{BootInstant, interface::Interface},
};

use super::{
    Oracle,
    bounds::{FLOOR, SAVED},
    judgement::matches,
    link::{GuestState, Link},
};
use crate::{run::Tally, settings::Settings};

/// Links of previous processes, and the content of the state file.
#[derive(Debug, Default)]
pub(super) struct Inheritance {
    /// Links that the current process has not seen yet.
    unseen: BTreeMap<IfIndex, Link>,
    /// When the current process started, if the previous one crashed.
    crashed: Option<BootInstant>,
    /// What guests hold, at the last check.
    guest_states: BTreeMap<IfIndex, GuestState>,
    /// Links whose state has changed since the last write, and the first check without a write since.
    unsaved: BTreeMap<IfIndex, Option<BootInstant>>,
    /// Links whose last change a crash may have lost.
    uncertain: BTreeSet<IfIndex>,
    /// When the last RA left, of any process.
    last_sent: BTreeMap<IfIndex, BootInstant>,
    /// Deleted links, whose floor holds if they come back.
    deleted: BTreeMap<IfIndex, Deleted>,
}

/// A deleted link.
#[derive(Debug)]
struct Deleted {
    name: String,
    last_sent: BootInstant,
    /// Whether the current process saw it: else it may not know the floor.
    seen: bool,
}

impl Inheritance {
    /// Returns a link that the current process sees for the first time: the saved one if index and name are
    /// the same.
    pub(super) fn take(&mut self, seen: &Interface, now: BootInstant, tally: &mut Tally) -> Link {
        let uncertain = self.uncertain.remove(&seen.index);
        let mut link = match self.unseen.remove(&seen.index) {
            Some(mut link) if link.seen.name == seen.name => {
                link.seen_again(seen);
                link
            }
            unseen => {
                if unseen.is_some() {
                    self.last_sent.remove(&seen.index);
                    tally.count("index with another name after a restart");
                }
                self.create(seen, now, tally)
            }
        };
        if uncertain {
            tally.count("crash before a change was saved");
        }
        link.uncertain |= uncertain;
        link
    }

    /// Returns a link without saved state: one that is new, or was deleted a moment ago.
    fn create(&mut self, seen: &Interface, now: BootInstant, tally: &mut Tally) -> Link {
        let deleted = self.deleted.remove(&seen.index);
        let may_come_back = |deleted: &Deleted| deleted.name == seen.name || !matches(&seen.name);
        let Some(deleted) = deleted.filter(may_come_back) else {
            self.last_sent.remove(&seen.index);
            return Link::new(seen, self.crashed, now);
        };
        if deleted.last_sent + FLOOR > now {
            tally.count("floor continued over a deletion");
        }
        // A fleet need not watch the names of links that do not match.
        if deleted.seen && matches(&seen.name) {
            return Link::new(seen, self.crashed.max(Some(deleted.last_sent)), now);
        }
        self.last_sent.remove(&seen.index);
        let mut link = Link::new(seen, self.crashed, now);
        link.schedule.release(deleted.last_sent + FLOOR);
        link
    }

    /// Records a deletion; `link` is its state if the current process saw it.
    pub(super) fn gone(&mut self, index: IfIndex, link: Option<&Link>) {
        let unseen = self.unseen.remove(&index);
        self.uncertain.remove(&index);
        let known = link.or(unseen.as_ref());
        if let Some((link, last_sent)) = known.and_then(|link| Some((link, link.schedule.last_sent()?))) {
            let name = link.seen.name.clone();
            self.deleted.insert(index, Deleted { name, last_sent, seen: unseen.is_none() });
        }
    }

    pub(super) fn sent(&mut self, index: IfIndex, at: BootInstant) {
        self.last_sent.insert(index, at);
    }

    /// Returns the end of the 3 s floor, across processes.
    pub(super) fn floor(&self, index: IfIndex) -> Option<BootInstant> {
        self.last_sent.get(&index).map(|sent| *sent + FLOOR)
    }

    /// Compares the state of a link with the last one, to find unsaved changes.
    pub(super) fn compare(&mut self, index: IfIndex, link: Option<&Link>) {
        let guest_state = match link {
            Some(link) => link.guest_state(),
            None if self.uncertain.contains(&index) => Some(GuestState::uncertain()),
            None => self.unseen.get(&index).and_then(Link::guest_state),
        };
        let before = match &guest_state {
            Some(guest_state) => self.guest_states.insert(index, guest_state.clone()),
            None => self.guest_states.remove(&index),
        };
        if before != guest_state {
            self.unsaved.insert(index, None);
        }
    }
}

impl Oracle {
    /// Records whether the daemon has written its state file.
    pub(crate) fn state_written(&mut self, written: bool, now: BootInstant) {
        let lasts = |since: &mut Option<BootInstant>| *since.get_or_insert(now) + SAVED > now;
        self.inheritance.unsaved.retain(|_, since| !written && lasts(since));
    }

    /// Records a full resync: links that are not in it no longer exist.
    pub(crate) fn resynced(&mut self, present: &BTreeSet<IfIndex>) {
        let Inheritance { unseen, uncertain, .. } = &self.inheritance;
        let unseen: BTreeSet<_> = unseen.keys().chain(uncertain).copied().collect();
        for index in unseen.difference(present) {
            self.tally.count("deleted between two processes");
            self.touched.insert(*index);
            self.inheritance.gone(*index, None);
        }
    }

    /// Returns whether a clean end is exact: not within 3 s of taking over from a crash, as RAs of the
    /// previous process may have left on links that this one has not seen.
    pub(crate) fn is_exact(&self, now: BootInstant) -> bool {
        self.inheritance.crashed.is_none_or(|crashed| crashed + FLOOR <= now)
    }

    /// Records the end of the process.
    pub(crate) fn ended(&mut self, clean: bool) {
        while let Some(index) = self.touched.pop_first() {
            self.inheritance.compare(index, self.links.get(&index));
        }
        let unsaved = mem::take(&mut self.inheritance.unsaved);
        if !clean {
            for index in unsaved.into_keys() {
                self.inheritance.uncertain.insert(index);
                self.inheritance.guest_states.insert(index, GuestState::uncertain());
            }
        }
        self.inheritance.unseen.append(&mut self.links);
        self.inheritance.deleted.values_mut().for_each(|deleted| deleted.seen = false);
        self.map.clear();
        self.claims.end_process();
        self.waiting.clear();
        self.ended.clear();
        self.must_wake.clear();
        self.must_wake_of.clear();
        (self.prepared, self.stopping) = (None, false);
    }

    /// Restores the state in the next process; unless `exact`, it assumes the worst case.
    pub(crate) fn restored(&mut self, exact: bool, settings: Settings, now: BootInstant) {
        let previous = mem::replace(&mut self.settings, settings);
        self.inheritance.crashed = (!exact).then_some(now);
        let Inheritance { unseen, guest_states, uncertain, .. } = &mut self.inheritance;
        for (index, link) in unseen {
            link.restored((!exact).then_some(&previous), now);
            // A start writes the whole file, without prefixes that have expired.
            match link.guest_state() {
                _ if uncertain.contains(index) => {}
                Some(guest_state) => _ = guest_states.insert(*index, guest_state),
                None => _ = guest_states.remove(index),
            }
        }
    }
}

/// Rounds up to whole microseconds, as the state file does.
pub(super) fn whole_micros(instant: BootInstant) -> BootInstant {
    let missing = (1_000 - instant.since_boot().subsec_nanos() % 1_000) % 1_000;
    instant + Duration::from_nanos(missing.into())
}
