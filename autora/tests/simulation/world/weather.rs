//! Sends that fail: now and then one, on one link for a while, or everywhere for a while.

use std::{collections::BTreeMap, time::Duration};

use autora::engine::BootInstant;
use rand::{RngExt, rngs::StdRng};

use crate::chance::any_scale;

/// The chance that a send fails for no reason.
const MISHAP: f64 = 0.003;

/// The shortest time for which sends fail.
const SHORTEST: Duration = Duration::from_millis(10);

/// Until when sends fail.
#[derive(Default)]
pub(crate) struct Weather {
    everywhere: Option<BootInstant>,
    on_slot: BTreeMap<usize, BootInstant>,
}

impl Weather {
    /// It turns bad for `outage` at most: everywhere, or on one of `slots` links.
    pub(crate) fn turn(&mut self, slots: usize, outage: Duration, now: BootInstant, rng: &mut StdRng) {
        let until = now + any_scale(rng, SHORTEST, outage);
        if rng.random_bool(0.2) {
            self.everywhere = Some(until);
        } else {
            self.on_slot.insert(rng.random_range(0..slots), until);
        }
    }

    pub(super) fn lets_pass(&mut self, slot: usize, now: BootInstant, rng: &mut StdRng) -> bool {
        let over = |until: Option<&BootInstant>| until.is_none_or(|until| *until <= now);
        over(self.everywhere.as_ref()) && over(self.on_slot.get(&slot)) && !rng.random_bool(MISHAP)
    }
}
