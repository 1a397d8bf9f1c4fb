//! What is written on the control socket: JSON, version 1 of it.
//!
//! Durations are numbers of seconds, and their names end in `_s`. Instants are told by their distance (`ago_s`, `in_s`);
//! only `time` is one on people's clocks, in seconds since 1970. Names of states, reasons, causes and events are stable.
//! Fields may be added within a version; whoever reads this should overlook what it does not know.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::{
    event::{EventDetail, EventLine},
    interface::{Interface, Interfaces, LastAdvert, OtherRouter, Reason, RetiredPrefix, SendFailures},
    names::{ErrorName, PacketReason, ReasonName, State},
};
use crate::{engine::action::Cause, settings::SendPath, sys::filter::FilterKind};

mod event;
mod interface;
mod names;
#[cfg(test)]
mod schema;

/// The version in the paths.
pub const VERSION: u32 = 1;

/// Numbers by a stable name; those that are 0 are left out.
pub type Counts<K> = BTreeMap<K, u64>;

/// `/v1/status`: the daemon as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "status"))]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When this was said, in seconds since 1970.
    pub time: f64,
    /// For how long it has run.
    pub uptime_s: f64,
    /// What it was told.
    pub settings: Settings,
    /// What guards its socket.
    pub filter: Filter,
    /// Interfaces by their state.
    pub interfaces: States,
    /// Those that are not served, by reason; one counts for each of its reasons.
    #[cfg_attr(test, schemars(with = "Counts<String>"))]
    pub not_served: Counts<ReasonName>,
    /// Served interfaces whose guests have heard nothing for longer than the longest interval.
    pub overdue: u64,
    /// Advertisements that left.
    pub ra_sent: Adverts,
    /// Tries to send that failed.
    pub ra_send_failures: u64,
    /// Solicitations.
    pub rs: Solicitations,
    /// Packets that found no room at the receiving socket, or had a wrong checksum; null where the kernel does not say.
    pub socket_drops: Option<u64>,
    /// Advertisements of others.
    pub other_routers: OtherRouters,
    /// The kernel's announcements.
    pub netlink: Netlink,
    /// Times that what a restart must know could not be saved.
    #[serde(default)]
    pub state_save_failures: u64,
    /// Messages that the service manager did not accept.
    #[serde(default)]
    pub notifications_dropped: u64,
    /// Connections on the control socket and the metrics address, this one included.
    pub control_clients: u64,
}

/// What the daemon was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Settings {
    /// `--interface-regex`
    pub interface_regex: String,
    /// `--min-ra-interval`
    pub min_ra_interval_s: f64,
    /// `--max-ra-interval`
    pub max_ra_interval_s: f64,
    /// `--router-lifetime`
    pub router_lifetime_s: f64,
    /// `--send`
    pub send: SendPath,
}

/// What guards the receiving socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Filter {
    /// `ebpf` or `classic`.
    pub mode: FilterKind,
    /// The program's number in the kernel; null behind the classic filter.
    pub program_id: Option<u32>,
}

/// Interfaces by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct States {
    /// Served.
    pub serving: u64,
    /// Served, but without a carrier.
    pub paused: u64,
    /// Matching, and not fit.
    pub not_served: u64,
    /// Served no longer, with a final RA on its way.
    pub ceasing: u64,
}

/// Advertisements by their cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Adverts {
    /// The interval was over.
    pub unsolicited: u64,
    /// A host asked.
    pub solicited: u64,
    /// Final RAs.
    #[serde(rename = "final")]
    pub finals: u64,
}

/// Solicitations by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Solicitations {
    /// Answers that left.
    pub answered: u64,
    /// Let through by the filter.
    pub passed: u64,
    /// Valid, while an answer was pending: the filter kept them back.
    pub coalesced: u64,
    /// Dropped, by reason.
    #[cfg_attr(test, schemars(with = "Counts<String>"))]
    pub dropped: Counts<PacketReason>,
}

/// Advertisements of other routers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OtherRouters {
    /// Valid ones.
    pub advertisements: u64,
    /// Invalid ones, which hosts ignore.
    pub invalid: u64,
    /// Interfaces with one that was heard within its lifetime, or half an hour.
    pub interfaces: u64,
}

/// What came of the kernel's announcements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Netlink {
    /// Looks at everything.
    pub resyncs: u64,
    /// Times that they overflowed.
    pub overruns: u64,
}

/// Any answer that is no success.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "error"))]
pub struct Error {
    /// The stable name.
    pub error: ErrorName,
    /// A sentence for a person.
    pub message: String,
    /// For an interface that is not known: whether its name would match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "bool"))]
    pub matches: Option<bool>,
}

/// A number of seconds, to the millisecond.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}

impl Adverts {
    /// Returns how many left, by cause.
    #[must_use]
    pub const fn by_cause(&self) -> [(Cause, u64); 3] {
        [
            (Cause::Unsolicited, self.unsolicited),
            (Cause::Solicited, self.solicited),
            (Cause::Final, self.finals),
        ]
    }
}

impl States {
    /// How many are in `state`.
    #[must_use]
    pub const fn get(&self, state: State) -> u64 {
        match state {
            State::Serving => self.serving,
            State::Paused => self.paused,
            State::NotServed => self.not_served,
            State::Ceasing => self.ceasing,
        }
    }

    /// Counts one more.
    pub const fn add(&mut self, state: State) {
        *match state {
            State::Serving => &mut self.serving,
            State::Paused => &mut self.paused,
            State::NotServed => &mut self.not_served,
            State::Ceasing => &mut self.ceasing,
        } += 1;
    }
}
