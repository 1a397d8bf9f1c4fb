//! Saves what the next process has to know: each change of it a little later, and never because of an RA.

use std::{collections::BTreeSet, io, mem, path::Path, time::Duration};

use tracing::{debug, info, warn};

use crate::{
    addr::IfIndex,
    engine::{
        BootInstant, Fleet,
        handover::{Ending, SavedState},
    },
    error,
    sys::state_file::{Found, StateFile},
};

/// How long changes are gathered before they are written: what comes by the thousand is written by the hundred, and an
/// interface whose first advertisements and addresses come one after the other is written once. A crash within that time
/// loses little: what guests were told before is still there, and a prefix that is missing in it was advertised a moment
/// ago for the first time.
const GATHER: Duration = Duration::from_millis(250);

/// Time to the next try after one that failed; it writes everything, however much has changed meanwhile.
const RETRY: Duration = Duration::from_secs(30);

/// Saves the fleet's state, where there is a place for it.
#[derive(Debug)]
pub(super) struct StateSaver {
    file: Option<StateFile>,
    /// Interfaces of which something new is to be saved.
    changed: BTreeSet<IfIndex>,
    due: Option<BootInstant>,
    failing: bool,
    /// How often it could not be saved.
    failures: u64,
}

impl StateSaver {
    /// Returns one that saves nothing.
    pub(super) const fn disabled() -> Self {
        Self { file: None, changed: BTreeSet::new(), due: None, failing: false, failures: 0 }
    }

    /// Hands the saved state of the previous process to `fleet`. From here on it counts as unclean, also if this process dies
    /// before it has changed anything: so that is written before the first RA can leave.
    pub(super) fn open(directory: &Path, fleet: &mut Fleet, now: BootInstant) -> Self {
        let file = match StateFile::open(directory) {
            Ok(file) => file,
            Err(error) => {
                warn!(
                    reason = error::chain(&error),
                    "nothing will survive a restart: RAs may then come within 3 s of the last, and a prefix that \
                     changes meanwhile is not taken back; see --runtime-directory"
                );
                return Self { failures: 1, ..Self::disabled() };
            }
        };
        restore(&file, fleet, now);
        let mut saver = Self { file: Some(file), ..Self::disabled() };
        saver.save_all(fleet.saved_state(now), now);
        if saver.failing
            && let Some(file) = &mut saver.file
        {
            // What is there says more than can be vouched for.
            _ = file.remove();
        }
        saver
    }

    /// Notes whether there is something to save, and saves what is due.
    pub(super) fn attend(&mut self, fleet: &mut Fleet, now: BootInstant) {
        let unsaved = fleet.take_unsaved();
        if self.file.is_none() {
            return;
        }
        if !unsaved.is_empty() {
            self.changed.extend(unsaved);
            self.due.get_or_insert(now + GATHER);
        }
        if self.due.is_some_and(|due| due <= now) {
            self.save_changes(fleet, now);
        }
    }

    /// When [`StateSaver::attend`] has something to do.
    pub(super) const fn deadline(&self) -> Option<BootInstant> {
        self.due
    }

    /// Returns how often the state could not be saved; once and for all, where there is no place for it.
    pub(super) const fn failures(&self) -> u64 {
        self.failures
    }

    /// Saves everything at a clean end, after the last RA.
    pub(super) fn close(&mut self, fleet: &Fleet, now: BootInstant) {
        self.save_all(fleet.final_state(now), now);
    }

    /// What changed is added to what is there, so that an event costs the same among any number of interfaces.
    fn save_changes(&mut self, fleet: &Fleet, now: BootInstant) {
        let changed = mem::take(&mut self.changed);
        let updates: Vec<_> = changed.into_iter().map(|index| fleet.saved_update(index, now)).collect();
        self.save(|file| file.update(&updates, || fleet.saved_state(now)), now);
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
                "the state could not be saved, so a restart may know less than it should: trying again"
            ),
        }
    }
}

fn restore(file: &StateFile, fleet: &mut Fleet, now: BootInstant) {
    match file.read() {
        Found::Saved(saved) => {
            let clean = saved.ending == Ending::Clean;
            info!(interfaces = saved.interfaces.len(), clean, "taking over from a former daemon");
            fleet.restore(saved, now);
        }
        Found::Nothing => {}
        Found::OtherBoot => debug!("the state file is of another boot"),
        Found::Unusable(error) => warn!(
            file = %file.path().display(),
            reason = error::chain(&error),
            "the state file cannot be used: starting as if there were none"
        ),
    }
}
