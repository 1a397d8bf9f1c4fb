//! Other routers on served interfaces: a warning when one appears, and at most one an hour while it sends
//! RAs.
//!
//! The interface stays served: a guest must not be able to stop the host's RAs.

use std::{collections::HashMap, mem, time::Duration};

use tracing::warn;

use super::backend::Backend;
use crate::{
    addr::IfIndex,
    control::event::InterfaceRef,
    engine::{BootInstant, Fleet, eligibility::Verdict},
    sys::filter::{HeardRouter, Reason},
};

/// The shortest time between two warnings about one interface.
const WARN_INTERVAL: Duration = Duration::from_secs(3_600);

/// The other routers that were seen.
#[derive(Debug, Default)]
pub(super) struct OtherRouters {
    /// The filter's count of their RAs when it was last read.
    counted: u64,
    /// The served interfaces that have another router.
    known: HashMap<IfIndex, Known>,
}

#[derive(Debug)]
struct Known {
    seen: BootInstant,
    warned: BootInstant,
}

impl OtherRouters {
    /// Returns the other routers to log a warning about. Reads the filter's records only if its count has
    /// changed.
    pub(super) fn new_warnings<'f>(
        &mut self,
        backend: &Backend,
        fleet: &'f Fleet,
        now: BootInstant,
    ) -> Vec<(InterfaceRef<'f>, HeardRouter)> {
        let Some(filter) = backend.filter() else { return Vec::new() };
        let counted = backend.packets().get(Reason::OtherRouterAdvertisement);
        if mem::replace(&mut self.counted, counted) == counted {
            return Vec::new();
        }
        let routers = filter.other_routers().unwrap_or_else(|error| {
            warn!(%error, "the filter's records of other routers cannot be read: none are reported this time");
            Vec::new()
        });
        let mut before = mem::take(&mut self.known);
        let mut warnings = Vec::new();
        for (index, router) in routers {
            let Some((interface, Verdict::Serve(_))) = fleet.verdict_of(index) else { continue };
            let warned = match before.remove(&index) {
                Some(known) if !deserves_warning(&known, &router, now) => known.warned,
                Some(_) | None => {
                    warnings.push((InterfaceRef { index, name: &interface.name }, router));
                    now
                }
            };
            self.known.insert(index, Known { seen: router.seen, warned });
        }
        warnings
    }
}

/// Returns whether there is a new RA, and the last warning is long enough ago.
fn deserves_warning(known: &Known, router: &HeardRouter, now: BootInstant) -> bool {
    router.seen > known.seen && now.saturating_since(known.warned) >= WARN_INTERVAL
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn a_second_warning_takes_an_hour_and_a_new_advertisement() {
        let at = |seconds| BootInstant::from_boot(Duration::from_secs(seconds));
        for (now, known_seen, seen, expected) in [
            (200, 100, 150, false),
            (3_699, 100, 3_690, false),
            (3_700, 100, 3_690, true),
            (3_700, 100, 101, true),
            // No RA since the one that was logged.
            (3_700, 100, 100, false),
            (9_000, 3_690, 3_690, false),
        ] {
            let known = Known { seen: at(known_seen), warned: at(100) };
            let router = HeardRouter {
                source: Ipv6Addr::LOCALHOST,
                router_lifetime: Duration::from_secs(1_800),
                seen: at(seen),
            };
            let deserves = deserves_warning(&known, &router, at(now));
            assert_eq!(deserves, expected, "seen {known_seen}, then {seen}, at {now}");
        }
    }
}
