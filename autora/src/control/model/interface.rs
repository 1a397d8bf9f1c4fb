//! `/v1/interfaces`: what is told of each interface.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::{Adverts, ReasonName, Solicitations, State};
use crate::engine::action::Cause;

/// `/v1/interfaces`: those that match, in the order of their indices.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "interfaces"))]
pub struct Interfaces {
    /// When this was said, in seconds since 1970.
    pub time: f64,
    /// One after the other.
    pub interfaces: Vec<Interface>,
}

/// `/v1/interfaces/NAME`: one interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "interface"))]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub ifindex: u32,
    /// What becomes of it.
    pub state: State,
    /// Why it is not served: every reason there is.
    pub reasons: Vec<Reason>,
    /// The /64 that its guests make addresses in.
    #[cfg_attr(test, schemars(extend("pattern" = super::schema::PREFIX)))]
    pub prefix: Option<String>,
    /// The source of its advertisements.
    pub source: Option<Ipv6Addr>,
    /// Whether its guests hold this source as a router: an advertisement has left from it.
    pub advertised: bool,
    /// Prefixes that its guests are told to use no longer.
    pub retired_prefixes: Vec<RetiredPrefix>,
    /// The last advertisement that left, also if a former daemon sent it.
    pub last_ra: Option<LastAdvert>,
    /// When the next one is due.
    pub next_ra_in_s: Option<f64>,
    /// Served, and guests have heard nothing for longer than the longest interval.
    pub overdue: bool,
    /// Advertisements that left.
    pub ra_sent: Adverts,
    /// Tries to send that failed.
    pub send_failures: SendFailures,
    /// Solicitations, since it is served; null if it is not.
    pub rs: Option<Solicitations>,
    /// The other router that was heard last.
    pub other_router: Option<OtherRouter>,
}

/// Why an interface is not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reason {
    /// The stable name.
    pub name: ReasonName,
    /// A sentence for a person.
    pub text: String,
    /// The number of the system call's error, where one is the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "i32"))]
    pub errno: Option<i32>,
}

/// A prefix that guests hold and the host has no more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RetiredPrefix {
    /// The prefix.
    #[cfg_attr(test, schemars(extend("pattern" = super::schema::PREFIX)))]
    pub prefix: String,
    /// For how long advertisements go on saying so.
    pub for_s: f64,
}

/// The last advertisement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LastAdvert {
    /// When.
    pub ago_s: f64,
    /// Why; null if a former daemon sent it.
    pub cause: Option<Cause>,
}

/// Tries to send that failed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SendFailures {
    /// All of them.
    pub total: u64,
    /// Since one succeeded.
    pub in_a_row: u64,
    /// What the kernel said last, while they fail.
    pub error: Option<String>,
}

/// Another router.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OtherRouter {
    /// Its address.
    pub source: Ipv6Addr,
    /// For how long it wants to be a default router.
    pub router_lifetime_s: f64,
    /// When it was heard last.
    pub ago_s: f64,
    /// How often it, or yet others, were heard since the interface is served.
    pub advertisements: u64,
}
