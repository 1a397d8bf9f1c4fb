//! The questions that the control thread asks the event loop, and the answers: plain data, made without a look at JSON.
//!
//! Each is answered within one turn of the loop and costs it a fraction of a millisecond, at any number of interfaces.

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
        fleet::{InterfaceRow, ServiceState},
    },
    sys::filter::{Counters, InterfaceStats},
};

/// A question, with the place where its answer goes.
#[derive(Debug)]
pub enum Query {
    /// What the daemon has counted.
    Overview(oneshot::Sender<Overview>),
    /// Which interfaces there are; in no order.
    Indices(oneshot::Sender<Vec<IfIndex>>),
    /// What is known of these, at most [`PAGE`]; those that are gone are left out.
    Rows {
        /// Which ones.
        indices: Vec<IfIndex>,
        /// How much of them.
        detail: Detail,
        /// Where the answer goes.
        reply: oneshot::Sender<Vec<Row>>,
    },
    /// What is known of the interface of this name.
    Named(String, oneshot::Sender<Option<Row>>),
}

/// How much a row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What the daemon knows by heart.
    Brief,
    /// What the filter counted, too: a question to the kernel for each interface.
    Full,
}

/// What the daemon has counted since it started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overview {
    /// RAs.
    pub ras: RaCounts,
    /// Looks at everything.
    pub resyncs: u64,
    /// Times that the kernel's announcements overflowed.
    pub overruns: u64,
    /// Tries to save the state that failed.
    pub state_save_failures: u64,
    /// Messages that the service manager did not accept.
    pub notifications_dropped: u64,
    /// What became of packets.
    pub packets: Counters,
    /// Packets that the receiving socket dropped, where the kernel says.
    pub socket_drops: Option<u32>,
}

/// One interface: what the fleet knows, and what the kernel said of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// What the fleet knows.
    pub interface: InterfaceRow,
    /// The error of the last try to send, while tries fail.
    pub send_error: Option<i32>,
    /// What the filter counted, if that was asked for and the interface is served.
    pub packets: Option<InterfaceStats>,
}

impl Row {
    /// Whether it is served and guests have heard nothing for longer than `max_interval`, the longest time between two
    /// advertisements.
    #[must_use]
    pub fn is_overdue(&self, max_interval: Duration, now: BootInstant) -> bool {
        let InterfaceRow { state, last, failures, .. } = self.interface;
        let is_late = |last| now.saturating_since(last) > max_interval + OVERDUE_SLACK;
        state == ServiceState::Serving && last.map_or(failures > 0, is_late)
    }
}

/// How late an advertisement may be.
const OVERDUE_SLACK: Duration = Duration::from_secs(1);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event loop does not answer")]
pub struct NoAnswer;

/// Where questions are asked.
#[derive(Clone, Debug)]
pub struct QueryClient(mpsc::Sender<Query>);

/// Where they arrive.
pub type Queries = mpsc::Receiver<Query>;

/// Both ends.
#[must_use]
pub fn channel() -> (QueryClient, Queries) {
    let (event_loop, queries) = mpsc::channel(QUERIES);
    (QueryClient(event_loop), queries)
}

impl QueryClient {
    /// What the daemon has counted.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] if the loop is too busy, or ends.
    pub async fn overview(&self) -> Result<Overview, NoAnswer> {
        self.ask(Query::Overview).await
    }

    /// Which interfaces there are, in the order of their indices, in pages.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] if the loop is too busy, or ends.
    pub async fn pages(&self, detail: Detail) -> Result<Pages, NoAnswer> {
        let mut indices = self.ask(Query::Indices).await?;
        indices.sort_unstable();
        Ok(Pages { event_loop: self.clone(), indices, at: 0, detail })
    }

    /// The interface of this name.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] if the loop is too busy, or ends.
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
    /// The next page; it may be empty. `None` behind the last.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] if the loop is too busy, or ends.
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
