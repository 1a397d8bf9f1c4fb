//! A histogram of the daemon's metrics, beside what was measured from outside.

use autora::engine::delays::BOUNDS;

/// Counts by class, the last one without a bound.
#[derive(Debug)]
pub(crate) struct Histogram(Vec<u64>);

impl Histogram {
    /// Reads the histogram `name` out of `metrics`, which count each class with all that are below it.
    pub(crate) fn read(metrics: &str, name: &str) -> Option<Self> {
        let prefix = format!("{name}_bucket{{");
        let lines = metrics.lines().filter(|line| line.starts_with(&prefix));
        let sums: Option<Vec<u64>> = lines.map(|line| line.split_whitespace().nth(1)?.parse().ok()).collect();
        sums.filter(|sums| sums.len() == BOUNDS.len() + 1).map(Self)
    }

    /// Returns how many classes the quantile `part` here is from a measured value, in milliseconds.
    pub(crate) fn classes_from(&self, part: f64, measured: f64) -> f64 {
        let all = self.0.last().copied().unwrap_or_default() as f64;
        let own = self.0.partition_point(|&sum| (sum as f64) < part * all);
        let outside = BOUNDS.partition_point(|bound| bound.as_secs_f64() * 1000.0 < measured);
        own.abs_diff(outside) as f64
    }
}
