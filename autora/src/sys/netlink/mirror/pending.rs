//! Pending changes: what the fleet does not know yet, each interface once, in the order in which they first
//! changed.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    rc::Rc,
};

use crate::{addr::IfIndex, engine::interface::Interface};

/// Something that has changed, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The interface was deleted. One with the same index that comes after this is another one.
    Gone(IfIndex),
    /// The interface is new, or has changed.
    Seen(Rc<Interface>),
    /// `conf.all.forwarding` is this now.
    HostForwarding(bool),
    /// Everything there is was looked at.
    Resynced {
        /// Whether nothing is left that was never seen. Otherwise look again after a while.
        complete: bool,
    },
}

/// Room for changes that is kept from one turn of the loop to the next.
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
    pub(super) fn changed(&mut self, index: IfIndex) {
        self.of(index).changed = true;
    }

    pub(super) fn gone(&mut self, index: IfIndex) {
        *self.of(index) = PendingChange { gone: true, changed: false };
    }

    pub(super) fn host_forwards(&mut self, on: bool) {
        self.host = Some(on);
    }

    pub(super) fn resynced(&mut self, complete: bool) {
        self.resynced = Some(complete);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty() && self.host.is_none() && self.resynced.is_none()
    }

    /// The next one; `now` shows an interface as it is.
    pub(super) fn poll(&mut self, now: impl Fn(IfIndex) -> Option<Rc<Interface>>) -> Option<Change> {
        while let Some(&index) = self.order.front() {
            let what = self.changes.get_mut(&index).expect("what is in order has changed");
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
        // At the start there were some of each interface.
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
