//! Entry points of the fuzz targets: what the bytes of a netlink socket are decoded into, without a socket.

use std::{ops::ControlFlow, time::Duration};

use super::{
    Change, QueryError, decode,
    frame::{Malformed, messages},
    mirror::Mirror,
    neighbour::{Neighbour, neighbour},
    query::client::{Completeness, Reply},
    request::Request,
    resync,
};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, Interface},
    },
};

const NOW: BootInstant = BootInstant::from_boot(Duration::from_secs(1));

/// A mirror of interfaces of all names.
#[derive(Debug)]
pub struct FuzzedMirror(Mirror);

impl Default for FuzzedMirror {
    fn default() -> Self {
        Self(Mirror::new(None))
    }
}

impl FuzzedMirror {
    /// Applies the notifications in `datagram`. Returns whether all could be parsed.
    pub fn receive(&mut self, datagram: &[u8]) -> bool {
        self.0.receive(datagram, NOW);
        !self.0.take_malformed()
    }

    /// Applies `datagram` as the reply to the requests for all links and for all addresses, which a change interrupted
    /// if it is not `complete`.
    pub fn dump(&mut self, datagram: &[u8], complete: bool) {
        let so_far = if complete { Completeness::Complete } else { Completeness::Interrupted };
        self.0.dump().begin();
        for request in [Request::Links, Request::Addresses] {
            let _result = parse(request, datagram, |payload| {
                // A malformed message is skipped.
                _ = resync::apply(request, payload, so_far, &mut self.0, NOW);
            });
            if request.is_about_addresses() {
                self.0.dump().end(complete, NOW);
            } else {
                self.0.dump().end_links(true, complete, NOW);
            }
        }
    }

    /// Returns the changes since the last call.
    pub fn changes(&mut self) -> Vec<Change> {
        std::iter::from_fn(|| self.0.poll_change()).collect()
    }

    /// Returns every interface, by index.
    #[must_use]
    pub fn interfaces(&self) -> Vec<Interface> {
        self.0.interfaces()
    }
}

/// What was decoded from a reply.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Links, in their order.
    pub interfaces: Vec<Interface>,
    /// Addresses and whose they are, in their order.
    pub addresses: Vec<(IfIndex, Address)>,
    /// `conf.all.forwarding`, once for each message.
    pub forwarding: Vec<bool>,
    /// `gc_thresh3` of the IPv6 table, once for each message.
    pub neighbour_limits: Vec<u32>,
    /// Interfaces through which a route leads, once for each message.
    pub routes: Vec<IfIndex>,
    /// Neighbours, in their order.
    pub neighbours: Vec<Neighbour>,
    /// The number of malformed messages of the right type.
    pub malformed: usize,
}

/// Decodes `datagram` as the reply to each request in turn. The sequence number of the request is that of the first
/// message.
#[must_use]
pub fn facts(datagram: &[u8]) -> Facts {
    let mut facts = Facts::default();
    for request in [
        Request::Links,
        Request::Addresses,
        Request::HostSettings,
        Request::NeighbourTables,
        Request::Routes(None),
        Request::Neighbours,
    ] {
        let parsed = parse(request, datagram, |payload| {
            facts.add(request, payload).unwrap_or_else(|Malformed| facts.malformed += 1);
        });
        // The text of an error contains bytes of the datagram, the kernel's error message.
        let _text = parsed.map_err(|error: QueryError| error.to_string());
    }
    facts
}

fn parse(request: Request<'_>, datagram: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), QueryError> {
    let sequence = messages(datagram).next().and_then(Result::ok).map_or(0, |message| message.sequence);
    let parsed = Reply::new(request, sequence).parse(datagram, |payload| {
        each(payload);
        ControlFlow::Continue(())
    });
    parsed.map(|_| ())
}

impl Facts {
    fn add(&mut self, request: Request<'_>, payload: &[u8]) -> Result<(), Malformed> {
        match request {
            Request::Links | Request::Inet6Links | Request::Link(_) | Request::LinkNamed(_) => {
                self.interfaces.push(decode::interface(payload)?);
            }
            Request::Addresses | Request::AddressesOf(_) => self.addresses.extend(decode::address(payload, NOW)?),
            Request::HostSettings => self.forwarding.push(decode::host_forwarding(payload)?),
            Request::RoutesByRa(_) | Request::Routes(_) | Request::RouteTo { .. } => {
                self.routes.extend(decode::Route::new(payload)?.through);
            }
            Request::Neighbours => self.neighbours.extend(neighbour(payload)?),
            Request::NeighbourTables => self.neighbour_limits.extend(decode::neighbour_limit(payload)),
        }
        Ok(())
    }
}
