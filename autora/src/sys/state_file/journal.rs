//! The state file while this daemon writes it: put in place whole, then appended to.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

/// Bytes that may be appended to a file that was short when it was put in place: some hundred lines.
pub(super) const FLOOR: u64 = 64 << 10;

/// An open file that this daemon has put in place.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    len: u64,
    /// The length beyond which the file is written anew. More is appended until then than was put in place at
    /// once, so that on average a line costs at most twice its own writing.
    limit: u64,
}

/// The outcome of [`Journal::append`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Appended {
    /// The text is in the file.
    Yes,
    /// It is not: the file would become too long, or it is no longer the one that this daemon wrote.
    NewFileNeeded,
}

impl Journal {
    /// Replaces the file at `path` by one with `text`; after an error the old one is unchanged.
    pub(super) fn create(path: &Path, text: &[u8]) -> io::Result<Self> {
        let new = path.with_added_extension("new");
        let created = write_new(&new, text).and_then(|file| fs::rename(&new, path).map(|()| file));
        if created.is_err() {
            // On a full disk an incomplete file would take the room that the next attempt needs.
            _ = fs::remove_file(&new);
        }
        let len = length(text);
        Ok(Self { file: created?, len, limit: 2 * len + FLOOR })
    }

    /// Appends `text`. After an error the file may end in a part of it, so nothing may be appended any more:
    /// the caller replaces the file.
    pub(super) fn append(&mut self, text: &[u8]) -> io::Result<Appended> {
        let metadata = self.file.metadata()?;
        let is_ours = metadata.nlink() > 0 && metadata.len() == self.len;
        if !is_ours || self.len + length(text) > self.limit {
            return Ok(Appended::NewFileNeeded);
        }
        self.file.write_all_at(text, self.len)?;
        self.len += length(text);
        Ok(Appended::Yes)
    }

    /// Makes every later write fail.
    #[cfg(test)]
    pub(super) fn break_down(&mut self) {
        self.file = File::open("/dev/full").expect("Linux has it");
        self.len = 0;
    }
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(path)?;
    file.write_all(text)?;
    Ok(file)
}

fn length(text: &[u8]) -> u64 {
    u64::try_from(text.len()).expect("a length has 64 bits at most")
}
