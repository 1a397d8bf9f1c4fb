//! The effects that the fleet requests of its caller, as data. The outcome of an action that can fail is a
//! later input.

use serde::{Deserialize, Serialize};

use super::{
    eligibility::{Reason, Service},
    interface::GroupMapping,
};
use crate::{
    addr::{IfIndex, LinkLocal},
    wire::RouterAdvert,
};

/// An effect outside the engine. The caller carries out actions in the order in which it gets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Claim the interface, so that no other daemon serves it. The caller passes a refusal to
    /// `Fleet::on_claim_refused`.
    Claim(IfIndex),
    /// Let other daemons serve the interface.
    Release(IfIndex),
    /// Add the interface to the SERVED map, with its pending mark clear. The caller passes a failure to
    /// `Fleet::on_serve_failed`.
    Serve(IfIndex),
    /// Remove the interface from the SERVED map.
    Unserve(IfIndex),
    /// Clear the pending mark because an RA is about to leave: the next solicitation passes the filter.
    ClearPending(IfIndex),
    /// Send an RA. The caller passes the outcome to `Fleet::on_sent` or `Fleet::on_send_failed`.
    Send(Transmission),
    /// Log and publish a change of state.
    Report(Report),
    /// Log an inconsistency inside the fleet.
    Fault(Fault),
}

/// An RA to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmission {
    /// The outgoing interface.
    pub index: IfIndex,
    /// The source address; the destination is always all nodes.
    pub source: LinkLocal,
    /// How the kernel maps the destination to an address of the link.
    pub group_mapping: GroupMapping,
    /// The cause.
    pub cause: Cause,
    /// The message.
    pub advert: RouterAdvert,
}

/// The cause of an RA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The interval has ended, or the interface has become an advertising interface
    /// [RFC 4861 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4).
    Unsolicited,
    /// A guest sent a solicitation [RFC 4861 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6).
    Solicited,
    /// The interface ceases to advertise: Router Lifetime 0
    /// [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5).
    Final,
}

impl Cause {
    /// Returns the cause as one word.
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
    /// It is served from now on, or served in another way than before.
    Serving(Service),
    /// It is served as before, and its carrier came or went.
    Carrier(Service),
    /// It matches and is not served, for these reasons.
    NotServing(Vec<Reason>),
    /// Its name no longer matches.
    NoLongerMatching,
    /// It was deleted.
    Gone,
}

/// An inconsistency inside the fleet, which only a bug causes. The fleet has dropped the entry in question
/// and goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The queue had a deadline that belongs to no interface.
    #[error("the queued deadline of the interface {0} is not its deadline")]
    StrayDeadline(IfIndex),
}

impl Action {
    /// Returns whether this action sends an RA on the interface.
    pub(super) fn sends_on(&self, on: IfIndex) -> bool {
        matches!(self, Self::Send(transmission) if transmission.index == on)
    }

    /// Returns whether this action was decided together with the claim of the interface.
    pub(super) fn follows_claim_of(&self, on: IfIndex) -> bool {
        match self {
            Self::Serve(index) | Self::Release(index) => *index == on,
            Self::Send(transmission) => transmission.index == on,
            Self::Report(report) => report.index == on,
            Self::Claim(_) | Self::Unserve(_) | Self::ClearPending(_) | Self::Fault(_) => false,
        }
    }
}
