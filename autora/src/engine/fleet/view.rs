//! One interface of the fleet as it stands, to be shown: looking changes nothing.

use super::member::Member;
use crate::engine::{
    Instant, action::Cause, counts::RaCounts, eligibility::Verdict, handover::Advertised,
    interface::Interface,
};

/// One interface, as it stands.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What was seen of it last.
    pub interface: &'a Interface,
    /// How it was judged.
    pub verdict: &'a Verdict,
    /// What that comes to.
    pub state: ServiceState,
    /// What its hosts were told.
    pub advertised: &'a Advertised,
    /// What was sent on it.
    pub sent: RaCounts,
    /// Why the last RA of this process left.
    pub last_cause: Option<Cause>,
    /// Tries to send that failed in a row, up to now.
    pub failures: u32,
    /// When something is due on it next.
    pub next: Option<Instant>,
}

/// What becomes of an interface, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It is served.
    Serving,
    /// It is served, but has no carrier.
    Paused,
    /// It matches, and is not fit to serve.
    NotServed,
    /// It is served no longer, and a final RA is on its way.
    Withdrawing,
}

impl<'a> View<'a> {
    /// Returns a member as it stands, in a fleet that stops or does not.
    pub(super) fn new(member: &'a Member, stopping: bool) -> Self {
        let state = match &member.verdict {
            Verdict::Serve(_) if stopping => ServiceState::Withdrawing,
            Verdict::Serve(service) if service.carrier => ServiceState::Serving,
            Verdict::Serve(_) => ServiceState::Paused,
            Verdict::Refuse(_) => ServiceState::NotServed,
            Verdict::Ignore => ServiceState::Withdrawing,
        };
        Self {
            interface: &member.seen,
            verdict: &member.verdict,
            state,
            advertised: member.advertiser.advertised(),
            sent: member.sent,
            last_cause: member.last_cause,
            failures: member.advertiser.failures(),
            next: member.deadline,
        }
    }
}
