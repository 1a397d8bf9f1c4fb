//! Limits the log lines about each interface: a guest that lets its carrier flap, or makes sending fail again
//! and again, causes ten lines, then one every 6 s, and a line that says how many were suppressed.

use std::{collections::HashMap, time::Duration};

use tracing::info;

use crate::{
    addr::IfIndex,
    engine::{
        BootInstant, Fleet,
        eligibility::{Service, Verdict},
    },
};

/// How many lines about one interface may come at once.
const BURST: u32 = 10;

/// The time in which a bucket gains one token.
const REFILL: Duration = Duration::from_secs(6);

/// A bucket of tokens for each interface that was logged lately; a line costs one token. A bucket is stored
/// as the time at which it will be full again, so that no timer has to fill it.
#[derive(Debug, Default)]
pub(super) struct LogLimiter {
    buckets: HashMap<IfIndex, Bucket>,
    /// All lines that were suppressed.
    total: u64,
}

#[derive(Debug)]
struct Bucket {
    full_at: BootInstant,
    suppressed: u64,
}

impl LogLimiter {
    /// Returns whether a line about the interface may be logged now. If so, first logs how many were
    /// suppressed before it.
    pub(super) fn admits(&mut self, index: IfIndex, fleet: &Fleet, now: BootInstant) -> bool {
        match self.take(index, now) {
            Some(0) => true,
            Some(suppressed) => {
                log_suppressed(index, suppressed, fleet);
                true
            }
            None => false,
        }
    }

    /// Logs how many lines were suppressed where no further line said so, and forgets the buckets that are
    /// full.
    pub(super) fn sweep(&mut self, fleet: &Fleet, now: BootInstant) {
        for (index, suppressed) in self.take_suppressed(now) {
            log_suppressed(index, suppressed, fleet);
        }
    }

    /// Logs how many lines were suppressed about an interface that is gone, and forgets its bucket: the next
    /// interface with this index starts with a full one. The line that says "gone" is always logged, as a
    /// guest cannot cause it.
    pub(super) fn gone(&mut self, index: IfIndex, fleet: &Fleet) {
        match self.forget(index) {
            0 => {}
            suppressed => log_suppressed(index, suppressed, fleet),
        }
    }

    /// Removes a bucket. Returns how many lines were suppressed.
    fn forget(&mut self, index: IfIndex) -> u64 {
        self.buckets.remove(&index).map_or(0, |bucket| bucket.suppressed)
    }

    /// Returns how many lines were suppressed in all.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Takes a token. Returns how many lines were suppressed before this one, or `None` if this one is
    /// suppressed, too.
    fn take(&mut self, index: IfIndex, now: BootInstant) -> Option<u64> {
        let bucket = self.buckets.entry(index).or_insert(Bucket { full_at: now, suppressed: 0 });
        if bucket.take(now) {
            return Some(std::mem::take(&mut bucket.suppressed));
        }
        bucket.suppressed += 1;
        self.total += 1;
        None
    }

    /// Returns the interfaces that have suppressed lines and a token to log that with, and how many lines
    /// they are.
    fn take_suppressed(&mut self, now: BootInstant) -> Vec<(IfIndex, u64)> {
        self.buckets.retain(|_, bucket| bucket.suppressed > 0 || bucket.full_at > now);
        self.buckets.shrink_to_fit();
        let mut taken = Vec::new();
        for (index, bucket) in &mut self.buckets {
            if bucket.suppressed > 0 && bucket.take(now) {
                taken.push((*index, std::mem::take(&mut bucket.suppressed)));
            }
        }
        taken
    }
}

impl Bucket {
    /// Takes a token. Returns whether there was one.
    fn take(&mut self, now: BootInstant) -> bool {
        let full_at = self.full_at.max(now) + REFILL;
        let has_one = full_at <= now + REFILL * BURST;
        if has_one {
            self.full_at = full_at;
        }
        has_one
    }
}

/// Logs how many lines were suppressed, and the interface's state: a suppressed line may have been about a
/// change of it.
fn log_suppressed(index: IfIndex, suppressed: u64, fleet: &Fleet) {
    let (name, state) = match fleet.verdict_of(index) {
        Some((interface, verdict)) => (interface.name.as_str(), state(verdict)),
        None => ("", "gone"),
    };
    info!(interface = %name, ifindex = index.get(), suppressed, now = state, "log lines were suppressed");
}

const fn state(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Serve(Service { carrier: true, .. }) => "serving",
        Verdict::Serve(Service { carrier: false, .. }) => "paused",
        Verdict::NotServed(_) => "not serving",
        Verdict::Ignore => "no longer matching",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> BootInstant {
        BootInstant::from_boot(Duration::from_secs(1_000 + seconds))
    }

    fn interface(index: u32) -> IfIndex {
        IfIndex::new(index).unwrap()
    }

    #[test]
    fn after_a_burst_one_line_in_six_seconds_is_admitted_with_the_number_suppressed() {
        let mut limiter = LogLimiter::default();
        for line in 0..10 {
            assert_eq!(limiter.take(interface(1), at(0)), Some(0), "line {line}");
        }
        for (seconds, expected) in [
            (0, None),
            (0, None),
            (5, None),
            (6, Some(3)),
            (6, None),
            (11, None),
            (12, Some(2)),
            // After a quiet minute the bucket is full again.
            (80, Some(0)),
        ] {
            assert_eq!(limiter.take(interface(1), at(seconds)), expected, "at {seconds} s");
        }
        for line in 1..10 {
            assert_eq!(limiter.take(interface(1), at(80)), Some(0), "line {line}");
        }
        assert_eq!(limiter.take(interface(1), at(80)), None);
        assert_eq!(limiter.total(), 6);
    }

    #[test]
    fn a_flood_causes_a_bounded_number_of_lines() {
        let mut limiter = LogLimiter::default();
        let hour = 3_600_u32;
        // A hundred lines a second, for an hour.
        let written = (0..hour)
            .map(|second| (0..100).filter(|_| limiter.take(interface(1), at(second.into())).is_some()).count());
        assert_eq!(written.sum::<usize>(), 10 + 600 - 1);
    }

    #[test]
    fn one_interface_limits_no_other() {
        let mut limiter = LogLimiter::default();
        let written = |limiter: &mut LogLimiter, index| {
            (0..30).filter(|_| limiter.take(interface(index), at(0)).is_some()).count()
        };
        assert_eq!((written(&mut limiter, 1), written(&mut limiter, 2)), (10, 10));
    }

    #[test]
    fn the_next_interface_with_an_index_has_a_full_bucket() {
        let mut limiter = LogLimiter::default();
        while limiter.take(interface(1), at(0)).is_some() {}
        assert_eq!(limiter.take(interface(1), at(0)), None);
        assert_eq!(limiter.forget(interface(1)), 2);
        assert_eq!(limiter.take(interface(1), at(0)), Some(0));
    }

    #[test]
    fn suppressed_lines_are_reported_when_a_token_is_there_and_full_buckets_are_forgotten() {
        let mut limiter = LogLimiter::default();
        for _ in 0..15 {
            limiter.take(interface(1), at(0));
        }
        limiter.take(interface(2), at(0));
        assert_eq!(limiter.take_suppressed(at(5)), [], "the bucket is still empty");
        assert_eq!(limiter.take_suppressed(at(7)), [(interface(1), 5)]);
        assert_eq!(limiter.buckets.len(), 1, "the other bucket was full");
        assert_eq!(limiter.take_suppressed(at(80)), []);
        assert!(limiter.buckets.is_empty());
    }
}
