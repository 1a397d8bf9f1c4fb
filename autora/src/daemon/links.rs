//! The links' side of the loop: what the kernel announces becomes the fleet's business.

use std::{mem, time::Duration};

use tracing::{debug, warn};

use super::{BUDGET, Daemon};
use crate::{
    config::Config,
    engine::{Instant, interface::Host},
    settings::SendPath,
    sys::{
        clock, heap,
        netlink::{self, Change, Netlink},
    },
};

/// Time to the next look at everything after one that failed.
const RETRY_RESYNC: Duration = Duration::from_secs(1);

/// A dry run shows every interface, and whoever is in earnest keeps those alone that may be served.
pub(super) fn open(config: &Config) -> Result<Netlink, netlink::OpenError> {
    Netlink::open((!config.dry_run).then(|| config.policy.pattern.clone()))
}

impl Daemon {
    /// The kernel announced changes, or has answered a question: a bounded part of that is taken in.
    pub(super) fn on_links(&mut self) {
        let now = clock::now();
        if let Err(error) = self.netlink.work(BUDGET, now) {
            self.resync_failed(&error, now);
        }
        while let Some(change) = self.netlink.poll_change() {
            match change {
                Change::Gone(index) => self.fleet.forget(index),
                Change::Seen(interface) => {
                    debug!(?interface, "an interface is new or has changed");
                    self.fleet.reconcile(interface, now);
                }
                // Writing `conf.all.forwarding` flips every interface, and host and interfaces must be judged together. Its
                // own announcement comes first, so that is done when all were looked at.
                Change::HostForwarding(on) => {
                    if mem::replace(&mut self.forwarding, on) != on {
                        self.resync(now);
                    }
                }
                Change::Looked { complete } => self.on_looked(complete, now),
            }
            self.carry_out();
        }
    }

    /// Begins a look at everything, beside which the loop goes on.
    pub(super) fn resync(&mut self, now: Instant) {
        self.next_resync = now + self.config.resync_interval;
        self.look_for_foreign_routers();
        self.hush.sweep(&self.fleet, now);
        if let Some(drops) = self.outlet.socket_drops() {
            self.drops.look(drops, now);
        }
        if let Err(error) = self.netlink.survey() {
            self.resync_failed(&error, now);
        }
    }

    fn on_looked(&mut self, complete: bool, now: Instant) {
        self.next_resync = now + self.config.resync_interval;
        if complete {
            self.fleet.all_seen(now);
            self.desk.tidy(&self.fleet);
        } else {
            // Links came and went during the listing, and one that it left out may never have been seen.
            self.resync_soon(now);
        }
        debug!(counts = ?self.netlink.counts(), complete, "looked at everything");
        self.look_at_the_host();
        heap::give_back();
    }

    fn resync_failed(&mut self, error: &netlink::QueryError, now: Instant) {
        warn!(%error, "the kernel did not answer: keeping what is known, and looking at everything again");
        self.resync_soon(now);
    }

    fn resync_soon(&mut self, now: Instant) {
        self.next_resync = self.next_resync.min(now + RETRY_RESYNC);
    }

    fn look_at_the_host(&mut self) {
        let neighbour_limit = (self.config.send == SendPath::Raw).then(netlink::neighbour_limit).flatten();
        let host = Host { forwarding: self.forwarding, neighbour_limit };
        self.concerns.update(&host, &self.fleet);
    }
}
