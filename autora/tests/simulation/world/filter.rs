//! A model of the SERVED map and its pending marks.

use std::{collections::BTreeMap, time::Duration};

use autora::{addr::IfIndex, engine::BootInstant};

/// How long a mark drops further solicitations if no RA clears it: the floor, the longest delay of an answer,
/// and some slack.
const MARK_TIMEOUT: Duration = Duration::from_millis(3_550);

/// The map: when the last solicitation passed, unless its mark was cleared since.
pub(crate) struct Filter {
    marks: BTreeMap<IfIndex, Option<BootInstant>>,
    pub(crate) capacity: usize,
}

/// The outcome of a solicitation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    Passed,
    /// An RA is pending.
    Coalesced,
    NotServed,
}

impl Filter {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { marks: BTreeMap::new(), capacity }
    }

    /// Clears the map, as it ends with the daemon.
    pub(crate) fn renew(&mut self) {
        self.marks.clear();
    }

    pub(crate) fn is_full(&self) -> bool {
        self.marks.len() >= self.capacity
    }

    /// Adds an entry with its mark clear. The oracle checks that it is new.
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

    /// Handles a valid solicitation.
    pub(crate) fn solicit(&mut self, index: IfIndex, now: BootInstant) -> Passage {
        match self.marks.get_mut(&index) {
            None => Passage::NotServed,
            Some(Some(marked)) if now < *marked + MARK_TIMEOUT => Passage::Coalesced,
            Some(mark) => {
                *mark = Some(now);
                Passage::Passed
            }
        }
    }
}
