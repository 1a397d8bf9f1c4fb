//! Keeping the fleet's memory for a successor: a little after each change of it, never per advertisement.

use std::{path::Path, time::Duration};

use tracing::{debug, info, warn};

use crate::{
    engine::{
        Fleet, Instant,
        memory::{Completeness, Memory},
    },
    error,
    sys::{
        heap,
        state_file::{Found, StateFile},
    },
};

/// How long changes are gathered before all is written: the file is written whole, so that a thousand interfaces that
/// come at once must not cost a thousand files of a thousand. A crash within that time loses little: what guests were
/// told before is still there, and a prefix that is missing in it was advertised a moment ago for the first time.
const GATHER: Duration = Duration::from_millis(250);

/// Time to the next try after one that failed.
const RETRY: Duration = Duration::from_secs(30);

/// Keeps the memory, as long as there is a place for it.
#[derive(Debug)]
pub(super) struct Keeper {
    file: Option<StateFile>,
    due: Option<Instant>,
    failing: bool,
}

impl Keeper {
    /// One that keeps nothing.
    pub(super) const fn forgetful() -> Self {
        Self { file: None, due: None, failing: false }
    }

    /// Hands the memory of a former daemon to `fleet`. From here on it counts as unclean, also if this daemon dies
    /// before it has changed anything: so that is written before the first advertisement can leave.
    pub(super) fn open(directory: &Path, fleet: &mut Fleet, now: Instant) -> Self {
        let file = match StateFile::open(directory) {
            Ok(file) => file,
            Err(error) => {
                warn!(
                    reason = error::chain(&error),
                    "nothing will survive a restart: RAs may then come within 3 s of the last, and a prefix that \
                     changes meanwhile is not taken back; see --runtime-directory"
                );
                return Self::forgetful();
            }
        };
        recall(&file, fleet, now);
        let mut keeper = Self { file: Some(file), ..Self::forgetful() };
        keeper.save(fleet.memory(now), now);
        if keeper.failing
            && let Some(file) = &keeper.file
        {
            // What is there says more than can be vouched for.
            _ = file.remove();
        }
        keeper
    }

    /// Notes whether there is something to save, and saves what is due.
    pub(super) fn attend(&mut self, fleet: &mut Fleet, now: Instant) {
        if self.file.is_none() {
            return;
        }
        if fleet.take_news() {
            self.due.get_or_insert(now + GATHER);
        }
        if self.due.is_some_and(|due| due <= now) {
            self.save(fleet.memory(now), now);
            heap::give_back();
        }
    }

    /// When [`Keeper::attend`] has something to do.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// The daemon ends in good order, and has sent its last advertisement.
    pub(super) fn close(&mut self, fleet: &Fleet, now: Instant) {
        self.save(Memory { completeness: Completeness::Clean, ..fleet.memory(now) }, now);
    }

    fn save(&mut self, memory: Memory, now: Instant) {
        let Some(file) = &self.file else { return };
        let result = file.write(memory);
        self.due = result.is_err().then(|| now + RETRY);
        let failed_before = std::mem::replace(&mut self.failing, result.is_err());
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

fn recall(file: &StateFile, fleet: &mut Fleet, now: Instant) {
    match file.read() {
        Found::Memory(memory) => {
            let clean = memory.completeness == Completeness::Clean;
            info!(interfaces = memory.interfaces.len(), clean, "taking over from a former daemon");
            fleet.recall(memory, now);
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
