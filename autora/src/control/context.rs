//! What every request handler is given: facts about the daemon, a way to query its event loop, and the connections' limits.

use std::sync::{Arc, atomic::AtomicBool};

use regex::Regex;
use tokio::sync::{Semaphore, watch};

use super::{events::Events, limits::MAX_CLIENTS, model::Filter, query::QueryClient};
use crate::{
    engine::{BootInstant, parameters::Parameters},
    settings::SendPath,
    sys::process_stats::ProcessStats,
};

/// What does not change while the daemon runs.
#[derive(Debug)]
pub struct DaemonInfo {
    /// When it started.
    pub started: BootInstant,
    /// Which names match.
    pub pattern: Regex,
    /// How often it advertises.
    pub parameters: Parameters,
    /// How it sends.
    pub send: SendPath,
    /// What guards its socket.
    pub filter: Filter,
    /// Whether metrics tell of each interface.
    pub metrics_per_interface: bool,
    /// Where the kernel process_stats for the process.
    pub process_stats: ProcessStats,
}

/// Everything that an answer is made from.
#[derive(Debug)]
pub struct ControlContext {
    pub(super) info: DaemonInfo,
    pub(super) event_loop: QueryClient,
    pub(super) events: Events,
    /// Whether the filter's counters are being read for listeners.
    pub(super) watched: AtomicBool,
    /// Room for metrics of each interface: they take some memory.
    pub(super) large_scrapes: Semaphore,
    /// Turns true when the daemon ends.
    pub(super) ending: watch::Receiver<bool>,
    pub(super) local: Arc<Semaphore>,
    pub(super) remote: Arc<Semaphore>,
}

impl ControlContext {
    /// One that asks `event_loop` and passes `events` on, until `ending` says true.
    #[must_use]
    pub fn new(
        info: DaemonInfo,
        event_loop: QueryClient,
        events: Events,
        ending: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let clients = || Arc::new(Semaphore::new(MAX_CLIENTS));
        let (local, remote) = (clients(), clients());
        let (watched, large_scrapes) = (AtomicBool::new(false), Semaphore::new(1));
        Arc::new(Self { info, event_loop, events, watched, large_scrapes, ending, local, remote })
    }

    /// How many connections there are.
    pub(super) fn clients(&self) -> usize {
        2 * MAX_CLIENTS - self.local.available_permits() - self.remote.available_permits()
    }

    /// Resolves when the daemon ends.
    pub(super) async fn ended(&self) {
        // An error means that nobody is left to say so.
        _ = self.ending.clone().wait_for(|ending| *ending).await;
    }
}
