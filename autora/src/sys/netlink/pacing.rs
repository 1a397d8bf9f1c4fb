//! When a whole dump follows an overrun: at once after the first one, then not before a second has passed since the
//! last dump ended.
//!
//! A dump brings what the kernel has while it is read, so it makes up for everything that was lost before it began.
//! What is lost while it is under way may be newer than what it has brought already. Such an overrun does not end the
//! dump, as then no dump would end while overruns follow each other. It makes another one follow.

use std::time::Duration;

use super::query::client::Completeness;
use crate::engine::BootInstant;

/// The shortest time from the end of a dump to the next one that is not a resync of the usual interval.
const RESYNC_AGAIN: Duration = Duration::from_secs(1);

/// The last dump, and whether notifications were lost since it began.
#[derive(Debug, Default)]
pub(super) struct DumpPacing {
    lost: bool,
    /// When the last dump ended or failed, and whether no change interrupted it.
    last: Option<(BootInstant, Completeness)>,
}

impl DumpPacing {
    /// Notes that notifications were lost.
    pub(super) const fn lost(&mut self) {
        self.lost = true;
    }

    /// Returns whether notifications were lost since the last dump began.
    pub(super) const fn has_lost(&self) -> bool {
        self.lost
    }

    /// Notes that a dump has begun: it makes up for what was lost before.
    pub(super) const fn begin(&mut self) {
        self.lost = false;
    }

    /// Notes that the dump has ended, or failed, which interrupts it.
    pub(super) const fn end(&mut self, completeness: Completeness, now: BootInstant) {
        self.last = Some((now, completeness));
    }

    /// Returns when a dump may begin, if notifications were lost.
    pub(super) fn deadline(&self) -> Option<BootInstant> {
        let earliest = self.last.map_or(BootInstant::from_boot(Duration::ZERO), |(at, _)| at + RESYNC_AGAIN);
        self.lost.then_some(earliest)
    }

    /// Returns whether notifications were lost and a dump may begin.
    pub(super) fn is_due(&self, now: BootInstant) -> bool {
        self.deadline().is_some_and(|at| at <= now)
    }

    /// Returns whether a dump may replace single reads: not right after another one, and not if changes interrupted
    /// that.
    pub(super) fn may_replace_reads(&self, now: BootInstant) -> bool {
        self.last.is_none_or(|(at, completeness)| completeness == Completeness::Complete && at + RESYNC_AGAIN <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> BootInstant {
        BootInstant::from_boot(Duration::from_millis(1_000_000 + ms))
    }

    #[test]
    fn without_a_loss_no_dump_is_due() {
        let mut pacing = DumpPacing::default();
        assert_eq!(pacing.deadline(), None);
        assert!(!pacing.is_due(at(0)));
        pacing.begin();
        pacing.end(Completeness::Complete, at(10));
        assert_eq!(pacing.deadline(), None);
    }

    #[test]
    fn the_first_loss_makes_a_dump_due_at_once() {
        let mut pacing = DumpPacing::default();
        pacing.lost();
        assert!(pacing.is_due(at(0)), "at the start");
        pacing.begin();
        pacing.end(Completeness::Complete, at(10));
        pacing.lost();
        assert!(pacing.is_due(at(1_010)), "after a quiet second");
    }

    #[test]
    fn losses_that_follow_each_other_make_one_dump_due_a_second_after_the_last_one_ended() {
        for completeness in [Completeness::Complete, Completeness::Interrupted] {
            let mut pacing = DumpPacing::default();
            pacing.lost();
            pacing.begin();
            pacing.lost();
            pacing.lost();
            pacing.end(completeness, at(70));
            pacing.lost();
            assert_eq!(pacing.deadline(), Some(at(1_070)));
            assert!(!pacing.is_due(at(1_069)) && pacing.is_due(at(1_070)));
            pacing.begin();
            pacing.end(completeness, at(1_100));
            assert_eq!(pacing.deadline(), None, "one dump makes up for all");
        }
    }

    #[test]
    fn a_dump_replaces_single_reads_a_second_after_a_complete_one() {
        let mut pacing = DumpPacing::default();
        assert!(pacing.may_replace_reads(at(0)), "at the start");
        pacing.end(Completeness::Complete, at(0));
        assert!(!pacing.may_replace_reads(at(999)) && pacing.may_replace_reads(at(1_000)));
        pacing.end(Completeness::Interrupted, at(2_000));
        assert!(!pacing.may_replace_reads(at(9_000)));
    }
}
