//! A model of the table of claims, of which another daemon has a part, and of what the daemon knows of it.

use std::collections::{BTreeMap, BTreeSet};

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant,
        eligibility::OtherDaemon,
        takeover::{ABSENCE, Absences, RETRY},
    },
};

/// Who has claimed a link, or had and let go of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    Own,
    OwnLeft(BootInstant),
    Other,
    OtherLeft(BootInstant),
}

/// The table, and what the present process knows.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    records: BTreeMap<IfIndex, Record>,
    absences: Absences<BootInstant>,
    unreleased: BTreeSet<IfIndex>,
    retry: Option<BootInstant>,
}

/// What another daemon does with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Claims,
    LetsGo,
}

impl Claims {
    /// Claims a link; `is_busy` is whether another daemon has the table for too long. Returns whether the link is taken
    /// over from another daemon.
    ///
    /// # Errors
    ///
    /// The daemon that has it, if that is known.
    pub(crate) fn claim(
        &mut self,
        index: IfIndex,
        is_busy: bool,
        now: BootInstant,
    ) -> Result<bool, Option<OtherDaemon>> {
        self.unreleased.remove(&index);
        if self.is_waiting(now) {
            return Err(None);
        }
        if is_busy {
            self.retry = Some(now + RETRY);
            return Err(None);
        }
        let other = |pid| Some(OtherDaemon { directory: "/run/autora-other".to_owned(), pid });
        match self.records.get(&index) {
            Some(Record::OtherLeft(at)) if !self.absences.is_long_enough(index, *at, now) => return Err(other(None)),
            Some(Record::Other) => {
                self.absences.end(index);
                return Err(other(Some(1)));
            }
            Some(Record::Own | Record::OwnLeft(_) | Record::OtherLeft(_)) | None => {}
        }
        self.absences.end(index);
        let before = self.records.insert(index, Record::Own);
        Ok(matches!(before, Some(Record::OtherLeft(_))))
    }

    fn is_waiting(&self, now: BootInstant) -> bool {
        self.retry.is_some_and(|at| at > now)
    }

    /// Lets go of a link, now or as soon as the table is free.
    pub(crate) fn release(&mut self, index: IfIndex, now: BootInstant) {
        if self.is_waiting(now) {
            self.unreleased.insert(index);
        } else if let Some(record @ Record::Own) = self.records.get_mut(&index) {
            *record = Record::OwnLeft(now);
        }
    }

    /// Returns when to try again to claim what could not be claimed.
    pub(crate) fn deadline(&self) -> Option<BootInstant> {
        self.absences.deadline().into_iter().chain(self.retry).min()
    }

    /// Ends an attempt of `now`.
    pub(crate) fn tried(&mut self, now: BootInstant) {
        self.absences.expire(now);
        self.retry.take_if(|at| *at <= now);
        for index in std::mem::take(&mut self.unreleased) {
            self.release(index, now);
        }
    }

    /// Forgets a link that the daemon saw go.
    pub(crate) fn forget(&mut self, index: IfIndex) {
        self.absences.end(index);
    }

    /// Ends the process, and with it all of its claims.
    pub(crate) fn end_process(&mut self, now: BootInstant) {
        for record in self.records.values_mut().filter(|record| **record == Record::Own) {
            *record = Record::OwnLeft(now);
        }
        *self = Self { records: std::mem::take(&mut self.records), ..Self::default() };
    }

    /// Lets another daemon act on a link, which it claims only if it is `fit` for it. Returns what it did, if anything.
    pub(crate) fn other_acts(&mut self, index: IfIndex, fit: bool, now: BootInstant) -> Option<Act> {
        match self.records.get(&index) {
            Some(Record::Own) => return None,
            Some(Record::OwnLeft(since)) if now.saturating_since(*since) < ABSENCE => return None,
            Some(Record::Other) => {
                self.records.insert(index, Record::OtherLeft(now));
                return Some(Act::LetsGo);
            }
            Some(Record::OwnLeft(_) | Record::OtherLeft(_)) | None => {}
        }
        if !fit {
            return None;
        }
        self.records.insert(index, Record::Other);
        Some(Act::Claims)
    }

    /// Lets another daemon see that a link was deleted. Returns whether it lets go of it.
    pub(crate) fn other_sees_deletion(&mut self, index: IfIndex, now: BootInstant) -> bool {
        match self.records.get_mut(&index) {
            Some(record @ Record::Other) => {
                *record = Record::OtherLeft(now);
                true
            }
            Some(Record::Own | Record::OwnLeft(_) | Record::OtherLeft(_)) | None => false,
        }
    }
}
