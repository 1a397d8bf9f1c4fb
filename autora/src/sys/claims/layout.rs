//! The bytes of the table, in little endian: a magic number, a slot for each daemon, then blocks for 1,024 interface
//! indices each, so that the file is as sparse as the indices.
//!
//! ```text
//! 0       magic number and version
//! 256     slot 0: generation, first, process (4 bytes each), length (2) and bytes of its identity
//! 512     slot 1, and so on
//! 8192    the record of index 0 (4 bytes): generation << 6 | slot << 1 | released; 0: never claimed
//! 8196    that of index 1, and so on
//! 12288   the note about index 0 (256 bytes, see `note`)
//! 12544   that about index 1, and so on
//! 274432  the record of index 1,024, and so on
//! ```

use std::{
    fs::File,
    io,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::Path,
};

use crate::addr::{IfIndex, shown_name};

/// What the file begins with.
pub(super) const MAGIC: &[u8; 16] = b"autora claims 2\n";

/// How many daemons a table has room for.
pub(super) const SLOTS: u8 = 31;

const SLOT_SIZE: usize = 256;
const IDENTITY_AT: usize = 14;
const RECORDS_AT: u64 = SLOT_SIZE as u64 * (SLOTS as u64 + 1);

const RECORD_SIZE: usize = size_of::<u32>();

/// Records that are read and written at once: those of a page of memory.
const CHUNK_RECORDS: u32 = 1_024;
const CHUNK_SIZE: usize = RECORD_SIZE * CHUNK_RECORDS as usize;

pub(super) const NOTE_SIZE: usize = 256;

/// A chunk of records, and the notes about the same interfaces.
const BLOCK_SIZE: u64 = CHUNK_SIZE as u64 + NOTE_SIZE as u64 * CHUNK_RECORDS as u64;

/// Generations are counted modulo this.
const GENERATIONS: u32 = 1 << 26;

/// A daemon that has had a slot, and the process that had it last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Daemon {
    /// The number of the process, counted in this slot; 0 if the slot was never used.
    pub(super) generation: u32,
    /// The number of the daemon's first process: records of earlier ones are another daemon's.
    first: u32,
    pub(super) pid: u32,
    identity: Vec<u8>,
}

/// Which process has claimed an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub(super) generation: u32,
    pub(super) slot: u8,
    pub(super) released: bool,
}

/// The records of a page.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Box<[u8]>,
    is_changed: bool,
}

impl Daemon {
    pub(super) fn read(file: &File, slot: u8) -> io::Result<Self> {
        let mut bytes = [0; SLOT_SIZE];
        read_at(file, &mut bytes, slot_at(slot))?;
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let len = usize::from(u16::from_le_bytes([bytes[12], bytes[13]])).min(SLOT_SIZE - IDENTITY_AT);
        let identity = bytes[IDENTITY_AT..IDENTITY_AT + len].to_vec();
        Ok(Self { generation: number(0), first: number(4), pid: number(8), identity })
    }

    pub(super) fn write(&self, file: &File, slot: u8) -> io::Result<()> {
        let mut bytes = [0; SLOT_SIZE];
        let len = u16::try_from(self.identity.len()).unwrap_or_default();
        let fields = [&self.generation.to_le_bytes()[..], &self.first.to_le_bytes(), &self.pid.to_le_bytes()];
        let content = [&fields.concat()[..], &len.to_le_bytes(), &self.identity].concat();
        bytes[..content.len()].copy_from_slice(&content);
        file.write_all_at(&bytes, slot_at(slot))
    }

    /// Returns the process that takes over this slot.
    pub(super) fn next(&self, identity: &Path, pid: u32) -> Self {
        let generation = (self.generation + 1) % GENERATIONS;
        let generation = generation.max(1);
        let first = if self.is(identity) { self.first } else { generation };
        Self { generation, first, pid, identity: shortened(identity).to_vec() }
    }

    /// Returns whether processes with this identity are processes of this daemon.
    pub(super) fn is(&self, identity: &Path) -> bool {
        self.generation != 0 && self.identity == shortened(identity)
    }

    /// Returns whether one of its processes made the record.
    pub(super) const fn knows(&self, record: Record) -> bool {
        self.first <= record.generation && record.generation <= self.generation
    }

    /// Returns the identity as text that no terminal obeys.
    pub(super) fn identity(&self) -> String {
        shown_name(&self.identity).into_owned()
    }
}

impl Chunk {
    /// Returns the number of the chunk that has the record of `index`.
    pub(super) const fn number(index: IfIndex) -> u32 {
        index.get() / CHUNK_RECORDS
    }

    pub(super) fn read(file: &File, number: u32) -> io::Result<Self> {
        let mut bytes = vec![0; CHUNK_SIZE].into_boxed_slice();
        read_at(file, &mut bytes, chunk_at(number))?;
        Ok(Self { bytes, is_changed: false })
    }

    /// Writes the chunk if it was changed.
    pub(super) fn write(&self, file: &File, number: u32) -> io::Result<()> {
        if self.is_changed { file.write_all_at(&self.bytes, chunk_at(number)) } else { Ok(()) }
    }

    /// Returns the record of `index`, if it was ever claimed.
    pub(super) fn get(&self, index: IfIndex) -> Option<Record> {
        let at = place(index);
        let bytes = self.bytes.get(at..at + RECORD_SIZE)?.try_into().ok()?;
        Record::from_bits(u32::from_le_bytes(bytes))
    }

    pub(super) fn set(&mut self, index: IfIndex, record: Record) {
        let at = place(index);
        self.bytes[at..at + RECORD_SIZE].copy_from_slice(&record.bits().to_le_bytes());
        self.is_changed = true;
    }
}

/// Reads records without the table's lock, a chunk at a time.
#[derive(Debug)]
pub(super) struct Records<'f> {
    file: &'f File,
    last: Option<(u32, Chunk)>,
}

impl<'f> Records<'f> {
    pub(super) const fn new(file: &'f File) -> Self {
        Self { file, last: None }
    }

    pub(super) fn get(&mut self, index: IfIndex) -> io::Result<Option<Record>> {
        let number = Chunk::number(index);
        let chunk = match self.last.take() {
            Some((last, chunk)) if last == number => chunk,
            Some(_) | None => Chunk::read(self.file, number)?,
        };
        let record = chunk.get(index);
        self.last = Some((number, chunk));
        Ok(record)
    }
}

impl Record {
    pub(super) fn from_bits(bits: u32) -> Option<Self> {
        let slot = u8::try_from(bits >> 1 & 0x1f).ok().filter(|slot| *slot < SLOTS)?;
        let record = Self { generation: bits >> 6, slot, released: bits & 1 == 1 };
        (record.generation != 0).then_some(record)
    }

    pub(super) fn bits(self) -> u32 {
        self.generation << 6 | u32::from(self.slot) << 1 | u32::from(self.released)
    }
}

/// Returns the bytes of an identity that a slot has room for.
fn shortened(identity: &Path) -> &[u8] {
    let bytes = identity.as_os_str().as_bytes();
    &bytes[..bytes.len().min(SLOT_SIZE - IDENTITY_AT)]
}

fn slot_at(slot: u8) -> u64 {
    SLOT_SIZE as u64 * (u64::from(slot) + 1)
}

fn chunk_at(number: u32) -> u64 {
    RECORDS_AT + u64::from(number) * BLOCK_SIZE
}

/// Returns where the note about `index` begins. None is in two pages.
pub(super) fn note_at(index: IfIndex) -> u64 {
    let before = u64::from(index.get() % CHUNK_RECORDS) * NOTE_SIZE as u64;
    chunk_at(Chunk::number(index)) + CHUNK_SIZE as u64 + before
}

/// Returns where in its chunk the record of `index` begins.
const fn place(index: IfIndex) -> usize {
    (index.get() % CHUNK_RECORDS) as usize * RECORD_SIZE
}

/// Reads as many bytes as there are; the file's end stands for zeros.
pub(super) fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.read_at(bytes, at)? {
            0 => return Ok(()),
            read => {
                bytes = &mut bytes[read..];
                at += read as u64;
            }
        }
    }
    Ok(())
}
