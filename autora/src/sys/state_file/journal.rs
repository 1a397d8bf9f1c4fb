//! The file as this daemon goes on writing it: put in place whole, then added to.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

/// How much may be added to a file that was short when it came into place: some hundred lines.
pub(super) const FLOOR: u64 = 64 << 10;

/// A file in its place.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    len: u64,
    /// The length beyond which a new file is the cheaper way to go on. What is added until then is more than
    /// what came into place at once, so that on average a line costs no more than twice its own writing.
    limit: u64,
}

/// What became of text that was to be added.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is in the file.
    Yes,
    /// It is not: the file would become too long, or it is not the one that this daemon wrote any more.
    NewFileNeeded,
}

impl Journal {
    /// Puts a file with `text` in the place of what was at `path`, or leaves that as it was.
    pub(super) fn create(path: &Path, text: &[u8]) -> io::Result<Self> {
        let new = path.with_added_extension("new");
        let created = write_new(&new, text).and_then(|file| fs::rename(&new, path).map(|()| file));
        if created.is_err() {
            // Half a file on a full disk would only take room from the next try.
            _ = fs::remove_file(&new);
        }
        let len = length(text);
        Ok(Self { file: created?, len, limit: 2 * len + FLOOR })
    }

    /// Adds `text`. After an error some of it may be there, and so nothing may follow it: the file is to be
    /// replaced.
    pub(super) fn add(&mut self, text: &[u8]) -> io::Result<Added> {
        let metadata = self.file.metadata()?;
        let is_ours = metadata.nlink() > 0 && metadata.len() == self.len;
        if !is_ours || self.len + length(text) > self.limit {
            return Ok(Added::NewFileNeeded);
        }
        self.file.write_all_at(text, self.len)?;
        self.len += length(text);
        Ok(Added::Yes)
    }

    /// From now on every write fails.
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
