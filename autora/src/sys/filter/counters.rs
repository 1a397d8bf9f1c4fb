//! Packets by what became of them, and what the filter knows of other routers.

use std::{net::Ipv6Addr, ops::Add, time::Duration};

use autora_common::Reason;

use crate::engine::BootInstant;

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

/// A served interface as the filter counted it, since it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceStats {
    /// What became of packets from it.
    pub counters: Counters,
    /// The last advertisement of another router on it.
    pub other_router: Option<HeardRouter>,
}

/// Another router, as its last advertisement shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardRouter {
    /// Its link-local address.
    pub source: Ipv6Addr,
    /// For how long it wants to be a default router; zero says that it is none.
    pub router_lifetime: Duration,
    /// When the advertisement came in.
    pub seen: BootInstant,
}
