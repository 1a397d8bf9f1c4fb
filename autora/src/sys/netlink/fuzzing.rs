//! What the bytes of a netlink socket are made into, with no socket: the entries of the fuzz targets, and of nobody else.

use std::ops::ControlFlow;

use super::{
    Changes, QueryError, decode,
    message::{Malformed, messages},
    query::ask::Answer,
    request::Request,
};
use crate::{
    addr::IfIndex,
    engine::interface::{Address, Interface},
};

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
    /// Messages of the right type that make no sense.
    pub malformed: usize,
}

/// What `datagram` makes stale if it is an event.
#[must_use]
pub fn changes(datagram: &[u8]) -> Changes {
    let mut changes = Changes::default();
    changes.note(datagram);
    changes
}

/// What `datagram` says if it is the answer to a question, whichever it was: each is tried. Its own first message says
/// which number the question had.
#[must_use]
pub fn facts(datagram: &[u8]) -> Facts {
    let sequence = messages(datagram).next().and_then(Result::ok).map_or(0, |message| message.sequence);
    let mut facts = Facts::default();
    for question in [Request::Links, Request::Addresses, Request::HostSettings, Request::NeighbourTables] {
        let taken = Answer::new(question, sequence).take(datagram, |payload| {
            facts.understand(question, payload).unwrap_or_else(|Malformed| facts.malformed += 1);
            ControlFlow::Continue(())
        });
        // An error is put into words where it is logged, a reason that the kernel gives included.
        let _words = taken.map_err(|error: QueryError| error.to_string());
    }
    facts
}

impl Facts {
    fn understand(&mut self, question: Request, payload: &[u8]) -> Result<(), Malformed> {
        match question {
            Request::Links | Request::Link(_) => self.interfaces.push(decode::interface(payload)?),
            Request::Addresses | Request::AddressesOf(_) => self.addresses.extend(decode::address(payload)?),
            Request::HostSettings => self.forwarding.push(decode::host_forwarding(payload)?),
            Request::NeighbourTables => self.neighbour_limits.extend(decode::neighbour_limit(payload)),
        }
        Ok(())
    }
}
