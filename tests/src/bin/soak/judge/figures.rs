//! What was seen of the RAs, in figures.

use std::time::Duration;

/// Counts and extremes.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) ras: u64,
    pub(crate) finals: u64,
    /// The longest time without an RA on an interface to which nothing happened, while one daemon ran.
    pub(crate) longest: Duration,
    /// The same over an end and a start of the daemon.
    pub(crate) longest_over_restart: Duration,
    /// The shortest distance between two RAs on an interface.
    pub(crate) shortest: Option<Duration>,
    /// The longest time until an interface to which something happened had an RA again.
    pub(crate) served_after: Duration,
    /// How often no processor was free for 100 ms, and the longest of these moments.
    pub(crate) stalls: u64,
    pub(crate) longest_stall: Duration,
}

impl Figures {
    pub(super) fn seen(&mut self, is_final: bool) {
        self.ras += 1;
        self.finals += u64::from(is_final);
    }

    pub(super) fn gap(&mut self, gap: Duration, is_over_restart: bool) {
        let longest = if is_over_restart { &mut self.longest_over_restart } else { &mut self.longest };
        *longest = gap.max(*longest);
    }

    pub(super) fn apart(&mut self, distance: Duration) {
        self.shortest = Some(self.shortest.map_or(distance, |shortest| shortest.min(distance)));
    }

    pub(super) fn served_after(&mut self, time: Duration) {
        self.served_after = time.max(self.served_after);
    }

    pub(super) fn stalled(&mut self, lasted: Duration) {
        self.stalls += 1;
        self.longest_stall = lasted.max(self.longest_stall);
    }
}
