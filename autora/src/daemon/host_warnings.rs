//! Conditions of the whole host and of its interfaces: one warning for each when it begins. They are looked at once a
//! resync, and whether the host forwards also when an interface begins to be served.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use tracing::warn;

use crate::{
    addr::{IfIndex, Prefix64},
    diagnosis,
    engine::{
        Fleet,
        eligibility::{self, Service, Verdict},
        interface::{Host, Interface},
        shared_prefix::{self, SharedPrefix},
    },
    sys::netlink::{self, RouteQueries},
};

/// How many routes are looked up at one resync; each takes some microseconds of the loop. The rest is at the next ones.
const LOOKUPS: usize = 256;

/// How many of the interfaces with the same /64 are named.
const NAMED: usize = 4;

/// The conditions that were logged and still hold.
#[derive(Debug, Default)]
pub(super) struct HostWarnings {
    not_forwarding: bool,
    neighbour_table_small: bool,
    accepting_ra: BTreeSet<IfIndex>,
    default_route_by_ra: BTreeSet<IfIndex>,
    shared_prefixes: BTreeSet<Prefix64>,
    /// The served interfaces to whose /64 the kernel made no route, and the /64 that was looked up.
    without_connected_route: BTreeMap<IfIndex, Prefix64>,
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
    /// can repeat it. Asks the kernel for routes.
    pub(super) fn update(&mut self, host: &Host, fleet: &Fleet, mut admits: impl FnMut(IfIndex) -> bool) {
        self.update_host(host, fleet);
        self.update_shared_prefixes(fleet);
        self.update_connected_routes(fleet, &mut admits);
        let accepts = |interface: &Interface| interface.ipv6.is_some_and(|ipv6| ipv6.accepts_ra);
        let accepting = fleet.verdicts().filter(|(interface, _)| accepts(interface));
        for interface in new(&mut self.accepting_ra, accepting).filter(|one| admits(one.index)) {
            warn_of_accepted_ras(interface);
        }
        let is_served = |(_, verdict): &(_, &Verdict)| matches!(verdict, Verdict::Serve(_));
        let serves = fleet.verdicts().any(|one| is_served(&one));
        let default_routes = if serves { netlink::default_routes_by_ra(None) } else { BTreeSet::new() };
        let routers =
            fleet.verdicts().filter(is_served).filter(|(interface, _)| default_routes.contains(&interface.index));
        for interface in new(&mut self.default_route_by_ra, routers).filter(|one| admits(one.index)) {
            warn_of_default_route(interface);
        }
    }

    /// Notes that the guest of a served interface has a default route to a host that does not forward.
    pub(super) fn leads_nowhere(&mut self) {
        self.update_forwarding(true);
    }

    /// Returns how many interfaces have each condition.
    pub(super) fn interfaces(&self) -> WarnedInterfaces {
        let count = |interfaces: &BTreeSet<IfIndex>| u64::try_from(interfaces.len()).unwrap_or(u64::MAX);
        let (accepting_ra, default_route_by_ra) = (count(&self.accepting_ra), count(&self.default_route_by_ra));
        WarnedInterfaces { accepting_ra, default_route_by_ra }
    }

    fn update_shared_prefixes(&mut self, fleet: &Fleet) {
        let shared = shared_prefix::find(served(fleet));
        let before = mem::replace(&mut self.shared_prefixes, shared.iter().map(|shared| shared.prefix).collect());
        shared.iter().filter(|shared| !before.contains(&shared.prefix)).for_each(warn_of_shared_prefix);
    }

    /// A route that its manager removes later is not noticed.
    fn update_connected_routes(&mut self, fleet: &Fleet, mut admits: impl FnMut(IfIndex) -> bool) {
        let without = served(fleet).filter(|(_, service)| !service.connected_route);
        let without: BTreeMap<_, _> = without.map(|(one, service)| (one.index, (one, service.prefix))).collect();
        let known = &mut self.without_connected_route;
        known.retain(|index, prefix| without.get(index).is_some_and(|(_, now)| now == prefix));
        let new = without.into_values().filter(|(one, _)| !known.contains_key(&one.index)).take(LOOKUPS);
        let new: Vec<_> = new.collect();
        known.extend(new.iter().map(|(interface, prefix)| (interface.index, *prefix)));
        for (interface, prefix) in without_route(new) {
            if admits(interface.index) {
                warn_of_no_connected_route(interface, prefix);
            }
        }
    }

    fn update_forwarding(&mut self, leads_nowhere: bool) {
        if begins(&mut self.not_forwarding, leads_nowhere) {
            warn!(
                "net.ipv6.conf.all.forwarding is 0: guests get a default route to this host, which drops their \
                 packets; what autora explain says of a served interface repairs it"
            );
        }
    }

    fn update_host(&mut self, host: &Host, fleet: &Fleet) {
        self.update_forwarding(served(fleet).any(|(_, service)| service.leads_nowhere(host.forwarding)));
        let served = served(fleet).count();
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

fn served(fleet: &Fleet) -> impl Iterator<Item = (&Interface, &Service)> {
    fleet.verdicts().filter_map(|(interface, verdict)| match verdict {
        Verdict::Serve(service) => Some((interface, service)),
        Verdict::NotServed(_) | Verdict::Ignore => None,
    })
}

/// Returns those of `services` to which no route leads. Where the kernel does not answer, nothing is said.
fn without_route(services: Vec<(&Interface, Prefix64)>) -> Vec<(&Interface, Prefix64)> {
    let Some(Ok(mut queries)) = services.first().map(|_| RouteQueries::open()) else { return Vec::new() };
    let mut leads =
        |&(interface, prefix): &(&Interface, _)| queries.leads_through(interface.index, prefix).unwrap_or(true);
    services.into_iter().filter(|service| !leads(service)).collect()
}

fn warn_of_no_connected_route(interface: &Interface, prefix: Prefix64) {
    warn!(
        interface = %interface.name,
        ifindex = interface.index.get(),
        %prefix,
        "the prefix has no connected route (noprefixroute), and no other route leads to it through this interface: \
         packets do not reach the guest; add a route for the prefix on this interface"
    );
}

fn warn_of_shared_prefix(SharedPrefix { prefix, interfaces }: &SharedPrefix<'_>) {
    let named: Vec<_> = interfaces.iter().take(NAMED).map(|interface| interface.name.as_str()).collect();
    warn!(
        %prefix,
        interfaces = %named.join(","),
        count = interfaces.len(),
        "several served interfaces have the same /64: this host sends the packets for all guests in it through one of \
         them; give each interface an address of a /64 of its own"
    );
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
