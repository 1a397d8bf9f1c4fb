//! The host's routes, asked for as far as an interface needs them.

use std::collections::{BTreeSet, HashMap};

use crate::{
    addr::{IfIndex, Prefix64},
    diagnosis::{Evidence, Routes},
    engine::{
        eligibility::{Reason, Service},
        interface::Interface,
        shared_prefix,
    },
    sys::netlink::{self, RouteQueries},
};

/// What was asked, and what is known without asking.
pub(super) struct AskedRoutes<'i> {
    /// Whether several interfaces are explained: then the kernel is asked once, for the routes through any.
    several: bool,
    interfaces: &'i [Interface],
    /// Whether the host forwards.
    forwards: bool,
    default_by_ra: Option<BTreeSet<IfIndex>>,
    routed: Option<BTreeSet<(IfIndex, Prefix64)>>,
    uplinks_by_ra: Option<Vec<String>>,
    queries: Option<RouteQueries>,
    /// The name of another interface that is served with the same /64.
    same_prefix_on: HashMap<IfIndex, String>,
}

impl<'i> AskedRoutes<'i> {
    /// Compares the /64s of `interfaces`, and asks nothing yet.
    pub(super) fn new<'e>(
        several: bool,
        forwards: bool,
        interfaces: &'i [Interface],
        evidence: impl Fn(&Interface) -> Evidence<'e>,
    ) -> Self {
        let served = interfaces.iter().filter_map(|interface| {
            let evidence = evidence(interface);
            let service = evidence.judge(interface).ok()?;
            evidence.matches(interface).unwrap_or(true).then_some((interface, service))
        });
        let served: Vec<_> = served.collect();
        let shared = shared_prefix::find(served.iter().map(|(interface, service)| (*interface, service)));
        let same_prefix_on = shared.iter().flat_map(|shared| {
            let others = shared.interfaces.iter().cycle().skip(1);
            shared.interfaces.iter().zip(others).map(|(one, other)| (one.index, other.name.clone()))
        });
        Self {
            several,
            interfaces,
            forwards,
            default_by_ra: None,
            routed: None,
            uplinks_by_ra: None,
            queries: None,
            same_prefix_on: same_prefix_on.collect(),
        }
    }

    /// Returns the routes that concern an interface which is served by `judged`, or would be, or is not.
    pub(super) fn of(&mut self, interface: &Interface, judged: Result<&Service, &Vec<Reason>>) -> Routes {
        let index = interface.index;
        let through = (!self.several).then_some(index);
        let has_no_prefix = |reasons: &Vec<Reason>| reasons.iter().any(|one| matches!(one, Reason::NoPrefix { .. }));
        let does_not_forward = |reasons: &Vec<Reason>| reasons.contains(&Reason::ForwardingOff);
        let is_to_forward = !self.forwards || judged.is_err_and(does_not_forward);
        Routes {
            default_by_ra: judged.is_ok() && self.default_by_ra(through).contains(&index),
            lead_to_prefix: judged.is_ok_and(|service| !service.connected_route && self.leads(index, service.prefix)),
            routed: if judged.is_err_and(has_no_prefix) { self.routed(index, through) } else { Vec::new() },
            uplinks_by_ra: if is_to_forward { self.uplinks_by_ra() } else { Vec::new() },
            same_prefix_on: self.same_prefix_on.get(&index).cloned(),
        }
    }

    /// Returns the interfaces whose default route by RA goes when an interface begins to forward.
    fn uplinks_by_ra(&mut self) -> Vec<String> {
        let interfaces = self.interfaces;
        let ask = || {
            let through = netlink::default_routes_by_ra(None);
            let keeps = |one: &Interface| one.ipv6.is_some_and(|ipv6| ipv6.accepts_ra);
            let goes = interfaces.iter().filter(|one| through.contains(&one.index) && !keeps(one));
            goes.map(|one| one.name.clone()).collect()
        };
        self.uplinks_by_ra.get_or_insert_with(ask).clone()
    }

    fn default_by_ra(&mut self, through: Option<IfIndex>) -> &BTreeSet<IfIndex> {
        let asked = self.default_by_ra.take().filter(|_| self.several);
        self.default_by_ra.insert(asked.unwrap_or_else(|| netlink::default_routes_by_ra(through)))
    }

    fn routed(&mut self, index: IfIndex, through: Option<IfIndex>) -> Vec<Prefix64> {
        let asked = self.routed.take().filter(|_| self.several);
        let routed = self.routed.insert(asked.unwrap_or_else(|| netlink::routed_prefixes(through)));
        routed.iter().filter(|(interface, _)| *interface == index).map(|&(_, prefix)| prefix).collect()
    }

    /// Returns whether a route leads through the interface to the guests in `prefix`; where the kernel does not
    /// answer, nothing is said.
    fn leads(&mut self, through: IfIndex, prefix: Prefix64) -> bool {
        let asked = self.queries.take().or_else(|| RouteQueries::open().ok());
        self.queries = asked;
        self.queries.as_mut().is_none_or(|queries| queries.leads_through(through, prefix).unwrap_or(true))
    }
}
