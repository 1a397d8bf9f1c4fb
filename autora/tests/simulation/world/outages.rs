//! Failures of sends: single ones, and outages of one link or of all.

use std::{collections::BTreeMap, time::Duration};

use autora::engine::BootInstant;
use rand::{RngExt, rngs::StdRng};

use crate::chance::any_scale;

/// The probability that a send fails outside an outage.
const FAILURE: f64 = 0.003;

/// The shortest outage.
const SHORTEST: Duration = Duration::from_millis(10);

/// The current outages.
#[derive(Default)]
pub(crate) struct Outages {
    everywhere: Option<BootInstant>,
    on_slot: BTreeMap<usize, BootInstant>,
}

impl Outages {
    /// Begins an outage of at most `outage`: of all links, or of one of `slots`.
    pub(crate) fn turn(&mut self, slots: usize, outage: Duration, now: BootInstant, rng: &mut StdRng) {
        let until = now + any_scale(rng, SHORTEST, outage);
        if rng.random_bool(0.2) {
            self.everywhere = Some(until);
        } else {
            self.on_slot.insert(rng.random_range(0..slots), until);
        }
    }

    pub(super) fn allows(&mut self, slot: usize, now: BootInstant, rng: &mut StdRng) -> bool {
        let over = |until: Option<&BootInstant>| until.is_none_or(|until| *until <= now);
        over(self.everywhere.as_ref()) && over(self.on_slot.get(&slot)) && !rng.random_bool(FAILURE)
    }
}
