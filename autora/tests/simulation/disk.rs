//! A model of the state file: its text, written by the daemon's own functions at the daemon's times.

use std::{collections::BTreeSet, mem, time::Duration};

use autora::{
    addr::IfIndex,
    engine::{BootInstant, Fleet, handover::SavedState},
    sys::state_file::{State, decode, encode, encode_updates},
};
use rand::{RngExt, rngs::StdRng};

/// How long changes are collected before a write.
const GATHER: Duration = Duration::from_millis(250);

/// The length above which the file is rewritten.
const LIMIT: usize = 16 << 10;

const BOOT_ID: &str = "00ff";

/// The file and the unsaved changes.
#[derive(Default)]
pub(crate) struct Disk {
    text: Vec<u8>,
    changed: BTreeSet<IfIndex>,
    due: Option<BootInstant>,
}

/// The outcome of [`Disk::save_due`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaveOutcome {
    /// Nothing is due.
    Nothing,
    /// The changes were appended.
    Added,
    /// The whole file was rewritten.
    Rewritten,
}

impl Disk {
    /// Writes the whole state, as a daemon does at its start.
    pub(crate) fn begin(&mut self, fleet: &Fleet, now: BootInstant) {
        self.write(fleet.saved_state(now));
    }

    /// Reads the state that the next process finds.
    pub(crate) fn read(&self) -> SavedState {
        let State { boot_id, saved } = decode(&self.text).expect("no crash makes it unreadable");
        assert_eq!(boot_id, BOOT_ID);
        saved
    }

    /// Writes the state of a clean end.
    pub(crate) fn close(&mut self, fleet: &Fleet, now: BootInstant) {
        self.write(fleet.final_state(now));
    }

    fn write(&mut self, saved: SavedState) {
        let text = encode(&State { boot_id: BOOT_ID.to_owned(), saved });
        *self = Self { text, ..Self::default() };
    }

    /// Returns when [`Disk::save_due`] has something to write.
    pub(crate) const fn deadline(&self) -> Option<BootInstant> {
        self.due
    }

    pub(crate) fn save_due(&mut self, fleet: &mut Fleet, now: BootInstant) -> SaveOutcome {
        self.gather(fleet, now);
        if self.due.is_none_or(|due| due > now) {
            return SaveOutcome::Nothing;
        }
        if self.text.len() > LIMIT.max(fleet.saved_state(now).interfaces.len() * 400) {
            self.write(fleet.saved_state(now));
            return SaveOutcome::Rewritten;
        }
        let updates = self.take_updates(fleet, now);
        self.text.extend(updates);
        SaveOutcome::Added
    }

    /// Writes a random part of the due changes, as a daemon that is killed in a write.
    pub(crate) fn tear(&mut self, fleet: &mut Fleet, now: BootInstant, rng: &mut StdRng) {
        self.gather(fleet, now);
        let updates = self.take_updates(fleet, now);
        self.text.extend(&updates[..rng.random_range(0..=updates.len())]);
    }

    fn gather(&mut self, fleet: &mut Fleet, now: BootInstant) {
        let unsaved = fleet.take_unsaved();
        if !unsaved.is_empty() {
            self.changed.extend(unsaved);
            self.due.get_or_insert(now + GATHER);
        }
    }

    fn take_updates(&mut self, fleet: &Fleet, now: BootInstant) -> Vec<u8> {
        self.due = None;
        let changed = mem::take(&mut self.changed).into_iter();
        encode_updates(&changed.map(|index| fleet.saved_update(index, now)).collect::<Vec<_>>())
    }
}
