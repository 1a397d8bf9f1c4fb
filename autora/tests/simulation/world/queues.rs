//! A model of the queues (qdisc) of links, and of the sending sockets: an RA that a queue holds stays charged to its
//! socket, and a socket without room sends on no link.

use std::{collections::BTreeMap, time::Duration};

use autora::engine::BootInstant;
use rand::{RngExt, rngs::StdRng};

use crate::chance::any_scale;

/// How many RAs of one link wait at most: that of a first lane and that of a second (`sys/sender/lanes.rs`).
const RAS: u32 = 2;

/// The shortest time for which a queue does not drain.
const SHORTEST: Duration = Duration::from_millis(50);

/// The queues that do not drain, by the slots of their links.
#[derive(Debug, Default)]
pub(crate) struct Queues(BTreeMap<usize, Stuck>);

#[derive(Debug)]
struct Stuck {
    until: BootInstant,
    waiting: u32,
}

/// What becomes of an RA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// It leaves at once.
    Leaves,
    /// The queue holds it. For the daemon it has left.
    Held,
    /// It is not sent, because others wait.
    Full,
}

impl Queues {
    /// Stops some of the queues of `slots` links for at most `longest`.
    pub(crate) fn stop(&mut self, slots: usize, longest: Duration, now: BootInstant, rng: &mut StdRng) {
        let until = now + any_scale(rng, SHORTEST, longest);
        let count = if rng.random_bool(0.5) { 1 } else { rng.random_range(1..=slots) };
        for slot in (rng.random_range(0..slots)..slots).take(count) {
            self.0.entry(slot).or_insert(Stuck { until, waiting: 0 }).until = until;
        }
    }

    /// Returns whether there is room for another RA, while at most `room` wait.
    pub(crate) fn have_room(&mut self, room: usize, now: BootInstant) -> bool {
        self.0.retain(|_, stuck| stuck.until > now);
        self.0.values().filter(|stuck| stuck.waiting > 0).count() < room
    }

    /// Drops the queue of a link that is gone.
    pub(super) fn forget(&mut self, slot: usize) {
        self.0.remove(&slot);
    }

    /// Begins a process, none of whose RAs waits.
    pub(crate) fn begin_process(&mut self) {
        self.0.values_mut().for_each(|stuck| stuck.waiting = 0);
    }

    pub(super) fn take(&mut self, slot: usize, now: BootInstant) -> Queued {
        self.0.retain(|_, stuck| stuck.until > now);
        match self.0.get_mut(&slot) {
            None => Queued::Leaves,
            Some(stuck) if stuck.waiting < RAS => {
                stuck.waiting += 1;
                Queued::Held
            }
            Some(_) => Queued::Full,
        }
    }
}
