//! A copy of the kernel's interfaces, kept up to date over `rtnetlink(7)`.
//!
//! The kernel sends a notification of each change, and most notifications carry everything that matters: [`mirror`]
//! follows them. Where one does not, the interface is read alone, which is rare: a request for a link waits for RTNL, the
//! lock that a process holds while it changes links. If notifications are lost (an *overrun*, `ENOBUFS`), all interfaces
//! are dumped, one datagram of the reply per turn ([`resync`]). Dumps also run now and then, as some changes cause no
//! notification.
//!
//! The module is level-triggered: it hands out an interface as it is now, for any number of changes in any order.
//!
//! There are two sockets. One has the subscription and is read without blocking. The other one is for requests, to which
//! the kernel has replied before the system call returns. Neither needs a capability.

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

/// How many interfaces are read alone in one turn. Each read may wait for RTNL.
const READS_PER_TURN: usize = 4;

/// If more interfaces than this are to be read alone, all are dumped instead, unless a dump ended less than
/// [`RESYNC_AGAIN`] ago.
const MANY: usize = 64;
const RESYNC_AGAIN: Duration = Duration::from_secs(1);

/// Every 20th resync is a full dump: it finds also what only whole links have.
const WHOLE_EVERY: u32 = 20;

/// The subscription, the mirror and the socket for requests, in the network namespace of the thread that opened them.
#[derive(Debug)]
pub struct Netlink {
    subscription: Subscription,
    queries: Queries,
    mirror: Mirror,
    outstanding: Outstanding,
    /// When the last resync ended, and whether nothing interrupted it.
    resynced: Option<(BootInstant, Completeness)>,
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
    /// Subscribes before any request can be sent, so that a notification follows for each change after a [`Self::dump`].
    /// The mirror keeps the facts of the interfaces whose name has matched `pattern` at some time; without one, of all.
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

    /// Does what [`Self::open`] does, with a receive buffer of `bytes` for notifications. The kernel grants twice as much,
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
    ///
    /// # Errors
    ///
    /// As [`Self::process`].
    pub fn adopt(&mut self, snapshot: Snapshot, now: BootInstant) -> Result<(), QueryError> {
        self.counts.resyncs += 1;
        self.incomplete = !snapshot.complete;
        self.mirror.host_forwards(snapshot.forwarding);
        self.mirror.adopt(snapshot.interfaces, snapshot.complete);
        // Some notifications are older than the snapshot, so the mirror is right only after the last one.
        self.receive(usize::MAX, now).map(drop)
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
        self.mirror.has_pending_change() || !matches!(self.outstanding, Outstanding::Nothing)
    }

    /// Returns when [`Self::process`] has something to do without a notification, if nothing comes before.
    #[must_use]
    pub fn deadline(&self) -> Option<BootInstant> {
        self.mirror.unknown_due()
    }

    /// Applies at most `budget` datagrams of notifications. When no more are waiting, applies the replies that were read
    /// before, and reads the next.
    ///
    /// # Errors
    ///
    /// When a request fails. The mirror stays as it is, and the caller has to begin a [`Self::resync`] after a while.
    pub fn process(&mut self, budget: usize, now: BootInstant) -> Result<(), QueryError> {
        match self.receive(budget, now)? {
            Drained::Empty => self.advance(now).inspect_err(|_| {
                // Interfaces are read alone again until a dump has succeeded.
                self.resynced = Some((now, Completeness::Interrupted));
            }),
            Drained::BudgetSpent | Drained::Overrun => Ok(()),
        }
    }

    /// Returns the next change, if there is one.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.mirror.poll_change()
    }

    /// Begins a resync, unless one is under way. It ends with [`Change::Resynced`].
    ///
    /// # Errors
    ///
    /// When the request fails.
    pub fn resync(&mut self) -> Result<(), QueryError> {
        if let Outstanding::Dump(_) = self.outstanding {
            return Ok(());
        }
        let whole = self.incomplete || self.counts.resyncs.is_multiple_of(WHOLE_EVERY);
        self.begin(if whole { ResyncScope::Whole } else { ResyncScope::Inet6 })
    }

    /// Returns the counters.
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
                self.resynced = Some((now, links.and(addresses)));
                // Only a dump of whole links has all interfaces.
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

    /// Returns whether a dump may replace single reads: not right after another one, and not if changes interrupted that.
    fn may_resync(&self, now: BootInstant) -> bool {
        self.resynced
            .is_none_or(|(at, completeness)| completeness == Completeness::Complete && at + RESYNC_AGAIN <= now)
    }
}
