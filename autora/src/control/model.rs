//! What is written on the control socket: JSON, version 1 of it.
//!
//! Durations are numbers of seconds, and their names end in `_s`. Instants are told by their distance (`ago_s`, `in_s`);
//! only `time` is one on people's clocks, in seconds since 1970. Names of states, reasons, causes and events are stable.
//! Fields may be added within a version; whoever reads this should overlook what it does not know.

use std::{borrow::Cow, collections::BTreeMap, net::Ipv6Addr, time::Duration};

use serde::{Deserialize, Serialize};

/// The version in the paths.
pub const VERSION: u32 = 1;

/// A stable name.
pub type Name = Cow<'static, str>;

/// Numbers by a stable name; those that are 0 are left out.
pub type Counts = BTreeMap<Name, u64>;

/// `/v1/status`: the daemon as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: Name,
    /// Its process id.
    pub pid: u32,
    /// When this was said.
    pub time: f64,
    /// For how long it has run.
    pub uptime_s: f64,
    /// What it was told.
    pub settings: Settings,
    /// What guards its socket.
    pub filter: Filter,
    /// Interfaces by their state.
    pub interfaces: States,
    /// Those that are refused, by reason; one counts for each of its reasons.
    pub refused: Counts,
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
    /// Connections on the control socket and the metrics address, this one included.
    pub control_clients: u64,
}

/// What the daemon was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    pub send: String,
}

/// What guards the receiving socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Filter {
    /// `ebpf` or `classic`.
    pub mode: Name,
    /// The program's number in the kernel; null behind the classic filter.
    pub program_id: Option<u32>,
}

/// Interfaces by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct States {
    /// Served.
    pub serving: u64,
    /// Served, but without a carrier.
    pub paused: u64,
    /// Matching, and not fit.
    pub refused: u64,
    /// Served no longer, with a goodbye on its way.
    pub ceasing: u64,
}

/// Advertisements by their cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adverts {
    /// The interval was over.
    pub unsolicited: u64,
    /// A host asked.
    pub solicited: u64,
    /// Goodbyes.
    #[serde(rename = "final")]
    pub finals: u64,
}

/// Solicitations by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solicitations {
    /// Answers that left.
    pub answered: u64,
    /// Let through by the filter.
    pub passed: u64,
    /// Valid, while an answer was pending: the filter kept them back.
    pub coalesced: u64,
    /// Dropped, by reason.
    pub dropped: Counts,
}

/// Advertisements of other routers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct Netlink {
    /// Looks at everything.
    pub resyncs: u64,
    /// Times that they overflowed.
    pub overruns: u64,
}

/// `/v1/interfaces`: those that match, in the order of their indices.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Interfaces {
    /// When this was said.
    pub time: f64,
    /// One after the other.
    pub interfaces: Vec<Interface>,
}

/// `/v1/interfaces/NAME`: one interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index.
    pub ifindex: u32,
    /// What becomes of it.
    pub state: State,
    /// Why it is refused: every reason there is.
    pub reasons: Vec<Reason>,
    /// The /64 that its guests make addresses in.
    pub prefix: Option<String>,
    /// The source of its advertisements.
    pub source: Option<Ipv6Addr>,
    /// Whether its guests hold this source as a router: an advertisement has left from it.
    pub advertised: bool,
    /// Prefixes that its guests are told to use no longer.
    pub withdrawn: Vec<Withdrawn>,
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

/// What becomes of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Served.
    Serving,
    /// Served, but without a carrier: nothing is sent, nothing is withdrawn.
    Paused,
    /// Matching, and not fit.
    Refused,
    /// Served no longer, with a goodbye on its way.
    Ceasing,
}

/// Why an interface is not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The stable name.
    pub name: Name,
    /// A sentence for a person.
    pub text: String,
    /// The number of the system call's error, where one is the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
}

/// A prefix that is withdrawn.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The prefix.
    pub prefix: String,
    /// For how long advertisements go on saying so.
    pub for_s: f64,
}

/// The last advertisement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastAdvert {
    /// When.
    pub ago_s: f64,
    /// Why; null if a former daemon sent it.
    pub cause: Option<Name>,
}

/// Tries to send that failed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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

/// A line of `/v1/events`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventLine {
    /// When it happened.
    pub time: f64,
    /// Where; absent if it concerns the whole daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ifindex: Option<u32>,
    /// What happened.
    #[serde(flatten)]
    pub what: EventDetail,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventDetail {
    /// The first line: everything that happens from now on follows.
    Hello {
        /// Of this format.
        api: u32,
        /// Of the daemon.
        version: Name,
    },
    /// Nothing, for a while.
    Alive,
    /// It is served now, or in another way than before.
    Serving {
        /// The source of its advertisements.
        source: Ipv6Addr,
        /// The prefix.
        prefix: String,
    },
    /// It would be served if it had a carrier.
    Paused {
        /// The source of its advertisements.
        source: Ipv6Addr,
        /// The prefix.
        prefix: String,
    },
    /// It matches, and is not served, or no longer.
    Refused {
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
        cause: Name,
        /// Its source.
        source: Ipv6Addr,
        /// When the next one is due.
        next_in_s: Option<f64>,
    },
    /// An advertisement did not leave.
    RaFailed {
        /// Why it should have.
        cause: Name,
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
        dropped: Counts,
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
    /// The daemon has begun to stop: goodbyes may follow.
    Stopping,
}

/// Any answer that is no success.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Error {
    /// The stable name.
    pub error: Name,
    /// A sentence for a person.
    pub message: String,
    /// For an interface that is not known: whether its name would match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<bool>,
}

/// A number of seconds, to the millisecond.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Serving, Self::Paused, Self::Refused, Self::Ceasing];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Paused => "paused",
            Self::Refused => "refused",
            Self::Ceasing => "ceasing",
        }
    }
}

impl States {
    /// How many are in `state`.
    #[must_use]
    pub const fn get(&self, state: State) -> u64 {
        match state {
            State::Serving => self.serving,
            State::Paused => self.paused,
            State::Refused => self.refused,
            State::Ceasing => self.ceasing,
        }
    }

    /// Counts one more.
    pub const fn add(&mut self, state: State) {
        *match state {
            State::Serving => &mut self.serving,
            State::Paused => &mut self.paused,
            State::Refused => &mut self.refused,
            State::Ceasing => &mut self.ceasing,
        } += 1;
    }
}
