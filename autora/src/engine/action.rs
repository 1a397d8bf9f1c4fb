//! What the fleet asks its caller to do: effects as data, carried out in their order. The outcome of one that can fail
//! is the next input.

use serde::{Deserialize, Serialize};

use super::eligibility::{Reason, Service};
use crate::{
    addr::{IfIndex, LinkLocal},
    wire::RouterAdvert,
};

/// Something that has to happen outside. Actions are carried out in the order in which they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put the interface into the filter's map, its pending mark clear. A failure goes to
    /// [`Fleet::on_serve_failed`](super::Fleet::on_serve_failed).
    Serve(IfIndex),
    /// Take it out of the map.
    Unserve(IfIndex),
    /// An RA is about to leave: clear the pending mark, so that the next solicitation passes the filter.
    ClearPending(IfIndex),
    /// Send an RA. The outcome goes to [`Fleet::on_sent`](super::Fleet::on_sent) or
    /// [`Fleet::on_send_failed`](super::Fleet::on_send_failed).
    Send(Transmission),
    /// Log and publish a change of state.
    Report(Report),
    /// Log a contradiction in the fleet's own books.
    Fault(Fault),
}

/// An RA to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmission {
    /// The interface that it leaves through.
    pub index: IfIndex,
    /// Its source; its destination is all nodes.
    pub source: LinkLocal,
    /// Why it leaves.
    pub cause: Cause,
    /// The message.
    pub advert: RouterAdvert,
}

/// Why an RA leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The interval is over, or the interface has just become an advertising one.
    Unsolicited,
    /// A host asked.
    Solicited,
    /// The router ceases to be one: Router Lifetime 0.
    Final,
}

impl Cause {
    /// Returns the cause in one word, for logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsolicited => "unsolicited",
            Self::Solicited => "solicited",
            Self::Final => "final",
        }
    }
}

/// A change of state of one interface, reported once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its index.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
    /// What changed.
    pub change: StateChange,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// It is served now, or served in another way than before.
    Serving(Service),
    /// It is served as before, but for its carrier, which has come or gone.
    Carrier(Service),
    /// It matches but is not served, for these reasons.
    NotServing(Vec<Reason>),
    /// It was served and no longer matches.
    NoLongerMatching,
    /// It was known and is gone.
    Gone,
}

/// A contradiction in the fleet's own books, which only a bug can bring about. The entry that it concerns was dropped,
/// and every interface goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Something was due on an interface that is not known, or has another deadline.
    #[error("a deadline of the interface {0} belongs to none that is known")]
    StrayDeadline(IfIndex),
}

impl Action {
    /// Returns whether this is an RA on the interface.
    pub(super) fn sends_on(&self, on: IfIndex) -> bool {
        matches!(self, Self::Send(transmission) if transmission.index == on)
    }
}
