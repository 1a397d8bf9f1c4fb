//! A simulated kernel: its state at each instant, whether announced or not.

mod change;
mod filter;
mod outages;

use std::{collections::BTreeMap, net::Ipv6Addr};

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, AddressFlags, AddressScope, Interface, Ipv6Settings, Lifetimes, LinkFlags},
    },
};
use rand::{RngExt, rngs::StdRng};

use crate::scenario::Scenario;
use change::Change;
pub(crate) use filter::{Filter, Passage};
pub(crate) use outages::Outages;

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
}

/// The place of one link, which appears and disappears.
struct Slot {
    number: u16,
    link: Option<Interface>,
    /// The last index of the link.
    index: IfIndex,
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
        }
    }

    pub(crate) fn links(&self) -> usize {
        self.slots.len()
    }

    /// Returns the current state of one link.
    pub(crate) fn link(&self, index: IfIndex) -> Option<Interface> {
        let slot = *self.by_index.get(&index)?;
        self.slots[slot].link.clone()
    }

    /// Returns the current state of all links.
    pub(crate) fn all_links(&self) -> Vec<Interface> {
        self.slots.iter().filter_map(|slot| slot.link.clone()).collect()
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

    /// Changes, deletes or creates the link in a slot.
    pub(crate) fn churn(&mut self, slot: usize, rng: &mut StdRng) -> Effect {
        let prefixes = self.prefixes;
        let Slot { number, link, index } = &mut self.slots[slot];
        let Some(present) = link else { return self.create(slot, rng) };
        let change = Change::draw(prefixes, rng);
        if matches!(change, Change::Delete) {
            *link = None;
            self.by_index.remove(index);
            return Effect::Deleted(*index);
        }
        let before = present.clone();
        change.apply(present, *number, prefixes, rng);
        present.addresses.sort();
        if *present == before { Effect::Nothing } else { Effect::Changed(*index) }
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
        link.addresses.sort();
        if changed { Effect::Changed(link.index) } else { Effect::Nothing }
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
        let reused = index.get() <= self.highest;
        self.highest = self.highest.max(index.get());
        let place = &mut self.slots[slot];
        place.index = index;
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
        Self { number, link: Some(fit(number, index)), index }
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
        link_address: None,
        tun: true,
        addresses: vec![global(number, 0, 1), link_local(number, 1)],
    }
}

/// Returns one of the link-local addresses of a link.
fn link_local(number: u16, suffix: u16) -> Address {
    let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, number, suffix);
    Address {
        address,
        prefix_len: 64,
        scope: AddressScope::Link,
        flags: AddressFlags::default(),
        lifetimes: Lifetimes::default(),
    }
}

/// Returns an address in one of the /64s of a link.
fn global(number: u16, prefix: u16, suffix: u16) -> Address {
    let address = Ipv6Addr::new(0x2001, 0xdb8, number, prefix, 0, 0, 0, suffix);
    Address {
        address,
        prefix_len: 64,
        scope: AddressScope::Global,
        flags: AddressFlags::default(),
        lifetimes: Lifetimes::default(),
    }
}
