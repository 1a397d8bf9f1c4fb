//! A full dump of links and addresses beside the loop: one datagram of the kernel's answers per turn.
//!
//! The kernel makes each piece of an answer when it is fetched. That takes well below a millisecond, but for
//! the lock (RTNL) on which every piece of a dump of whole links waits.

use super::{
    decode,
    frame::Malformed,
    mirror::Mirror,
    query::{
        Queries, QueryError,
        client::{Completeness, Reply, warn_skipped},
    },
    request::Request,
};
use crate::engine::BootInstant;

/// How much is dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResyncScope {
    /// The IPv6 part of the links, and the addresses: everything that may change without a notification. It
    /// costs half as much and takes no lock.
    Inet6,
    /// Everything, as nothing is known for sure.
    Whole,
}

/// One dump, under way.
#[derive(Debug)]
pub(super) struct Resync {
    scope: ResyncScope,
    request: Request<'static>,
    reply: Reply<'static>,
    links: Completeness,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum ResyncProgress {
    /// A piece of it waits to be taken in.
    GoesOn(Resync),
    /// It is over.
    Over { scope: ResyncScope, links: Completeness, addresses: Completeness },
}

impl Resync {
    /// Asks, and fetches the first piece.
    pub(super) fn begin(scope: ResyncScope, mirror: &mut Mirror, queries: &mut Queries) -> Result<Self, QueryError> {
        let request = match scope {
            ResyncScope::Inet6 => Request::Inet6Links,
            ResyncScope::Whole => Request::Links,
        };
        mirror.dump().begin();
        let reply = queries.begin(request)?;
        queries.fetch(&reply)?;
        Ok(Self { scope, request, reply, links: Completeness::Complete })
    }

    /// Takes in the piece that was fetched last, now that everything announced before it was heard, and
    /// fetches the next.
    pub(super) fn proceed(
        mut self,
        mirror: &mut Mirror,
        queries: &mut Queries,
        now: BootInstant,
    ) -> Result<ResyncProgress, QueryError> {
        let request = self.request;
        let over = queries.parse(&mut self.reply, |payload, so_far| {
            if apply(request, payload, so_far, mirror, now).is_err() {
                warn_skipped(request);
            }
        })?;
        if over.is_break() {
            let completeness = self.reply.completeness;
            let complete = completeness == Completeness::Complete;
            if request.is_about_addresses() {
                mirror.dump().end(complete, now);
                let Self { scope, links, .. } = self;
                return Ok(ResyncProgress::Over { scope, links, addresses: completeness });
            }
            mirror.dump().end_links(self.scope == ResyncScope::Whole, complete, now);
            self.links = completeness;
            self.request = Request::Addresses;
            self.reply = queries.begin(Request::Addresses)?;
        }
        queries.fetch(&self.reply)?;
        Ok(ResyncProgress::GoesOn(self))
    }
}

/// Takes in one message of an answer.
pub(super) fn apply(
    request: Request<'_>,
    payload: &[u8],
    so_far: Completeness,
    mirror: &mut Mirror,
    now: BootInstant,
) -> Result<(), Malformed> {
    if !request.is_about_addresses() {
        mirror.dump().link(&decode::link(payload)?, now);
    } else if let Some((owner, address)) = decode::address(payload, now)? {
        mirror.dump().address(owner, address, so_far == Completeness::Complete, now);
    }
    Ok(())
}
