//! What happened, interface by interface: the last of it for people, all of it as a hash.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use autora::{
    addr::{IfIndex, LinkLocal, Prefix64},
    engine::BootInstant,
};

/// How many events of one interface are kept.
const KEPT: usize = 200;

/// Something that concerned one interface.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Note {
    /// The fleet was told that the interface is fit.
    Fit {
        source: LinkLocal,
        prefix: Prefix64,
        carrier: bool,
    },
    /// It was told that it is not: whether its name matches, it is up with IPv6 on, has a carrier, and its
    /// first /64.
    NotFit {
        matches: bool,
        alive: bool,
        carrier: bool,
        prefix: Option<Prefix64>,
    },
    /// It was told that the interface is gone.
    Gone,
    /// A solicitation: whether it passed the filter.
    Solicited {
        passed: bool,
    },
    /// An entry in the map: whether there was room.
    Serve {
        room: bool,
    },
    Unserve,
    Answered,
    /// An advertisement: whether it left, and its current prefix and number of retired ones.
    Send {
        left: bool,
        cause: &'static str,
        source: LinkLocal,
        current: Option<Prefix64>,
        retired: usize,
    },
    Stop,
    /// The daemon ended.
    Ended {
        clean: bool,
    },
    /// Another took over, and knows of the interface.
    Recalled,
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

    /// A number that differs when anything happened otherwise. What several interfaces did at one instant has
    /// no order.
    pub(crate) fn hash(&self) -> u64 {
        let mut all = DefaultHasher::new();
        for (index, track) in &self.tracks {
            (index, track.hasher.finish()).hash(&mut all);
        }
        all.finish()
    }

    /// The last `count` events of one interface, the latest last.
    pub(crate) fn last(&self, index: IfIndex, count: usize) -> impl Iterator<Item = &(BootInstant, Note)> {
        let track = self.tracks.get(&index).map(|track| &track.last);
        track.into_iter().flat_map(move |last| last.range(last.len().saturating_sub(count)..))
    }
}
