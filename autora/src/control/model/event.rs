//! `/v1/events`: one JSON object on a line for each event.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::{
    counts::Counts,
    interface::{Interface, Reason},
    named::Named,
    names::PacketReason,
};
use crate::engine::action::Cause;

/// A line of `/v1/events`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "event"))]
pub struct EventLine {
    /// Time of the event, in seconds since 1970.
    pub time: f64,
    /// Name of the interface; absent if the event concerns the whole daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub interface: Option<String>,
    /// Index of the interface; absent if the event concerns the whole daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "u32", range(min = 1)))]
    pub ifindex: Option<u32>,
    /// The event and its fields.
    #[serde(flatten)]
    pub what: EventDetail,
}

/// An event and its fields.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventDetail {
    /// The first line: all events after it follow.
    Hello {
        /// Version of this format.
        #[cfg_attr(test, schemars(extend("const" = super::format::VERSION)))]
        api: u32,
        /// Version of the daemon.
        version: String,
    },
    /// No other line for 10 s.
    Alive,
    /// The second line of `/v1/interfaces/NAME/events`: the interface as of now.
    Current {
        /// The interface; null if there is none of this name.
        current: Option<Box<Interface>>,
    },
    /// The interface is served now, or is served in another way than before.
    Serving {
        /// Source of the RAs.
        source: Ipv6Addr,
        /// Prefix that the RAs carry.
        #[cfg_attr(test, schemars(extend("pattern" = super::format::PREFIX)))]
        prefix: String,
    },
    /// The interface is served, but has no carrier: no RA is sent.
    Paused {
        /// Source of the RAs.
        source: Ipv6Addr,
        /// Prefix that the RAs carry.
        #[cfg_attr(test, schemars(extend("pattern" = super::format::PREFIX)))]
        prefix: String,
    },
    /// The interface matches and is not served.
    NotServed {
        /// Every reason why the interface is not served.
        reasons: Vec<Reason>,
    },
    /// The interface was served, and its new name does not match.
    NoLongerMatching,
    /// The interface no longer exists.
    Gone,
    /// An RA left.
    RaSent {
        /// Why the RA was sent.
        #[cfg_attr(test, schemars(with = "Cause"))]
        cause: Named<Cause>,
        /// Source of the RA.
        source: Ipv6Addr,
        /// Time until the next RA is due; null if none is.
        next_in_s: Option<f64>,
    },
    /// An attempt to send an RA failed.
    RaFailed {
        /// Why the RA was to be sent.
        #[cfg_attr(test, schemars(with = "Cause"))]
        cause: Named<Cause>,
        /// Error of the attempt.
        error: String,
        /// Number of failed attempts in a row, this one included.
        in_a_row: u64,
    },
    /// A solicitation will be answered.
    RsAccepted {
        /// Time until the answer.
        answer_in_s: f64,
    },
    /// Packets were dropped within about the last second.
    RsDropped {
        /// Number of packets by reason; `coalesced` are valid solicitations while an answer was pending.
        #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, u64>"))]
        dropped: Counts<PacketReason>,
    },
    /// Another router sent a valid RA.
    OtherRouter {
        /// Source of its RA.
        source: Ipv6Addr,
        /// Router Lifetime of its RA.
        router_lifetime_s: f64,
    },
    /// The client read too slowly: events are missing here.
    Missed {
        /// Number of missing events.
        count: u64,
    },
    /// The daemon has begun to stop; final RAs may follow.
    Stopping,
}
