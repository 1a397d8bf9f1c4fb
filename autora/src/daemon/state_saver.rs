//! Saves the state that the next process needs, or another daemon: each change of it shortly after it happens, and
//! never because of an RA.

use std::{collections::BTreeSet, io, mem, path::Path, time::Duration};

use tracing::{debug, info, warn};

use super::claimant::Claimant;
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant, Fleet,
        handover::{Ending, SavedState, SavedUpdate},
    },
    error,
    sys::{
        heap,
        state_file::{Found, StateFile, StateFileOpenError},
    },
};

/// How long changes are gathered before they are written: thousands of changes then take few writes, and an
/// interface whose addresses and first RA come one after the other is written once. A crash within that time
/// loses little: the file still has everything older, and a prefix that it lacks was advertised for the first
/// time a moment ago.
const GATHER: Duration = Duration::from_millis(250);

/// Time to the next attempt after one that failed. That one writes a whole new file.
const RETRY: Duration = Duration::from_secs(30);

/// So many changes take some hundred kilobytes while they are written.
const MANY: usize = 1_000;

/// Saves the fleet's state, if there is a directory for it.
#[derive(Debug)]
pub(super) struct StateSaver {
    file: Option<StateFile>,
    /// The interfaces with changes to save.
    changed: BTreeSet<IfIndex>,
    due: Option<BootInstant>,
    failing: bool,
    failures: u64,
}

impl StateSaver {
    /// Returns a saver that saves nothing.
    pub(super) const fn disabled() -> Self {
        Self { file: None, changed: BTreeSet::new(), due: None, failing: false, failures: 0 }
    }

    /// Locks the directory.
    ///
    /// # Errors
    ///
    /// [`StateFileOpenError::InUse`]: two daemons would withdraw each other's routers. Any other error is logged, and
    /// the saver saves nothing.
    pub(super) fn open(directory: &Path) -> Result<Self, StateFileOpenError> {
        match StateFile::open(directory) {
            Ok(file) => Ok(Self { file: Some(file), ..Self::disabled() }),
            Err(error @ StateFileOpenError::InUse(_)) => Err(error),
            Err(error @ (StateFileOpenError::Directory { .. } | StateFileOpenError::BootId(_))) => {
                warn!(
                    reason = error::chain(&error),
                    "the state cannot be saved, so a restart starts without it: RAs may then come within 3 s of the \
                     last, and a prefix that changes meanwhile is not withdrawn; see --runtime-directory"
                );
                Ok(Self { failures: 1, ..Self::disabled() })
            }
        }
    }

    /// Hands the saved state of the previous process to `fleet`, and marks it unclean before the first RA can
    /// leave, so that the next process also knows of a crash that comes before any change.
    pub(super) fn restore(&mut self, fleet: &mut Fleet, now: BootInstant) {
        let Some(file) = &self.file else { return };
        restore(file, fleet, now);
        self.save_all(fleet.saved_state(now), now);
        if self.failing
            && let Some(file) = &mut self.file
        {
            // The file still says that the previous process ended cleanly, which would be untrue of this one.
            _ = file.remove();
        }
    }

    /// Takes the fleet's unsaved changes, and saves them when they are due: in the file for the next process, and with
    /// the claims for another daemon.
    pub(super) fn attend(&mut self, fleet: &mut Fleet, claimant: &mut Claimant, now: BootInstant) {
        let unsaved = fleet.take_unsaved();
        if self.file.is_none() {
            return;
        }
        if !unsaved.is_empty() {
            self.changed.extend(unsaved);
            self.due.get_or_insert(now + GATHER);
        }
        if self.due.is_some_and(|due| due <= now) {
            self.save_changes(fleet, claimant, now);
        }
    }

    /// Returns when [`StateSaver::attend`] has something to do.
    pub(super) const fn deadline(&self) -> Option<BootInstant> {
        self.due
    }

    /// Returns how often the state could not be saved; it stays at 1 if the directory cannot be used.
    pub(super) const fn failures(&self) -> u64 {
        self.failures
    }

    /// Saves everything at a clean end, after the last RA.
    pub(super) fn close(&mut self, fleet: &Fleet, claimant: &mut Claimant, now: BootInstant) {
        claimant.note(&self.take_updates(fleet, now));
        self.save_all(fleet.final_state(now), now);
    }

    /// Appends the changes to the file, so that the cost of an event does not grow with the number of
    /// interfaces.
    fn save_changes(&mut self, fleet: &Fleet, claimant: &mut Claimant, now: BootInstant) {
        let updates = self.take_updates(fleet, now);
        claimant.note(&updates);
        self.save(|file| file.update(&updates, || fleet.saved_state(now)), now);
        let many = updates.len() >= MANY;
        drop(updates);
        if many {
            heap::trim();
        }
    }

    fn take_updates(&mut self, fleet: &Fleet, now: BootInstant) -> Vec<SavedUpdate> {
        mem::take(&mut self.changed).into_iter().map(|index| fleet.saved_update(index, now)).collect()
    }

    fn save_all(&mut self, saved: SavedState, now: BootInstant) {
        self.changed.clear();
        self.save(|file| file.write(saved), now);
    }

    fn save(&mut self, write: impl FnOnce(&mut StateFile) -> io::Result<()>, now: BootInstant) {
        let Some(file) = &mut self.file else { return };
        let result = write(file);
        self.failures += u64::from(result.is_err());
        self.due = result.is_err().then(|| now + RETRY);
        let failed_before = mem::replace(&mut self.failing, result.is_err());
        match result {
            Ok(()) if failed_before => info!(file = %file.path().display(), "the state can be saved again"),
            Ok(()) => {}
            Err(error) if failed_before => debug!(%error, "the state could not be saved"),
            Err(error) => warn!(
                file = %file.path().display(),
                %error,
                "the state could not be saved: a restart now would continue from an older state; retrying every \
                 {RETRY:?}"
            ),
        }
    }
}

fn restore(file: &StateFile, fleet: &mut Fleet, now: BootInstant) {
    match file.read() {
        Found::Saved(saved) => {
            log_takeover(&saved);
            fleet.restore(saved, now);
        }
        Found::Nothing => {}
        Found::OtherBoot => debug!("the state file is of another boot"),
        Found::Unusable(error) => warn!(
            file = %file.path().display(),
            reason = error::chain(&error),
            "the saved state cannot be used: starting without it; RAs may come within 3 s of the previous process's last"
        ),
    }
}

/// A state without interfaces may still delay the first RAs.
fn log_takeover(saved: &SavedState) {
    let clean = saved.ending == Ending::Clean;
    match saved.interfaces.len() {
        0 if clean => debug!("the previous process left nothing to take over"),
        0 => info!(clean, "the previous process did not end cleanly: the first RAs wait for 3 s"),
        interfaces => info!(interfaces, clean, "taking over from the previous process"),
    }
}
