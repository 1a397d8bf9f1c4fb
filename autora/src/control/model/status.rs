//! `/v1/status`: the daemon as a whole.

use std::{collections::BTreeMap, net::Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{
    counts::{Adverts, Counts, Solicitations},
    named::Named,
    names::{ReasonName, State},
};
use crate::{engine::eligibility::SeveralPrefixes, settings::SendPath, sys::filter::FilterKind};

/// `/v1/status`: the daemon's settings and its totals since it started.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "status"))]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Process id of the daemon.
    pub pid: u32,
    /// Time of the answer, in seconds since 1970.
    pub time: f64,
    /// Time since the daemon started.
    pub uptime_s: f64,
    /// The main settings in effect, as values; `options` has all of them as text.
    pub settings: Settings,
    /// Every setting in effect, by the name of its option: its value in words, as `--check` prints it.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// The filter of the receiving socket.
    pub filter: Filter,
    /// Number of interfaces that match, by state.
    pub interfaces: States,
    /// Number of interfaces that are not served, by reason; one with several reasons counts for each.
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, u64>"))]
    pub not_served: Counts<ReasonName>,
    /// Number of served interfaces on which no RA has left for longer than the longest interval.
    pub overdue: u64,
    /// RAs that left, by cause.
    pub ra_sent: Adverts,
    /// Attempts to send an RA that failed.
    pub ra_send_failures: u64,
    /// Solicitations on all interfaces.
    pub rs: Solicitations,
    /// Packets that the kernel dropped at the socket: no room, or a wrong checksum; null if not known.
    pub socket_drops: Option<u64>,
    /// RAs of other routers on served interfaces.
    pub other_routers: OtherRouters,
    /// Number of served interfaces whose guests' packets the host drops, as `net.ipv6.conf.all.forwarding` is 0.
    #[serde(default)]
    pub not_forwarding: u64,
    /// Number of interfaces that match and take RAs of guests (`accept_ra` 2), at the last resync.
    #[serde(default)]
    pub accepting_ra: u64,
    /// Number of served interfaces through which the host has a default route that an RA made, at the last resync.
    #[serde(default)]
    pub default_route_by_ra: u64,
    /// How the kernel's interfaces were read.
    pub netlink: Netlink,
    /// Attempts to write the saved state that failed.
    #[serde(default)]
    pub state_save_failures: u64,
    /// Messages that the service manager did not accept (`NOTIFY_SOCKET`).
    #[serde(default)]
    pub notifications_dropped: u64,
    /// Log lines that found no room, as the log's reader had stopped or was too slow.
    #[serde(default)]
    pub log_lines_dropped: u64,
    /// Times that the sending sockets had no room, as too many RAs waited in the queues of interfaces: no RA
    /// left anywhere until one of these had.
    #[serde(default)]
    pub send_buffers_full: u64,
    /// Connections to the control socket and the metrics address, this one included.
    pub control_clients: u64,
}

/// The daemon's settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Settings {
    /// The value of `--interface-regex`.
    pub interface_regex: String,
    /// The value of `--source-address`; null if it is not set.
    pub source_address: Option<Ipv6Addr>,
    /// The value of `--several-prefixes`.
    #[cfg_attr(test, schemars(with = "SeveralPrefixes"))]
    pub several_prefixes: Named<SeveralPrefixes>,
    /// The value of `--min-ra-interval`.
    pub min_ra_interval_s: f64,
    /// The value of `--max-ra-interval`.
    pub max_ra_interval_s: f64,
    /// The value of `--router-lifetime`.
    pub router_lifetime_s: f64,
    /// The value of `--send`.
    #[cfg_attr(test, schemars(with = "SendPath"))]
    pub send: Named<SendPath>,
}

/// The filter of the receiving socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Filter {
    /// The kind of filter in use.
    #[cfg_attr(test, schemars(with = "FilterKind"))]
    pub mode: Named<FilterKind>,
    /// Id of the filter's program in the kernel, as `bpftool prog` shows it; null for the classic filter.
    pub program_id: Option<u32>,
}

/// Number of interfaces, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct States {
    /// Interfaces that are served.
    pub serving: u64,
    /// Interfaces that are served, but have no carrier, or on whose source duplicate address detection runs.
    pub paused: u64,
    /// Interfaces that match and are not served.
    pub not_served: u64,
    /// Interfaces that are no longer served, and on which a final RA has yet to leave.
    pub ceasing: u64,
}

impl States {
    /// Returns the number of interfaces in `state`.
    #[must_use]
    pub const fn get(&self, state: State) -> u64 {
        match state {
            State::Serving => self.serving,
            State::Paused => self.paused,
            State::NotServed => self.not_served,
            State::Ceasing => self.ceasing,
        }
    }

    /// Counts one more interface in `state`.
    pub const fn add(&mut self, state: State) {
        *match state {
            State::Serving => &mut self.serving,
            State::Paused => &mut self.paused,
            State::NotServed => &mut self.not_served,
            State::Ceasing => &mut self.ceasing,
        } += 1;
    }
}

/// RAs of other routers on served interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OtherRouters {
    /// Valid RAs.
    pub advertisements: u64,
    /// Invalid RAs, which guests ignore.
    pub invalid: u64,
    /// Interfaces on which another router was heard within its Router Lifetime or the last 30 minutes.
    pub interfaces: u64,
}

/// How the kernel's interfaces were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Netlink {
    /// Resyncs: times that all interfaces were read again.
    pub resyncs: u64,
    /// Times that notifications of the kernel were lost; a resync follows, at most one a second.
    pub overruns: u64,
}
