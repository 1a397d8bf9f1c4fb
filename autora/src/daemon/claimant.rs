//! Claims interfaces before they are served, where several daemons run in one network namespace.
//!
//! Nothing tells when another daemon ends. It is looked at when an interface is to be served, thus at each resync for
//! those that wait, and once more when it has been gone for long enough.

use std::{collections::BTreeSet, io, mem, path::Path};

use tracing::warn;

use crate::{
    addr::IfIndex,
    config::Config,
    engine::{
        BootInstant, Fleet,
        eligibility::OtherDaemon,
        handover::{Ending, SavedUpdate, TakenOver},
        takeover::{Absences, RETRY},
    },
    error,
    sys::claims::{Claim, Claims, ClaimsOpenError, Record},
};

/// The claims of this daemon.
#[derive(Debug, Default)]
pub(super) struct Claimant {
    /// `None` without a table: then every claim succeeds.
    claims: Option<Claims>,
    /// What other daemons left.
    absences: Absences<Record>,
    /// Interfaces whose release has yet to be written.
    unreleased: BTreeSet<IfIndex>,
    /// When to try again after the table was busy.
    retry: Option<BootInstant>,
    is_failing: bool,
}

impl Claimant {
    /// Opens the table, if the configuration has one. Without it the daemon serves as if it were alone.
    pub(super) fn open(config: &Config) -> Self {
        let directory = config.claim_directory.as_deref().filter(|_| !config.dry_run);
        let claims = directory.and_then(|directory| {
            let opened = Claims::open(directory, &config.runtime_directory);
            opened.inspect_err(|error| warn_of(directory, error)).ok()
        });
        let claims = claims.map(|claims| claims.with_notes(Ending::unclean(&config.parameters)));
        Self { claims, ..Self::default() }
    }

    /// Claims an interface for `fleet`, and tells it what came of that.
    pub(super) fn claim_for(&mut self, fleet: &mut Fleet, index: IfIndex, now: BootInstant) {
        let name = fleet.verdict_of(index).map_or("", |(interface, _)| interface.name.as_str());
        match self.claim(index, name, now) {
            Ok(None) => {}
            Ok(Some(left)) => fleet.on_taken_over(index, left, now),
            Err(other) => fleet.on_claim_refused(index, other, now),
        }
    }

    /// Claims an interface. Returns what guests hold from another daemon from which it is taken over.
    ///
    /// # Errors
    ///
    /// The daemon that has it, if it is known.
    fn claim(
        &mut self,
        index: IfIndex,
        name: &str,
        now: BootInstant,
    ) -> Result<Option<TakenOver>, Option<OtherDaemon>> {
        self.unreleased.remove(&index);
        if self.is_waiting(now) {
            return Err(None);
        }
        match self.try_claim(index, name, now) {
            Ok(claimed) => claimed.map_err(Some),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.retry = Some(now + RETRY);
                Err(None)
            }
            Err(error) => {
                self.failed(&error);
                Ok(None)
            }
        }
    }

    fn try_claim(
        &mut self,
        index: IfIndex,
        name: &str,
        now: BootInstant,
    ) -> io::Result<Result<Option<TakenOver>, OtherDaemon>> {
        let Some(claims) = &mut self.claims else { return Ok(Ok(None)) };
        let left = match claims.find(index)? {
            Claim::None => None,
            Claim::Held(other) => {
                self.absences.end(index);
                return Ok(Err(other));
            }
            Claim::Left(record, other) if !self.absences.is_long_enough(index, record, now) => return Ok(Err(other)),
            Claim::Left(record, _) => claims.left(index, name, record)?,
        };
        self.absences.end(index);
        claims.take(index)?;
        Ok(Ok(left))
    }

    /// Notes what guests of interfaces hold, for another daemon that takes them over.
    pub(super) fn note(&mut self, updates: &[SavedUpdate]) {
        if let Some(Err(error)) = self.claims.as_ref().map(|claims| claims.note(updates)) {
            self.failed(&error);
        }
    }

    /// Returns whether another daemon has the table for too long: it is waited for once, not for each interface.
    fn is_waiting(&self, now: BootInstant) -> bool {
        self.retry.is_some_and(|at| at > now)
    }

    /// Releases an interface, now or as soon as the table is free.
    pub(super) fn release(&mut self, index: IfIndex, now: BootInstant) {
        if self.is_waiting(now) {
            self.unreleased.insert(index);
            return;
        }
        match self.claims.as_mut().map(|claims| claims.release(index)) {
            None | Some(Ok(())) => {}
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.unreleased.insert(index);
                self.retry = Some(now + RETRY);
            }
            Some(Err(error)) => self.failed(&error),
        }
    }

    /// Returns the other daemon that has the interface now. It may have another process than when a claim was refused,
    /// or none.
    pub(super) fn holder(&self, index: IfIndex) -> Option<OtherDaemon> {
        self.claims.as_ref()?.holder(index).ok().flatten()
    }

    /// Forgets an interface that is gone.
    pub(super) fn forget(&mut self, index: IfIndex) {
        self.absences.end(index);
    }

    /// Returns when to try again to claim what could not be claimed. What was left together is tried together.
    pub(super) fn deadline(&self) -> Option<BootInstant> {
        self.absences.deadline().into_iter().chain(self.retry).min()
    }

    /// Ends an attempt of `now`, and the turn: what was due by then and was not tried is no longer wanted. If the table
    /// was busy once more, another attempt follows.
    pub(super) fn tried(&mut self, now: BootInstant) {
        self.absences.expire(now);
        self.retry.take_if(|at| *at <= now);
        for index in mem::take(&mut self.unreleased) {
            self.release(index, now);
        }
        self.end_turn();
    }

    /// Ends a turn, or a part of it: lets other daemons have the table.
    pub(super) fn end_turn(&mut self) {
        if let Some(Err(error)) = self.claims.as_mut().map(Claims::close) {
            self.failed(&error);
        }
    }

    /// Warns once. What cannot be read or written does not keep guests from being served.
    fn failed(&mut self, error: &io::Error) {
        if !mem::replace(&mut self.is_failing, true) {
            warn!(%error, "claims of interfaces cannot be read or written: another autora may serve the same ones");
        }
    }
}

fn warn_of(directory: &Path, error: &ClaimsOpenError) {
    warn!(
        directory = %directory.display(),
        reason = error::chain(error),
        "interfaces cannot be claimed: another autora that serves the same ones is not noticed; see --claim-directory"
    );
}

#[cfg(test)]
mod tests;
