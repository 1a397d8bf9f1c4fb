//! What is going to happen in the world, in the order in which it does.

use std::{cmp::Reverse, collections::BinaryHeap};

use autora::{addr::IfIndex, engine::BootInstant};

/// Something that happens by itself. A slot is the place of one link in the world, whether it exists or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A link changes, comes or goes.
    Churn(usize),
    /// Duplicate address detection ends on a link.
    Detected(usize),
    /// A guest solicits.
    Solicit(usize),
    /// The kernel announces that a link changed.
    Dirty(IfIndex),
    /// The kernel announces that a link was deleted.
    Deleted(IfIndex),
    /// Sends begin to fail for a while: on one link, or on all.
    Weather,
    /// The map's capacity changes.
    Capacity,
    /// The announcements overflow.
    Overrun,
    /// The daemon is told to end, or is killed.
    End,
}

/// Events to come; of those at one instant the one that was added first comes first.
#[derive(Default)]
pub(crate) struct Agenda {
    events: BinaryHeap<Reverse<(BootInstant, u64, Event)>>,
    added: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: BootInstant, event: Event) {
        self.added += 1;
        self.events.push(Reverse((at, self.added, event)));
    }

    pub(crate) fn next(&self) -> Option<BootInstant> {
        self.events.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes the next event if it happens at `now` or before.
    pub(crate) fn pop(&mut self, now: BootInstant) -> Option<(BootInstant, Event)> {
        if self.next()? > now {
            return None;
        }
        self.events.pop().map(|Reverse((at, _, event))| (at, event))
    }

    /// All announcements that are still to be read are lost.
    pub(crate) fn lose_announcements(&mut self) {
        self.events.retain(|Reverse((_, _, event))| !matches!(event, Event::Dirty(_) | Event::Deleted(_)));
    }
}
