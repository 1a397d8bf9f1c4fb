//! `/v1/interfaces`: the interfaces that match.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::{
    counts::{Adverts, Solicitations},
    named::Named,
    names::{ReasonName, State},
};
use crate::engine::{action::Cause, eligibility::WaitsFor};

/// `/v1/interfaces`: the interfaces that match, in the order of their indices.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "interfaces"))]
pub struct Interfaces {
    /// Time of the answer, in seconds since 1970.
    pub time: f64,
    /// The interfaces.
    pub interfaces: Vec<Interface>,
}

/// `/v1/interfaces/NAME`: one interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "interface"))]
pub struct Interface {
    /// Name of the interface.
    pub name: String,
    /// Index of the interface.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub ifindex: u32,
    /// State of the interface.
    #[cfg_attr(test, schemars(with = "State"))]
    pub state: Named<State>,
    /// Every reason why the interface is not served.
    pub reasons: Vec<Reason>,
    /// Prefix that RAs carry; null unless the interface is served.
    #[cfg_attr(test, schemars(extend("pattern" = super::format::PREFIX)))]
    pub prefix: Option<String>,
    /// Source of RAs; null unless the interface is served.
    pub source: Option<Ipv6Addr>,
    /// What RAs wait for, as long as the interface is paused; null in any other state.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<WaitsFor>"))]
    pub waits_for: Option<Named<WaitsFor>>,
    /// Whether guests hold a router here: an RA has left from `source`, or from the last one where the interface is not
    /// served, and no final RA since.
    pub advertised: bool,
    /// The router that guests hold from this daemon, until its Router Lifetime has run out; also on an interface that
    /// is not served.
    #[serde(default)]
    pub advertised_router: Option<HeldRouter>,
    /// The prefix that was advertised last, until its Valid Lifetime has run out at guests; also of an interface that
    /// is not served.
    #[serde(default)]
    pub advertised_prefix: Option<HeldPrefix>,
    /// The retired prefixes: guests hold them, and the host has them no more.
    pub retired_prefixes: Vec<RetiredPrefix>,
    /// The last RA that left, also if the previous process sent it; null if none is known.
    pub last_ra: Option<LastAdvert>,
    /// Time until the next RA is due; null if none is.
    pub next_ra_in_s: Option<f64>,
    /// Whether the interface is served and no RA has left for longer than the longest interval.
    pub overdue: bool,
    /// RAs that left, by cause.
    pub ra_sent: Adverts,
    /// Attempts to send an RA that failed.
    pub send_failures: SendFailures,
    /// Solicitations since the interface is served; null if it is not served.
    pub rs: Option<Solicitations>,
    /// The other router that was heard last; null if there was none.
    pub other_router: Option<OtherRouter>,
}

/// A reason why an interface is not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reason {
    /// The stable name of the reason.
    #[cfg_attr(test, schemars(with = "ReasonName"))]
    pub name: Named<ReasonName>,
    /// The reason as a sentence, for the operator.
    pub text: String,
    /// Error number of the system call that failed; absent for other reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "i32"))]
    pub errno: Option<i32>,
    /// The daemon that serves it, if that is the reason and it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "OtherDaemon"))]
    pub other_daemon: Option<OtherDaemon>,
}

/// Another daemon of this network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OtherDaemon {
    /// Its runtime directory.
    pub runtime_directory: String,
    /// Its process; absent if it has ended or let go of the interface a moment ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "u32"))]
    pub pid: Option<u32>,
}

/// A router that guests hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HeldRouter {
    /// Source of its RAs.
    pub source: Ipv6Addr,
    /// Time until its Router Lifetime has run out at guests.
    pub for_s: f64,
}

/// A prefix that guests hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HeldPrefix {
    /// The prefix.
    #[cfg_attr(test, schemars(extend("pattern" = super::format::PREFIX)))]
    pub prefix: String,
    /// Time until its Valid Lifetime has run out at guests.
    pub for_s: f64,
}

/// A retired prefix: guests hold it, and the host has it no more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RetiredPrefix {
    /// The prefix.
    #[cfg_attr(test, schemars(extend("pattern" = super::format::PREFIX)))]
    pub prefix: String,
    /// Time for which RAs still carry the prefix, with lifetimes 0.
    pub for_s: f64,
}

/// The last RA that left.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LastAdvert {
    /// Time since it left.
    pub ago_s: f64,
    /// Why it was sent; null if the previous process sent it.
    #[cfg_attr(test, schemars(with = "Option<Cause>"))]
    pub cause: Option<Named<Cause>>,
}

/// Attempts to send an RA that failed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SendFailures {
    /// Number of failed attempts.
    pub total: u64,
    /// Number of failed attempts since the last one that succeeded.
    pub in_a_row: u64,
    /// Error of the last attempt; null if it succeeded.
    pub error: Option<String>,
}

/// Another router that sends RAs on the interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OtherRouter {
    /// Source of its last RA.
    pub source: Ipv6Addr,
    /// Router Lifetime of its last RA.
    pub router_lifetime_s: f64,
    /// Time since its last RA.
    pub ago_s: f64,
    /// Number of valid RAs of all other routers since the interface is served.
    pub advertisements: u64,
}
