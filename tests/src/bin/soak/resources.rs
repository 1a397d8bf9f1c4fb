//! What the daemon holds over the run, and whether that is flat: a leak makes the last third more than the one before.

use std::{fmt, time::Duration};

use autora_tests::held;
use serde_json::{Value, json};

use crate::clients::STALLED;

/// The time between two samples.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

/// The memory by which the median of the last third may be above that of the one before, in bytes: what the allocator's
/// own variation amounts to with clients that stall.
pub(crate) const MEMORY: u64 = 1 << 20;

/// The files by which the least number in the last third may be above that of the one before: the clients that stall,
/// and the one that scrapes.
pub(crate) const FILES: u64 = STALLED as u64 + 1;

/// What the daemon held at a time after the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    /// In bytes.
    pub(crate) memory: u64,
    pub(crate) files: u64,
    pub(crate) maps: u64,
    /// Entries in the maps of served interfaces and of their counters, whichever has more; 0 with the classic filter.
    pub(crate) entries: u64,
}

impl Sample {
    /// Takes one of a process that runs.
    pub(crate) fn take(pid: u32, at: Duration) -> Option<Self> {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let entries = held::served(pid).max(held::interfaces(pid)).unwrap_or_default();
        Some(Self {
            at,
            memory: held::rss(pid)?,
            files: count(held::files(pid)?),
            maps: count(held::maps(pid).len()),
            entries: count(entries),
        })
    }
}

/// A figure in the three thirds of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) thirds: [u64; 3],
    /// The most that the last one may be.
    pub(crate) limit: u64,
}

impl Curve {
    /// Returns whether the figure is flat.
    pub(crate) fn is_flat(&self) -> bool {
        self.thirds[2] <= self.limit
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "name": self.name, "thirds": self.thirds, "limit": self.limit, "flat": self.is_flat() })
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, thirds: [first, second, last], limit } = self;
        write!(f, "{name}: {first}, {second}, {last} in the thirds of the run, at most {limit} in the last")
    }
}

/// Returns the figures of a run of this length with so many interfaces.
pub(crate) fn curves(samples: &[Sample], time: Duration, interfaces: u64) -> [Curve; 4] {
    let third = |number: u32| -> Vec<&Sample> {
        let is_in = |sample: &&Sample| sample.at >= time / 3 * number && sample.at < time / 3 * (number + 1);
        samples.iter().filter(is_in).collect()
    };
    let all = [third(0), third(1), third(2)];
    let each = |figure: fn(&[&Sample]) -> u64| [figure(&all[0]), figure(&all[1]), figure(&all[2])];
    let memory = each(|samples| median(samples.iter().map(|sample| sample.memory / 1024).collect()));
    let files = each(|samples| samples.iter().map(|sample| sample.files).min().unwrap_or_default());
    let maps = each(|samples| samples.iter().map(|sample| sample.maps).max().unwrap_or_default());
    let entries = each(|samples| samples.iter().map(|sample| sample.entries).max().unwrap_or_default());
    [
        Curve { name: "memory, kB", thirds: memory, limit: memory[1] + MEMORY / 1024 },
        Curve { name: "open files", thirds: files, limit: files[1] + FILES },
        Curve { name: "BPF maps", thirds: maps, limit: maps[1] },
        Curve { name: "entries in each", thirds: entries, limit: interfaces },
    ]
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(90);

    /// Returns a run whose samples `change` may change.
    fn run(change: impl Fn(u64, &mut Sample)) -> Vec<Sample> {
        let sample = |second: u64| {
            let at = Duration::from_secs(second);
            let mut sample = Sample { at, memory: 8 << 20, files: 30, maps: 4, entries: 100 };
            change(second, &mut sample);
            sample
        };
        (0..9).map(|number| sample(number * 10)).collect()
    }

    #[track_caller]
    fn check(growing: &[&str], change: impl Fn(u64, &mut Sample)) {
        let curves = curves(&run(change), TIME, 100);
        let found: Vec<_> = curves.iter().filter(|curve| !curve.is_flat()).map(|curve| curve.name).collect();
        assert_eq!(found, growing, "{curves:?}");
    }

    #[test]
    fn what_grows_is_found() {
        check(&[], |_, _| {});
        check(&["memory, kB"], |second, sample| sample.memory += second * 50_000);
        check(&["open files"], |second, sample| sample.files += second / 3);
        check(&["BPF maps"], |second, sample| sample.maps += u64::from(second == 80));
        check(&["entries in each"], |second, sample| sample.entries += u64::from(second == 60));
    }

    #[test]
    fn what_comes_and_goes_is_flat() {
        check(&[], |second, sample| sample.memory += (second % 20) * 1_000_000);
        check(&[], |second, sample| sample.files += (second % 20) * 10);
        // The first third has restarts.
        check(&[], |second, sample| sample.memory -= u64::from(second < 30) * (4 << 20));
    }

    #[test]
    fn figures_stand_by_thirds() {
        let [memory, ..] = curves(&run(|second, sample| sample.memory += second * 1_024), TIME, 100);
        assert_eq!((memory.thirds, memory.limit), ([8_202, 8_232, 8_262], 9_256));
        let words = memory.to_string();
        assert!(words.contains("8202, 8232, 8262") && words.contains("9256"), "{words}");
    }
}
