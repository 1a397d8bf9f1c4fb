//! The advertising parameters, the same for every interface.

use std::time::Duration;

use rand::{Rng, RngExt};

use super::rfc4861::MAX_INITIAL_RTR_ADVERT_INTERVAL;

/// The router configuration variables [RFC 4861 6.2.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.1).
/// `config` has checked their bounds, those of [RFC 8319
/// 4](https://www.rfc-editor.org/rfc/rfc8319#section-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// MinRtrAdvInterval, the shortest time between unsolicited RAs, at least 3 s.
    pub min_interval: Duration,
    /// MaxRtrAdvInterval, the longest time between unsolicited RAs.
    pub max_interval: Duration,
    /// Router Lifetime; with 0 guests install no default route.
    pub router_lifetime: Duration,
    /// Valid Lifetime of the prefix.
    pub valid_lifetime: Duration,
    /// Preferred Lifetime of the prefix, at most the valid one.
    pub preferred_lifetime: Duration,
}

impl Parameters {
    /// Draws a random interval to the next unsolicited RA, capped within the initial burst
    /// [RFC 4861 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4).
    pub(super) fn draw_interval(&self, initial: bool, rng: &mut impl Rng) -> Duration {
        let drawn = rng.random_range(self.min_interval..=self.max_interval);
        if initial { drawn.min(MAX_INITIAL_RTR_ADVERT_INTERVAL) } else { drawn }
    }
}
