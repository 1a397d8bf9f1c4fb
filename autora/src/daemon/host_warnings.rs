//! Conditions of the whole host: one warning for each when it begins.

use std::mem;

use tracing::warn;

use crate::engine::{
    Fleet,
    eligibility::{self, Verdict},
    interface::Host,
};

/// The conditions that were logged and still hold.
#[derive(Debug, Default)]
pub(super) struct HostWarnings {
    not_forwarding: bool,
    neighbour_table_small: bool,
}

impl HostWarnings {
    /// Logs a warning for each condition that has begun.
    pub(super) fn update(&mut self, host: &Host, fleet: &Fleet) {
        let services = || {
            fleet.verdicts().filter_map(|(_, verdict)| match verdict {
                Verdict::Serve(service) => Some(service),
                Verdict::NotServed(_) | Verdict::Ignore => None,
            })
        };
        let leads_nowhere = services().any(|service| service.leads_nowhere(host));
        if begins(&mut self.not_forwarding, leads_nowhere) {
            warn!(
                "net.ipv6.conf.all.forwarding is 0: guests get a default route to this host, which drops their \
                 packets; set it to 1"
            );
        }
        let served = services().count();
        let small = eligibility::too_few_neighbours(host, served);
        if begins(&mut self.neighbour_table_small, small) {
            warn!(
                gc_thresh3 = host.neighbour_limit,
                served,
                "the neighbour table is too small for --send raw: RAs on some interfaces will fail with EINVAL; raise \
                 net.ipv6.neigh.default.gc_thresh3, or use --send packet"
            );
        }
    }
}

/// Notes whether a condition holds. Returns whether it has just begun.
const fn begins(noted: &mut bool, holds: bool) -> bool {
    !mem::replace(noted, holds) && holds
}
