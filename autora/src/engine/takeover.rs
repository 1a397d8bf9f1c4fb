//! When a daemon takes over an interface that another one has served.

use std::{collections::BTreeMap, time::Duration};

use super::BootInstant;
use crate::addr::IfIndex;

/// How often a daemon that waits looks whether the other one is gone, unless it has another
/// `--forwarding-resync-interval`: at each resync.
pub const DEFAULT_RESYNC_INTERVAL: Duration = Duration::from_secs(30);

/// How long another daemon has to be gone before its interfaces are taken over: it restarts within less, also after a
/// crash (`RestartSec=` in the unit), and its final RAs have left by then.
pub const ABSENCE: Duration = Duration::from_secs(5);

/// Time to the next attempt after another daemon had the table of claims for too long.
pub const RETRY: Duration = Duration::from_secs(1);

/// How much longer to wait, so that interfaces which were left together are taken over in one turn.
pub const GATHER: Duration = Duration::from_millis(100);

/// Interfaces that another daemon left, each with the record that it left and when that was first seen. A daemon that
/// was back meanwhile has left another record.
#[derive(Debug)]
pub struct Absences<R>(BTreeMap<IfIndex, (R, BootInstant)>);

impl<R> Default for Absences<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R: PartialEq> Absences<R> {
    /// Records that another daemon has left `record` on the interface. Returns whether it has been absent for long
    /// enough at `now`.
    pub fn is_long_enough(&mut self, index: IfIndex, record: R, now: BootInstant) -> bool {
        let since = match self.0.get(&index) {
            Some((known, since)) if *known == record => *since,
            Some(_) | None => now,
        };
        self.0.insert(index, (record, since));
        now.saturating_since(since) >= ABSENCE
    }
}

impl<R> Absences<R> {
    /// Records that the interface is not left any more: it is gone, or a daemon has it.
    pub fn end(&mut self, index: IfIndex) {
        self.0.remove(&index);
    }

    /// Returns when the first of the interfaces can be taken over, and those that were left with it.
    #[must_use]
    pub fn deadline(&self) -> Option<BootInstant> {
        self.0.values().map(|(_, since)| *since + ABSENCE + GATHER).min()
    }

    /// Drops what could be taken over by `now`.
    pub fn expire(&mut self, now: BootInstant) {
        self.0.retain(|_, (_, since)| *since + ABSENCE > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_absence_is_long_enough_5_s_after_it_was_first_seen() {
        let index = |number| IfIndex::new(number).expect("not 0");
        let start = BootInstant::from_boot(Duration::from_secs(1_000));
        let mut absences = Absences::default();
        for (after, number, record, expected) in [
            (0, 1, 'a', false),
            (4, 1, 'a', false),
            // Another interface has an absence of its own.
            (5, 2, 'a', false),
            (5, 1, 'a', true),
            // The daemon was back in between.
            (6, 1, 'b', false),
            (10, 1, 'b', false),
            (11, 1, 'b', true),
        ] {
            let long_enough = absences.is_long_enough(index(number), record, start + after * SECOND);
            assert_eq!(long_enough, expected, "{number} {record} after {after} s");
        }
        assert_eq!(absences.deadline(), Some(start + 10 * SECOND + GATHER), "that of 2");
        absences.expire(start + 10 * SECOND);
        assert_eq!(absences.deadline(), Some(start + 11 * SECOND + GATHER), "that of 1");
        absences.end(index(1));
        assert_eq!(absences.deadline(), None);
    }
}
