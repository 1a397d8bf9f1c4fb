//! The file in the runtime directory that hands a daemon's memory to its successor.
//!
//! A start and a clean end put a whole file in its place; in between changes are added to it, line by line,
//! and a file that has grown too long is written anew. So a change costs the same however many interfaces
//! there are. The file speaks of one boot only: instants are on a clock that starts with the machine. It says
//! how the daemon that wrote it ended, and counts as unclean from the moment on that a daemon has read it.

mod format;
mod journal;

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

pub use self::format::{DecodeError, State, decode, encode, encode_updates};
use self::journal::{Added, Journal};
use crate::engine::handover::{SavedState, SavedUpdate};

const NAME: &str = "state.json";

/// The largest file that is read: no file grows to more than twice what 65,536 interfaces, the most that can
/// be asked for, fill at worst.
const MAX_SIZE: u64 = 128 << 20;

/// Whoever hides /proc/sys from the daemon can tell it the boot id (as systemd's `%b`).
const BOOT_ID_VARIABLE: &str = "AUTORA_BOOT_ID";

const BOOT_ID_FILE: &str = "/proc/sys/kernel/random/boot_id";

/// The state file, in a directory that this process alone writes to.
#[derive(Debug)]
pub struct StateFile {
    directory: PathBuf,
    boot_id: String,
    /// What can be added to; nothing until this daemon has written it, and after an error.
    journal: Option<Journal>,
    /// Holds the lock, and lets go of it when the process ends, however it does.
    _lock: File,
}

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
pub enum StateFileOpenError {
    /// The directory could not be made or opened.
    #[error("{} cannot be used", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another daemon uses it.
    #[error("another daemon uses {}: give each a --runtime-directory of its own", .0.display())]
    InUse(PathBuf),
    /// The kernel does not tell which boot this is.
    #[error("{BOOT_ID_FILE} cannot be read")]
    BootId(#[source] io::Error),
}

/// What was found of a former daemon.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// What a daemon left before the machine was started again.
    OtherBoot,
    /// Something that cannot be used: it was damaged, or written by a newer version.
    Unusable(ReadError),
    /// Its memory.
    Saved(SavedState),
}

/// Why a file that is there cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// It is larger than any that a daemon writes.
    #[error("it is larger than {MAX_SIZE} bytes")]
    TooLarge,
    /// It cannot be understood.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl StateFile {
    /// Opens `directory`, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// An [`StateFileOpenError`]; the daemon can do without.
    pub fn open(directory: &Path) -> Result<Self, StateFileOpenError> {
        let failed = |source| StateFileOpenError::Directory { directory: directory.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o750).create(directory).map_err(failed)?;
        let lock = File::open(directory).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => StateFileOpenError::InUse(directory.to_owned()),
            fs::TryLockError::Error(source) => failed(source),
        })?;
        let boot_id = boot_id().map_err(StateFileOpenError::BootId)?;
        Ok(Self { directory: directory.to_owned(), boot_id, journal: None, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.join(NAME)
    }

    /// What a former daemon left.
    #[must_use]
    pub fn read(&self) -> Found {
        match self.try_read() {
            Ok(state) if state.boot_id == self.boot_id => Found::Saved(state.memory),
            Ok(_) => Found::OtherBoot,
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
            Err(error) => Found::Unusable(error),
        }
    }

    fn try_read(&self) -> Result<State, ReadError> {
        // Whatever else may lie under that name (a pipe, say) must not hold the start up.
        let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(self.path())?;
        let mut bytes = Vec::new();
        file.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_SIZE) {
            return Err(ReadError::TooLarge);
        }
        Ok(decode(&bytes)?)
    }

    /// Puts `memory` in the place of what was there. A crash leaves one of the two; what is not on the disk
    /// yet when the machine fails is of another boot, and worthless.
    ///
    /// # Errors
    ///
    /// What the kernel says; the file is then as before.
    pub fn write(&mut self, memory: SavedState) -> io::Result<()> {
        self.journal = None;
        let text = encode(&State { boot_id: self.boot_id.clone(), memory });
        self.journal = Some(Journal::create(&self.path(), &text)?);
        Ok(())
    }

    /// Brings the memory there up to date by adding `updates`, or, where that cannot be done or would make
    /// the file too long, by writing it anew as `whole` says. A crash loses some of the updates, and nothing
    /// else.
    ///
    /// # Errors
    ///
    /// What the kernel says. Some of the updates may be there then, and the next ones make the file anew.
    pub fn update(&mut self, updates: &[SavedUpdate], whole: impl FnOnce() -> SavedState) -> io::Result<()> {
        // Put back only once it has taken the updates: half a line must not be followed by another.
        if let Some(mut journal) = self.journal.take()
            && journal.add(&encode_updates(updates))? == Added::Yes
        {
            self.journal = Some(journal);
            return Ok(());
        }
        self.write(whole())
    }

    /// Takes the file away.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn remove(&mut self) -> io::Result<()> {
        self.journal = None;
        fs::remove_file(self.path())
    }
}

fn boot_id() -> io::Result<String> {
    match std::env::var(BOOT_ID_VARIABLE) {
        Ok(told) if !told.is_empty() => Ok(told.replace('-', "")),
        Ok(_) | Err(_) => Ok(fs::read_to_string(BOOT_ID_FILE)?.trim().replace('-', "")),
    }
}

#[cfg(test)]
#[path = "state_file/tests.rs"]
mod tests;
