//! Queries from the control thread to the event loop, and their answers: plain data, independent of JSON.
//!
//! Each is answered within one turn of the loop and costs it a fraction of a millisecond at any number of
//! interfaces.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::limits::{PAGE, QUERIES, QUERY_LIMIT};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        counts::RaCounts,
        delays::RaDelays,
        fleet::{InterfaceRow, ServiceState},
    },
    sys::filter::{Counters, InterfaceStats},
};

/// A query, with the channel for its answer.
#[derive(Debug)]
pub enum Query {
    /// Asks for the totals of the daemon.
    Overview(oneshot::Sender<Overview>),
    /// Asks for the indices of all interfaces, in any order.
    Indices(oneshot::Sender<Vec<IfIndex>>),
    /// Asks for at most [`PAGE`] interfaces; those that no longer exist are left out of the answer.
    Rows {
        /// Their indices.
        indices: Vec<IfIndex>,
        /// How much of each.
        detail: Detail,
        /// The channel for the answer.
        reply: oneshot::Sender<Vec<Row>>,
    },
    /// Asks for the interface of this name.
    Named(String, oneshot::Sender<Option<Row>>),
}

/// How much a row contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What the daemon has in its own memory.
    Brief,
    /// The filter's counters as well: a system call for each interface.
    Full,
}

/// The totals of the daemon since it started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overview {
    /// RAs that left, and attempts that failed.
    pub ras: RaCounts,
    /// How long first RAs and answers took.
    pub delays: RaDelays,
    /// Resyncs: times that all interfaces were read again.
    pub resyncs: u64,
    /// Times that notifications of the kernel were lost.
    pub overruns: u64,
    /// Attempts to write the saved state that failed.
    pub state_save_failures: u64,
    /// Messages that the service manager did not accept.
    pub notifications_dropped: u64,
    /// Log lines that found no room.
    pub log_lines_dropped: u64,
    /// Times that the sending sockets had no room.
    pub send_buffers_full: u64,
    /// Whether the host forwards (`conf.all.forwarding`).
    pub host_forwarding: bool,
    /// Interfaces that match and take RAs of guests.
    pub accepting_ra: u64,
    /// Served interfaces through which the host has a default route that an RA made.
    pub default_route_by_ra: u64,
    /// Packets, by what became of them.
    pub packets: Counters,
    /// Packets that the kernel dropped at the receiving socket; `None` if not known.
    pub socket_drops: Option<u32>,
}

/// One interface: its state in the fleet, and what the kernel counted.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its state in the fleet.
    pub interface: InterfaceRow,
    /// Error of the last attempt to send; `None` if it succeeded.
    pub send_error: Option<String>,
    /// The filter's counters, for [`Detail::Full`] and an interface that is served.
    pub packets: Option<InterfaceStats>,
}

impl Row {
    /// Returns whether the interface is served and no RA has left for longer than `max_interval`
    /// ([MaxRtrAdvInterval](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.1)) and a second.
    #[must_use]
    pub fn is_overdue(&self, max_interval: Duration, now: BootInstant) -> bool {
        let InterfaceRow { state, last, failures, .. } = self.interface;
        let is_late = |last| now.saturating_since(last) > max_interval + OVERDUE_SLACK;
        state == ServiceState::Serving && last.map_or(failures > 0, is_late)
    }
}

/// How late an RA may be before the interface counts as overdue.
const OVERDUE_SLACK: Duration = Duration::from_secs(1);

/// The event loop is too busy to answer in time, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event loop does not answer")]
pub struct NoAnswer;

/// The sending end of the queries.
#[derive(Clone, Debug)]
pub struct QueryClient(mpsc::Sender<Query>);

/// The receiving end of the queries.
pub type Queries = mpsc::Receiver<Query>;

/// Returns both ends of a channel of queries.
#[must_use]
pub fn channel() -> (QueryClient, Queries) {
    let (event_loop, queries) = mpsc::channel(QUERIES);
    (QueryClient(event_loop), queries)
}

impl QueryClient {
    /// Returns the totals of the daemon.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] if the event loop is too busy, or has ended.
    pub async fn overview(&self) -> Result<Overview, NoAnswer> {
        self.ask(Query::Overview).await
    }

    /// Returns all interfaces, in the order of their indices and in pages.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] if the event loop is too busy, or has ended.
    pub async fn pages(&self, detail: Detail) -> Result<Pages, NoAnswer> {
        let mut indices = self.ask(Query::Indices).await?;
        indices.sort_unstable();
        Ok(Pages { event_loop: self.clone(), indices, at: 0, detail })
    }

    /// Returns the interface of this name; `None` if the daemon knows none.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] if the event loop is too busy, or has ended.
    pub async fn named(&self, name: &str) -> Result<Option<Row>, NoAnswer> {
        self.ask(|reply| Query::Named(name.to_owned(), reply)).await
    }

    async fn ask<T>(&self, query: impl FnOnce(oneshot::Sender<T>) -> Query) -> Result<T, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.0.send(query(reply)).await.map_err(|_| NoAnswer)?;
            answer.await.map_err(|_| NoAnswer)
        };
        timeout(QUERY_LIMIT, asked).await.unwrap_or(Err(NoAnswer))
    }
}

/// All interfaces, a page at a time.
#[derive(Debug)]
pub struct Pages {
    event_loop: QueryClient,
    indices: Vec<IfIndex>,
    at: usize,
    detail: Detail,
}

impl Pages {
    /// Returns the next page, which may be empty; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] if the event loop is too busy, or has ended.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, NoAnswer> {
        let end = (self.at + PAGE).min(self.indices.len());
        let indices = self.indices[self.at..end].to_vec();
        if indices.is_empty() {
            return Ok(None);
        }
        self.at = end;
        let detail = self.detail;
        self.event_loop.ask(|reply| Query::Rows { indices, detail, reply }).await.map(Some)
    }
}
