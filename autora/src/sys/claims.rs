//! Which daemon serves which interface, where several run in one network namespace: a table in a file that all of them
//! share, with a lock for each daemon.
//!
//! A record says which daemon, and which process of it, has claimed an interface; the lock says whether that process
//! lives. So the kernel releases all claims of a process at once with its end. A lock for each interface would not do:
//! open file description locks (`fcntl(2)`, Linux 3.15) of thousands of single bytes take time that grows with their
//! square (`posix_lock_inode()`, fs/locks.c, Linux 6.12). Records are read and written under the table's lock, which is
//! held for one turn of the event loop at most.
//!
//! Beside the record stands what guests of the interface hold from that daemon, so that another one goes on from there
//! when it takes the interface over, as the next process would.
//!
//! The file and all of its locks are opened before the daemon confines itself.

mod file;
mod layout;
mod lock;
mod note;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io,
    path::Path,
    process,
};

pub use self::{file::ClaimsOpenError, layout::Record};
use self::{
    layout::{Chunk, Daemon, Records, SLOTS},
    note::{Notes, Subject},
};
use super::boot_id::boot_id;
use crate::{
    addr::IfIndex,
    engine::{
        eligibility::OtherDaemon,
        handover::{Ending, SavedUpdate, TakenOver},
    },
};

/// This daemon's part in the table.
#[derive(Debug)]
pub struct Claims {
    file: File,
    /// Its place among the daemons, which it has locked.
    slot: u8,
    daemon: Daemon,
    /// `None` if it cannot be read: then no note is made, and none counts.
    boot_id: Option<String>,
    /// How this process ends unless there are further notes; `None` if it makes none.
    ending: Option<Ending>,
    /// What was read since the table was locked; `None` while it is not.
    table: Option<OpenTable>,
}

/// The part of the table that was read since it was locked.
#[derive(Debug, Default)]
struct OpenTable {
    chunks: BTreeMap<u32, Chunk>,
    daemons: BTreeMap<u8, (Daemon, bool)>,
}

/// Who has claimed an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// No other daemon has.
    None,
    /// A daemon that runs.
    Held(OtherDaemon),
    /// A daemon that has ended, or has released the interface: with the same record it has not been back.
    Left(Record, OtherDaemon),
}

impl Claim {
    /// Returns what a record says to the daemon that has the slot `own`. `daemon` has that of the record, and its
    /// process may live.
    fn of(record: Record, daemon: &Daemon, lives: bool, own: u8) -> Self {
        let other = |pid| OtherDaemon { directory: daemon.identity(), pid };
        if record.slot == own || !daemon.knows(record) {
            Self::None
        } else if lives && daemon.generation == record.generation && !record.released {
            Self::Held(other(Some(daemon.pid)))
        } else {
            Self::Left(record, other(None))
        }
    }
}

impl Claims {
    /// Opens this network namespace's table in `directory`, which it makes if it is missing. `identity` is what a
    /// process and the next one of the same daemon have in common: the runtime directory.
    ///
    /// # Errors
    ///
    /// A [`ClaimsOpenError`]; the daemon can run as if it were alone.
    pub fn open(directory: &Path, identity: &Path) -> Result<Self, ClaimsOpenError> {
        let file = file::open(directory)?;
        lock::table(&file)?;
        file::check_version(&file)?;
        let (slot, daemon) = take_slot(&file, identity)?;
        lock::release_table(&file)?;
        Ok(Self { file, slot, daemon, boot_id: boot_id().ok(), ending: None, table: None })
    }

    /// Makes [`Claims::note`] make notes, of a process that ends so unless there are further ones.
    #[must_use]
    pub fn with_notes(self, ending: Ending) -> Self {
        Self { ending: Some(ending), ..self }
    }

    /// Returns who has claimed the interface.
    ///
    /// # Errors
    ///
    /// The kernel's error, of kind `WouldBlock` if another daemon has had the table for too long.
    pub fn find(&mut self, index: IfIndex) -> io::Result<Claim> {
        let Some(record) = self.chunk(index)?.get(index) else { return Ok(Claim::None) };
        let own = self.slot;
        let (daemon, lives) = self.daemon(record.slot)?;
        Ok(Claim::of(record, daemon, *lives, own))
    }

    /// Returns the other daemon that has the interface now, for display: without the table's lock, so that a client's
    /// question keeps no daemon from its records. What another daemon writes at this moment may be read in part.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn holder(&self, index: IfIndex) -> io::Result<Option<OtherDaemon>> {
        let chunk = Chunk::read(&self.file, Chunk::number(index))?;
        let Some(record) = chunk.get(index) else { return Ok(None) };
        let daemon = Daemon::read(&self.file, record.slot)?;
        let lives = lock::is_held(&self.file, record.slot)?;
        Ok(match Claim::of(record, &daemon, lives, self.slot) {
            Claim::None => None,
            Claim::Held(other) | Claim::Left(_, other) => Some(other),
        })
    }

    /// Claims the interface, also one that another daemon has. It counts for others from [`Claims::close`] on.
    ///
    /// # Errors
    ///
    /// That of [`Claims::find`].
    pub fn take(&mut self, index: IfIndex) -> io::Result<()> {
        let record = Record { generation: self.daemon.generation, slot: self.slot, released: false };
        self.chunk(index)?.set(index, record);
        Ok(())
    }

    /// Returns what guests of an interface hold from the daemon that has left it with `record`, as far as that one has
    /// noted it.
    ///
    /// # Errors
    ///
    /// That of [`Claims::find`].
    pub fn left(&mut self, index: IfIndex, name: &str, record: Record) -> io::Result<Option<TakenOver>> {
        let Some(boot_id) = &self.boot_id else { return Ok(None) };
        let noted = note::read(&self.file, Subject { boot_id, index, name })?;
        let Some((by, left)) = noted.filter(|(by, _)| by.slot == record.slot) else { return Ok(None) };
        let (daemon, _) = self.daemon(by.slot)?;
        Ok(daemon.knows(by).then_some(left))
    }

    /// Notes what guests of interfaces hold from this daemon, but of those that another daemon has claimed meanwhile.
    /// Without the table's lock: a note that is not by the daemon of the record does not count. Few writes for many
    /// interfaces, if their `updates` are in the order of the indices: after a start they concern all.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn note(&self, updates: &[SavedUpdate]) -> io::Result<()> {
        let (Some(boot_id), Some(ending)) = (&self.boot_id, self.ending) else { return Ok(()) };
        let mut records = Records::new(&self.file);
        let mut notes = Notes::new(&self.file);
        for update in updates {
            let record = records.get(update.index())?;
            let Some(record) = record.filter(|record| record.slot == self.slot) else { continue };
            match update {
                SavedUpdate::Known(saved) => {
                    let by = Record { generation: self.daemon.generation, released: false, ..record };
                    let subject = Subject { boot_id, index: saved.index, name: &saved.name };
                    notes.add(subject, by, ending, &saved.advertised)?;
                }
                SavedUpdate::Gone(index) => note::remove(&self.file, *index)?,
            }
        }
        notes.write()
    }

    /// Releases the interface, unless another daemon has claimed it.
    ///
    /// # Errors
    ///
    /// That of [`Claims::find`].
    pub fn release(&mut self, index: IfIndex) -> io::Result<()> {
        let own = self.slot;
        let chunk = self.chunk(index)?;
        if let Some(record) = chunk.get(index).filter(|record| record.slot == own) {
            chunk.set(index, Record { released: true, ..record });
        }
        Ok(())
    }

    /// Writes what was changed, and lets other daemons have the table.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn close(&mut self) -> io::Result<()> {
        let Some(table) = self.table.take() else { return Ok(()) };
        let written = table.chunks.iter().try_for_each(|(&number, chunk)| chunk.write(&self.file, number));
        lock::release_table(&self.file).and(written)
    }

    /// Returns the file, and what was read of it since the table was locked, which it is from here on.
    fn table(&mut self) -> io::Result<(&File, &mut OpenTable)> {
        if self.table.is_none() {
            lock::table(&self.file)?;
        }
        Ok((&self.file, self.table.get_or_insert_default()))
    }

    /// Returns the part of the table that has the interface's record.
    fn chunk(&mut self, index: IfIndex) -> io::Result<&mut Chunk> {
        let (file, table) = self.table()?;
        Ok(match table.chunks.entry(Chunk::number(index)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let chunk = Chunk::read(file, *place.key())?;
                place.insert(chunk)
            }
        })
    }

    /// Returns the daemon in a slot, and whether its process lives.
    fn daemon(&mut self, slot: u8) -> io::Result<&(Daemon, bool)> {
        let (file, table) = self.table()?;
        Ok(match table.daemons.entry(slot) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert((Daemon::read(file, slot)?, lock::is_held(file, slot)?)),
        })
    }
}

/// Takes a slot for a process of the daemon with this identity: the one that its previous process had, else one that no
/// daemon has had, else that of a daemon which has ended.
fn take_slot(file: &File, identity: &Path) -> Result<(u8, Daemon), ClaimsOpenError> {
    let mut slots = Vec::new();
    for slot in 0..SLOTS {
        slots.push((slot, Daemon::read(file, slot)?));
    }
    slots.sort_by_key(|(_, daemon)| (!daemon.is(identity), daemon.generation != 0));
    for (slot, before) in slots {
        if lock::slot(file, slot)? {
            let daemon = before.next(identity, process::id());
            daemon.write(file, slot)?;
            return Ok((slot, daemon));
        }
    }
    Err(ClaimsOpenError::Full)
}

#[cfg(test)]
mod tests;
