//! Limits the log lines about each interface: a guest that lets its carrier flap, or makes sending fail again and again, causes
//! a handful of lines, then one every few seconds, and one that says how many were suppressed.

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

/// After that, one for each of these.
const REFILL: Duration = Duration::from_secs(6);

/// A bucket of tokens for each interface that was told of lately; a line costs one. Nothing is due at any time: a bucket
/// is a point in time, at which it will be full again.
#[derive(Debug, Default)]
pub(super) struct LogLimiter {
    buckets: HashMap<IfIndex, Bucket>,
    /// All lines that were suppressed.
    total: u64,
}

#[derive(Debug)]
struct Bucket {
    full_at: BootInstant,
    held: u64,
}

impl LogLimiter {
    /// Whether a line about the interface may be written now. If so, and some were suppressed before it, says that first.
    pub(super) fn admits(&mut self, index: IfIndex, fleet: &Fleet, now: BootInstant) -> bool {
        match self.take(index, now) {
            Some(0) => true,
            Some(held) => {
                log_suppressed(index, held, fleet);
                true
            }
            None => false,
        }
    }

    /// Logs, once in a while, what was held back where nothing more came, and forgets the buckets that are full.
    pub(super) fn sweep(&mut self, fleet: &Fleet, now: BootInstant) {
        for (index, held) in self.settle(now) {
            log_suppressed(index, held, fleet);
        }
    }

    /// Logs what was held back of an interface that is gone. That it is gone is always logged, as no guest can bring it about,
    /// and the interface that gets its index next begins afresh.
    pub(super) fn gone(&mut self, index: IfIndex, fleet: &Fleet) {
        match self.forget(index) {
            0 => {}
            held => log_suppressed(index, held, fleet),
        }
    }

    /// How many lines were suppressed.
    fn forget(&mut self, index: IfIndex) -> u64 {
        self.buckets.remove(&index).map_or(0, |bucket| bucket.held)
    }

    /// How many lines were suppressed in all.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Takes a token: how many lines were suppressed before this one, or `None` if this one is, too.
    fn take(&mut self, index: IfIndex, now: BootInstant) -> Option<u64> {
        let bucket = self.buckets.entry(index).or_insert(Bucket { full_at: now, held: 0 });
        if bucket.take(now) {
            return Some(std::mem::take(&mut bucket.held));
        }
        bucket.held += 1;
        self.total += 1;
        None
    }

    /// Interfaces whose held lines can be told of now, and how many they are.
    fn settle(&mut self, now: BootInstant) -> Vec<(IfIndex, u64)> {
        self.buckets.retain(|_, bucket| bucket.held > 0 || bucket.full_at > now);
        self.buckets.shrink_to_fit();
        let mut told = Vec::new();
        for (index, bucket) in &mut self.buckets {
            if bucket.held > 0 && bucket.take(now) {
                told.push((*index, std::mem::take(&mut bucket.held)));
            }
        }
        told
    }
}

impl Bucket {
    fn take(&mut self, now: BootInstant) -> bool {
        let full_at = self.full_at.max(now) + REFILL;
        let has_one = full_at <= now + REFILL * BURST;
        if has_one {
            self.full_at = full_at;
        }
        has_one
    }
}

/// Logs the interface's state as well: it may have changed in a line that was held back.
fn log_suppressed(index: IfIndex, suppressed: u64, fleet: &Fleet) {
    let (name, state) = match fleet.verdict_of(index) {
        Some((interface, verdict)) => (interface.name.as_str(), state(verdict)),
        None => ("", "gone"),
    };
    info!(interface = %name, ifindex = index.get(), suppressed, now = state, "lines were suppressed");
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
    fn a_burst_then_one_every_few_seconds_which_says_how_many_were_suppressed() {
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
            // A quiet minute, and everything is as at the beginning.
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
    fn a_flood_costs_a_bounded_number_of_lines() {
        let mut limiter = LogLimiter::default();
        let hour = 3_600_u32;
        // A hundred lines a second, for an hour.
        let written = (0..hour).map(|second| {
            (0..100).filter(|_| limiter.take(interface(1), at(second.into())).is_some()).count()
        });
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
    fn who_gets_an_index_next_begins_afresh() {
        let mut limiter = LogLimiter::default();
        while limiter.take(interface(1), at(0)).is_some() {}
        assert_eq!(limiter.take(interface(1), at(0)), None);
        assert_eq!(limiter.forget(interface(1)), 2);
        assert_eq!(limiter.take(interface(1), at(0)), Some(0));
    }

    #[test]
    fn what_was_suppressed_is_logged_in_time_and_full_buckets_are_forgotten() {
        let mut limiter = LogLimiter::default();
        for _ in 0..15 {
            limiter.take(interface(1), at(0));
        }
        limiter.take(interface(2), at(0));
        assert_eq!(limiter.settle(at(5)), [], "still empty");
        assert_eq!(limiter.settle(at(7)), [(interface(1), 5)]);
        assert_eq!(limiter.buckets.len(), 1, "the other was full");
        assert_eq!(limiter.settle(at(80)), []);
        assert!(limiter.buckets.is_empty());
    }
}
