//! A look at everything that takes its time: one datagram of the kernel's answers per turn of the loop.
//!
//! The kernel makes each piece of an answer when it is fetched. That takes well below a millisecond, but for the lock
//! (RTNL) on which every piece of the whole listing waits.

use super::{
    decode,
    message::Malformed,
    mirror::Mirror,
    query::{
        Queries, QueryError,
        ask::{Answer, Completeness},
        skip,
    },
    request::Request,
};
use crate::engine::BootInstant;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The IPv6 part of the links, and the addresses: everything that may change without an announcement. It costs half
    /// as much and takes no lock.
    Inet6,
    /// Everything, as nothing is known for sure.
    Whole,
}

/// One look, under way.
#[derive(Debug)]
pub(super) struct Survey {
    scope: Scope,
    question: Request,
    answer: Answer,
    links: Completeness,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum Progress {
    /// A piece of it waits to be taken in.
    GoesOn(Survey),
    /// It is over.
    Over { scope: Scope, links: Completeness, addresses: Completeness },
}

impl Survey {
    /// Asks, and fetches the first piece.
    pub(super) fn begin(
        scope: Scope,
        mirror: &mut Mirror,
        queries: &mut Queries,
    ) -> Result<Self, QueryError> {
        let question = match scope {
            Scope::Inet6 => Request::Inet6Links,
            Scope::Whole => Request::Links,
        };
        mirror.begin_listing();
        let answer = queries.begin(question)?;
        queries.fetch(&answer)?;
        Ok(Self { scope, question, answer, links: Completeness::Complete })
    }

    /// Takes in the piece that was fetched last, now that everything announced before it was heard, and fetches the next.
    pub(super) fn proceed(
        mut self,
        mirror: &mut Mirror,
        queries: &mut Queries,
        now: BootInstant,
    ) -> Result<Progress, QueryError> {
        let question = self.question;
        let over = queries.take(&mut self.answer, |payload, so_far| {
            if list(question, payload, so_far, mirror, now).is_err() {
                skip(question);
            }
        })?;
        if over.is_break() {
            let completeness = self.answer.completeness;
            let complete = completeness == Completeness::Complete;
            if question.is_about_addresses() {
                mirror.end_listing(complete, now);
                let Self { scope, links, .. } = self;
                return Ok(Progress::Over { scope, links, addresses: completeness });
            }
            mirror.end_links(self.scope == Scope::Whole, complete, now);
            self.links = completeness;
            self.question = Request::Addresses;
            self.answer = queries.begin(Request::Addresses)?;
        }
        queries.fetch(&self.answer)?;
        Ok(Progress::GoesOn(self))
    }
}

/// Takes in one message of an answer.
pub(super) fn list(
    question: Request,
    payload: &[u8],
    so_far: Completeness,
    mirror: &mut Mirror,
    now: BootInstant,
) -> Result<(), Malformed> {
    if !question.is_about_addresses() {
        mirror.list_link(&decode::link(payload)?, now);
    } else if let Some((owner, address)) = decode::address(payload)? {
        mirror.list_address(owner, address, so_far == Completeness::Complete, now);
    }
    Ok(())
}
