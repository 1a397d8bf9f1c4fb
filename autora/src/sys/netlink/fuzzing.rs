//! What the bytes of a netlink socket are decoded into, without a socket: entry points of the fuzz targets alone.

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

/// The picture of the interfaces, of all names.
#[derive(Debug)]
pub struct FuzzedMirror(Mirror);

impl Default for FuzzedMirror {
    fn default() -> Self {
        Self(Mirror::new(None))
    }
}

impl FuzzedMirror {
    /// Takes in what `datagram` announces. Whether it makes sense; if not, something may be lost.
    pub fn receive(&mut self, datagram: &[u8]) -> bool {
        self.0.receive(datagram, NOW);
        !self.0.take_malformed()
    }

    /// Takes in `datagram` as the answer to the questions for all links and for all addresses, though one
    /// that a change interrupted if not `complete`.
    pub fn dump(&mut self, datagram: &[u8], complete: bool) {
        let so_far = if complete { Completeness::Complete } else { Completeness::Interrupted };
        self.0.dump().begin();
        for request in [Request::Links, Request::Addresses] {
            let _words = take(request, datagram, |payload| {
                // One that makes no sense is passed over.
                _ = resync::apply(request, payload, so_far, &mut self.0, NOW);
            });
            if request.is_about_addresses() {
                self.0.dump().end(complete, NOW);
            } else {
                self.0.dump().end_links(true, complete, NOW);
            }
        }
    }

    /// The changes since this was last asked.
    pub fn changes(&mut self) -> Vec<Change> {
        std::iter::from_fn(|| self.0.poll_change()).collect()
    }

    /// What is known of every interface, by index.
    #[must_use]
    pub fn interfaces(&self) -> Vec<Interface> {
        self.0.interfaces()
    }
}

/// What was understood of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Links, in their order.
    pub interfaces: Vec<Interface>,
    /// Addresses and whose they are, in their order.
    pub addresses: Vec<(IfIndex, Address)>,
    /// `conf.all.forwarding`, as often as it was told.
    pub forwarding: Vec<bool>,
    /// `gc_thresh3` of the IPv6 table, as often as it was told.
    pub neighbour_limits: Vec<u32>,
    /// Interfaces through which a route leads, as often as they were told.
    pub routes: Vec<IfIndex>,
    /// Neighbours, in their order.
    pub neighbours: Vec<Neighbour>,
    /// Messages of the right type that make no sense.
    pub malformed: usize,
}

/// What `datagram` says if it is the answer to a question, whichever it was: each is tried. Its own first
/// message says which number the question had.
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
        let taken = take(request, datagram, |payload| {
            facts.understand(request, payload).unwrap_or_else(|Malformed| facts.malformed += 1);
        });
        // An error is put into words where it is logged, a reason that the kernel gives included.
        let _words = taken.map_err(|error: QueryError| error.to_string());
    }
    facts
}

fn take(request: Request<'_>, datagram: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), QueryError> {
    let sequence = messages(datagram).next().and_then(Result::ok).map_or(0, |message| message.sequence);
    let taken = Reply::new(request, sequence).parse(datagram, |payload| {
        each(payload);
        ControlFlow::Continue(())
    });
    taken.map(|_| ())
}

impl Facts {
    fn understand(&mut self, request: Request<'_>, payload: &[u8]) -> Result<(), Malformed> {
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
