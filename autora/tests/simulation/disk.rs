//! A model of the state file: its text, written by the real functions at the times at which the daemon writes
//! it.

use std::{collections::BTreeSet, mem, time::Duration};

use autora::{
    addr::IfIndex,
    engine::{BootInstant, Fleet, handover::SavedState},
    sys::state_file::{State, decode, encode, encode_updates},
};
use rand::{RngExt, rngs::StdRng};

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(250);

/// Above this length the file is written anew.
const LIMIT: usize = 16 << 10;

const BOOT_ID: &str = "00ff";

/// The file, and what is still to be written to it.
#[derive(Default)]
pub(crate) struct Disk {
    text: Vec<u8>,
    changed: BTreeSet<IfIndex>,
    due: Option<BootInstant>,
}

/// What came of a look at whether there is something to save.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attended {
    /// Nothing is due.
    Nothing,
    /// The changes were added.
    Added,
    /// All was written anew.
    Anew,
}

impl Disk {
    /// Everything, as a daemon leaves it that has just started.
    pub(crate) fn begin(&mut self, fleet: &Fleet, now: BootInstant) {
        self.write(fleet.saved_state(now));
    }

    /// What a successor finds.
    pub(crate) fn read(&self) -> SavedState {
        let State { boot_id, memory } = decode(&self.text).expect("no crash makes it unreadable");
        assert_eq!(boot_id, BOOT_ID);
        memory
    }

    /// A clean end.
    pub(crate) fn close(&mut self, fleet: &Fleet, now: BootInstant) {
        self.write(fleet.final_state(now));
    }

    fn write(&mut self, memory: SavedState) {
        let text = encode(&State { boot_id: BOOT_ID.to_owned(), memory });
        *self = Self { text, ..Self::default() };
    }

    /// When [`Disk::attend`] has something to do.
    pub(crate) const fn deadline(&self) -> Option<BootInstant> {
        self.due
    }

    pub(crate) fn attend(&mut self, fleet: &mut Fleet, now: BootInstant) -> Attended {
        self.gather(fleet, now);
        if self.due.is_none_or(|due| due > now) {
            return Attended::Nothing;
        }
        if self.text.len() > LIMIT.max(fleet.saved_state(now).interfaces.len() * 400) {
            self.write(fleet.saved_state(now));
            return Attended::Anew;
        }
        let updates = self.take_updates(fleet, now);
        self.text.extend(updates);
        Attended::Added
    }

    /// The daemon is killed while it saves: some of what is due is there.
    pub(crate) fn tear(&mut self, fleet: &mut Fleet, now: BootInstant, rng: &mut StdRng) {
        self.gather(fleet, now);
        let updates = self.take_updates(fleet, now);
        self.text.extend(&updates[..rng.random_range(0..=updates.len())]);
    }

    fn gather(&mut self, fleet: &mut Fleet, now: BootInstant) {
        let news = fleet.take_unsaved();
        if !news.is_empty() {
            self.changed.extend(news);
            self.due.get_or_insert(now + GATHER);
        }
    }

    fn take_updates(&mut self, fleet: &Fleet, now: BootInstant) -> Vec<u8> {
        self.due = None;
        let changed = mem::take(&mut self.changed).into_iter();
        encode_updates(&changed.map(|index| fleet.saved_update(index, now)).collect::<Vec<_>>())
    }
}
