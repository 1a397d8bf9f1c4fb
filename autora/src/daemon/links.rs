//! The loop's side of netlink: when the next resync is due, and which settings of the host matter.

use std::{mem, time::Duration};

use tracing::{debug, warn};

use super::overruns::Overruns;
use crate::{
    config::Config,
    engine::{BootInstant, interface::Host},
    settings::SendPath,
    sys::netlink::{self, Change, Netlink, QueryError},
};

/// Time from a resync that failed to the next.
const RETRY_RESYNC: Duration = Duration::from_secs(1);

/// The mirror of the kernel's interfaces, and the deadline of the next resync.
pub(super) struct Links {
    pub(super) netlink: Netlink,
    overruns: Overruns,
    resync_interval: Duration,
    next_resync: BootInstant,
    /// `conf.all.forwarding`.
    host_forwarding: bool,
    /// `--send raw` takes a neighbour entry on each interface.
    needs_neighbours: bool,
}

impl Links {
    pub(super) fn new(netlink: Netlink, config: &Config, now: BootInstant) -> Self {
        Self {
            netlink,
            overruns: Overruns::default(),
            resync_interval: config.resync_interval,
            next_resync: now + config.resync_interval,
            host_forwarding: true,
            needs_neighbours: config.send == SendPath::Raw,
        }
    }

    /// Returns when [`Self::is_due`] or [`Self::resync_is_due`] next becomes true.
    pub(super) fn deadline(&self) -> BootInstant {
        self.netlink.deadline().map_or(self.next_resync, |at| at.min(self.next_resync))
    }

    pub(super) fn is_due(&self, now: BootInstant) -> bool {
        self.netlink.deadline().is_some_and(|at| at <= now)
    }

    pub(super) fn resync_is_due(&self, now: BootInstant) -> bool {
        self.next_resync <= now
    }

    /// Applies at most `budget` datagrams of notifications, or a datagram of a reply.
    pub(super) fn process(&mut self, budget: usize, now: BootInstant) {
        if let Err(error) = self.netlink.process(budget, now) {
            self.failed(&error, now);
        }
        self.overruns.update(self.netlink.counts().overruns, now);
    }

    pub(super) fn poll_change(&mut self) -> Option<Change> {
        let change = self.netlink.poll_change();
        if let Some(Change::Seen(interface)) = &change {
            debug!(?interface, "an interface is new or has changed");
        }
        change
    }

    /// Notes `conf.all.forwarding`. Returns whether it has changed.
    pub(super) const fn host_forwarding_changed(&mut self, on: bool) -> bool {
        mem::replace(&mut self.host_forwarding, on) != on
    }

    /// Returns `conf.all.forwarding`.
    pub(super) const fn host_forwarding(&self) -> bool {
        self.host_forwarding
    }

    /// Begins a resync.
    pub(super) fn resync(&mut self, now: BootInstant) {
        self.next_resync = now + self.resync_interval;
        if let Err(error) = self.netlink.resync(now) {
            self.failed(&error, now);
        }
    }

    /// Plans the next resync after one has ended. During one that is not complete, links came and went: it
    /// may have missed one that no notification was about, so another follows soon.
    pub(super) fn resynced(&mut self, complete: bool, now: BootInstant) {
        self.next_resync = now + if complete { self.resync_interval } else { RETRY_RESYNC.min(self.resync_interval) };
        debug!(counts = ?self.netlink.counts(), complete, "resync ended");
    }

    /// Returns the host's settings that the fleet and the warnings depend on.
    pub(super) fn host(&self) -> Host {
        let neighbour_limit = self.needs_neighbours.then(netlink::neighbour_limit).flatten();
        Host { forwarding: self.host_forwarding, neighbour_limit }
    }

    fn failed(&mut self, error: &QueryError, now: BootInstant) {
        warn!(%error, "a netlink request failed: keeping the last known interfaces; a resync follows within a second");
        self.next_resync = self.next_resync.min(now + RETRY_RESYNC);
    }
}
