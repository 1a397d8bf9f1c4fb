//! Pending changes: what was not handed out yet, each interface once, in the order of their first changes.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    rc::Rc,
};

use crate::{addr::IfIndex, engine::interface::Interface};

/// A change, as the state after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The interface was deleted. One with the same index that comes later is another one.
    Gone(IfIndex),
    /// The interface is new, or has changed.
    Seen(Rc<Interface>),
    /// `conf.all.forwarding` is this now.
    HostForwarding(bool),
    /// A resync has ended, and its changes have been handed out.
    Resynced {
        /// Whether no interface is missing. Otherwise another resync has to follow after a while.
        complete: bool,
    },
}

/// The number of changes for which memory is kept from one turn of the event loop to the next.
const USUAL: usize = 64;

#[derive(Debug, Default)]
pub(super) struct PendingChanges {
    order: VecDeque<IfIndex>,
    changes: HashMap<IfIndex, PendingChange>,
    host: Option<bool>,
    resynced: Option<bool>,
}

#[derive(Debug, Default)]
struct PendingChange {
    gone: bool,
    changed: bool,
}

impl PendingChanges {
    /// Notes that an interface is new or has changed.
    pub(super) fn changed(&mut self, index: IfIndex) {
        self.of(index).changed = true;
    }

    /// Notes that an interface was deleted. Its earlier changes no longer matter.
    pub(super) fn gone(&mut self, index: IfIndex) {
        *self.of(index) = PendingChange { gone: true, changed: false };
    }

    /// Notes `conf.all.forwarding`.
    pub(super) fn host_forwards(&mut self, on: bool) {
        self.host = Some(on);
    }

    /// Notes that a resync has ended, and whether it was complete.
    pub(super) fn resynced(&mut self, complete: bool) {
        self.resynced = Some(complete);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty() && self.host.is_none() && self.resynced.is_none()
    }

    /// Removes and returns the next change; `now` returns an interface as it is.
    pub(super) fn poll(&mut self, now: impl Fn(IfIndex) -> Option<Rc<Interface>>) -> Option<Change> {
        while let Some(&index) = self.order.front() {
            let what = self.changes.get_mut(&index).expect("what is in the order has changed");
            if mem::take(&mut what.gone) {
                return Some(Change::Gone(index));
            }
            let changed = what.changed;
            self.order.pop_front();
            self.changes.remove(&index);
            if let Some(interface) = changed.then(|| now(index)).flatten() {
                return Some(Change::Seen(interface));
            }
        }
        // At the start every interface has one.
        self.order.shrink_to(USUAL);
        self.changes.shrink_to(USUAL);
        let host = self.host.take().map(Change::HostForwarding);
        host.or_else(|| self.resynced.take().map(|complete| Change::Resynced { complete }))
    }

    fn of(&mut self, index: IfIndex) -> &mut PendingChange {
        let order = &mut self.order;
        self.changes.entry(index).or_insert_with(|| {
            order.push_back(index);
            PendingChange::default()
        })
    }
}
