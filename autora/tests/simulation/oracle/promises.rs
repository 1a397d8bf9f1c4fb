//! The prefixes that guests were promised, and what an advertisement has to say of each.

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
    looks::Looks,
};
use crate::run::Tally;

/// Longer than any promise.
const FOREVER: BootInstant = BootInstant::from_boot(Duration::from_secs(u64::MAX / 2));

/// All prefixes that guests hold.
#[derive(Debug, Default)]
pub(super) struct AdvertisedPrefixes {
    held: Vec<AdvertisedPrefix>,
    /// The one advertised last.
    last: Option<Prefix64>,
    /// The one that a daemon, if it crashes, may have advertised once more: that which was the present one
    /// last.
    renewable: Option<Prefix64>,
    /// How often one became shorter, as it does under a daemon with other parameters.
    pub(super) shortened: u32,
    /// Some are known only from an advertisement: what they were worth before nobody can tell.
    vague: bool,
    /// Whether the prefix advertised last was the only one there, in each look since.
    stood: bool,
    /// Whether the last look showed that the prefix advertised last is not there.
    went: bool,
    /// The prefix that the interface was served with last, whether or not anything was sent meanwhile.
    served: Option<Prefix64>,
}

#[derive(Clone, Copy, Debug)]
struct AdvertisedPrefix {
    prefix: Prefix64,
    until: BootInstant,
    /// Until when a daemon has to believe that guests hold it: longer, if it cannot know when its predecessor
    /// sent last.
    believed: BootInstant,
    /// More than eight others are newer: it may have made room, and need not come back.
    may_go: bool,
    retired: bool,
}

impl AdvertisedPrefixes {
    /// Nothing is known of them any more.
    pub(super) fn forget(&mut self) {
        self.held.clear();
        (self.last, self.renewable, self.vague) = (None, None, false);
    }

    pub(super) fn all_over(&self, now: BootInstant) -> bool {
        self.held.iter().all(|promise| promise.believed <= now)
    }

    /// Which there are, whether a daemon may renew each, and whether it may have been forgotten to make room.
    pub(super) fn prefixes(&self) -> Vec<(Prefix64, bool, bool)> {
        let renewable = |promise: &AdvertisedPrefix| Some(promise.prefix) == self.renewable;
        let mut all: Vec<_> =
            self.held.iter().map(|promise| (promise.prefix, renewable(promise), promise.may_go)).collect();
        all.sort();
        all
    }

    /// Whether the one advertised last is promised and no longer the present one.
    pub(super) fn are_taken_back(&self, now: BootInstant) -> bool {
        let last = self.last_before(|last| last.until <= now);
        last.is_some() && self.served.is_some() && self.served != last
    }

    /// Another daemon has read of them; after a crash it has to believe that the last advertisement left just
    /// now.
    pub(super) fn recalled(&mut self, valid: Option<Duration>, now: BootInstant) {
        for promise in &mut self.held {
            promise.until = whole_micros(promise.until);
            promise.believed = whole_micros(promise.believed);
            if let Some(valid) = valid
                && Some(promise.prefix) == self.renewable
            {
                promise.believed = promise.believed.max(now + valid);
            }
        }
        self.held.retain(|promise| promise.believed > now);
        self.served = None;
    }

    fn last_before(&self, over: impl Fn(&AdvertisedPrefix) -> bool) -> Option<Prefix64> {
        let last = self.held.iter().find(|promise| Some(promise.prefix) == self.last);
        last.filter(|last| !over(last)).map(|last| last.prefix)
    }

    /// The interface was looked at; `current` is the prefix that it is served with.
    pub(super) fn told(
        &mut self,
        looks: &Looks,
        current: Option<Prefix64>,
        now: BootInstant,
        tally: &mut Tally,
    ) {
        let last = self.last;
        self.stood &= looks.prefixes.as_slice() == last.as_slice();
        self.went = last.is_some_and(|last| !looks.prefixes.contains(&last));
        self.served = current.or(self.served);
        let before = self.renewable;
        self.renewable = current.or(before.filter(|prefix| looks.prefixes.contains(prefix)));
        if current.is_some() || self.renewable != before {
            self.make_room(current, now, tally);
        }
    }

    /// The fleet stops: what goes while the final RA is on its way may be in it or not.
    pub(super) fn leave_open(&mut self) {
        (self.went, self.stood) = (false, false);
    }

    fn make_room(&mut self, current: Option<Prefix64>, now: BootInstant, tally: &mut Tally) {
        let before = self.held.len();
        let (last, renewable) = (self.last, self.renewable);
        let stays = |prefix| prefix == last || prefix == renewable;
        self.held.retain(|promise| promise.believed > now || stays(Some(promise.prefix)));
        tally.add("promise ran out", before - self.held.len());
        let running = self.held.iter_mut().filter(|promise| promise.believed > now);
        let mut others: Vec<_> = running.filter(|promise| Some(promise.prefix) != current).collect();
        let surplus = others.len().saturating_sub(RETIRED);
        let goes = if self.vague && surplus > 0 { others.len() } else { surplus };
        others.sort_by_key(|promise| promise.believed);
        others.iter_mut().take(goes).for_each(|promise| promise.may_go = true);
        // Of those that are believed in for longer than they run, the ones that in truth are older may go as
        // well.
        others.sort_by_key(|promise| promise.until);
        others.iter_mut().take(surplus).for_each(|promise| promise.may_go = true);
        tally.add("retired prefix made room", surplus);
    }

    /// Holds the options of an advertisement made at `now` against what guests hold; `current` is the prefix
    /// that the interface is served with.
    pub(super) fn check(
        &self,
        advert: &RouterAdvert,
        is_final: bool,
        current: Option<Prefix64>,
        parameters: &Parameters,
        now: BootInstant,
    ) -> Result<(), Broken> {
        let said = Said::of(advert, parameters)?;
        let running = || self.held.iter().filter(|promise| promise.until > now);
        if !is_final {
            rule(said.current == current, "an advertisement carries the present prefix", || {
                format!("{:?} instead of {current:?}", said.current)
            })?;
        }
        for promise in running().filter(|promise| !promise.may_go) {
            let named = said.retired.contains(&promise.prefix) || said.current == Some(promise.prefix);
            rule(named, "what guests were promised is repeated or taken back [RFC 9096 3.5]", || {
                format!("nothing is said of {} in {advert}: {:#?}", promise.prefix, self.held)
            })?;
        }
        let believed = || self.held.iter().filter(|promise| promise.believed > now);
        let known = |prefix: &Prefix64| believed().any(|promise| promise.prefix == *prefix);
        let unknown = said.retired.iter().find(|prefix| !known(prefix));
        rule(unknown.is_none(), "only a prefix with a promise that still runs is taken back", || {
            format!("{unknown:?} is none")
        })?;
        if is_final { self.check_final(&said, now) } else { Ok(()) }
    }

    /// A final RA has the options as last sent, but takes back what is no longer there.
    fn check_final(&self, said: &Said, now: BootInstant) -> Result<(), Broken> {
        let last = self.last_before(|last| last.until <= now);
        let believed = self.last_before(|last| last.believed <= now);
        let rule_name = "a final RA has the prefixes as last sent";
        if let Some(prefix) = said.current {
            let right = [believed, self.served, self.renewable].contains(&Some(prefix));
            rule(right, rule_name, || format!("{prefix} instead of {last:?}"))?;
        }
        if self.went && believed.is_some() {
            rule(said.current != believed, "a final RA takes back the prefix that went", || {
                format!("{believed:?} is still there")
            })?;
        }
        let right = !self.stood || last.is_none() || said.current == last;
        rule(right, rule_name, || format!("{:?} instead of {last:?}", said.current))
    }

    /// What the fleet knew in that uncertainty it has said now.
    pub(super) fn take_over(&mut self, advert: &RouterAdvert, parameters: &Parameters) {
        let Ok(said) = Said::of(advert, parameters) else { return };
        let (until, believed) = (BootInstant::from_boot(Duration::ZERO), FOREVER);
        let promise = |prefix| AdvertisedPrefix { prefix, until, believed, may_go: true, retired: true };
        self.held = said.retired.into_iter().map(promise).collect();
        (self.last, self.renewable, self.vague) = (None, None, true);
    }

    /// An advertisement has left, and guests have heard it.
    pub(super) fn sent(
        &mut self,
        send: &Transmission,
        parameters: &Parameters,
        now: BootInstant,
        tally: &mut Tally,
    ) {
        let Ok(said) = Said::of(&send.advert, parameters) else { return };
        for promise in self.held.iter_mut().filter(|promise| said.retired.contains(&promise.prefix)) {
            promise.retired = true;
        }
        if !said.retired.is_empty() {
            tally.count("retired prefix rode along");
        }
        if said.retired.len() == RETIRED {
            tally.count("eight retired prefixes rode along");
        }
        let Some(prefix) = said.current else { return };
        let until = now + parameters.valid_lifetime;
        if let Some(at) = self.held.iter().position(|promise| promise.prefix == prefix) {
            let before = self.held.remove(at);
            self.shortened += u32::from(before.believed > until);
            tally.add("retired prefix came back", usize::from(before.retired));
        }
        self.held.push(AdvertisedPrefix { prefix, until, believed: until, may_go: false, retired: false });
        (self.last, self.renewable) = (Some(prefix), Some(prefix));
        (self.stood, self.went) = (true, false);
    }
}

/// Where it is not certain what the fleet knows, only the present is held against an advertisement.
pub(super) fn check_murky(
    advert: &RouterAdvert,
    is_final: bool,
    current: Option<Prefix64>,
    parameters: &Parameters,
) -> Result<(), Broken> {
    let said = Said::of(advert, parameters)?;
    rule(is_final || said.current == current, "an advertisement carries the present prefix", || {
        format!("{:?} instead of {current:?}", said.current)
    })
}

/// What an advertisement says of prefixes.
pub(super) struct Said {
    pub(super) current: Option<Prefix64>,
    pub(super) retired: BTreeSet<Prefix64>,
}

impl Said {
    fn of(advert: &RouterAdvert, parameters: &Parameters) -> Result<Self, Broken> {
        let mut said = Self { current: None, retired: BTreeSet::new() };
        for option in &advert.options {
            let good = match option {
                NdOption::PrefixInformation(information) => said.take(information, parameters),
                NdOption::SourceLinkLayerAddress(_) | NdOption::Mtu(_) | NdOption::Other { .. } => false,
            };
            rule(good, "options are one current prefix, and retired ones, each once, L=0 A=1", || {
                format!("{option} in\n{advert}")
            })?;
        }
        rule(said.retired.len() <= RETIRED, "at most 8 retired prefixes ride along", || {
            format!("{} do", said.retired.len())
        })?;
        Ok(said)
    }

    /// Whether the option may be there.
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

/// The present prefix of an advertisement, and how many are retired; for the trace.
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
