//! What every request handler is given: facts about the daemon, a client of its event loop, and limits of
//! connections.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
};

use regex::Regex;
use tokio::sync::{Semaphore, watch};

use super::{events::Events, model::Filter, places::Places, query::QueryClient};
use crate::{
    engine::{BootInstant, eligibility::AddressPolicy, parameters::Parameters},
    settings::SendPath,
    sys::process_stats::ProcessStats,
};

/// Facts that do not change while the daemon runs.
#[derive(Debug)]
pub struct DaemonInfo {
    /// When the daemon started.
    pub started: BootInstant,
    /// `--interface-regex`
    pub pattern: Regex,
    /// `--source-address` and `--several-prefixes`
    pub addresses: AddressPolicy,
    /// Intervals and lifetimes of RAs.
    pub parameters: Parameters,
    /// The socket that RAs leave through.
    pub send: SendPath,
    /// The filter of the receiving socket.
    pub filter: Filter,
    /// The value of every option, in words.
    pub options: BTreeMap<String, String>,
    /// Whether metrics include series for each interface.
    pub metrics_per_interface: bool,
    /// Source of the `process_*` metrics.
    pub process_stats: ProcessStats,
}

/// Everything that answers are made from.
#[derive(Debug)]
pub struct ControlContext {
    pub(super) info: DaemonInfo,
    pub(super) event_loop: QueryClient,
    pub(super) events: Events,
    /// Whether the watcher runs, which reads the filter's counters while clients listen to events.
    pub(super) watched: AtomicBool,
    /// Permits one scrape with metrics of each interface at a time, as it holds a series for every interface
    /// in memory.
    pub(super) large_scrapes: Semaphore,
    /// Turns true when the daemon stops.
    pub(super) ending: watch::Receiver<bool>,
    /// The places for connections.
    pub(super) places: Places,
}

impl ControlContext {
    /// Returns a context that queries `event_loop` and passes on `events` until `ending` turns true.
    #[must_use]
    pub fn new(info: DaemonInfo, event_loop: QueryClient, events: Events, ending: watch::Receiver<bool>) -> Arc<Self> {
        let (watched, large_scrapes) = (AtomicBool::new(false), Semaphore::new(1));
        Arc::new(Self { info, event_loop, events, watched, large_scrapes, ending, places: Places::new() })
    }

    /// Returns the number of connections.
    pub(super) fn clients(&self) -> usize {
        self.places.taken()
    }

    /// Resolves when the daemon stops.
    pub(super) async fn ended(&self) {
        // An error means that the event loop has dropped the sender: the daemon stops as well.
        _ = self.ending.clone().wait_for(|ending| *ending).await;
    }
}
