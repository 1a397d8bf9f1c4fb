//! A copy of the kernel's interfaces, kept up to date over `rtnetlink(7)`.
//!
//! The kernel sends a notification of each change, and most notifications carry everything that matters: [`mirror`]
//! follows them. Where one does not, the interface is read alone, which is rare: a request for a link waits for RTNL,
//! the lock that a process holds while it changes links. If notifications are lost (an *overrun*, `ENOBUFS`), all
//! interfaces are dumped, one datagram of the reply per turn ([`resync`]). Dumps also run now and then, as some changes
//! cause no notification.
//!
//! The module is level-triggered: it hands out an interface as it is now, for any number of changes in any order.
//!
//! There are two sockets. One has the subscription and is read without blocking. The other one is for requests, to
//! which the kernel has replied before the system call returns. Neither needs a capability.

#[cfg(test)]
mod bytes;
mod decode;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod mirror;
mod neighbour;
mod notification;
mod pacing;
mod query;
mod request;
mod resync;
mod socket;
mod subscription;

use std::{io, mem};

use regex::Regex;

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
use pacing::DumpPacing;
use query::client::Completeness;
use resync::{Resync, ResyncProgress, ResyncScope};
use subscription::{Drained, Subscription};

/// How many interfaces are read alone in one turn. Each read may wait for RTNL.
const READS_PER_TURN: usize = 4;

/// If more interfaces than this are to be read alone, all are dumped instead ([`DumpPacing::may_replace_reads`]).
const MANY: usize = 64;

/// Every 20th resync is a full dump: only whole links have the master and the kind.
const WHOLE_EVERY: u32 = 20;

/// The subscription, the mirror and the socket for requests, in the network namespace of the thread that opened them.
#[derive(Debug)]
pub struct Netlink {
    subscription: Subscription,
    queries: Queries,
    mirror: Mirror,
    outstanding: Outstanding,
    pacing: DumpPacing,
    /// Whether interfaces may exist that the mirror does not have.
    incomplete: bool,
    counts: Counts,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Resyncs that have ended, whole or not.
    pub resyncs: u32,
    /// Interfaces that were read alone.
    pub single_reads: u64,
    /// Times that notifications were lost.
    pub overruns: u64,
}

/// Replies that were read and not yet applied.
#[derive(Debug)]
enum Outstanding {
    Nothing,
    /// Those about interfaces that were read alone.
    Reads(Vec<(IfIndex, Option<Interface>)>),
    /// Those of a dump.
    Dump(Resync),
}

impl Netlink {
    /// Subscribes before any request can be sent, so that a notification follows for each change after a
    /// [`Self::dump`]. The mirror keeps the facts of the interfaces whose name has matched `pattern` at some time;
    /// without one, of all.
    ///
    /// # Errors
    ///
    /// When a netlink socket cannot be opened.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime with IO enabled.
    pub fn open(pattern: Option<Regex>) -> Result<Self, NetlinkOpenError> {
        Self::open_with_receive_buffer(pattern, DEFAULT_RECEIVE_BUFFER)
    }

    /// Does what [`Self::open`] does, with a receive buffer of `bytes` for notifications. The kernel grants twice as
    /// much, and without `CAP_NET_ADMIN` at most twice `net.core.rmem_max`.
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
            pacing: DumpPacing::default(),
            incomplete: true,
            counts: Counts::default(),
        })
    }

    /// Keeps the facts of these interfaces as well, whatever their names. To be called before [`Self::adopt`].
    pub fn follow(&mut self, indices: impl Iterator<Item = IfIndex>) {
        self.mirror.follow(indices);
    }

    /// Reads all interfaces at once, for the start. See [`Queries::dump`].
    ///
    /// # Errors
    ///
    /// As [`Queries::dump`].
    pub fn dump(&mut self) -> Result<Snapshot, QueryError> {
        self.queries.dump()
    }

    /// Fills the mirror with `snapshot`, and applies the notifications since [`Self::open`].
    pub fn adopt(&mut self, snapshot: Snapshot, now: BootInstant) {
        self.counts.resyncs += 1;
        self.incomplete = !snapshot.complete;
        self.mirror.host_forwards(snapshot.forwarding);
        self.mirror.adopt(snapshot.interfaces, snapshot.complete);
        // Some notifications are older than the snapshot, so the mirror is right only after the last one.
        self.receive(usize::MAX, now);
    }

    /// Waits until notifications may have come.
    ///
    /// # Errors
    ///
    /// When the runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        self.subscription.readable().await
    }

    /// Returns whether [`Self::process`] has something to do at once without a notification, or a change is pending.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.mirror.has_pending_change() || !self.is_idle()
    }

    /// Returns when [`Self::process`] has something to do without a notification, if nothing comes before.
    #[must_use]
    pub fn deadline(&self) -> Option<BootInstant> {
        let dump = if self.is_dumping() { None } else { self.pacing.deadline() };
        [self.mirror.unknown_due(), dump].into_iter().flatten().min()
    }

    /// Applies at most `budget` datagrams of notifications. When no more are waiting, applies the replies that were
    /// read before and reads the next, or begins the dump that an overrun needs.
    ///
    /// # Errors
    ///
    /// When a request fails. The mirror stays as it is, and the caller has to begin a [`Self::resync`] after a while.
    pub fn process(&mut self, budget: usize, now: BootInstant) -> Result<(), QueryError> {
        match self.receive(budget, now) {
            Drained::BudgetSpent => Ok(()),
            Drained::Empty if self.is_idle() && self.pacing.is_due(now) => self.begin_dump(ResyncScope::Whole, now),
            Drained::Empty => self.advance(now).inspect_err(|_| self.pacing.end(Completeness::Interrupted, now)),
        }
    }

    /// Returns the next change, if there is one.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.mirror.poll_change()
    }

    /// Begins a resync, unless one is under way, or follows because notifications were lost. It ends with
    /// [`Change::Resynced`].
    ///
    /// # Errors
    ///
    /// When the request fails.
    pub fn resync(&mut self, now: BootInstant) -> Result<(), QueryError> {
        if self.is_dumping() || self.pacing.has_lost() {
            return Ok(());
        }
        let is_whole = self.incomplete || self.counts.resyncs.is_multiple_of(WHOLE_EVERY);
        self.begin_dump(if is_whole { ResyncScope::Whole } else { ResyncScope::Inet6 }, now)
    }

    /// Returns the counters.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    const fn is_idle(&self) -> bool {
        matches!(self.outstanding, Outstanding::Nothing)
    }

    const fn is_dumping(&self) -> bool {
        matches!(self.outstanding, Outstanding::Dump(_))
    }

    /// Applies at most `budget` datagrams of notifications, and notes whether any were lost.
    fn receive(&mut self, budget: usize, now: BootInstant) -> Drained {
        let before = self.subscription.overruns();
        let drained = self.subscription.drain(budget, |datagram| self.mirror.receive(datagram, now));
        let overruns = self.subscription.overruns() - before;
        self.counts.overruns += overruns;
        if overruns > 0 || self.mirror.take_malformed() {
            self.incomplete = true;
            self.pacing.lost();
        }
        drained
    }

    /// Begins a dump. After an overrun everything is unknown from now on, whatever an earlier dump has brought: an
    /// interface that this one passes over, as a notification about it comes meanwhile, has to be read alone.
    fn begin_dump(&mut self, scope: ResyncScope, now: BootInstant) -> Result<(), QueryError> {
        if self.pacing.has_lost() {
            self.mirror.mark_all_unknown();
        }
        self.outstanding = Outstanding::Nothing;
        let resync = Resync::begin(scope, &mut self.mirror, &mut self.queries).inspect_err(|_| {
            self.mirror.dump().abandon();
            self.pacing.end(Completeness::Interrupted, now);
        })?;
        self.outstanding = Outstanding::Dump(resync);
        self.pacing.begin();
        Ok(())
    }

    /// Applies the replies that were read before, or reads interfaces alone. All notifications must have been received.
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
        match resync.advance(&mut self.mirror, &mut self.queries, now) {
            Ok(ResyncProgress::UnderWay(resync)) => self.outstanding = Outstanding::Dump(resync),
            Ok(ResyncProgress::Ended { scope, links, addresses }) => {
                self.counts.resyncs += 1;
                self.pacing.end(links.and(addresses), now);
                let has_all = scope == ResyncScope::Whole && links == Completeness::Complete;
                self.incomplete &= !has_all || self.pacing.has_lost();
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
        if self.mirror.unknown_by(now) > MANY && self.pacing.may_replace_reads(now) {
            return self.resync(now);
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
                    // The replies before it are good.
                    self.keep_replies(replies);
                    return Err(error);
                }
            }
        }
        self.keep_replies(replies);
        Ok(())
    }

    /// Keeps replies until the notifications before them have been received.
    fn keep_replies(&mut self, replies: Vec<(IfIndex, Option<Interface>)>) {
        if replies.is_empty() {
            self.mirror.end_reads();
        } else {
            self.outstanding = Outstanding::Reads(replies);
        }
    }
}
