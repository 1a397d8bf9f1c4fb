//! All interfaces together: verdicts become advertisers, deadlines one next deadline, effects one queue of actions.
//!
//! Level-triggered: [`Fleet::reconcile`] takes a fresh look at an interface, compares it with the last one, and acts on
//! the difference. Work grows with events, never with the number of interfaces.

mod inherited;
mod member;
mod members;
mod names;
mod row;

use std::{
    collections::{BTreeSet, VecDeque},
    mem,
    rc::Rc,
};

use rand::Rng;

pub use self::row::{InterfaceRow, ServiceState};
use self::{
    inherited::Inherited,
    member::{Member, awaits_map},
    members::Members,
};
use super::{
    BootInstant,
    action::Action,
    advertiser::SolicitedRa,
    content::LinkOptions,
    counts::InterfaceCounts,
    eligibility::{self, MapFailure, Policy, Verdict},
    handover::{Ending, SavedInterface, SavedState, SavedUpdate},
    interface::Interface,
    parameters::Parameters,
};
use crate::addr::IfIndex;

/// Room for actions that is kept from one turn to the next.
const USUAL_ACTIONS: usize = 128;

/// Every interface that matches, and what has to be done about it.
#[derive(Debug)]
pub struct Fleet {
    policy: Policy,
    parameters: Parameters,
    link_options: LinkOptions,
    members: Members,
    inherited: Inherited,
    actions: VecDeque<Action>,
    stopping: bool,
}

impl Fleet {
    /// Returns a fleet of none.
    #[must_use]
    pub fn new(policy: Policy, parameters: Parameters) -> Self {
        Self {
            policy,
            parameters,
            link_options: LinkOptions::default(),
            members: Members::default(),
            inherited: Inherited::default(),
            actions: VecDeque::new(),
            stopping: false,
        }
    }

    /// Puts these facts of each link into its RAs.
    #[must_use]
    pub fn with_link_options(self, link_options: LinkOptions) -> Self {
        Self { link_options, ..self }
    }

    /// Everything there is was looked at: reconciles each interface and forgets those that are not among them.
    pub fn reconcile_all(&mut self, interfaces: Vec<Interface>, now: BootInstant) {
        let present: BTreeSet<_> = interfaces.iter().map(|interface| interface.index).collect();
        let known = self.members.indices().chain(self.inherited.indices());
        let gone: Vec<_> = known.filter(|index| !present.contains(index)).collect();
        for index in gone {
            self.forget(index);
        }
        for interface in interfaces {
            self.reconcile(interface, now);
        }
        self.all_seen(now);
    }

    /// Everything there is was looked at, and what has changed was told: interfaces of the previous process that were
    /// not seen are gone, and what stood in the way of an interface without being a part of it may be gone, too.
    pub fn all_seen(&mut self, now: BootInstant) {
        // A fleet that stops takes on no interface, so what was left of one is left to the next process.
        if !self.stopping {
            self.inherited.forget_all();
        }
        let waiting = self.members.iter().filter(|member| !member.stays_as_it_is());
        for interface in waiting.map(|member| member.seen.clone()).collect::<Vec<_>>() {
            self.reconcile(interface, now);
        }
    }

    /// One interface was looked at.
    pub fn reconcile(&mut self, interface: impl Into<Rc<Interface>>, now: BootInstant) {
        let interface = interface.into();
        let index = interface.index;
        if self.stopping {
            return self.members.see_while_stopping(interface);
        }
        let left = self.inherited.take(&interface);
        let in_use = match self.members.get(index) {
            Some(member) if member.seen == interface && member.stays_as_it_is() => return,
            Some(member) => member.source(),
            None => left.as_ref().and_then(|left| left.router),
        };
        let verdict = eligibility::decide(&self.policy, &interface, in_use);
        if verdict == Verdict::Ignore && left.is_none() && self.members.get(index).is_none() {
            return;
        }
        let advertised = || left.unwrap_or_else(|| self.inherited.unknown(now));
        let (member, before) = self.members.take_on(interface, verdict, advertised);
        if member.follow_verdict(now) {
            self.actions.push_back(Action::Unserve(index));
        }
        // A retry is only reported once it has worked.
        if !awaits_map(&before) {
            self.report(index);
        }
        self.members.settle(index, now);
    }

    /// The interface is gone, and so is everything that was known of it.
    pub fn forget(&mut self, index: IfIndex) {
        self.inherited.forget(index);
        let Some(member) = self.members.remove(index) else { return };
        self.actions.retain(|action| !action.sends_on(index));
        if member.in_map {
            self.actions.push_back(Action::Unserve(index));
        }
        self.actions.extend(member.gone().map(Action::Report));
    }

    /// A valid solicitation came in on the interface. Returns the RA that it brings about, if it does.
    pub fn on_solicit(
        &mut self,
        index: IfIndex,
        now: BootInstant,
        rng: &mut impl Rng,
    ) -> Option<SolicitedRa> {
        let solicited = self.members.get_mut(index)?.advertiser.on_solicit(now, rng);
        self.members.update(index);
        solicited
    }

    /// Returns when [`Fleet::on_timeout`] wants to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<BootInstant> {
        self.members.next_deadline()
    }

    /// Time has passed: what has been due the longest becomes actions. Returns whether something was due: carry out the
    /// actions, then call this again with the same `now`. So thousands that are due together never stand in the queue
    /// together.
    pub fn on_timeout(&mut self, now: BootInstant) -> bool {
        let Some(due) = self.members.take_due(now) else { return false };
        match due {
            Ok(index) => self.on_due(index, now),
            Err(fault) => self.actions.push_back(Action::Fault(fault)),
        }
        true
    }

    fn on_due(&mut self, index: IfIndex, now: BootInstant) {
        let Some(member) = self.members.get_mut(index) else { return };
        if let Some(due) = member.advertiser.poll(now) {
            self.actions.extend(member.map_action(due.cause));
            let transmission = member.transmission(due, &self.parameters, self.link_options, now);
            self.actions.push_back(Action::Send(transmission));
        }
        self.members.update(index);
    }

    /// Returns the next thing to do, if there is one.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if action.is_none() {
            // A stop has some for each interface.
            self.actions.shrink_to(USUAL_ACTIONS);
        }
        action
    }

    /// The filter's map took no entry for the interface: it is not served, and nothing leaves on it but the final RA that
    /// it may still owe from a moment ago. The next reconciliation tries again.
    pub fn on_serve_failed(&mut self, index: IfIndex, failure: MapFailure) {
        let Some(seen) = self.members.get(index).map(|member| member.seen.clone()) else { return };
        // The RA comes right behind its entry.
        self.actions.pop_front_if(|action| action.sends_on(index));
        let refused = Verdict::NotServed(vec![failure.into()]);
        let (member, _) = self.members.take_on(seen, refused, Default::default);
        member.abandon();
        self.report(index);
        self.members.update(index);
    }

    /// The RA handed out last for the interface has left at `now`. Returns how many tries had failed before.
    pub fn on_sent(&mut self, index: IfIndex, now: BootInstant, rng: &mut impl Rng) -> u32 {
        let Some(member) = self.members.get_mut(index) else { return 0 };
        member.count_sent();
        let failed_before = member.advertiser.on_sent(&self.parameters, now, rng);
        self.report(index);
        self.members.settle(index, now);
        failed_before
    }

    /// It did not leave. Returns how many tries in a row have failed now.
    pub fn on_send_failed(&mut self, index: IfIndex, now: BootInstant) -> u32 {
        let Some(member) = self.members.get_mut(index) else { return 0 };
        member.count_failure();
        let failures = member.advertiser.on_send_failed(now);
        self.members.settle(index, now);
        failures
    }

    /// The daemon is to stop: one final RA leaves on every served interface, and nothing else is sent any more
    /// [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5).
    pub fn stop(&mut self) {
        self.stopping = true;
        let actions = &mut self.actions;
        self.members.for_each(|member| {
            if let Verdict::Serve(_) = member.verdict {
                member.cease();
            }
            if mem::take(&mut member.in_map) {
                actions.push_back(Action::Unserve(member.seen.index));
            }
        });
    }

    /// Returns whether, after [`Fleet::stop`], a final RA is still to leave on some interface.
    #[must_use]
    pub fn owes_final_ras(&self) -> bool {
        self.stopping && self.next_deadline().is_some()
    }

    /// Takes over at `now` from the previous process, before anything is looked at.
    pub fn restore(&mut self, saved: SavedState, now: BootInstant) {
        self.inherited.restore(saved, now);
    }

    /// Returns what the next process has to know if this one ends without saving more after `now`.
    #[must_use]
    pub fn saved_state(&self, now: BootInstant) -> SavedState {
        let indices = self.inherited.indices().chain(self.members.indices());
        let interfaces = indices.filter_map(|index| self.saved_interface(index, now)).collect();
        let valid_lifetime = self.parameters.valid_lifetime;
        SavedState { ending: Ending::Unclean { valid_lifetime }, interfaces }
    }

    /// Returns what the next process has to know if this one ends in good order at `now`, with nothing sent any more.
    /// If this one has itself taken over from a crash a moment ago, it can say no more than that one: there may be
    /// interfaces that it has not seen yet and that were sent to within the 3 s.
    #[must_use]
    pub fn final_state(&self, now: BootInstant) -> SavedState {
        let saved = self.saved_state(now);
        if self.inherited.may_have_sent(now).is_some() {
            saved
        } else {
            SavedState { ending: Ending::Clean, ..saved }
        }
    }

    /// Returns what [`Fleet::saved_state`] says at `now` of one interface.
    #[must_use]
    pub fn saved_update(&self, index: IfIndex, now: BootInstant) -> SavedUpdate {
        self.saved_interface(index, now).map_or(SavedUpdate::Gone(index), SavedUpdate::Known)
    }

    /// Returns the interfaces of which [`Fleet::saved_state`] has changed since this was last asked, or since
    /// [`Fleet::restore`]. That time passes, and lifetimes with it, is no change.
    pub fn take_unsaved(&mut self) -> BTreeSet<IfIndex> {
        let mut unsaved = self.members.take_unsaved();
        unsaved.append(&mut self.inherited.take_dropped());
        unsaved
    }

    /// Returns the interfaces of the previous process that were not seen in this one yet. They concern the fleet even
    /// where their names match no longer, as a final RA may be owed on them.
    pub fn unseen(&self) -> impl Iterator<Item = IfIndex> {
        self.inherited.indices()
    }

    fn saved_interface(&self, index: IfIndex, now: BootInstant) -> Option<SavedInterface> {
        let seen = self.members.get(index).map(|member| (&member.seen.name, member.advertiser.advertised()));
        let (name, advertised) = seen.or_else(|| self.inherited.get(index))?;
        advertised.matters(now).then(|| SavedInterface {
            index,
            name: name.clone(),
            advertised: advertised.clone(),
        })
    }

    /// Returns every interface that matches, with its verdict; in no order.
    pub fn verdicts(&self) -> impl Iterator<Item = (&Interface, &Verdict)> {
        self.members
            .iter()
            .map(|member| (&*member.seen, &member.verdict))
            .filter(|(_, verdict)| **verdict != Verdict::Ignore)
    }

    /// Returns how many interfaces there are of each kind.
    #[must_use]
    pub const fn counts(&self) -> InterfaceCounts {
        self.members.counts()
    }

    /// Returns one interface, with its verdict, if it matches or did a moment ago.
    #[must_use]
    pub fn verdict_of(&self, index: IfIndex) -> Option<(&Interface, &Verdict)> {
        self.members.get(index).map(|member| (&*member.seen, &member.verdict))
    }

    /// Returns the name under which the interface was last seen, and when the next RA is due there.
    #[must_use]
    pub fn schedule_of(&self, index: IfIndex) -> Option<(&str, Option<BootInstant>)> {
        self.members.get(index).map(|member| (member.seen.name.as_str(), member.deadline))
    }

    /// Returns the interfaces that there is something to say of: they match, or a final RA is on its way. In no order.
    pub fn indices(&self) -> impl Iterator<Item = IfIndex> {
        self.members.iter().filter(|member| member.is_worth_showing()).map(|member| member.seen.index)
    }

    /// Returns one of them by its index.
    #[must_use]
    pub fn row(&self, index: IfIndex) -> Option<InterfaceRow> {
        self.show(self.members.get(index)?)
    }

    /// Returns one of them by its name, without a look at interfaces of other names.
    #[must_use]
    pub fn row_named(&self, name: &str) -> Option<InterfaceRow> {
        self.members.named(name).find_map(|member| self.show(member))
    }

    fn show(&self, member: &Member) -> Option<InterfaceRow> {
        member.is_worth_showing().then(|| InterfaceRow::new(member, self.stopping))
    }

    /// Reports the member's state if it is not the one that was reported last.
    fn report(&mut self, index: IfIndex) {
        let report = self.members.get_mut(index).and_then(Member::report);
        self.actions.extend(report.map(Action::Report));
    }
}

#[cfg(test)]
mod tests;
