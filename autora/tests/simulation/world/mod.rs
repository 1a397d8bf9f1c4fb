//! A simulated kernel: its state at each instant, whether a notification told it or not.

mod address;
mod blink;
mod change;
mod claims;
mod filter;
mod outages;
mod queues;

use std::{collections::BTreeMap, mem};

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, AddressScope, GroupMapping, Interface, Ipv6Settings, LinkFlags},
    },
};
use rand::{RngExt, rngs::StdRng};

use crate::scenario::Scenario;
use address::{global, link_local};
use blink::Undo;
use change::{Change, Changed};
pub(crate) use claims::{Act, Claims};
pub(crate) use filter::{Filter, Passage};
pub(crate) use outages::Outages;
pub(crate) use queues::{Queued, Queues};

/// Every tenth link has a name that does not match.
const OTHER: usize = 10;

/// All slots, and the links in them.
pub(crate) struct World {
    slots: Vec<Slot>,
    /// The slot of each link that exists.
    by_index: BTreeMap<IfIndex, usize>,
    /// The highest index used so far.
    highest: u32,
    prefixes: u16,
    pub(crate) filter: Filter,
    pub(crate) outages: Outages,
    pub(crate) queues: Queues,
    pub(crate) claims: Claims,
}

/// The place of one link, which appears and disappears.
struct Slot {
    number: u16,
    link: Option<Interface>,
    /// The last index of the link.
    index: IfIndex,
    /// How its last changes are undone, if that is planned.
    undo: Vec<Undo>,
    /// When its next lifetime ends, if that is planned.
    aging: Option<BootInstant>,
}

/// The effect of an event on a link.
pub(crate) enum Effect {
    Changed(IfIndex),
    Deleted(IfIndex),
    /// The link appeared, with an index that was in use before or not.
    Created(IfIndex, Reused),
    Nothing,
}

/// Whether an index was in use before.
#[derive(PartialEq, Eq)]
pub(crate) struct Reused(pub(crate) bool);

impl World {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let slots: Vec<_> = (1..).take(scenario.links).map(Slot::new).collect();
        Self {
            by_index: slots.iter().enumerate().map(|(slot, place)| (place.index, slot)).collect(),
            highest: slots.last().map_or(0, |last| last.index.get()),
            slots,
            prefixes: scenario.prefixes,
            filter: Filter::new(scenario.links * 2),
            outages: Outages::default(),
            queues: Queues::default(),
            claims: Claims::default(),
        }
    }

    pub(crate) fn links(&self) -> usize {
        self.slots.len()
    }

    /// Returns the state of one link, as a process reads it at `now`.
    pub(crate) fn link(&self, index: IfIndex, now: BootInstant) -> Option<Interface> {
        let slot = *self.by_index.get(&index)?;
        self.slots[slot].link.as_ref().map(|link| address::read(link, now))
    }

    /// Returns the state of all links, as a process reads it at `now`.
    pub(crate) fn all_links(&self, now: BootInstant) -> Vec<Interface> {
        self.slots.iter().filter_map(|slot| slot.link.as_ref()).map(|link| address::read(link, now)).collect()
    }

    /// Returns the link in a slot if solicitations from a guest reach the host. The kernel is a member of
    /// ff02::2 only on links that forward.
    pub(crate) fn soliciting(&self, slot: usize) -> Option<IfIndex> {
        let link = self.slots[slot].link.as_ref()?;
        let forwards = link.ipv6.is_some_and(|ipv6| !ipv6.disabled && ipv6.forwarding);
        (link.flags.up && link.flags.carrier && forwards).then_some(link.index)
    }

    /// Returns whether an RA can leave on a link now.
    pub(crate) fn can_send(&mut self, index: IfIndex, now: BootInstant, rng: &mut StdRng) -> bool {
        let slot = self.by_index.get(&index).copied();
        let up = slot.and_then(|slot| self.slots[slot].link.as_ref()).is_some_and(|link| link.flags.up);
        up && self.outages.allows(slot.unwrap_or_default(), now, rng)
    }

    /// Passes an RA to the queue of its link.
    pub(crate) fn enqueue(&mut self, index: IfIndex, now: BootInstant) -> Queued {
        self.by_index.get(&index).map_or(Queued::Leaves, |slot| self.queues.take(*slot, now))
    }

    /// Returns the link in a slot, and whether a daemon with other settings may find it fit.
    pub(crate) fn link_for_another(&self, slot: usize) -> Option<(IfIndex, bool)> {
        let link = self.slots[slot].link.as_ref()?;
        let forwards = link.ipv6.is_some_and(|ipv6| !ipv6.disabled && ipv6.forwarding);
        let has = |scope| link.addresses.iter().any(|address| address.scope == scope);
        let fit = link.flags.up && forwards && has(AddressScope::Link) && has(AddressScope::Global);
        Some((link.index, fit))
    }

    /// Changes, deletes or creates the link in a slot.
    pub(crate) fn churn(&mut self, slot: usize, now: BootInstant, rng: &mut StdRng) -> Effect {
        let prefixes = self.prefixes;
        let Slot { number, link, index, undo, .. } = &mut self.slots[slot];
        let Some(present) = link else { return self.create(slot, rng) };
        let change = Change::draw(prefixes, rng);
        if matches!(change, Change::Delete) {
            *link = None;
            undo.clear();
            self.by_index.remove(index);
            self.queues.forget(slot);
            return Effect::Deleted(*index);
        }
        let before = present.clone();
        change.apply(present, &mut Changed { number: *number, prefixes, now, undo }, rng);
        if *present == before { Effect::Nothing } else { Effect::Changed(*index) }
    }

    /// Returns whether the last change of the link in a slot is to be undone a moment later; a deleted link
    /// may come back.
    pub(crate) fn is_to_be_undone(&self, slot: usize) -> bool {
        self.slots[slot].link.is_none() || !self.slots[slot].undo.is_empty()
    }

    /// Undoes the last changes of the link in a slot.
    pub(crate) fn undo(&mut self, slot: usize, rng: &mut StdRng) -> Effect {
        let prefixes = self.prefixes;
        let Slot { number, link, index, undo, .. } = &mut self.slots[slot];
        let Some(present) = link else {
            return if rng.random_bool(0.5) { self.recreate(slot, rng) } else { Effect::Nothing };
        };
        let before = present.clone();
        mem::take(undo).into_iter().rev().for_each(|undo| undo.apply(present, *number, prefixes, rng));
        if *present == before { Effect::Nothing } else { Effect::Changed(*index) }
    }

    /// Ends the lifetimes of the link in a slot that are over at `now`, if that was planned for then.
    pub(crate) fn age(&mut self, slot: usize, now: BootInstant) -> Effect {
        let Slot { link, index, aging, .. } = &mut self.slots[slot];
        if *aging != Some(now) {
            return Effect::Nothing;
        }
        *aging = None;
        let aged = link.as_mut().is_some_and(|link| address::age(link, now));
        if aged { Effect::Changed(*index) } else { Effect::Nothing }
    }

    /// Returns when the next lifetime of the link in a slot ends, unless that is planned.
    pub(crate) fn plan_aging(&mut self, slot: usize, now: BootInstant) -> Option<BootInstant> {
        let Slot { link, aging, .. } = &mut self.slots[slot];
        let next = address::next_end(link.as_ref()?, now)?;
        let earlier = aging.is_none_or(|planned| next < planned);
        earlier.then(|| *aging.insert(next))
    }

    /// Ends duplicate address detection on the link in a slot.
    pub(crate) fn detect(&mut self, slot: usize, rng: &mut StdRng) -> Effect {
        let Some(link) = &mut self.slots[slot].link else { return Effect::Nothing };
        let mut changed = false;
        for Address { flags, .. } in link.addresses.iter_mut().filter(|a| a.flags.tentative) {
            changed = true;
            if rng.random_bool(0.1) {
                flags.dadfailed = true;
            } else {
                (flags.tentative, flags.optimistic) = (false, false);
            }
        }
        if changed { Effect::Changed(link.index) } else { Effect::Nothing }
    }

    /// Creates a link again with its last index and name, if the index is free: it was in another namespace.
    fn recreate(&mut self, slot: usize, rng: &mut StdRng) -> Effect {
        let own = self.slots[slot].index;
        if self.by_index.contains_key(&own) { Effect::Nothing } else { self.create_with(own, slot, rng) }
    }

    /// Creates a link with its last index, another free one, or a new one.
    fn create(&mut self, slot: usize, rng: &mut StdRng) -> Effect {
        let own = self.slots[slot].index;
        let another = IfIndex::new(rng.random_range(1..=self.highest)).expect("not 0");
        let free = |index: &IfIndex| !self.by_index.contains_key(index);
        let index = match rng.random_range(0..4) {
            0 | 1 if free(&own) => own,
            2 if free(&another) => another,
            _ => IfIndex::new(self.highest + 1).expect("not 0"),
        };
        self.create_with(index, slot, rng)
    }

    fn create_with(&mut self, index: IfIndex, slot: usize, rng: &mut StdRng) -> Effect {
        let reused = index.get() <= self.highest;
        self.highest = self.highest.max(index.get());
        let place = &mut self.slots[slot];
        place.index = index;
        place.undo.clear();
        let mut link = fit(place.number, index);
        if rng.random_bool(0.5) {
            link.addresses.iter_mut().for_each(|address| address.flags.tentative = true);
        }
        place.link = Some(link);
        self.by_index.insert(index, slot);
        Effect::Created(index, Reused(reused))
    }
}

impl Slot {
    fn new(number: u16) -> Self {
        let index = IfIndex::new(u32::from(number)).expect("numbers begin at 1");
        Self { number, link: Some(fit(number, index)), index, undo: Vec::new(), aging: None }
    }
}

/// Returns the initial name of the link in a slot.
fn home_name(number: u16) -> String {
    if usize::from(number).is_multiple_of(OTHER) { format!("eth{number}") } else { format!("vm{number}") }
}

/// Returns a link that is fit to serve.
fn fit(number: u16, index: IfIndex) -> Interface {
    Interface {
        index,
        name: home_name(number),
        flags: LinkFlags { up: true, multicast: true, loopback: false, carrier: true },
        master: None,
        ipv6: Some(Ipv6Settings { disabled: false, forwarding: true, force_forwarding: false, accepts_ra: false }),
        mtu: 1_500,
        link_address: Some([2, 0, 0, 0, 0, 1]),
        group_mapping: GroupMapping::Ethernet,
        tun: true,
        addresses: vec![global(number, 0, 1), link_local(1)],
    }
}
