//! The kernel's picture of the interfaces, over `rtnetlink(7)`.
//!
//! Level-triggered: an event says only *that* something about an interface changed, never what. The truth is then read
//! afresh, so an event that comes twice, late or out of order does no harm, and an event that is lost shows as an
//! overrun, after which everything is read again.
//!
//! Two sockets. One holds the subscription and is read without blocking; the other asks questions, which the kernel
//! answers before the system call returns. Neither needs a capability.

mod attribute;
mod decode;
mod events;
#[doc(hidden)]
pub mod fuzzing;
mod message;
mod notice;
mod query;
mod request;

use std::io;

pub use events::{DEFAULT_RECEIVE_BUFFER, OpenError};
pub use notice::Changes;
pub use query::{Queries, QueryError, Snapshot};

use crate::{
    addr::IfIndex,
    engine::interface::{Host, Interface},
};
use events::Events;

/// Subscription and questions, of the network namespace that the calling thread is in when it opens them.
#[derive(Debug)]
pub struct Netlink {
    events: Events,
    queries: Queries,
}

impl Netlink {
    /// Subscribes first and can ask only afterwards: whatever changes after a [`Self::dump`] is announced.
    ///
    /// # Errors
    ///
    /// When a netlink socket cannot be had.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime with IO enabled.
    pub fn open() -> Result<Self, OpenError> {
        Self::open_with_receive_buffer(DEFAULT_RECEIVE_BUFFER)
    }

    /// [`Self::open`] with room for `bytes` of events that are not yet read. The kernel grants twice as much, and
    /// without `CAP_NET_ADMIN` at most twice `net.core.rmem_max`.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    ///
    /// # Panics
    ///
    /// As [`Self::open`].
    pub fn open_with_receive_buffer(bytes: usize) -> Result<Self, OpenError> {
        let events = Events::open(bytes)?;
        Ok(Self { events, queries: Queries::open()? })
    }

    /// Waits until there is something to [`Self::drain`].
    ///
    /// # Errors
    ///
    /// When the runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        self.events.readable().await
    }

    /// Takes at most `budget` datagrams and adds what they make stale to `changes`. Finds something only after
    /// [`Self::readable`] has returned, and goes on doing so until nothing is left.
    pub fn drain(&mut self, budget: usize, changes: &mut Changes) {
        self.events.drain(budget, changes);
    }

    /// See [`Queries::dump`].
    ///
    /// # Errors
    ///
    /// As [`Queries::dump`].
    pub fn dump(&mut self) -> Result<Snapshot, QueryError> {
        self.queries.dump()
    }

    /// See [`Queries::read`].
    ///
    /// # Errors
    ///
    /// As [`Queries::read`].
    pub fn read(&mut self, index: IfIndex) -> Result<Option<Interface>, QueryError> {
        self.queries.read(index)
    }

    /// See [`Queries::read_host`].
    ///
    /// # Errors
    ///
    /// As [`Queries::read_host`].
    pub fn read_host(&mut self) -> Result<Host, QueryError> {
        self.queries.read_host()
    }
}
