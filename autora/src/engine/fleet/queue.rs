//! The queue of actions, and what is taken back of it.

use std::collections::VecDeque;

use crate::{addr::IfIndex, engine::action::Action};

/// The capacity that is kept from one turn to the next.
const USUAL_ACTIONS: usize = 128;

/// Actions that the caller has yet to carry out, in their order.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Action>);

impl Queue {
    pub(super) fn push(&mut self, action: Action) {
        self.0.push_back(action);
    }

    pub(super) fn extend(&mut self, actions: impl IntoIterator<Item = Action>) {
        self.0.extend(actions);
    }

    pub(super) fn next(&mut self) -> Option<Action> {
        let action = self.0.pop_front();
        if action.is_none() {
            // A stop queues an action for each interface.
            self.0.shrink_to(USUAL_ACTIONS);
        }
        action
    }

    /// Drops the first RA, which directly follows `Serve`.
    pub(super) fn drop_first_ra(&mut self, index: IfIndex) {
        self.0.pop_front_if(|action| action.sends_on(index));
    }

    /// Drops what was decided together with a claim, and directly follows it.
    pub(super) fn drop_claimed(&mut self, index: IfIndex) {
        while self.0.pop_front_if(|action| action.follows_claim_of(index)).is_some() {}
    }

    /// Drops every RA on the interface.
    pub(super) fn drop_ras(&mut self, index: IfIndex) {
        self.0.retain(|action| !action.sends_on(index));
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;
    use crate::engine::fleet::tests::index;

    #[test]
    fn what_follows_a_claim_is_dropped_up_to_another_interface() {
        let [claimed, other] = [1, 2].map(|number| Action::Serve(index(number)));
        let mut queue = Queue::default();
        queue.extend([claimed.clone(), Action::Release(index(1)), other.clone(), claimed.clone()]);
        queue.drop_claimed(index(1));
        assert_eq!(iter::from_fn(|| queue.next()).collect::<Vec<_>>(), [other, claimed]);
    }
}
