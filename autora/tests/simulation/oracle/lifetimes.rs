//! The lifetimes of a host's addresses, and what the PIO of their /64 says because of them.

use std::time::Duration;

use autora::engine::{
    BootInstant,
    interface::{Address, Interface, Lifetimes, Preferred},
    parameters::Parameters,
};

use super::bounds::SAME_END;

/// Returns `seen` with each known end in place of one that differs from it only because the kernel tells whole
/// seconds.
pub(super) fn with_known_ends(seen: &Interface, known: &Interface, now: BootInstant) -> Interface {
    let mut settled = seen.clone();
    for address in &mut settled.addresses {
        if let Some(known) = known.addresses.iter().find(|known| known.address == address.address) {
            address.lifetimes = settle(address.lifetimes, known.lifetimes, now);
        }
    }
    settled
}

fn settle(new: Lifetimes, known: Lifetimes, now: BootInstant) -> Lifetimes {
    let same = |new: BootInstant, known: BootInstant| new < known + SAME_END && known < new + SAME_END;
    let valid = match (new.valid, known.valid) {
        (Some(new), Some(known)) if same(new, known) => Some(known),
        (new, _) => new,
    };
    let preferred = match (new.preferred, known.preferred) {
        (Preferred::Until(new), Preferred::Until(known)) if same(new, known) => Preferred::Until(known),
        // It ran out while it was seen.
        (Preferred::Zero, Preferred::Until(known)) if known <= now + SAME_END => Preferred::Until(known),
        (new, _) => new,
    };
    Lifetimes { valid, preferred }
}

/// What bounds the lifetimes of one /64: the longest of its addresses. `None` is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    valid: Option<BootInstant>,
    preferred: Option<BootInstant>,
}

/// A bound that is over.
const OVER: BootInstant = BootInstant::from_boot(Duration::ZERO);

impl Bounds {
    /// Returns the bounds by the addresses that make the /64.
    pub(super) fn of(addresses: &[&Address]) -> Self {
        let valid = longest(addresses.iter().map(|address| address.lifetimes.valid));
        let live = addresses.iter().filter(|address| !address.flags.deprecated);
        let preferred = longest(live.map(|address| match address.lifetimes.preferred {
            Preferred::ForEver => None,
            Preferred::Until(end) => Some(end),
            Preferred::Zero => Some(OVER),
        }));
        let all_deprecated = addresses.iter().all(|address| address.flags.deprecated);
        let parked = addresses.iter().any(|address| is_parked(address.lifetimes));
        Self { valid, preferred: if all_deprecated { (!parked).then_some(OVER) } else { preferred } }
    }

    /// Returns the Valid and the Preferred Lifetime of a PIO that leaves at `now`.
    pub(super) fn says(&self, by: &Parameters, now: BootInstant) -> (Duration, Duration) {
        let left = |end: BootInstant| Duration::from_secs(end.saturating_since(now).as_secs());
        let valid = self.valid.map_or(by.valid_lifetime, |end| left(end).min(by.valid_lifetime));
        let setting = by.preferred_lifetime.min(valid);
        (valid, self.preferred.map_or(setting, |end| left(end).min(setting)))
    }

    /// Returns whether a PIO says lifetimes that are shorter than by `before`.
    pub(super) fn shorten(&self, before: &Self, by: &Parameters, now: BootInstant) -> bool {
        let ((valid, preferred), before) = (self.says(by, now), before.says(by, now));
        valid + SAME_END <= before.0 || preferred + SAME_END <= before.1
    }

    /// Returns whether a PIO says lifetimes that are longer than by `before`.
    pub(super) fn prolong(&self, before: &Self, by: &Parameters, now: BootInstant) -> bool {
        before.shorten(self, by, now)
    }
}

/// Returns the latest of the ends, or `None` if one is none.
fn longest(ends: impl Iterator<Item = Option<BootInstant>>) -> Option<BootInstant> {
    ends.reduce(|a, b| Some(a?.max(b?))).unwrap_or(Some(OVER))
}

/// Returns whether the operator has parked an address: valid for ever and not preferred.
pub(super) fn is_parked(lifetimes: Lifetimes) -> bool {
    lifetimes.valid.is_none() && lifetimes.preferred == Preferred::Zero
}
