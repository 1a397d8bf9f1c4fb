//! A dump of links and addresses beside the event loop: one datagram of the kernel's replies per turn.
//!
//! The kernel writes each datagram of a reply when it is read, which takes well below a millisecond, unless the kernel
//! waits for RTNL meanwhile ([`Request::Inet6Links`]).
//!
//! **Order.** A datagram of a reply is applied one turn after it was read, when all notifications that the kernel sent
//! before it have been received. It is applied only to interfaces that no notification since the dump began was about:
//! of those the notifications are newer.
//!
//! An overrun breaks that order for what was applied before it and for the datagram that waits: a lost notification may
//! be newer than both. What is read after it is newer than what was lost. So the dump goes on, and the mirror stays
//! incomplete until another one that began after the overrun has ended ([`pacing`](super::pacing)). Until then an
//! interface may be handed out as it was before a lost change.

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

/// What a resync dumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResyncScope {
    /// The IPv6 part of the links, and the addresses: everything that may change without a notification. This is the
    /// cheaper one ([`Request::Inet6Links`]).
    Inet6,
    /// Whole links, also those without an IPv6 part, and the addresses.
    Whole,
}

/// A dump under way: of the links, then of the addresses.
#[derive(Debug)]
pub(super) struct Resync {
    scope: ResyncScope,
    request: Request<'static>,
    reply: Reply<'static>,
    links: Completeness,
}

/// The state of a dump after one more datagram.
#[derive(Debug)]
pub(super) enum ResyncProgress {
    /// A further datagram was read and waits to be applied.
    UnderWay(Resync),
    /// The dump has ended.
    Ended { scope: ResyncScope, links: Completeness, addresses: Completeness },
}

impl Resync {
    /// Sends the request for links, and reads the first datagram of the reply.
    pub(super) fn begin(scope: ResyncScope, mirror: &mut Mirror, queries: &mut Queries) -> Result<Self, QueryError> {
        let request = match scope {
            ResyncScope::Inet6 => Request::Inet6Links,
            ResyncScope::Whole => Request::Links,
        };
        mirror.dump().begin();
        let reply = queries.begin(request)?;
        queries.read_reply(&reply)?;
        Ok(Self { scope, request, reply, links: Completeness::Complete })
    }

    /// Applies the datagram that was read last, and reads the next. All notifications that the kernel sent before that
    /// datagram must have been received.
    pub(super) fn advance(
        mut self,
        mirror: &mut Mirror,
        queries: &mut Queries,
        now: BootInstant,
    ) -> Result<ResyncProgress, QueryError> {
        let request = self.request;
        let progress = queries.parse(&mut self.reply, |payload, so_far| {
            if apply(request, payload, so_far, mirror, now).is_err() {
                warn_skipped(request);
            }
        })?;
        if progress.is_break() {
            let completeness = self.reply.completeness;
            let complete = completeness == Completeness::Complete;
            if request.is_about_addresses() {
                mirror.dump().end(complete, now);
                let Self { scope, links, .. } = self;
                return Ok(ResyncProgress::Ended { scope, links, addresses: completeness });
            }
            mirror.dump().end_links(self.scope == ResyncScope::Whole, complete, now);
            self.links = completeness;
            self.request = Request::Addresses;
            self.reply = queries.begin(Request::Addresses)?;
        }
        queries.read_reply(&self.reply)?;
        Ok(ResyncProgress::UnderWay(self))
    }
}

/// Applies one message of a reply.
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
