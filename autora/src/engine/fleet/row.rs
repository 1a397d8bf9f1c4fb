//! A snapshot of one interface of the fleet for display, as plain data.

use super::member::Member;
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        action::Cause,
        counts::RaCounts,
        eligibility::{Reason, Service, Verdict},
        handover::{AdvertisedPrefix, AdvertisedRouter, HeldByGuests},
    },
};

/// A snapshot of one interface.
#[derive(Clone, Debug)]
pub struct InterfaceRow {
    /// The index.
    pub index: IfIndex,
    /// The name.
    pub name: String,
    /// The state.
    pub state: ServiceState,
    /// The reasons why it is not served; empty if it is served.
    pub reasons: Vec<Reason>,
    /// How it is served, if it is served.
    pub service: Option<Service>,
    /// The source in use, which guests hold as a router until its Router Lifetime has run out.
    pub router: Option<AdvertisedRouter>,
    /// The prefix that was advertised last, which guests hold until its Valid Lifetime has run out.
    pub advertised: Option<AdvertisedPrefix>,
    /// Retired prefixes.
    pub retired: Vec<AdvertisedPrefix>,
    /// When the last RA left.
    pub last: Option<BootInstant>,
    /// When the next RA is due.
    pub next: Option<BootInstant>,
    /// RAs sent by this process.
    pub sent: RaCounts,
    /// The cause of the last RA of this process.
    pub last_cause: Option<Cause>,
    /// Consecutive failed sends.
    pub failures: u32,
}

/// The state of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// Served; RAs leave.
    Serving,
    /// Served, without carrier or while DAD runs on the source.
    Paused,
    /// Matches, and is not served.
    NotServed,
    /// No longer served; owes a final RA.
    Ceasing,
}

impl InterfaceRow {
    /// Takes a snapshot of a member, if it is worth showing.
    pub(super) fn of(member: &Member, stopping: bool) -> Option<Self> {
        member.is_worth_showing().then(|| Self::new(member, stopping))
    }

    /// Takes a snapshot of a member; `stopping` is whether the fleet stops.
    fn new(member: &Member, stopping: bool) -> Self {
        let (service, reasons) = match member.verdict() {
            Verdict::Serve(service) => (Some(*service), Vec::new()),
            Verdict::NotServed(reasons) => (None, reasons.clone()),
            Verdict::Ignore => (None, Vec::new()),
        };
        let advertised = member.advertiser.advertised();
        Self {
            index: member.seen.index,
            name: member.seen.name.clone(),
            state: ServiceState::of(member.verdict(), stopping),
            reasons,
            service,
            router: advertised.router,
            advertised: advertised.prefix,
            retired: advertised.retired.clone(),
            last: advertised.last_sent,
            next: member.deadline,
            sent: member.sent,
            last_cause: member.last_cause,
            failures: member.advertiser.failures(),
        }
    }

    /// Returns what guests hold at `now` of an interface that is not served and on which no final RA is about to
    /// leave: the link was down meanwhile, or a final RA waits for the carrier. After a final RA they know.
    #[must_use]
    pub fn left_with_guests(&self, now: BootInstant) -> Option<HeldByGuests> {
        let was_told = self.router.is_none() && self.last_cause == Some(Cause::Final);
        let is_silent = self.state == ServiceState::NotServed && self.next.is_none() && !was_told;
        let held = HeldByGuests {
            route_for: self
                .router
                .filter(|router| router.is_held(now))
                .map(|router| router.until.saturating_since(now)),
            prefix_for: self
                .advertised
                .filter(|held| held.is_valid(now))
                .map(|held| (held.prefix, held.valid_until.saturating_since(now))),
        };
        (is_silent && !held.is_nothing()).then_some(held)
    }
}

impl ServiceState {
    const fn of(verdict: &Verdict, stopping: bool) -> Self {
        match verdict {
            Verdict::Serve(_) if stopping => Self::Ceasing,
            Verdict::Serve(service) if service.is_ready() => Self::Serving,
            Verdict::Serve(_) => Self::Paused,
            Verdict::NotServed(_) => Self::NotServed,
            Verdict::Ignore => Self::Ceasing,
        }
    }
}
