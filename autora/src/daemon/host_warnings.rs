//! Conditions of the whole host and of its interfaces: one warning for each when it begins. They are looked at once a
//! resync.

use std::{collections::BTreeSet, mem};

use tracing::warn;

use crate::{
    addr::IfIndex,
    diagnosis,
    engine::{
        Fleet,
        eligibility::{self, Verdict},
        interface::{Host, Interface},
    },
};

/// The conditions that were logged and still hold.
#[derive(Debug, Default)]
pub(super) struct HostWarnings {
    not_forwarding: bool,
    neighbour_table_small: bool,
    accepting_ra: BTreeSet<IfIndex>,
    default_route_by_ra: BTreeSet<IfIndex>,
}

/// How many interfaces have a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WarnedInterfaces {
    /// Those that match and take RAs of guests.
    pub(super) accepting_ra: u64,
    /// Those that are served, and through which the host has a default route that an RA made.
    pub(super) default_route_by_ra: u64,
}

impl HostWarnings {
    /// Logs a warning for each condition that has begun; about an interface only if `admits` says so, because a guest
    /// can repeat it. `default_routes` are the interfaces with a default route that an RA made.
    pub(super) fn update(
        &mut self,
        host: &Host,
        fleet: &Fleet,
        default_routes: &BTreeSet<IfIndex>,
        mut admits: impl FnMut(IfIndex) -> bool,
    ) {
        self.update_host(host, fleet);
        let accepts = |interface: &Interface| interface.ipv6.is_some_and(|ipv6| ipv6.accepts_ra);
        let accepting = fleet.verdicts().filter(|(interface, _)| accepts(interface));
        for interface in new(&mut self.accepting_ra, accepting).filter(|one| admits(one.index)) {
            warn_of_accepted_ras(interface);
        }
        let served = fleet.verdicts().filter(|(_, verdict)| matches!(verdict, Verdict::Serve(_)));
        let routers = served.filter(|(interface, _)| default_routes.contains(&interface.index));
        for interface in new(&mut self.default_route_by_ra, routers).filter(|one| admits(one.index)) {
            warn_of_default_route(interface);
        }
    }

    /// Returns how many interfaces have each condition.
    pub(super) fn interfaces(&self) -> WarnedInterfaces {
        let count = |interfaces: &BTreeSet<IfIndex>| u64::try_from(interfaces.len()).unwrap_or(u64::MAX);
        let (accepting_ra, default_route_by_ra) = (count(&self.accepting_ra), count(&self.default_route_by_ra));
        WarnedInterfaces { accepting_ra, default_route_by_ra }
    }

    fn update_host(&mut self, host: &Host, fleet: &Fleet) {
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

fn warn_of_accepted_ras(interface: &Interface) {
    warn!(
        interface = %interface.name,
        ifindex = interface.index.get(),
        fix = %diagnosis::refuse_ras(&interface.name),
        "accept_ra is 2: the kernel configures itself by RAs that come in on this interface, and a guest can give this \
         host addresses and routes"
    );
}

fn warn_of_default_route(interface: &Interface) {
    warn!(
        interface = %interface.name,
        ifindex = interface.index.get(),
        fix = %diagnosis::refuse_ras(&interface.name),
        "this host has a default route through this interface that an RA made: on an uplink autora is a second router, \
         leave it out of --interface-regex; a guest that sends RAs gets this host's packets; it is served all the same"
    );
}

/// Notes whether a condition holds. Returns whether it has just begun.
const fn begins(noted: &mut bool, holds: bool) -> bool {
    !mem::replace(noted, holds) && holds
}

/// Notes the interfaces that have a condition. Returns those that did not have it before.
fn new<'f>(
    noted: &mut BTreeSet<IfIndex>,
    having: impl Iterator<Item = (&'f Interface, &'f Verdict)>,
) -> impl Iterator<Item = &'f Interface> {
    let having: Vec<_> = having.map(|(interface, _)| interface).collect();
    let before = mem::replace(noted, having.iter().map(|interface| interface.index).collect());
    having.into_iter().filter(move |interface| !before.contains(&interface.index))
}
