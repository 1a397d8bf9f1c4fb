//! The events to come, in order of time.

use std::{cmp::Reverse, collections::BinaryHeap};

use autora::{addr::IfIndex, engine::BootInstant};

/// An event of the world. A slot is the place of one link, whether the link exists or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A link changes, comes or goes.
    Churn(usize),
    /// The last changes of a link are undone.
    Undo(usize),
    /// A lifetime of an address of a link ends.
    Aged(usize),
    /// Duplicate address detection ends on a link.
    Detected(usize),
    /// A guest solicits.
    Solicit(usize),
    /// The kernel sends a notification that a link changed.
    Dirty(IfIndex),
    /// The kernel sends a notification that a link was deleted.
    Deleted(IfIndex),
    /// Sends begin to fail for some time: on one link, or on all.
    Outage,
    /// The map's capacity changes.
    Capacity,
    /// The netlink socket overflows.
    Overrun,
    /// Another daemon claims a link, or lets go of it.
    OtherDaemon(usize),
    /// Queues of links stop draining for some time.
    Stuck,
    /// The daemon is stopped or killed.
    End,
}

impl Event {
    /// Returns whether the world without another daemon and queues has no such event.
    pub(crate) const fn is_of_company(self) -> bool {
        matches!(self, Self::OtherDaemon(_) | Self::Stuck)
    }
}

/// Events to come; events at one instant keep the order in which they were added.
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

    /// Removes and returns the next event if it is due at `now`.
    pub(crate) fn pop(&mut self, now: BootInstant) -> Option<(BootInstant, Event)> {
        if self.next()? > now {
            return None;
        }
        self.events.pop().map(|Reverse((at, _, event))| (at, event))
    }

    /// Drops all notifications that the daemon has not read.
    pub(crate) fn lose_notifications(&mut self) {
        self.events.retain(|Reverse((_, _, event))| !matches!(event, Event::Dirty(_) | Event::Deleted(_)));
    }
}
