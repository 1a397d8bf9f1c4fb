//! The prefixes that guests hold, and what an RA has to carry of each.

use std::time::Duration;

use autora::{
    addr::Prefix64,
    engine::{BootInstant, handover::Advertised, parameters::Parameters},
    wire::PrefixInformation,
};

use super::{
    bounds::{RETIRED, SAME_END},
    broken::{Broken, rule},
    content::{check_retired, lifetimes},
    inheritance::whole_micros,
};
use crate::run::Tally;

/// Later than the end of any advertised lifetime.
const FOREVER: BootInstant = BootInstant::from_boot(Duration::from_secs(u64::MAX / 2));

/// All prefixes that guests hold.
#[derive(Debug, Default)]
pub(super) struct AdvertisedPrefixes {
    held: Vec<AdvertisedPrefix>,
    /// The prefix advertised last as the live one.
    last: Option<Prefix64>,
    /// How often a lifetime became shorter.
    pub(super) shortened: u32,
    /// Whether some are known only from an RA, so that their previous lifetimes are unknown.
    partly_unknown: bool,
}

#[derive(Clone, Copy, Debug)]
struct AdvertisedPrefix {
    prefix: Prefix64,
    /// The end of its Valid Lifetime.
    until: BootInstant,
    /// Until when a process may have to assume that guests hold it: later than `until` if it cannot know when
    /// the previous process sent last, or if the end follows the host's, which wanders.
    assumed: BootInstant,
    /// Whether more than eight others are newer, so that the fleet may have dropped it.
    may_be_dropped: bool,
    retired: bool,
}

/// The live prefix that an RA has to carry.
#[derive(Clone, Debug)]
pub(super) enum Live {
    /// This one with one of these lifetimes.
    Current(Prefix64, Vec<(Duration, Duration)>),
    /// The one told last with one of these lifetimes, if guests hold it.
    Told(Vec<(Duration, Duration)>),
}

impl AdvertisedPrefixes {
    /// Returns the prefixes that guests hold of another daemon, the last one until this end.
    pub(super) fn taken_over(left: &Advertised, valid_until: BootInstant) -> Self {
        let held =
            |prefix, until, retired| AdvertisedPrefix { prefix, until, assumed: until, may_be_dropped: false, retired };
        let last = left.prefix.map(|last| last.prefix);
        let retired = left.retired.iter().map(|retired| held(retired.prefix, retired.valid_until, true));
        let held = retired.chain(last.map(|last| held(last, valid_until, false))).collect();
        Self { held, last, ..Self::default() }
    }

    pub(super) fn all_expired(&self, now: BootInstant) -> bool {
        self.held.iter().all(|held| held.assumed <= now)
    }

    /// Returns the prefix that was told last, and whether guests surely hold it at `now`.
    pub(super) fn told(&self, now: BootInstant) -> Option<(Prefix64, bool)> {
        let last = self.held.iter().find(|held| Some(held.prefix) == self.last)?;
        Some((last.prefix, last.until > now))
    }

    /// Returns each prefix, whether it is the last, and whether it may have been dropped.
    pub(super) fn prefixes(&self) -> Vec<(Prefix64, bool, bool)> {
        let is_last = |held: &AdvertisedPrefix| Some(held.prefix) == self.last;
        let mut all: Vec<_> = self.held.iter().map(|held| (held.prefix, is_last(held), held.may_be_dropped)).collect();
        all.sort();
        all
    }

    /// Restores the prefixes in the next process; after a crash it has to assume that an RA left just now.
    pub(super) fn restored(&mut self, valid: Option<Duration>, now: BootInstant) {
        for held in &mut self.held {
            held.until = whole_micros(held.until);
            held.assumed = whole_micros(held.assumed);
            if let Some(valid) = valid
                && Some(held.prefix) == self.last
            {
                held.assumed = held.assumed.max(now + valid);
            }
        }
        self.held.retain(|held| held.assumed > now);
    }

    /// Drops the prefixes that guests no longer hold; `current` is the one that the interface is served with.
    pub(super) fn drop_expired(&mut self, current: Option<Prefix64>, now: BootInstant, tally: &mut Tally) {
        let before = self.held.len();
        let last = self.last;
        self.held.retain(|held| held.assumed > now || Some(held.prefix) == last);
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

    /// Checks the prefixes of an RA made at `now` against what guests hold.
    pub(super) fn check(&self, carried: &[PrefixInformation], live: &Live, now: BootInstant) -> Result<(), Broken> {
        let retired = match live {
            Live::Current(prefix, expected) => check_current(carried, *prefix, expected)?,
            Live::Told(allowed) => self.check_told(carried, allowed, now)?,
        };
        check_retired(retired)?;
        for held in self.held.iter().filter(|held| held.until > now && !held.may_be_dropped) {
            let named = carried.iter().any(|information| information.prefix == held.prefix);
            rule(named, "an RA carries each prefix that guests hold, or retires it [RFC 9096 3.5]", || {
                format!("{} is missing in {carried:?}: {:#?}", held.prefix, self.held)
            })?;
        }
        let known =
            |of: &PrefixInformation| self.held.iter().any(|held| held.prefix == of.prefix && held.assumed > now);
        let unknown = retired.iter().find(|information| !known(information));
        rule(unknown.is_none(), "only a prefix that guests still hold is retired", || format!("{unknown:?}: not held"))
    }

    /// Checks that a final RA carries the prefix told last behind the others. Returns the others.
    fn check_told<'a>(
        &self,
        carried: &'a [PrefixInformation],
        allowed: &[(Duration, Duration)],
        now: BootInstant,
    ) -> Result<&'a [PrefixInformation], Broken> {
        let Some((told, surely)) = self.told(now) else { return Ok(carried) };
        let split = carried.split_last().filter(|(last, _)| last.prefix == told);
        let Some((last, others)) = split else {
            rule(!surely, "a final RA carries the prefix told last behind the others", || {
                format!("not {told} in {carried:?}")
            })?;
            return Ok(carried);
        };
        rule(
            allowed.contains(&lifetimes(last)),
            "a final RA carries the prefix told last as it is now, with lifetimes 0 if the interface has lost it",
            || format!("{last:?}, allowed {allowed:?}"),
        )?;
        Ok(others)
    }

    /// Takes over the prefixes of an uncertain link from its first RA.
    pub(super) fn adopt_from(&mut self, carried: &[PrefixInformation]) {
        let (until, assumed) = (BootInstant::from_boot(Duration::ZERO), FOREVER);
        let held = |prefix| AdvertisedPrefix { prefix, until, assumed, may_be_dropped: true, retired: true };
        self.held = carried.iter().map(|information| held(information.prefix)).collect();
        (self.last, self.partly_unknown) = (None, true);
    }

    /// Records an RA that left at `now` of which it is unknown what it has to carry: it may have shortened a
    /// lifetime, or told a prefix again.
    pub(super) fn become_unsure(&mut self, carried: &[PrefixInformation], now: BootInstant) {
        let until = BootInstant::from_boot(Duration::ZERO);
        self.held.iter_mut().for_each(|held| held.until = until);
        let Some(last) = carried.last().filter(|last| !last.valid.is_zero()) else { return };
        let (prefix, assumed) = (last.prefix, now + last.valid + SAME_END);
        match self.held.iter_mut().find(|held| held.prefix == prefix) {
            Some(held) => held.assumed = held.assumed.max(assumed),
            None => self.held.push(AdvertisedPrefix { prefix, until, assumed, may_be_dropped: true, retired: false }),
        }
        self.last = Some(prefix);
    }

    /// Records an RA that left at `now`; a final one carries the prefix told last, if any.
    pub(super) fn sent(
        &mut self,
        carried: &[PrefixInformation],
        live: &Live,
        by: &Parameters,
        now: BootInstant,
        tally: &mut Tally,
    ) {
        let told = match live {
            Live::Current(prefix, _) => Some(*prefix),
            Live::Told(_) => self.last,
        };
        let split = carried.split_last().filter(|(last, _)| Some(last.prefix) == told);
        let retired = split.map_or(carried, |(_, others)| others);
        self.note_retired(retired, tally);
        let Some((last, _)) = split else { return };
        match live {
            Live::Told(_) if last.valid.is_zero() => self.note_retired(carried, tally),
            Live::Current(..) | Live::Told(_) => self.told_again(last, by, now, tally),
        }
    }

    fn note_retired(&mut self, retired: &[PrefixInformation], tally: &mut Tally) {
        let is_retired = |held: &AdvertisedPrefix| retired.iter().any(|of| of.prefix == held.prefix);
        self.held.iter_mut().filter(|held| is_retired(held)).for_each(|held| held.retired = true);
        if !retired.is_empty() {
            tally.count("retired prefix sent");
        }
        if retired.len() == RETIRED {
            tally.count("eight retired prefixes sent");
        }
    }

    fn told_again(&mut self, of: &PrefixInformation, by: &Parameters, now: BootInstant, tally: &mut Tally) {
        let PrefixInformation { prefix, valid, preferred, .. } = *of;
        // The end of a lifetime that follows the host wanders, and the fleet may keep the one before.
        let wanders = if valid < by.valid_lifetime { SAME_END } else { Duration::ZERO };
        let (until, mut assumed) = (now + valid.saturating_sub(wanders), now + valid + wanders);
        if let Some(at) = self.held.iter().position(|held| held.prefix == prefix) {
            let before = self.held.remove(at);
            // Hosts ignore a Valid Lifetime of 0 for a while [RFC 4862 5.5.3 e]; one of a second has become 0 when
            // the RA has left.
            if valid <= Duration::from_secs(1) {
                assumed = assumed.max(before.assumed);
            }
            self.shortened += u32::from(before.assumed > assumed);
            tally.add("retired prefix came back", usize::from(before.retired));
        }
        if preferred.is_zero() && !valid.is_zero() {
            tally.count("Preferred Lifetime 0 sent");
        }
        self.held.push(AdvertisedPrefix { prefix, until, assumed, may_be_dropped: false, retired: false });
        self.last = Some(prefix);
    }
}

/// Checks that the current prefix comes last, with its lifetimes. Returns the others.
pub(super) fn check_current<'a>(
    carried: &'a [PrefixInformation],
    prefix: Prefix64,
    expected: &[(Duration, Duration)],
) -> Result<&'a [PrefixInformation], Broken> {
    let Some((last, others)) = carried.split_last().filter(|(last, _)| last.prefix == prefix) else {
        return Err(Broken {
            rule: "an RA carries the current prefix last",
            detail: format!("{prefix} in {carried:?}"),
        });
    };
    rule(
        expected.contains(&lifetimes(last)),
        "a PIO says the smaller of the setting and what is left at the host, in whole seconds",
        || format!("{last:?}, expected {expected:?}"),
    )?;
    Ok(others)
}
