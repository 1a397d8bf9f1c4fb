//! All interfaces together: one verdict and one advertiser each, one next deadline and one queue of actions
//! for all.
//!
//! Level-triggered: [`Fleet::reconcile`] compares the current state of an interface with the last one and
//! acts on the difference. The work grows with the number of events, not with the number of interfaces.

mod inherited;
mod member;
mod members;
mod names;
mod queue;
mod row;

use std::{collections::BTreeSet, mem, rc::Rc};

use rand::Rng;

pub use self::row::{InterfaceRow, ServiceState};
use self::{
    inherited::Inherited,
    member::{Member, is_tried_again},
    members::Members,
    queue::Queue,
};
use super::{
    BootInstant,
    action::Action,
    advertiser::{SentRa, SolicitedRa},
    content::LinkOptions,
    counts::InterfaceCounts,
    eligibility::{self, MapFailure, OtherDaemon, Policy, Reason, Verdict},
    grid::SendGrid,
    handover::{Ending, SavedInterface, SavedState, SavedUpdate, TakenOver},
    interface::Interface,
    parameters::Parameters,
};
use crate::addr::IfIndex;

/// Every interface that matches, and the queue of actions.
#[derive(Debug)]
pub struct Fleet {
    policy: Policy,
    parameters: Parameters,
    link_options: LinkOptions,
    grid: SendGrid,
    members: Members,
    inherited: Inherited,
    actions: Queue,
    stopping: bool,
}

impl Fleet {
    /// Returns a fleet without interfaces.
    #[must_use]
    pub fn new(policy: Policy, parameters: Parameters) -> Self {
        Self {
            policy,
            parameters,
            link_options: LinkOptions::default(),
            grid: SendGrid::default(),
            members: Members::default(),
            inherited: Inherited::default(),
            actions: Queue::default(),
            stopping: false,
        }
    }

    /// Makes every RA carry these options about its link.
    #[must_use]
    pub fn with_link_options(self, link_options: LinkOptions) -> Self {
        Self { link_options, ..self }
    }

    /// Makes unsolicited RAs leave on this grid.
    #[must_use]
    pub fn with_grid(self, grid: SendGrid) -> Self {
        Self { grid, ..self }
    }

    /// Reconciles every interface after a full resync, and forgets those that are not among `interfaces`.
    pub fn reconcile_all(&mut self, interfaces: Vec<Interface>, now: BootInstant) {
        let present: BTreeSet<_> = interfaces.iter().map(|interface| interface.index).collect();
        let known = self.members.indices().chain(self.inherited.indices());
        let gone: Vec<_> = known.filter(|index| !present.contains(index)).collect();
        for index in gone {
            self.forget(index, now);
        }
        for interface in interfaces {
            self.reconcile(interface, now);
        }
        self.all_seen(now);
    }

    /// Ends a full resync whose changes have been reconciled: drops the state of a previous process's
    /// interfaces that were not seen, and tries again those that could not be served.
    pub fn all_seen(&mut self, now: BootInstant) {
        // While the fleet stops it adds no interface, so their saved state goes on to the next process.
        if !self.stopping {
            self.inherited.forget_all();
        }
        self.try_again(now);
    }

    /// Tries again to serve the interfaces that a full map or another daemon kept from being served.
    pub fn try_again(&mut self, now: BootInstant) {
        let waiting = self.members.iter().filter(|member| !member.stays_as_it_is());
        for interface in waiting.map(|member| member.seen.clone()).collect::<Vec<_>>() {
            self.reconcile(interface, now);
        }
    }

    /// Compares the current state of one interface with the last one and acts on the difference.
    pub fn reconcile(&mut self, interface: impl Into<Rc<Interface>>, now: BootInstant) {
        let mut interface = interface.into();
        if self.stopping {
            return self.members.see_while_stopping(interface, &self.parameters, now);
        }
        if let Some(member) = self.members.get(interface.index) {
            interface.settle_lifetimes(&member.seen, now);
            if member.seen == interface && member.stays_as_it_is() {
                return;
            }
        }
        self.decide(interface, now);
    }

    /// Decides about an interface at `now` and acts on the verdict.
    fn decide(&mut self, interface: Rc<Interface>, now: BootInstant) {
        let index = interface.index;
        let left = self.inherited.take(&interface);
        let known = self.members.get(index);
        let in_use = match known {
            Some(member) => member.advertiser.in_use(now),
            None => left.as_ref().map(|left| left.in_use(None, None, now)).unwrap_or_default(),
        };
        let verdict = eligibility::decide(&self.policy, &interface, in_use);
        if verdict == Verdict::Ignore && left.is_none() && known.is_none() {
            return;
        }
        let options = self.link_options;
        let options_changed = known.is_some_and(|member| !options.of(&member.seen).eq(options.of(&interface)));
        let advertised = left.unwrap_or_else(|| self.inherited.unknown(&interface, now));
        let (member, before) = self.members.set_state(interface, verdict, || advertised);
        self.actions.extend(member.follow_claim());
        self.actions.extend(member.follow_verdict(&self.parameters, now));
        if options_changed {
            member.advertiser.on_options_changed(now);
        }
        // A retry of the map or the claim is reported once it has succeeded, another pair once it is advertised.
        let is_retry = is_tried_again(&before) && member.serves();
        if !is_retry && !member.waits_with_another_pair() {
            self.report(index);
        }
        self.members.update_or_remove(index, now);
    }

    /// Removes an interface that was deleted by `now`, with all its state. No RA leaves on it.
    pub fn forget(&mut self, index: IfIndex, now: BootInstant) {
        self.inherited.forget(index);
        let Some(member) = self.members.remove(index) else { return };
        self.inherited.deleted(&member.seen, member.advertiser.advertised().last_sent, now);
        self.actions.drop_ras(index);
        if member.in_map {
            self.actions.push(Action::Unserve(index));
        }
        self.actions.extend(member.released());
        self.actions.extend(member.gone().map(Action::Report));
    }

    /// Handles a valid solicitation on the interface. Returns the RA if this solicitation scheduled it.
    pub fn on_solicit(&mut self, index: IfIndex, now: BootInstant, rng: &mut impl Rng) -> Option<SolicitedRa> {
        let member = self.members.get_mut(index)?;
        member.solicited = true;
        let solicited = member.advertiser.on_solicit(now, rng);
        self.members.update(index);
        solicited
    }

    /// Returns when [`Fleet::on_timeout`] has to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<BootInstant> {
        self.members.next_deadline()
    }

    /// Queues the actions of the interface that has been due the longest at `now`. Returns whether one was
    /// due: the caller then carries out the actions and calls this again with the same `now`. The queue thus
    /// never holds thousands of RAs that are due together.
    pub fn on_timeout(&mut self, now: BootInstant) -> bool {
        let Some(due) = self.members.take_due(now) else { return false };
        match due {
            Ok(index) => self.on_due(index, now),
            Err(fault) => self.actions.push(Action::Fault(fault)),
        }
        true
    }

    fn on_due(&mut self, index: IfIndex, now: BootInstant) {
        let Some(member) = self.members.get_mut(index) else { return };
        if member.advertiser.end_grace(now) {
            return self.decide_after_grace(index, now);
        }
        if let Some(due) = member.advertiser.poll(now) {
            self.actions.extend(member.final_claim(due.cause));
            self.actions.extend(member.map_action(due.cause));
            let transmission = member.transmission(due, &self.parameters, self.link_options, now);
            self.actions.push(Action::Send(transmission));
        }
        self.members.update(index);
    }

    /// Acts on what is true at the end of the grace. A failed entry in the SERVED map is not tried again: that is
    /// for the next resync.
    fn decide_after_grace(&mut self, index: IfIndex, now: BootInstant) {
        let Some(member) = self.members.get_mut(index) else { return };
        if !is_tried_again(member.verdict()) {
            let seen = member.seen.clone();
            return self.decide(seen, now);
        }
        self.actions.extend(member.follow_verdict(&self.parameters, now));
        self.members.update_or_remove(index, now);
    }

    /// Returns the next action, if any.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.next()
    }

    /// Handles a failed [`Action::Serve`]: the interface is not served. The next reconciliation tries again.
    pub fn on_serve_failed(&mut self, index: IfIndex, failure: MapFailure, now: BootInstant) {
        let Some(member) = self.members.set_not_served(index, failure.into()) else { return };
        self.actions.drop_first_ra(index);
        member.lose_entry();
        self.actions.extend(member.follow_claim());
        member.follow_verdict(&self.parameters, now);
        self.report(index);
        self.members.update(index);
    }

    /// Handles a refused [`Action::Claim`]: another daemon serves the interface, or may. The next reconciliation tries
    /// again. While it is not known whether one does, what guests hold stays as it is, and a final RA may leave.
    pub fn on_claim_refused(&mut self, index: IfIndex, other: Option<OtherDaemon>, now: BootInstant) {
        let member = self.members.get_mut(index).filter(|member| other.is_some() || member.serves());
        let Some(member) = member else { return };
        let serves = member.serves();
        member.yield_to(other.as_ref(), &self.parameters, now);
        self.actions.drop_claimed(index);
        if serves {
            self.members.set_not_served(index, Reason::ServedByAnother(other));
        }
        self.report(index);
        self.members.update_or_remove(index, now);
    }

    /// Handles an [`Action::Claim`] that takes the interface over from a daemon that is gone: what is to be served goes
    /// on from what guests hold of that one.
    pub fn on_taken_over(&mut self, index: IfIndex, left: TakenOver, now: BootInstant) {
        let Some(seen) = self.members.take_over(index, left.at(now)) else { return };
        self.decide(seen, now);
    }

    /// Records that the interface's RA in flight left at `now`. Returns what is known of it.
    pub fn on_sent(&mut self, index: IfIndex, now: BootInstant, rng: &mut impl Rng) -> SentRa {
        let Some(member) = self.members.get_mut(index) else { return SentRa::default() };
        member.count_sent();
        let sent = member.advertiser.on_sent(&self.parameters, self.grid, now, rng);
        member.update_departures();
        // While the fleet stops, no RA but a final one leaves.
        if !self.stopping {
            self.report(index);
        }
        self.members.update_or_remove(index, now);
        sent
    }

    /// Records that the interface's RA in flight did not leave. Returns the number of consecutive failures.
    pub fn on_send_failed(&mut self, index: IfIndex, now: BootInstant) -> u32 {
        let Some(member) = self.members.get_mut(index) else { return 0 };
        member.count_failure();
        let failures = member.advertiser.on_send_failed(now);
        self.members.update_or_remove(index, now);
        failures
    }

    /// Stops: one final RA leaves on every served interface, and no other RA
    /// [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5).
    pub fn stop(&mut self) {
        self.stopping = true;
        let actions = &mut self.actions;
        self.members.for_each(|member| {
            member.stop();
            if mem::take(&mut member.in_map) {
                actions.push(Action::Unserve(member.seen.index));
            }
        });
    }

    /// Returns whether, after [`Fleet::stop`], an interface owes a final RA.
    #[must_use]
    pub fn owes_final_ras(&self) -> bool {
        self.stopping && self.next_deadline().is_some()
    }

    /// Takes over at `now` from the previous process, before the first reconciliation.
    pub fn restore(&mut self, saved: SavedState, now: BootInstant) {
        self.inherited.restore(saved, now);
    }

    /// Returns the saved state at `now`, marked unclean: it holds if this process ends without saving again.
    #[must_use]
    pub fn saved_state(&self, now: BootInstant) -> SavedState {
        let indices = self.inherited.indices().chain(self.members.indices());
        let interfaces = indices.filter_map(|index| self.saved_interface(index, now)).collect();
        SavedState { ending: Ending::unclean(&self.parameters), interfaces }
    }

    /// Returns the saved state of an orderly end at `now`, after which no RA leaves. Within 3 s of taking over from a
    /// process that crashed it is marked unclean: that one may have sent on interfaces that this one has not seen.
    #[must_use]
    pub fn final_state(&self, now: BootInstant) -> SavedState {
        let saved = self.saved_state(now);
        if self.inherited.may_have_sent(now).is_some() { saved } else { SavedState { ending: Ending::Clean, ..saved } }
    }

    /// Returns the part of [`Fleet::saved_state`] at `now` that concerns one interface.
    #[must_use]
    pub fn saved_update(&self, index: IfIndex, now: BootInstant) -> SavedUpdate {
        self.saved_interface(index, now).map_or(SavedUpdate::Gone(index), SavedUpdate::Known)
    }

    /// Returns the interfaces whose part of [`Fleet::saved_state`] has changed since the last call or since
    /// [`Fleet::restore`]. The passing of time is no change.
    pub fn take_unsaved(&mut self) -> BTreeSet<IfIndex> {
        let mut unsaved = self.members.take_unsaved();
        unsaved.append(&mut self.inherited.take_dropped());
        unsaved
    }

    /// Returns the interfaces of the previous process that this one has not seen yet. The fleet needs their
    /// state even if their names no longer match, because they may owe a final RA.
    pub fn unseen(&self) -> impl Iterator<Item = IfIndex> {
        self.inherited.indices()
    }

    fn saved_interface(&self, index: IfIndex, now: BootInstant) -> Option<SavedInterface> {
        let seen = self.members.get(index).map(|member| (&member.seen.name, member.advertiser.advertised()));
        let (name, advertised) = seen.or_else(|| self.inherited.get(index))?;
        advertised.matters(now).then(|| SavedInterface { index, name: name.clone(), advertised: advertised.clone() })
    }

    /// Returns every interface that matches, with its verdict, unordered.
    pub fn verdicts(&self) -> impl Iterator<Item = (&Interface, &Verdict)> {
        let all = self.members.iter().map(|member| (&*member.seen, member.verdict()));
        all.filter(|(_, verdict)| **verdict != Verdict::Ignore)
    }

    /// Returns the number of matching interfaces by verdict.
    #[must_use]
    pub const fn counts(&self) -> InterfaceCounts {
        self.members.counts()
    }

    /// Returns one interface with its verdict, if the fleet knows it.
    #[must_use]
    pub fn verdict_of(&self, index: IfIndex) -> Option<(&Interface, &Verdict)> {
        self.members.get(index).map(|member| (&*member.seen, member.verdict()))
    }

    /// Returns the last known name of the interface, and when the next RA is due on it.
    #[must_use]
    pub fn schedule_of(&self, index: IfIndex) -> Option<(&str, Option<BootInstant>)> {
        self.members.get(index).map(|member| (member.seen.name.as_str(), member.deadline))
    }

    /// Returns the interfaces to show, unordered: those that match, and those that owe a final RA.
    pub fn indices(&self) -> impl Iterator<Item = IfIndex> {
        self.members.iter().filter(|member| member.is_worth_showing()).map(|member| member.seen.index)
    }

    /// Returns an interface to show, by index.
    #[must_use]
    pub fn row(&self, index: IfIndex) -> Option<InterfaceRow> {
        InterfaceRow::of(self.members.get(index)?, self.stopping)
    }

    /// Returns an interface to show, by name, without visiting interfaces of other names.
    #[must_use]
    pub fn row_named(&self, name: &str) -> Option<InterfaceRow> {
        self.members.named(name).find_map(|member| InterfaceRow::of(member, self.stopping))
    }

    /// Queues a report if the interface's verdict differs from the last one reported.
    fn report(&mut self, index: IfIndex) {
        let report = self.members.get_mut(index).and_then(Member::report);
        self.actions.extend(report.map(Action::Report));
    }
}

#[cfg(test)]
mod tests;
