//! The prefixes that guests hold, and what an RA has to carry of each.

use std::{collections::BTreeSet, time::Duration};

use autora::{
    addr::Prefix64,
    engine::{BootInstant, action::Transmission, parameters::Parameters},
    wire::{NdOption, PrefixInformation, RouterAdvert},
};

use super::{
    bounds::RETIRED,
    broken::{Broken, rule},
    inheritance::whole_micros,
    observation::Observation,
};
use crate::run::Tally;

/// Later than the end of any advertised lifetime.
const FOREVER: BootInstant = BootInstant::from_boot(Duration::from_secs(u64::MAX / 2));

/// All prefixes that guests hold.
#[derive(Debug, Default)]
pub(super) struct AdvertisedPrefixes {
    held: Vec<AdvertisedPrefix>,
    /// The prefix advertised last.
    last: Option<Prefix64>,
    /// The prefix that a process which crashes may have advertised once more: the last current one.
    renewable: Option<Prefix64>,
    /// How often a lifetime became shorter, as it does after a restart with other parameters.
    pub(super) shortened: u32,
    /// Whether some are known only from an RA, so that their previous lifetimes are unknown.
    partly_unknown: bool,
    /// Whether the prefix advertised last has been the only usable one in each state since.
    remained: bool,
    /// Whether the interface no longer has the prefix advertised last.
    removed: bool,
    /// The prefix that the interface was served with last, sent or not.
    served: Option<Prefix64>,
}

#[derive(Clone, Copy, Debug)]
struct AdvertisedPrefix {
    prefix: Prefix64,
    until: BootInstant,
    /// Until when a process has to assume that guests hold it: later than `until` if it cannot know when the
    /// previous process sent last.
    assumed: BootInstant,
    /// Whether more than eight others are newer, so that the fleet may have dropped it.
    may_be_dropped: bool,
    retired: bool,
}

impl AdvertisedPrefixes {
    /// Drops all prefixes.
    pub(super) fn forget(&mut self) {
        self.held.clear();
        (self.last, self.renewable, self.partly_unknown) = (None, None, false);
    }

    pub(super) fn all_expired(&self, now: BootInstant) -> bool {
        self.held.iter().all(|held| held.assumed <= now)
    }

    /// Returns each prefix, whether a process may renew it, and whether it may have been dropped.
    pub(super) fn prefixes(&self) -> Vec<(Prefix64, bool, bool)> {
        let renewable = |held: &AdvertisedPrefix| Some(held.prefix) == self.renewable;
        let mut all: Vec<_> =
            self.held.iter().map(|held| (held.prefix, renewable(held), held.may_be_dropped)).collect();
        all.sort();
        all
    }

    /// Returns whether the prefix advertised last is still held and no longer the current one.
    pub(super) fn are_retired(&self, now: BootInstant) -> bool {
        let last = self.last_before(|last| last.until <= now);
        last.is_some() && self.served.is_some() && self.served != last
    }

    /// Restores the prefixes in the next process; after a crash it has to assume that an RA left just now.
    pub(super) fn restored(&mut self, valid: Option<Duration>, now: BootInstant) {
        for held in &mut self.held {
            held.until = whole_micros(held.until);
            held.assumed = whole_micros(held.assumed);
            if let Some(valid) = valid
                && Some(held.prefix) == self.renewable
            {
                held.assumed = held.assumed.max(now + valid);
            }
        }
        self.held.retain(|held| held.assumed > now);
        self.served = None;
    }

    fn last_before(&self, over: impl Fn(&AdvertisedPrefix) -> bool) -> Option<Prefix64> {
        let last = self.held.iter().find(|held| Some(held.prefix) == self.last);
        last.filter(|last| !over(last)).map(|last| last.prefix)
    }

    /// Updates the prefixes with a state of the interface; `current` is the prefix that it is served with.
    pub(super) fn observe(
        &mut self,
        observation: &Observation,
        current: Option<Prefix64>,
        now: BootInstant,
        tally: &mut Tally,
    ) {
        let last = self.last;
        self.remained &= observation.prefixes.as_slice() == last.as_slice();
        self.removed = last.is_some_and(|last| !observation.prefixes.contains(&last));
        self.served = current.or(self.served);
        let before = self.renewable;
        self.renewable = current.or(before.filter(|prefix| observation.prefixes.contains(prefix)));
        if current.is_some() || self.renewable != before {
            self.drop_surplus(current, now, tally);
        }
    }

    /// Marks as undecided whether a prefix that goes while the fleet stops is in the final RA.
    pub(super) fn leave_undecided(&mut self) {
        (self.removed, self.remained) = (false, false);
    }

    fn drop_surplus(&mut self, current: Option<Prefix64>, now: BootInstant, tally: &mut Tally) {
        let before = self.held.len();
        let (last, renewable) = (self.last, self.renewable);
        let stays = |prefix| prefix == last || prefix == renewable;
        self.held.retain(|held| held.assumed > now || stays(Some(held.prefix)));
        tally.add("advertised prefix expired", before - self.held.len());
        let running = self.held.iter_mut().filter(|held| held.assumed > now);
        let mut others: Vec<_> = running.filter(|held| Some(held.prefix) != current).collect();
        let surplus = others.len().saturating_sub(RETIRED);
        let goes = if self.partly_unknown && surplus > 0 { others.len() } else { surplus };
        others.sort_by_key(|held| held.assumed);
        others.iter_mut().take(goes).for_each(|held| held.may_be_dropped = true);
        // Of prefixes assumed for longer than they really run, the fleet may drop the older ones as well.
        others.sort_by_key(|held| held.until);
        others.iter_mut().take(surplus).for_each(|held| held.may_be_dropped = true);
        tally.add("surplus retired prefix dropped", surplus);
    }

    /// Checks the options of an RA made at `now` against what guests hold; `current` is the prefix that the
    /// interface is served with.
    pub(super) fn check(
        &self,
        advert: &RouterAdvert,
        is_final: bool,
        current: Option<Prefix64>,
        parameters: &Parameters,
        now: BootInstant,
    ) -> Result<(), Broken> {
        let carried = Carried::of(advert, parameters)?;
        let running = || self.held.iter().filter(|held| held.until > now);
        if !is_final {
            rule(carried.current == current, "an RA carries the current prefix", || {
                format!("{:?} instead of {current:?}", carried.current)
            })?;
        }
        for held in running().filter(|held| !held.may_be_dropped) {
            let named = carried.retired.contains(&held.prefix) || carried.current == Some(held.prefix);
            rule(named, "an RA carries each prefix that guests hold, or retires it [RFC 9096 3.5]", || {
                format!("{} is missing in {advert}: {:#?}", held.prefix, self.held)
            })?;
        }
        let assumed = || self.held.iter().filter(|held| held.assumed > now);
        let known = |prefix: &Prefix64| assumed().any(|held| held.prefix == *prefix);
        let unknown = carried.retired.iter().find(|prefix| !known(prefix));
        rule(unknown.is_none(), "only a prefix that guests still hold is retired", || {
            format!("{unknown:?}: not held")
        })?;
        if is_final { self.check_final(&carried, now) } else { Ok(()) }
    }

    /// Checks that a final RA has the options as last sent, with prefixes that went retired.
    fn check_final(&self, carried: &Carried, now: BootInstant) -> Result<(), Broken> {
        let last = self.last_before(|last| last.until <= now);
        let assumed = self.last_before(|last| last.assumed <= now);
        let rule_name = "a final RA has the prefixes as last sent";
        if let Some(prefix) = carried.current {
            let right = [assumed, self.served, self.renewable].contains(&Some(prefix));
            rule(right, rule_name, || format!("{prefix} instead of {last:?}"))?;
        }
        if self.removed && assumed.is_some() {
            rule(carried.current != assumed, "a final RA retires the prefix that went", || {
                format!("{assumed:?} is still there")
            })?;
        }
        let right = !self.remained || last.is_none() || carried.current == last;
        rule(right, rule_name, || format!("{:?} instead of {last:?}", carried.current))
    }

    /// Takes over the prefixes of an uncertain link from its first RA.
    pub(super) fn adopt_from(&mut self, advert: &RouterAdvert, parameters: &Parameters) {
        let Ok(carried) = Carried::of(advert, parameters) else { return };
        let (until, assumed) = (BootInstant::from_boot(Duration::ZERO), FOREVER);
        let held = |prefix| AdvertisedPrefix { prefix, until, assumed, may_be_dropped: true, retired: true };
        self.held = carried.retired.into_iter().map(held).collect();
        (self.last, self.renewable, self.partly_unknown) = (None, None, true);
    }

    /// Records an RA that left.
    pub(super) fn sent(&mut self, send: &Transmission, parameters: &Parameters, now: BootInstant, tally: &mut Tally) {
        let Ok(carried) = Carried::of(&send.advert, parameters) else { return };
        for held in self.held.iter_mut().filter(|held| carried.retired.contains(&held.prefix)) {
            held.retired = true;
        }
        if !carried.retired.is_empty() {
            tally.count("retired prefix sent");
        }
        if carried.retired.len() == RETIRED {
            tally.count("eight retired prefixes sent");
        }
        let Some(prefix) = carried.current else { return };
        let until = now + parameters.valid_lifetime;
        if let Some(at) = self.held.iter().position(|held| held.prefix == prefix) {
            let before = self.held.remove(at);
            self.shortened += u32::from(before.assumed > until);
            tally.add("retired prefix came back", usize::from(before.retired));
        }
        self.held.push(AdvertisedPrefix { prefix, until, assumed: until, may_be_dropped: false, retired: false });
        (self.last, self.renewable) = (Some(prefix), Some(prefix));
        (self.remained, self.removed) = (true, false);
    }
}

/// Checks an RA of an uncertain link: only its current prefix.
pub(super) fn check_uncertain(
    advert: &RouterAdvert,
    is_final: bool,
    current: Option<Prefix64>,
    parameters: &Parameters,
) -> Result<(), Broken> {
    let carried = Carried::of(advert, parameters)?;
    rule(is_final || carried.current == current, "an RA carries the current prefix", || {
        format!("{:?} instead of {current:?}", carried.current)
    })
}

/// The prefixes that an RA carries.
pub(super) struct Carried {
    pub(super) current: Option<Prefix64>,
    pub(super) retired: BTreeSet<Prefix64>,
}

impl Carried {
    fn of(advert: &RouterAdvert, parameters: &Parameters) -> Result<Self, Broken> {
        let mut carried = Self { current: None, retired: BTreeSet::new() };
        for option in &advert.options {
            let good = match option {
                NdOption::PrefixInformation(information) => carried.take(information, parameters),
                NdOption::SourceLinkLayerAddress(_) | NdOption::Mtu(_) | NdOption::Other { .. } => false,
            };
            rule(good, "options are one current prefix, and retired ones, each once, L=0 A=1", || {
                format!("{option} in\n{advert}")
            })?;
        }
        rule(carried.retired.len() <= RETIRED, "an RA has at most 8 retired prefixes", || {
            format!("{}", carried.retired.len())
        })?;
        Ok(carried)
    }

    /// Adds an option. Returns whether an RA may carry it.
    fn take(&mut self, information: &PrefixInformation, parameters: &Parameters) -> bool {
        let PrefixInformation { prefix, on_link, autonomous, valid, preferred } = *information;
        let lifetimes = (valid, preferred);
        let fresh = if lifetimes == (Duration::ZERO, Duration::ZERO) {
            self.retired.insert(prefix) && self.current != Some(prefix)
        } else {
            let as_set = lifetimes == (parameters.valid_lifetime, parameters.preferred_lifetime);
            as_set && self.current.replace(prefix).is_none() && !self.retired.contains(&prefix)
        };
        fresh && !on_link && autonomous
    }
}

/// Returns the current prefix of an RA and its number of retired ones, for the trace.
pub(crate) fn prefixes(advert: &RouterAdvert) -> (Option<Prefix64>, usize) {
    let informations = || {
        advert.options.iter().filter_map(|option| match option {
            NdOption::PrefixInformation(information) => Some(information),
            NdOption::SourceLinkLayerAddress(_) | NdOption::Mtu(_) | NdOption::Other { .. } => None,
        })
    };
    let current = informations().find(|information| !information.valid.is_zero());
    let retired = informations().filter(|information| information.valid.is_zero()).count();
    (current.map(|information| information.prefix), retired)
}
