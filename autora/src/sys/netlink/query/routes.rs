//! Queries about routes. Each has a socket of its own, as a dump may be under way on the other one.

use std::{collections::BTreeSet, net::Ipv6Addr};

use tracing::warn;

use super::client::{QueryClient, QueryError, warn_skipped};
use crate::{
    addr::{IfIndex, Prefix64},
    sys::netlink::{decode, frame::Malformed, request::Request, socket::NetlinkOpenError},
};

/// The interface identifier that is looked up: of the IANA Ethernet block, so that no host has it
/// [RFC 5453 3](https://www.rfc-editor.org/rfc/rfc5453#section-3).
const OF_NO_HOST: u64 = 0x0200_5eff_fe00_0000;

/// The socket for requests about routes.
#[derive(Debug)]
pub struct RouteQueries(QueryClient);

impl RouteQueries {
    /// Opens the socket in the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// When a netlink socket cannot be opened.
    pub fn open() -> Result<Self, NetlinkOpenError> {
        QueryClient::open().map(Self)
    }

    /// Returns whether the host has a route through the interface to the guests in `prefix`, other than a default
    /// route. The kernel looks it up as for a packet, by its rules, so the cost does not grow with the number of
    /// routes.
    ///
    /// # Errors
    ///
    /// When the kernel does not reply.
    pub fn leads_through(&mut self, through: IfIndex, prefix: Prefix64) -> Result<bool, QueryError> {
        let to = Ipv6Addr::from_bits(prefix.network().to_bits() | u128::from(OF_NO_HOST));
        let request = Request::RouteTo { through, to };
        let mut found = Vec::new();
        let reply = self.0.query(request, |payload| match decode::Route::new(payload) {
            Ok(route) => found.push(route),
            Err(Malformed) => warn_skipped(request),
        });
        match reply {
            // "Network is unreachable", or what a route of the type `unreachable`, `prohibit` or `blackhole` says.
            Err(QueryError::Refused { .. }) => Ok(false),
            reply => reply.map(|_| found.iter().any(|route| route.leads_to_a_part_through(through))),
        }
    }
}

/// Returns the interfaces, or whether this one is one of them, through which the host has a default route that an RA
/// made, in whatever table. The kernel leaves out all other routes (4.20).
#[must_use]
pub fn default_routes_by_ra(through: Option<IfIndex>) -> BTreeSet<IfIndex> {
    let made_by_ra = |route: decode::Route| if route.is_default_by_ra() { route.through } else { Vec::new() };
    let what = "whether this host has a default route through a served interface that an RA made";
    dump(Request::RoutesByRa(through), what).into_iter().flat_map(made_by_ra).collect()
}

/// Returns the /64s to which the host has a route through the interface, or through any, in whatever table. The cost
/// grows with the number of the host's routes.
#[must_use]
pub fn routed_prefixes(through: Option<IfIndex>) -> BTreeSet<(IfIndex, Prefix64)> {
    let of_route = |route: decode::Route| {
        let prefix = route.prefix64();
        route.through.into_iter().filter_map(move |interface| Some((interface, prefix?)))
    };
    dump(Request::Routes(through), "which /64s are routed to an interface").into_iter().flat_map(of_route).collect()
}

/// Returns all routes in the reply to `request`, or logs that `what` is not checked.
fn dump(request: Request<'_>, what: &str) -> Vec<decode::Route> {
    let mut routes = Vec::new();
    let client = QueryClient::open().map_err(|error| warn!(%error, "cannot read routes: {what} is not checked"));
    let Ok(mut client) = client else { return routes };
    let reply = client.query(request, |payload| match decode::Route::new(payload) {
        Ok(route) => routes.push(route),
        Err(Malformed) => warn_skipped(request),
    });
    if let Err(error) = reply {
        warn!(%error, "cannot read routes: {what} is not checked");
    }
    routes
}
