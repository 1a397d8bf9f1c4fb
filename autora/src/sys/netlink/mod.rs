//! The kernel's picture of the interfaces, over `rtnetlink(7)`.
//!
//! The kernel announces what changes, and most announcements carry all there is to know: [`mirror`] keeps the
//! picture from them. What they leave open is asked for, an interface at a time and rarely: a question about
//! a link waits for the lock (RTNL) that a process holds while it changes links. Lost announcements show as an overrun,
//! after which everything is looked at again, a piece at a time ([`resync`]); so it is now and then as a
//! safety net.
//!
//! Level-triggered: what comes out is an interface as it is now, whatever has happened to it, and in whatever
//! order.
//!
//! Two sockets. One holds the subscription and is read without blocking; the other asks questions, which the
//! kernel answers before the system call returns. Neither needs a capability.

mod announcement;
#[cfg(test)]
mod bytes;
mod decode;
mod events;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod mirror;
mod neighbour;
mod query;
mod request;
mod resync;
mod socket;

use std::{io, mem, time::Duration};

use regex::Regex;
use tracing::warn;

pub use events::DEFAULT_RECEIVE_BUFFER;
pub use mirror::Change;
pub use neighbour::{Neighbour, NeighbourState};
pub use query::{
    Queries, QueryError, RouteQueries, Snapshot, default_routes_by_ra, name_of, neighbour_limit, routed_prefixes,
};
pub use socket::NetlinkOpenError;

use crate::{
    addr::IfIndex,
    engine::{BootInstant, interface::Interface},
};
use events::{Drained, Events};
use mirror::Mirror;
use query::client::Completeness;
use resync::{Resync, ResyncProgress, ResyncScope};

/// How many interfaces are asked for in one turn. Each may wait for the lock.
const QUESTIONS: usize = 4;

/// If more than this are unknown in part, all are dumped, unless that was done only a second ago.
const MANY: usize = 64;
const RESYNC_AGAIN: Duration = Duration::from_secs(1);

/// Every 20th resync is a full dump, in case the mirror missed what no announcement carries.
const WHOLE_EVERY: u32 = 20;

/// Subscription, picture and questions, of the network namespace that the calling thread is in when it opens
/// them.
#[derive(Debug)]
pub struct Netlink {
    events: Events,
    queries: Queries,
    mirror: Mirror,
    asking: Asking,
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
    pub questions: u64,
    /// Times that announcements were lost.
    pub overruns: u64,
}

/// What was asked and not yet taken in.
#[derive(Debug)]
enum Asking {
    Nothing,
    /// Interfaces, each alone.
    Some(Vec<(IfIndex, Option<Interface>)>),
    Everything(Resync),
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
            events: Events::open(bytes)?,
            queries: Queries::open()?,
            mirror: Mirror::new(pattern),
            asking: Asking::Nothing,
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
    /// As [`Self::work`].
    pub fn adopt(&mut self, snapshot: Snapshot, now: BootInstant) -> Result<(), QueryError> {
        self.counts.resyncs += 1;
        self.incomplete = !snapshot.complete;
        self.mirror.host_forwards(snapshot.forwarding);
        self.mirror.adopt(snapshot.interfaces, snapshot.complete);
        // Some of it is older than the snapshot: the picture is right when all of it was heard.
        self.listen(usize::MAX, now).map(drop)
    }

    /// Waits until something was announced.
    ///
    /// # Errors
    ///
    /// When the runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        self.events.readable().await
    }

    /// Whether there is something to do for [`Self::work`] without an announcement, or a change to poll.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.mirror.has_pending_change() || !matches!(self.asking, Asking::Nothing)
    }

    /// When there is, at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<BootInstant> {
        self.mirror.unknown_due()
    }

    /// Takes in at most `budget` datagrams of announcements, and once there are no more, a piece of what was
    /// asked.
    ///
    /// # Errors
    ///
    /// When a question was not answered. What is known stands, and a [`Self::resync`] is wanted after a
    /// while.
    pub fn work(&mut self, budget: usize, now: BootInstant) -> Result<(), QueryError> {
        match self.listen(budget, now)? {
            Drained::Dry => self.ask_on(now).inspect_err(|_| {
                // Whatever was to be looked at with all the others is asked for alone, until such a look has
                // worked.
                self.resynced = Some((now, Completeness::Interrupted));
            }),
            Drained::InPart | Drained::Overrun => Ok(()),
        }
    }

    /// The next change. All of them have come when [`Self::is_busy`] says so.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.mirror.poll_change()
    }

    /// Begins a resync, unless one is going on. It ends with [`Change::Looked`].
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked.
    pub fn resync(&mut self) -> Result<(), QueryError> {
        if let Asking::Everything(_) = self.asking {
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

    fn listen(&mut self, budget: usize, now: BootInstant) -> Result<Drained, QueryError> {
        let drained = self.events.drain(budget, |datagram| self.mirror.hear(datagram, now));
        if drained == Drained::Overrun {
            warn!("announcements of the kernel were lost, as their socket was full: a resync follows");
            self.counts.overruns += 1;
        }
        if drained == Drained::Overrun || self.mirror.take_lost() {
            self.incomplete = true;
            self.mirror.lose();
            self.begin(ResyncScope::Whole)?;
            return Ok(Drained::Overrun);
        }
        Ok(drained)
    }

    fn begin(&mut self, scope: ResyncScope) -> Result<(), QueryError> {
        if let Asking::Everything(_) = mem::replace(&mut self.asking, Asking::Nothing) {
            self.queries.leave();
        }
        let resync = Resync::begin(scope, &mut self.mirror, &mut self.queries);
        self.asking = Asking::Everything(resync.inspect_err(|_| self.mirror.dump().abandon())?);
        Ok(())
    }

    /// Everything that was announced before the answers was heard.
    fn ask_on(&mut self, now: BootInstant) -> Result<(), QueryError> {
        match mem::replace(&mut self.asking, Asking::Nothing) {
            Asking::Nothing => self.ask(now),
            Asking::Some(answers) => {
                for (index, found) in answers {
                    self.mirror.answer(index, found, now);
                }
                self.mirror.asked();
                Ok(())
            }
            Asking::Everything(resync) => self.go_on(resync, now),
        }
    }

    fn go_on(&mut self, resync: Resync, now: BootInstant) -> Result<(), QueryError> {
        match resync.proceed(&mut self.mirror, &mut self.queries, now) {
            Ok(ResyncProgress::GoesOn(resync)) => self.asking = Asking::Everything(resync),
            Ok(ResyncProgress::Over { scope, links, addresses }) => {
                self.counts.resyncs += 1;
                self.resynced = Some((now, links.and(addresses)));
                // New ones are announced, so that only a whole look has to find any.
                self.incomplete &= scope == ResyncScope::Inet6 || links == Completeness::Interrupted;
                self.mirror.host_forwards(self.queries.read_forwarding()?);
                self.mirror.dump().looked(!self.incomplete);
            }
            Err(error) => {
                self.mirror.dump().abandon();
                return Err(error);
            }
        }
        Ok(())
    }

    fn ask(&mut self, now: BootInstant) -> Result<(), QueryError> {
        if self.mirror.unknown_by(now) > MANY && self.may_resync(now) {
            return self.resync();
        }
        let mut answers = Vec::new();
        while answers.len() < QUESTIONS
            && let Some(index) = self.mirror.next_unknown(now)
        {
            if answers.is_empty() {
                self.mirror.ask();
            }
            self.counts.questions += 1;
            match self.queries.read(index) {
                Ok(found) => answers.push((index, found)),
                Err(error) => {
                    // What was answered before it stands.
                    self.take_later(answers);
                    return Err(error);
                }
            }
        }
        self.take_later(answers);
        Ok(())
    }

    /// Answers are taken in once everything that was announced before them was heard.
    fn take_later(&mut self, answers: Vec<(IfIndex, Option<Interface>)>) {
        if answers.is_empty() {
            self.mirror.asked();
        } else {
            self.asking = Asking::Some(answers);
        }
    }

    /// Not one after the other, and not if something keeps interrupting them: then each has to be asked for
    /// alone.
    fn may_resync(&self, now: BootInstant) -> bool {
        self.resynced
            .is_none_or(|(at, completeness)| completeness == Completeness::Complete && at + RESYNC_AGAIN <= now)
    }
}
