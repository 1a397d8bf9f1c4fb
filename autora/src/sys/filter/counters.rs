//! Packets by what became of them.

use std::ops::Add;

use autora_common::Reason;

/// One counter for each [`Reason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters([u64; Reason::COUNT]);

impl Counters {
    /// The counters in the order of [`Reason::ALL`].
    #[must_use]
    pub const fn new(counters: [u64; Reason::COUNT]) -> Self {
        Self(counters)
    }

    /// How many packets met `reason`.
    #[must_use]
    pub const fn get(&self, reason: Reason) -> u64 {
        self.0[reason as usize]
    }

    /// All of them, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().zip(self.0)
    }

    pub(super) const fn add(&mut self, reason: Reason) {
        self.0[reason as usize] += 1;
    }
}

impl Add for Counters {
    type Output = Self;

    fn add(mut self, rhs: Self) -> Self {
        for (sum, more) in self.0.iter_mut().zip(rhs.0) {
            *sum += more;
        }
        self
    }
}
