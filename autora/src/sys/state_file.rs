//! The file in the runtime directory that carries the saved state to the next process.
//!
//! A start and a clean end put a whole file in place; in between changes are appended, one line each, and a
//! file that has grown too long is written anew. So a change costs the same with any number of interfaces.
//! The file is valid for one boot only: its instants are on a clock that starts with the machine. It says how
//! the process that wrote it ended; the next process marks it unclean as soon as it has read it.

mod format;
mod journal;

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

pub use self::format::{DecodeError, State, decode, encode, encode_updates};
use self::journal::{Appended, Journal};
use super::{
    boot_id::{BOOT_ID_FILE, boot_id},
    directory::stays_writable,
};
use crate::engine::handover::{SavedState, SavedUpdate};

const NAME: &str = "state.json";

/// The largest file that is read, in bytes: no file grows beyond twice what 65,536 interfaces fill at worst,
/// and the command line takes no more.
const MAX_SIZE: u64 = 128 << 20;

/// The state file, in a directory that only this process writes to.
#[derive(Debug)]
pub struct StateFile {
    directory: PathBuf,
    boot_id: String,
    /// The file to append to; `None` until this process has written it, and after an error.
    journal: Option<Journal>,
    /// Holds the lock, which the kernel releases with the process.
    _lock: File,
}

/// Why the saved state cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StateFileOpenError {
    /// The directory could not be created or opened.
    #[error("{} cannot be used", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another daemon uses it.
    #[error("another daemon uses {}, and both would advertise: stop it first, or to run two on purpose, give each its own \
         interfaces and --runtime-directory", .0.display())]
    InUse(PathBuf),
    /// The boot id cannot be read.
    #[error("{BOOT_ID_FILE} cannot be read")]
    BootId(#[source] io::Error),
}

/// What a previous process left in the directory.
#[derive(Debug)]
pub enum Found {
    /// No file.
    Nothing,
    /// A file of an earlier boot.
    OtherBoot,
    /// A file that cannot be used: damaged, or written by a newer version.
    Unusable(ReadError),
    /// Its saved state.
    Saved(SavedState),
}

/// Why an existing file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// It is larger than any that a daemon writes.
    #[error("it is larger than {MAX_SIZE} bytes")]
    TooLarge,
    /// It cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl StateFile {
    /// Opens `directory`, creates it if it does not exist, and locks it.
    ///
    /// # Errors
    ///
    /// A [`StateFileOpenError`]; the daemon can run without a state file.
    pub fn open(directory: &Path) -> Result<Self, StateFileOpenError> {
        let failed = |source| StateFileOpenError::Directory { directory: directory.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o750).create(directory).map_err(failed)?;
        let lock = File::open(directory).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => StateFileOpenError::InUse(directory.to_owned()),
            fs::TryLockError::Error(source) => failed(source),
        })?;
        if let Err(error) = stays_writable(directory) {
            // It would say what is no longer true: this process sends RAs, and cannot say so there later.
            _ = fs::remove_file(directory.join(NAME));
            return Err(failed(error));
        }
        let boot_id = boot_id().map_err(StateFileOpenError::BootId)?;
        Ok(Self { directory: directory.to_owned(), boot_id, journal: None, _lock: lock })
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.join(NAME)
    }

    /// Reads what a previous process left.
    #[must_use]
    pub fn read(&self) -> Found {
        match self.try_read() {
            Ok(state) if state.boot_id == self.boot_id => Found::Saved(state.saved),
            Ok(_) => Found::OtherBoot,
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
            Err(error) => Found::Unusable(error),
        }
    }

    fn try_read(&self) -> Result<State, ReadError> {
        // Something else under that name, such as a pipe, must not block the start.
        let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(self.path())?;
        let mut bytes = Vec::new();
        file.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_SIZE) {
            return Err(ReadError::TooLarge);
        }
        Ok(decode(&bytes)?)
    }

    /// Replaces the file by one with `saved`. A crash of the daemon leaves either of the two. The file is not
    /// synced: when the machine fails, the state belongs to an earlier boot and is worthless.
    ///
    /// # Errors
    ///
    /// The kernel's error; the file is then unchanged.
    pub fn write(&mut self, saved: SavedState) -> io::Result<()> {
        self.journal = None;
        let text = encode(&State { boot_id: self.boot_id.clone(), saved });
        self.journal = Some(Journal::create(&self.path(), &text)?);
        Ok(())
    }

    /// Brings the file up to date: appends `updates` or, if that is not possible or would make the file too
    /// long, writes it anew with the state that `whole` returns. A crash can lose some of the updates, and
    /// nothing else.
    ///
    /// # Errors
    ///
    /// The kernel's error. Some of the updates may be in the file then, and the next call writes it anew.
    pub fn update(&mut self, updates: &[SavedUpdate], whole: impl FnOnce() -> SavedState) -> io::Result<()> {
        // Put back only after success: no line may follow an incomplete one.
        if let Some(mut journal) = self.journal.take()
            && journal.append(&encode_updates(updates))? == Appended::Yes
        {
            self.journal = Some(journal);
            return Ok(());
        }
        self.write(whole())
    }

    /// Removes the file.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn remove(&mut self) -> io::Result<()> {
        self.journal = None;
        fs::remove_file(self.path())
    }
}

#[cfg(test)]
#[path = "state_file/tests.rs"]
mod tests;
