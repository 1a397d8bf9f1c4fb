//! The advertising parameters, the same for every interface.

use std::time::Duration;

use rand::{Rng, RngExt};

use super::{BootInstant, grid::SendGrid, rfc4861::MAX_INITIAL_RTR_ADVERT_INTERVAL};
use crate::wire::RouterPreference;

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
    /// Router Preference, for guests with several routers.
    pub preference: RouterPreference,
}

impl Parameters {
    /// Draws when the next unsolicited RA is due after one that left at `now`: a random interval, capped within
    /// the initial burst [RFC 4861 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4), and postponed to
    /// the wake-up of other interfaces.
    pub(super) fn draw_next(&self, initial: bool, grid: SendGrid, now: BootInstant, rng: &mut impl Rng) -> BootInstant {
        let cap = if initial { MAX_INITIAL_RTR_ADVERT_INTERVAL } else { Duration::MAX };
        let (min, max) = (self.min_interval, self.max_interval);
        let drawn = now + rng.random_range(min..=max).min(cap);
        grid.align(drawn, now + min.min(cap), now + max.min(cap))
    }
}
