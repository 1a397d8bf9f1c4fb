//! Looking at the fleet for people, member by member: it changes nothing.

use super::{Fleet, Member};
use crate::{
    addr::IfIndex,
    engine::{Instant, advertiser::Cause, eligibility::Verdict, interface::Interface, memory::Past},
};

/// One member, as it stands.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What was seen of it last.
    pub interface: &'a Interface,
    /// How it was judged.
    pub verdict: &'a Verdict,
    /// What that comes to.
    pub standing: Standing,
    /// What its guests were told.
    pub past: &'a Past,
    /// What was sent on it.
    pub sent: Sent,
    /// Tries to send that failed in a row, up to now.
    pub failures: u32,
    /// When something is due on it next.
    pub next: Option<Instant>,
}

/// What becomes of an interface, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is served.
    Serving,
    /// It is served, but has no carrier.
    Paused,
    /// It matches, and is not fit to serve.
    Refused,
    /// It is served no longer, and a goodbye is on its way.
    Ceasing,
}

/// What was sent on one interface in this life of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Unsolicited advertisements that left.
    pub unsolicited: u32,
    /// Answers that left.
    pub solicited: u32,
    /// Final advertisements that left.
    pub finals: u32,
    /// Tries that failed.
    pub failures: u32,
    /// Why the last one left.
    pub last: Option<Cause>,
}

impl Sent {
    /// Counts an advertisement that left.
    pub(super) const fn count(&mut self, cause: Cause) {
        let counter = match cause {
            Cause::Unsolicited => &mut self.unsolicited,
            Cause::Solicited => &mut self.solicited,
            Cause::Final => &mut self.finals,
        };
        *counter = counter.saturating_add(1);
        self.last = Some(cause);
    }

    /// Counts one that did not.
    pub(super) const fn count_failure(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }
}

impl Fleet {
    /// The interfaces that there is something to say of: they match, or a goodbye is on its way. In no order.
    pub fn indices(&self) -> impl Iterator<Item = IfIndex> {
        self.members.iter().filter(|(_, member)| member.is_worth_showing()).map(|(index, _)| *index)
    }

    /// One of them by its index.
    #[must_use]
    pub fn view(&self, index: IfIndex) -> Option<View<'_>> {
        let member = self.members.get(&index)?;
        member.is_worth_showing().then(|| self.view_of(member))
    }

    /// One of them by its name.
    #[must_use]
    pub fn view_named(&self, name: &str) -> Option<View<'_>> {
        let mut members = self.members.values();
        let member = members.find(|member| member.seen.name == name && member.is_worth_showing())?;
        Some(self.view_of(member))
    }

    fn view_of<'a>(&self, member: &'a Member) -> View<'a> {
        let standing = match &member.verdict {
            Verdict::Serve(_) if self.stopping => Standing::Ceasing,
            Verdict::Serve(service) if service.carrier => Standing::Serving,
            Verdict::Serve(_) => Standing::Paused,
            Verdict::Refuse(_) => Standing::Refused,
            Verdict::Ignore => Standing::Ceasing,
        };
        View {
            interface: &member.seen,
            verdict: &member.verdict,
            standing,
            past: member.advertiser.past(),
            sent: member.sent,
            failures: member.advertiser.failures(),
            next: member.deadline,
        }
    }
}

impl Member {
    /// One that matches no longer is only kept for what its guests still believe, unless it has yet to say so.
    fn is_worth_showing(&self) -> bool {
        self.verdict != Verdict::Ignore || self.deadline.is_some()
    }
}
