//! The events of each interface: the last ones for the report, all of them as a hash.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use autora::{
    addr::{IfIndex, LinkLocal, Prefix64},
    engine::BootInstant,
};

/// The number of events kept of each interface.
const KEPT: usize = 200;

/// An event of one interface.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Note {
    /// The fleet saw a fit interface; `dad` is whether DAD runs on its source.
    Fit {
        source: LinkLocal,
        prefix: Prefix64,
        carrier: bool,
        dad: bool,
    },
    /// The fleet saw an interface that is not fit: whether its name matches, whether it is up with IPv6, its
    /// carrier, and the number of its addresses.
    NotFit {
        matches: bool,
        alive: bool,
        carrier: bool,
        addresses: usize,
    },
    /// The fleet saw that the interface was deleted.
    Gone,
    /// A solicitation, and whether it passed the filter.
    Solicited {
        passed: bool,
    },
    /// A new entry in the map, and whether there was room.
    Serve {
        room: bool,
    },
    Unserve,
    /// A claim that was refused, and whether it is known which daemon has the interface.
    ClaimRefused {
        known: bool,
    },
    MarkCleared,
    /// An RA: whether it left, its last prefix with its lifetimes, and its number of others.
    Send {
        left: bool,
        cause: &'static str,
        source: LinkLocal,
        last: Option<(Prefix64, Duration, Duration)>,
        others: usize,
    },
    Stop,
    /// The daemon ended.
    Ended {
        clean: bool,
    },
    /// The next process restored a saved state of the interface.
    Restored,
}

#[derive(Default)]
struct Track {
    last: VecDeque<(BootInstant, Note)>,
    hasher: DefaultHasher,
}

/// The events of one run.
#[derive(Default)]
pub(crate) struct Trace {
    tracks: BTreeMap<IfIndex, Track>,
}

impl Trace {
    pub(crate) fn note(&mut self, index: IfIndex, at: BootInstant, note: Note) {
        let track = self.tracks.entry(index).or_default();
        (at, note).hash(&mut track.hasher);
        if track.last.len() == KEPT {
            track.last.pop_front();
        }
        track.last.push_back((at, note));
    }

    /// Returns a hash of all events. Events of several interfaces at one instant are unordered, so each
    /// interface has its own hash.
    pub(crate) fn hash(&self) -> u64 {
        let mut all = DefaultHasher::new();
        for (index, track) in &self.tracks {
            (index, track.hasher.finish()).hash(&mut all);
        }
        all.finish()
    }

    /// Returns the last `count` events of one interface, the latest last.
    pub(crate) fn last(&self, index: IfIndex, count: usize) -> impl Iterator<Item = &(BootInstant, Note)> {
        let track = self.tracks.get(&index).map(|track| &track.last);
        track.into_iter().flat_map(move |last| last.range(last.len().saturating_sub(count)..))
    }
}
