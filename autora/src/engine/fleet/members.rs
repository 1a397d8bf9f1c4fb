//! The members of the fleet, and what is derived from them: names, counts, the queue of deadlines, unsaved
//! changes.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    rc::Rc,
};

use super::{member::Member, names::Names};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        action::Fault,
        advertiser::Advertiser,
        counts::InterfaceCounts,
        eligibility::{Reason, Verdict},
        handover::Advertised,
        interface::Interface,
        parameters::Parameters,
    },
};

/// All members.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Boxed, because a hash table allocates up to twice the size of its entries.
    by_index: HashMap<IfIndex, Box<Member>>,
    pub(super) names: Names,
    counts: InterfaceCounts,
    deadlines: BTreeSet<(BootInstant, IfIndex)>,
    /// Members whose saved state has changed since it was taken.
    unsaved: BTreeSet<IfIndex>,
}

impl Members {
    pub(super) fn get(&self, index: IfIndex) -> Option<&Member> {
        self.by_index.get(&index).map(Box::as_ref)
    }

    /// Returns a member to change. The caller calls [`Members::update`] after a change of its advertiser.
    pub(super) fn get_mut(&mut self, index: IfIndex) -> Option<&mut Member> {
        self.by_index.get_mut(&index).map(Box::as_mut)
    }

    /// Returns the members with this name, without visiting others.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Member> {
        self.names.of(name).filter_map(|index| self.get(index)).filter(move |member| member.seen.name == name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_index.values().map(Box::as_ref)
    }

    pub(super) fn indices(&self) -> impl Iterator<Item = IfIndex> {
        self.by_index.keys().copied()
    }

    pub(super) const fn counts(&self) -> InterfaceCounts {
        self.counts
    }

    /// Sets the state and the verdict of an interface; a new member starts with `advertised`. Returns the
    /// member and its previous verdict.
    pub(super) fn set_state(
        &mut self,
        seen: Rc<Interface>,
        verdict: Verdict,
        advertised: impl FnOnce() -> Advertised,
    ) -> (&mut Member, Verdict) {
        let index = seen.index;
        let member = self.by_index.entry(index).or_insert_with(|| {
            self.names.insert(&seen.name, index);
            Box::new(Member::new(seen.clone(), advertised()))
        });
        if member.seen.name != seen.name {
            self.names.rename(&member.seen.name, &seen.name, index);
            self.unsaved.insert(index);
        }
        self.counts.change(member.verdict(), &verdict);
        let before = member.set_state(seen, verdict);
        (member, before)
    }

    /// Sets that a member is not served, for a reason outside of its interface. Returns the member.
    pub(super) fn set_not_served(&mut self, index: IfIndex, reason: Reason) -> Option<&mut Member> {
        let seen = self.get(index)?.seen.clone();
        let (member, _) = self.set_state(seen, Verdict::NotServed(vec![reason]), Default::default);
        Some(member)
    }

    /// Makes a member that is to be served go on from what another daemon has advertised. Returns its interface, to be
    /// decided about once more: it keeps the source and the prefix in use.
    pub(super) fn take_over(&mut self, index: IfIndex, advertised: Advertised) -> Option<Rc<Interface>> {
        let member = self.get_mut(index).filter(|member| member.serves())?;
        member.advertiser = Advertiser::restore(advertised);
        Some(member.seen.clone())
    }

    /// Sets the state of a member while the fleet stops, and updates what is derived from it.
    pub(super) fn see_while_stopping(&mut self, seen: Rc<Interface>, parameters: &Parameters, now: BootInstant) {
        let index = seen.index;
        let Some(member) = self.by_index.get_mut(&index) else { return };
        if member.seen.name != seen.name {
            self.names.rename(&member.seen.name, &seen.name, index);
            self.unsaved.insert(index);
        }
        member.see_while_stopping(seen, parameters, now);
        self.update(index);
    }

    /// Updates what is derived from a member.
    pub(super) fn update(&mut self, index: IfIndex) {
        if let Some(member) = self.by_index.get_mut(&index) {
            update_derived(member, &mut self.deadlines, &mut self.unsaved);
        }
    }

    /// Changes every member, unordered, and updates what is derived from it.
    pub(super) fn for_each(&mut self, mut change: impl FnMut(&mut Member)) {
        for member in self.by_index.values_mut() {
            change(member);
            update_derived(member, &mut self.deadlines, &mut self.unsaved);
        }
    }

    /// Updates what is derived from a member, and removes the member if it is spent.
    pub(super) fn update_or_remove(&mut self, index: IfIndex, now: BootInstant) {
        self.update(index);
        if self.get(index).is_some_and(|member| member.is_spent(now)) {
            self.remove(index);
        }
    }

    pub(super) fn remove(&mut self, index: IfIndex) -> Option<Box<Member>> {
        let member = self.by_index.remove(&index)?;
        self.names.remove(&member.seen.name, index);
        self.counts.change(member.verdict(), &Verdict::Ignore);
        self.unsaved.insert(index);
        if let Some(deadline) = member.deadline {
            self.deadlines.remove(&(deadline, index));
        }
        Some(member)
    }

    pub(super) fn take_unsaved(&mut self) -> BTreeSet<IfIndex> {
        mem::take(&mut self.unsaved)
    }

    pub(super) fn next_deadline(&self) -> Option<BootInstant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Returns the member that has been due the longest at `now`. Drops a deadline that is not its member's,
    /// as the daemon would otherwise wake up for it for ever.
    pub(super) fn take_due(&mut self, now: BootInstant) -> Option<Result<IfIndex, Fault>> {
        let (deadline, index) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now)?;
        if self.get(index).is_some_and(|member| member.deadline == Some(deadline)) {
            return Some(Ok(index));
        }
        self.deadlines.pop_first();
        Some(Err(Fault::StrayDeadline(index)))
    }
}

#[cfg(test)]
impl Members {
    /// Adds a deadline that is not its member's.
    pub(super) fn add_deadline(&mut self, deadline: BootInstant, index: IfIndex) {
        self.deadlines.insert((deadline, index));
    }
}

/// Updates the queue of deadlines and the unsaved changes after a change of the member's advertiser.
fn update_derived(
    member: &mut Member,
    deadlines: &mut BTreeSet<(BootInstant, IfIndex)>,
    unsaved: &mut BTreeSet<IfIndex>,
) {
    let index = member.seen.index;
    let deadline = member.advertiser.deadline();
    let before = mem::replace(&mut member.deadline, deadline);
    if before != deadline {
        if let Some(before) = before {
            deadlines.remove(&(before, index));
        }
        if let Some(deadline) = deadline {
            deadlines.insert((deadline, index));
        }
    }
    let saved_hash = member.advertiser.saved_hash();
    if mem::replace(&mut member.saved_hash, saved_hash) != saved_hash {
        unsaved.insert(index);
    }
}
