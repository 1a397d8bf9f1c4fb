//! The kernel's picture of the interfaces, over `rtnetlink(7)`.
//!
//! The kernel announces what changes, and most notifications carry all there is to know: [`mirror`] keeps the
//! picture from them. What they leave open is asked for, an interface at a time and rarely: a question about
//! a link waits for the lock (RTNL) that a process holds while it changes links. Lost notifications show as an overrun,
//! after which everything is looked at again, a piece at a time ([`resync`]); so it is now and then as a
//! safety net.
//!
//! Level-triggered: what comes out is an interface as it is now, whatever has happened to it, and in whatever
//! order.
//!
//! Two sockets. One holds the subscription and is read without blocking; the other asks questions, which the
//! kernel answers before the system call returns. Neither needs a capability.

#[cfg(test)]
mod bytes;
mod decode;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod mirror;
mod neighbour;
mod notification;
mod query;
mod request;
mod resync;
mod socket;
mod subscription;

use std::{io, mem, time::Duration};

use regex::Regex;
use tracing::warn;

pub use mirror::Change;
pub use neighbour::{Neighbour, NeighbourState};
pub use query::{
    Queries, QueryError, RouteQueries, Snapshot, default_routes_by_ra, name_of, neighbour_limit, routed_prefixes,
};
pub use socket::NetlinkOpenError;
pub use subscription::DEFAULT_RECEIVE_BUFFER;

use crate::{
    addr::IfIndex,
    engine::{BootInstant, interface::Interface},
};
use mirror::Mirror;
use query::client::Completeness;
use resync::{Resync, ResyncProgress, ResyncScope};
use subscription::{Drained, Subscription};

/// How many interfaces are asked for in one turn. Each may wait for the lock.
const READS_PER_TURN: usize = 4;

/// If more than this are unknown in part, all are dumped, unless that was done only a second ago.
const MANY: usize = 64;
const RESYNC_AGAIN: Duration = Duration::from_secs(1);

/// Every 20th resync is a full dump, in case the mirror missed what no notification carries.
const WHOLE_EVERY: u32 = 20;

/// Subscription, picture and questions, of the network namespace that the calling thread is in when it opens
/// them.
#[derive(Debug)]
pub struct Netlink {
    subscription: Subscription,
    queries: Queries,
    mirror: Mirror,
    outstanding: Outstanding,
    /// When the last resync ended, and whether nothing interrupted it.
    resynced: Option<(BootInstant, Completeness)>,
    /// There may be interfaces that were never seen.
    incomplete: bool,
    counts: Counts,
}

/// What it has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Resyncs, whole or not.
    pub resyncs: u32,
    /// Interfaces that were asked for alone.
    pub single_reads: u64,
    /// Times that notifications were lost.
    pub overruns: u64,
}

/// What was asked and not yet taken in.
#[derive(Debug)]
enum Outstanding {
    Nothing,
    /// Interfaces, each alone.
    Reads(Vec<(IfIndex, Option<Interface>)>),
    Dump(Resync),
}

impl Netlink {
    /// Subscribes first and can ask only afterwards: whatever changes after a [`Self::dump`] is announced.
    /// Keeps the facts of those interfaces alone whose name has matched `pattern` at some time; without one,
    /// of all.
    ///
    /// # Errors
    ///
    /// When a netlink socket cannot be had.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime with IO enabled.
    pub fn open(pattern: Option<Regex>) -> Result<Self, NetlinkOpenError> {
        Self::open_with_receive_buffer(pattern, DEFAULT_RECEIVE_BUFFER)
    }

    /// [`Self::open`] with room for `bytes` of events that are not yet read. The kernel grants twice as much,
    /// and without `CAP_NET_ADMIN` at most twice `net.core.rmem_max`.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    ///
    /// # Panics
    ///
    /// As [`Self::open`].
    pub fn open_with_receive_buffer(pattern: Option<Regex>, bytes: usize) -> Result<Self, NetlinkOpenError> {
        Ok(Self {
            subscription: Subscription::open(bytes)?,
            queries: Queries::open()?,
            mirror: Mirror::new(pattern),
            outstanding: Outstanding::Nothing,
            resynced: None,
            incomplete: true,
            counts: Counts::default(),
        })
    }

    /// Keeps the facts of these interfaces as well, whatever their names. Wanted before [`Self::adopt`].
    pub fn follow(&mut self, indices: impl Iterator<Item = IfIndex>) {
        self.mirror.follow(indices);
    }

    /// Everything there is, all at once, to begin with. See [`Queries::dump`].
    ///
    /// # Errors
    ///
    /// As [`Queries::dump`].
    pub fn dump(&mut self) -> Result<Snapshot, QueryError> {
        self.queries.dump()
    }

    /// Goes on from `snapshot`, and from what was announced since [`Self::open`].
    ///
    /// # Errors
    ///
    /// As [`Self::process`].
    pub fn adopt(&mut self, snapshot: Snapshot, now: BootInstant) -> Result<(), QueryError> {
        self.counts.resyncs += 1;
        self.incomplete = !snapshot.complete;
        self.mirror.host_forwards(snapshot.forwarding);
        self.mirror.adopt(snapshot.interfaces, snapshot.complete);
        // Some of it is older than the snapshot: the picture is right when all of it was heard.
        self.receive(usize::MAX, now).map(drop)
    }

    /// Waits until something was announced.
    ///
    /// # Errors
    ///
    /// When the runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        self.subscription.readable().await
    }

    /// Whether there is something to do for [`Self::process`] without a notification, or a change to poll.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.mirror.has_pending_change() || !matches!(self.outstanding, Outstanding::Nothing)
    }

    /// When there is, at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<BootInstant> {
        self.mirror.unknown_due()
    }

    /// Takes in at most `budget` datagrams of notifications, and once there are no more, a piece of what was
    /// asked.
    ///
    /// # Errors
    ///
    /// When a question was not answered. What is known stands, and a [`Self::resync`] is wanted after a
    /// while.
    pub fn process(&mut self, budget: usize, now: BootInstant) -> Result<(), QueryError> {
        match self.receive(budget, now)? {
            Drained::Empty => self.advance(now).inspect_err(|_| {
                // Whatever was to be looked at with all the others is asked for alone, until such a look has
                // worked.
                self.resynced = Some((now, Completeness::Interrupted));
            }),
            Drained::BudgetSpent | Drained::Overrun => Ok(()),
        }
    }

    /// The next change. All of them have come when [`Self::is_busy`] says so.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.mirror.poll_change()
    }

    /// Begins a resync, unless one is going on. It ends with [`Change::Resynced`].
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked.
    pub fn resync(&mut self) -> Result<(), QueryError> {
        if let Outstanding::Dump(_) = self.outstanding {
            return Ok(());
        }
        let whole = self.incomplete || self.counts.resyncs.is_multiple_of(WHOLE_EVERY);
        self.begin(if whole { ResyncScope::Whole } else { ResyncScope::Inet6 })
    }

    /// What it has cost so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    fn receive(&mut self, budget: usize, now: BootInstant) -> Result<Drained, QueryError> {
        let drained = self.subscription.drain(budget, |datagram| self.mirror.receive(datagram, now));
        if drained == Drained::Overrun {
            warn!("notifications of the kernel were lost, as their socket was full: a resync follows");
            self.counts.overruns += 1;
        }
        if drained == Drained::Overrun || self.mirror.take_malformed() {
            self.incomplete = true;
            self.mirror.mark_all_unknown();
            self.begin(ResyncScope::Whole)?;
            return Ok(Drained::Overrun);
        }
        Ok(drained)
    }

    fn begin(&mut self, scope: ResyncScope) -> Result<(), QueryError> {
        if let Outstanding::Dump(_) = mem::replace(&mut self.outstanding, Outstanding::Nothing) {
            self.queries.leave();
        }
        let resync = Resync::begin(scope, &mut self.mirror, &mut self.queries);
        self.outstanding = Outstanding::Dump(resync.inspect_err(|_| self.mirror.dump().abandon())?);
        Ok(())
    }

    /// Everything that was announced before the answers was heard.
    fn advance(&mut self, now: BootInstant) -> Result<(), QueryError> {
        match mem::replace(&mut self.outstanding, Outstanding::Nothing) {
            Outstanding::Nothing => self.read_unknown(now),
            Outstanding::Reads(replies) => {
                for (index, found) in replies {
                    self.mirror.apply_reply(index, found, now);
                }
                self.mirror.end_reads();
                Ok(())
            }
            Outstanding::Dump(resync) => self.advance_dump(resync, now),
        }
    }

    fn advance_dump(&mut self, resync: Resync, now: BootInstant) -> Result<(), QueryError> {
        match resync.proceed(&mut self.mirror, &mut self.queries, now) {
            Ok(ResyncProgress::GoesOn(resync)) => self.outstanding = Outstanding::Dump(resync),
            Ok(ResyncProgress::Over { scope, links, addresses }) => {
                self.counts.resyncs += 1;
                self.resynced = Some((now, links.and(addresses)));
                // New ones are announced, so that only a whole look has to find any.
                self.incomplete &= scope == ResyncScope::Inet6 || links == Completeness::Interrupted;
                self.mirror.host_forwards(self.queries.read_forwarding()?);
                self.mirror.dump().resynced(!self.incomplete);
            }
            Err(error) => {
                self.mirror.dump().abandon();
                return Err(error);
            }
        }
        Ok(())
    }

    fn read_unknown(&mut self, now: BootInstant) -> Result<(), QueryError> {
        if self.mirror.unknown_by(now) > MANY && self.may_resync(now) {
            return self.resync();
        }
        let mut replies = Vec::new();
        while replies.len() < READS_PER_TURN
            && let Some(index) = self.mirror.next_unknown(now)
        {
            if replies.is_empty() {
                self.mirror.begin_reads();
            }
            self.counts.single_reads += 1;
            match self.queries.read(index) {
                Ok(found) => replies.push((index, found)),
                Err(error) => {
                    // What was answered before it stands.
                    self.keep_replies(replies);
                    return Err(error);
                }
            }
        }
        self.keep_replies(replies);
        Ok(())
    }

    /// Answers are taken in once everything that was announced before them was heard.
    fn keep_replies(&mut self, replies: Vec<(IfIndex, Option<Interface>)>) {
        if replies.is_empty() {
            self.mirror.end_reads();
        } else {
            self.outstanding = Outstanding::Reads(replies);
        }
    }

    /// Not one after the other, and not if something keeps interrupting them: then each has to be asked for
    /// alone.
    fn may_resync(&self, now: BootInstant) -> bool {
        self.resynced
            .is_none_or(|(at, completeness)| completeness == Completeness::Complete && at + RESYNC_AGAIN <= now)
    }
}
