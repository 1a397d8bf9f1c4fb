//! What one life leaves to the next: taking it over, and saying it.

use std::{collections::BTreeSet, mem};

use super::Fleet;
use crate::{
    addr::IfIndex,
    engine::{
        Instant,
        advertiser::MIN_DELAY_BETWEEN_RAS,
        memory::{Completeness, Memory, Remembered, Update},
    },
};

impl Fleet {
    /// Takes over at `now` from a daemon that ended, before anything is looked at.
    pub fn recall(&mut self, memory: Memory, now: Instant) {
        self.may_have_sent = match memory.completeness {
            Completeness::Clean => None,
            Completeness::Unclean { .. } => Some(now),
        };
        let interfaces = memory.at(now).interfaces.into_iter();
        self.remembered = interfaces.map(|known| (known.index, (known.name, known.past))).collect();
    }

    /// What a successor has to know if this life ends without a word after `now`.
    #[must_use]
    pub fn memory(&self, now: Instant) -> Memory {
        let indices = self.remembered.keys().chain(self.members.keys());
        let interfaces = indices.filter_map(|index| self.known_of(*index, now)).collect();
        let valid_lifetime = self.parameters.valid_lifetime;
        Memory { completeness: Completeness::Unclean { valid_lifetime }, interfaces }
    }

    /// Interfaces of a former life that were not seen in this one yet. They concern the fleet even where their names match
    /// no longer, as they may have to hear a goodbye.
    pub fn remembered(&self) -> impl Iterator<Item = IfIndex> {
        self.remembered.keys().copied()
    }

    /// What a successor has to know if this life ends in good order at `now`, with nothing sent any more. The word of one
    /// that has itself taken over from a crash a moment ago is no better than that: there may be interfaces that it has
    /// not seen yet and that were sent to within the 3 s.
    #[must_use]
    pub fn farewell(&self, now: Instant) -> Memory {
        let memory = self.memory(now);
        if self.sent_before_it_could_know(now).is_some() {
            memory
        } else {
            Memory { completeness: Completeness::Clean, ..memory }
        }
    }

    /// When a former life that could not say may have sent last on any interface, while that matters.
    pub(super) fn sent_before_it_could_know(&self, now: Instant) -> Option<Instant> {
        self.may_have_sent.filter(|sent| now < *sent + MIN_DELAY_BETWEEN_RAS)
    }

    /// What [`Fleet::memory`] says at `now` of one interface.
    #[must_use]
    pub fn update(&self, index: IfIndex, now: Instant) -> Update {
        self.known_of(index, now).map_or(Update::Gone(index), Update::Known)
    }

    /// The interfaces of which [`Fleet::memory`] has something new to say since this was last asked, or since
    /// [`Fleet::recall`]. That time passes, and promises with it, is no news.
    pub fn take_news(&mut self) -> BTreeSet<IfIndex> {
        mem::take(&mut self.news)
    }

    fn known_of(&self, index: IfIndex, now: Instant) -> Option<Remembered> {
        let seen = self.members.get(&index).map(|member| (&member.seen.name, member.advertiser.past()));
        let unseen = || self.remembered.get(&index).map(|(name, past)| (name, past));
        let (name, past) = seen.or_else(unseen)?;
        past.matters(now).then(|| Remembered { index, name: name.clone(), past: past.clone() })
    }
}
