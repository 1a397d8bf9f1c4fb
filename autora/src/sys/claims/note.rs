//! What guests hold of an interface, noted beside its record for the daemon that takes it over.
//!
//! ```text
//! 0     checksum of the rest, and of what it is about (8 bytes)
//! 8     the process that made the note, as a record (4)
//! 12    the longest Valid Lifetime and the Router Lifetime that it advertises, in seconds (4 each)
//! 20    the source in use (16, as on the wire), and the end of its Router Lifetime (8)
//! 44    the source that is owed a final RA, likewise
//! 68    the prefix (8, as on the wire), and the end of its Valid Lifetime (8)
//! 84    retired prefixes, likewise, eight at most
//! 212   zeros
//! ```
//!
//! Ends are in nanoseconds since boot, and 0 where there is nothing. The checksum also covers the boot, the index and
//! the name. So a note of another boot or of another interface does not count, nor one that the end of its process left
//! in parts, or that two processes wrote at the same time.

use std::{fs::File, io, iter, net::Ipv6Addr, os::unix::fs::FileExt, time::Duration};

use nix::fcntl::{FallocateFlags, fallocate};

use super::layout::{NOTE_SIZE, Record, note_at, read_at};
use crate::{
    addr::{IfIndex, LinkLocal, Prefix64},
    engine::{
        BootInstant,
        handover::{Advertised, AdvertisedPrefix, AdvertisedRouter, Ending, MAX_RETIRED, TakenOver},
    },
};

type Note = [u8; NOTE_SIZE];

const CHECKSUM_SIZE: usize = 8;

/// A page of memory on most machines.
const PAGE_SIZE: u16 = 4_096;

const NOTES_OF_A_PAGE: usize = PAGE_SIZE as usize / NOTE_SIZE;

/// How many bytes are written at once: they are memory of the daemon until then.
const AT_ONCE: usize = 16 * PAGE_SIZE as usize;

/// What a note is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) boot_id: &'a str,
    pub(super) index: IfIndex,
    pub(super) name: &'a str,
}

impl Subject<'_> {
    /// Returns the checksum of a note with this content about this interface: FNV-1a, which is the same in each build.
    fn checksum(self, content: &[u8]) -> u64 {
        let Self { boot_id, index, name } = self;
        let covered = [content, &index.get().to_le_bytes(), boot_id.as_bytes(), b"\n", name.as_bytes()];
        let add = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        covered.into_iter().flatten().fold(0xcbf2_9ce4_8422_2325, add)
    }
}

/// Writes notes; those that stand one behind the other in the file at once.
#[derive(Debug)]
pub(super) struct Notes<'f> {
    file: &'f File,
    /// Where `bytes` begins in the file.
    at: u64,
    bytes: Vec<u8>,
}

impl<'f> Notes<'f> {
    pub(super) const fn new(file: &'f File) -> Self {
        Self { file, at: 0, bytes: Vec::new() }
    }

    /// Notes what guests of an interface hold, with the next [`Notes::write`] at the latest.
    pub(super) fn add(
        &mut self,
        subject: Subject<'_>,
        by: Record,
        ending: Ending,
        advertised: &Advertised,
    ) -> io::Result<()> {
        let at = note_at(subject.index);
        if self.at + self.bytes.len() as u64 != at || self.bytes.len() >= AT_ONCE {
            self.write()?;
            self.at = at;
        }
        self.bytes.extend(encode(subject, by, ending, advertised));
        Ok(())
    }

    /// Writes what has not been written.
    pub(super) fn write(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.bytes, self.at)?;
        self.bytes.clear();
        Ok(())
    }
}

/// Returns what the note about an interface says, and which process made it.
pub(super) fn read(file: &File, subject: Subject<'_>) -> io::Result<Option<(Record, TakenOver)>> {
    let mut note = [0; NOTE_SIZE];
    read_at(file, &mut note, note_at(subject.index))?;
    Ok(decode(&note, subject))
}

/// Removes the note about an interface. The last one in its page gives that back: indices only grow, and most
/// interfaces come and go. A note that another daemon makes in that page at this moment may be lost.
pub(super) fn remove(file: &File, index: IfIndex) -> io::Result<()> {
    let (at, place) = (note_at(index), index.get() as usize % NOTES_OF_A_PAGE * NOTE_SIZE);
    let page_at = at - place as u64;
    let mut page = [0; PAGE_SIZE as usize];
    read_at(file, &mut page, page_at)?;
    let note = &mut page[place..place + NOTE_SIZE];
    if *note == [0; NOTE_SIZE] {
        return Ok(());
    }
    note.fill(0);
    let is_last = page.iter().all(|byte| *byte == 0);
    if is_last && free(file, page_at).is_ok() { Ok(()) } else { file.write_all_at(&[0; NOTE_SIZE], at) }
}

/// Frees a page. Not every file system can.
fn free(file: &File, page_at: u64) -> nix::Result<()> {
    let as_hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    fallocate(file, as_hole, page_at.cast_signed(), PAGE_SIZE.into())
}

fn encode(subject: Subject<'_>, by: Record, ending: Ending, advertised: &Advertised) -> Note {
    let Advertised { router, owed, prefix, retired, last_sent: _ } = advertised;
    let mut content = Vec::with_capacity(NOTE_SIZE);
    content.extend(by.bits().to_le_bytes());
    content.extend(longest(ending).into_iter().flat_map(seconds));
    content.extend([router, owed].into_iter().flat_map(|router| router_bytes(router.as_ref())));
    let prefixes = iter::once(prefix.as_ref()).chain(retired.iter().map(Some)).take(1 + MAX_RETIRED);
    content.extend(prefixes.flat_map(prefix_bytes));
    content.resize(NOTE_SIZE - CHECKSUM_SIZE, 0);
    let mut note = [0; NOTE_SIZE];
    note[..CHECKSUM_SIZE].copy_from_slice(&subject.checksum(&content).to_le_bytes());
    note[CHECKSUM_SIZE..].copy_from_slice(&content);
    note
}

/// Returns the longest Valid Lifetime and the Router Lifetime. After a clean end the ends are exact, as they are if no
/// lifetime follows them.
const fn longest(ending: Ending) -> [Duration; 2] {
    match ending {
        Ending::Clean => [Duration::ZERO; 2],
        Ending::Unclean { valid_lifetime, router_lifetime } => [valid_lifetime, router_lifetime],
    }
}

fn seconds(lifetime: Duration) -> [u8; 4] {
    u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX).to_le_bytes()
}

fn router_bytes(router: Option<&AdvertisedRouter>) -> [u8; 24] {
    let mut bytes = [0; 24];
    if let Some(AdvertisedRouter { source, until }) = router {
        bytes[..16].copy_from_slice(&source.get().octets());
        bytes[16..].copy_from_slice(&end_bytes(*until));
    }
    bytes
}

fn prefix_bytes(prefix: Option<&AdvertisedPrefix>) -> [u8; 16] {
    let mut bytes = [0; 16];
    if let Some(AdvertisedPrefix { prefix, valid_until }) = prefix {
        bytes[..8].copy_from_slice(&prefix.network().octets()[..8]);
        bytes[8..].copy_from_slice(&end_bytes(*valid_until));
    }
    bytes
}

fn end_bytes(end: BootInstant) -> [u8; 8] {
    u64::try_from(end.since_boot().as_nanos()).unwrap_or(u64::MAX).to_le_bytes()
}

fn decode(note: &Note, subject: Subject<'_>) -> Option<(Record, TakenOver)> {
    let (checksum, content) = note.split_first_chunk()?;
    if u64::from_le_bytes(*checksum) != subject.checksum(content) {
        return None;
    }
    let mut fields = Fields(content);
    let by = Record::from_bits(u32::from_le_bytes(fields.take()))?;
    let [valid_lifetime, router_lifetime] = [fields.seconds(), fields.seconds()];
    let [router, owed] = [fields.router(), fields.router()];
    let prefix = fields.prefix();
    let retired = (0..MAX_RETIRED).filter_map(|_| fields.prefix()).collect();
    let advertised = Advertised { router, owed, prefix, retired, last_sent: None };
    Some((by, TakenOver { ending: Ending::Unclean { valid_lifetime, router_lifetime }, advertised }))
}

/// The fields of a note that have yet to be read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const SIZE: usize>(&mut self) -> [u8; SIZE] {
        let (field, rest) = self.0.split_first_chunk().expect("a note has room for all fields");
        self.0 = rest;
        *field
    }

    fn seconds(&mut self) -> Duration {
        Duration::from_secs(u32::from_le_bytes(self.take()).into())
    }

    fn router(&mut self) -> Option<AdvertisedRouter> {
        let (source, until) = (LinkLocal::new(Ipv6Addr::from(self.take::<16>())), self.end());
        Some(AdvertisedRouter { source: source?, until: until? })
    }

    fn prefix(&mut self) -> Option<AdvertisedPrefix> {
        let (network, valid_until) = (u64::from_be_bytes(self.take()), self.end());
        let prefix = Prefix64::containing(Ipv6Addr::from_bits(u128::from(network) << 64));
        Some(AdvertisedPrefix { prefix, valid_until: valid_until? })
    }

    fn end(&mut self) -> Option<BootInstant> {
        let nanoseconds = u64::from_le_bytes(self.take());
        (nanoseconds > 0).then(|| BootInstant::from_boot(Duration::from_nanos(nanoseconds)))
    }
}

#[cfg(test)]
mod tests;
