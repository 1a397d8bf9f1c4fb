//! Packet counters by reason, and the last advertisement of another router.

use std::{net::Ipv6Addr, ops::Add, time::Duration};

use autora_common::Reason;

use crate::engine::BootInstant;

/// One counter for each [`Reason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters([u64; Reason::COUNT]);

impl Counters {
    /// Takes the counters in the order of [`Reason::ALL`].
    #[must_use]
    pub const fn new(counters: [u64; Reason::COUNT]) -> Self {
        Self(counters)
    }

    /// Returns the number of packets with `reason`.
    #[must_use]
    pub const fn get(&self, reason: Reason) -> u64 {
        self.0[reason as usize]
    }

    /// Iterates over all counters, zeros included.
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

/// The counters of a served interface, from the moment on at which it was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceStats {
    /// Packets that arrived on it, by reason.
    pub counters: Counters,
    /// The last advertisement of another router on it.
    pub other_router: Option<HeardRouter>,
}

/// Another router, as its last advertisement describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardRouter {
    /// Its link-local address.
    pub source: Ipv6Addr,
    /// Its Router Lifetime; zero if it is not a default router.
    pub router_lifetime: Duration,
    /// When the advertisement arrived.
    pub seen: BootInstant,
}
