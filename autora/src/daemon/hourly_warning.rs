//! Limits a warning that something can cause again and again: one when it first happens, then at most one an hour.

use std::time::Duration;

use crate::engine::BootInstant;

/// The shortest time between two warnings.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// When the warning was logged last.
#[derive(Debug, Default)]
pub(super) struct HourlyWarning(Option<BootInstant>);

impl HourlyWarning {
    /// Returns whether the warning may be logged at `now`. If so, notes that it is.
    pub(super) fn admits(&mut self, now: BootInstant) -> bool {
        let is_admitted = self.0.is_none_or(|last| now.saturating_since(last) >= INTERVAL);
        if is_admitted {
            self.0 = Some(now);
        }
        is_admitted
    }
}
