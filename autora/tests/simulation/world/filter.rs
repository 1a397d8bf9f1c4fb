//! A model of the filter's map of served interfaces, with its pending marks.

use std::{collections::BTreeMap, time::Duration};

use autora::{addr::IfIndex, engine::BootInstant};

/// How long a mark holds further solicitations back if nobody clears it.
const HOLD: Duration = Duration::from_secs(4);

/// The map: when the last solicitation was let through, unless it was answered since.
pub(crate) struct Filter {
    marks: BTreeMap<IfIndex, Option<BootInstant>>,
    pub(crate) capacity: usize,
}

/// What became of a solicitation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    Passed,
    /// An answer is pending.
    Coalesced,
    NotServed,
}

impl Filter {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { marks: BTreeMap::new(), capacity }
    }

    /// A daemon's map goes with it.
    pub(crate) fn renew(&mut self) {
        self.marks.clear();
    }

    pub(crate) fn is_full(&self) -> bool {
        self.marks.len() >= self.capacity
    }

    /// Adds an entry, its mark clear. Whether it is new is the oracle's business.
    pub(crate) fn serve(&mut self, index: IfIndex) {
        self.marks.insert(index, None);
    }

    pub(crate) fn unserve(&mut self, index: IfIndex) {
        self.marks.remove(&index);
    }

    pub(crate) fn clear(&mut self, index: IfIndex) {
        if let Some(mark) = self.marks.get_mut(&index) {
            *mark = None;
        }
    }

    /// A valid solicitation comes in.
    pub(crate) fn solicit(&mut self, index: IfIndex, now: BootInstant) -> Passage {
        match self.marks.get_mut(&index) {
            None => Passage::NotServed,
            Some(Some(marked)) if now < *marked + HOLD => Passage::Coalesced,
            Some(mark) => {
                *mark = Some(now);
                Passage::Passed
            }
        }
    }
}
