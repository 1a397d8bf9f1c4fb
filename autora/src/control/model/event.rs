//! `/v1/events`: what happens, a line each.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::{Counts, PacketReason, Reason};
use crate::engine::action::Cause;

/// A line of `/v1/events`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "event"))]
pub struct EventLine {
    /// When it happened, in seconds since 1970.
    pub time: f64,
    /// The interface that it concerns; absent if it concerns the whole daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub interface: Option<String>,
    /// Its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "u32", range(min = 1)))]
    pub ifindex: Option<u32>,
    /// What happened.
    #[serde(flatten)]
    pub what: EventDetail,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventDetail {
    /// The first line: everything that happens from now on follows.
    Hello {
        /// Of this format.
        #[cfg_attr(test, schemars(extend("const" = super::VERSION)))]
        api: u32,
        /// Of the daemon.
        version: String,
    },
    /// Nothing, for a while.
    Alive,
    /// It is served now, or in another way than before.
    Serving {
        /// The source of its advertisements.
        source: Ipv6Addr,
        /// The prefix.
        #[cfg_attr(test, schemars(extend("pattern" = super::schema::PREFIX)))]
        prefix: String,
    },
    /// It would be served if it had a carrier.
    Paused {
        /// The source of its advertisements.
        source: Ipv6Addr,
        /// The prefix.
        #[cfg_attr(test, schemars(extend("pattern" = super::schema::PREFIX)))]
        prefix: String,
    },
    /// It matches, and is not served, or no longer.
    NotServed {
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Its name matches no longer.
    NoLongerMatching,
    /// It is gone.
    Gone,
    /// An advertisement left.
    RaSent {
        /// Why.
        cause: Cause,
        /// Its source.
        source: Ipv6Addr,
        /// When the next one is due.
        next_in_s: Option<f64>,
    },
    /// An advertisement did not leave.
    RaFailed {
        /// Why it should have.
        cause: Cause,
        /// Why it did not.
        error: String,
        /// How many in a row.
        in_a_row: u64,
    },
    /// A solicitation will be answered.
    RsAccepted {
        /// In how much time.
        answer_in_s: f64,
    },
    /// Packets that were dropped within the last second or so.
    RsDropped {
        /// By reason; `coalesced` are valid ones while an answer was pending.
        #[cfg_attr(test, schemars(with = "Counts<String>"))]
        dropped: Counts<PacketReason>,
    },
    /// Another router advertises.
    OtherRouter {
        /// Its address.
        source: Ipv6Addr,
        /// For how long it wants to be a default router.
        router_lifetime_s: f64,
    },
    /// This reader was too slow: so many events are missing here.
    Missed {
        /// How many.
        count: u64,
    },
    /// The daemon has begun to stop: final RAs may follow.
    Stopping,
}
