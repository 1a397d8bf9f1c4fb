//! One interface of the fleet as it stands, to be shown: plain data, and looking changes nothing.

use super::member::Member;
use crate::{
    addr::{IfIndex, LinkLocal},
    engine::{
        BootInstant,
        action::Cause,
        counts::RaCounts,
        eligibility::{Reason, Service, Verdict},
        handover::AdvertisedPrefix,
    },
};

/// One interface, as it stands.
#[derive(Clone, Debug)]
pub struct InterfaceRow {
    /// Its index.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub state: ServiceState,
    /// Why it is not served; empty if it is.
    pub reasons: Vec<Reason>,
    /// How it is served, if it is.
    pub service: Option<Service>,
    /// The source that its hosts hold as a router.
    pub router: Option<LinkLocal>,
    /// Prefixes that its hosts are told to use no longer.
    pub retired: Vec<AdvertisedPrefix>,
    /// When the last RA left.
    pub last: Option<BootInstant>,
    /// When something is due on it next.
    pub next: Option<BootInstant>,
    /// What was sent on it.
    pub sent: RaCounts,
    /// Why the last RA of this process left.
    pub last_cause: Option<Cause>,
    /// Tries to send that failed in a row, up to now.
    pub failures: u32,
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

impl InterfaceRow {
    /// Returns a member as it stands, in a fleet that stops or does not.
    pub(super) fn new(member: &Member, stopping: bool) -> Self {
        let (service, reasons) = match &member.verdict {
            Verdict::Serve(service) => (Some(*service), Vec::new()),
            Verdict::NotServed(reasons) => (None, reasons.clone()),
            Verdict::Ignore => (None, Vec::new()),
        };
        let advertised = member.advertiser.advertised();
        Self {
            index: member.seen.index,
            name: member.seen.name.clone(),
            state: ServiceState::of(&member.verdict, stopping),
            reasons,
            service,
            router: advertised.router,
            retired: advertised.retired.clone(),
            last: advertised.last_sent,
            next: member.deadline,
            sent: member.sent,
            last_cause: member.last_cause,
            failures: member.advertiser.failures(),
        }
    }
}

impl ServiceState {
    const fn of(verdict: &Verdict, stopping: bool) -> Self {
        match verdict {
            Verdict::Serve(_) if stopping => Self::Withdrawing,
            Verdict::Serve(service) if service.carrier => Self::Serving,
            Verdict::Serve(_) => Self::Paused,
            Verdict::NotServed(_) => Self::NotServed,
            Verdict::Ignore => Self::Withdrawing,
        }
    }
}
