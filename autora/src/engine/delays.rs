//! How long RAs took, counted by how long: no delay is kept by itself.

use std::time::Duration;

use super::advertiser::RaDelay;

/// The longest delays that each class has, in ascending order; the last class has no bound.
pub const BOUNDS: [Duration; 14] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Delays, counted by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DelayCounts {
    counts: [u64; BOUNDS.len()],
    longer: u64,
    sum: Duration,
}

impl DelayCounts {
    /// Counts a delay.
    pub fn add(&mut self, delay: Duration) {
        let class = BOUNDS.partition_point(|&bound| bound < delay);
        *self.counts.get_mut(class).unwrap_or(&mut self.longer) += 1;
        self.sum = self.sum.saturating_add(delay);
    }

    /// Returns the bound of each class, in seconds, with its count.
    pub fn by_bound(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = BOUNDS.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        bounds.zip(self.counts.into_iter().chain([self.longer]))
    }

    /// Returns the number of delays.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.longer
    }

    /// Returns the sum of all delays.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }
}

/// The delays that guests notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RaDelays {
    /// Of first RAs.
    pub first: DelayCounts,
    /// Of answers.
    pub answers: DelayCounts,
}

impl RaDelays {
    /// Counts the delay of an RA, if a guest may have waited for it.
    pub fn add(&mut self, delay: Option<RaDelay>) {
        match delay {
            Some(RaDelay::First(delay)) => self.first.add(delay),
            Some(RaDelay::Answer(delay)) => self.answers.add(delay),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_belongs_to_the_first_bound_that_is_not_less() {
        for (micros, expected) in
            [(0, 0.000_5), (500, 0.000_5), (501, 0.001), (3_000_000, 5.0), (10_000_001, f64::INFINITY)]
        {
            let mut counts = DelayCounts::default();
            counts.add(Duration::from_micros(micros));
            let found: Vec<_> = counts.by_bound().filter(|&(_, count)| count > 0).collect();
            assert_eq!(found, [(expected, 1)], "{micros} us");
            assert_eq!((counts.total(), counts.sum()), (1, Duration::from_micros(micros)));
        }
    }

    #[test]
    fn delays_add_up_by_what_guests_waited_for() {
        let mut delays = RaDelays::default();
        let (short, long) = (Duration::from_millis(1), Duration::from_secs(20));
        for delay in [Some(RaDelay::First(short)), Some(RaDelay::First(long)), Some(RaDelay::Answer(long)), None] {
            delays.add(delay);
        }
        assert_eq!((delays.first.total(), delays.first.sum()), (2, short + long));
        assert_eq!((delays.answers.total(), delays.answers.sum()), (1, long));
    }

    #[test]
    fn bounds_ascend() {
        assert!(BOUNDS.is_sorted());
    }
}
