//! Counters, updated with each event: none is computed by visiting all interfaces.

use std::fmt;

use super::{action::Cause, eligibility::Verdict};

/// RAs sent by cause, and failed sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RaCounts {
    /// Unsolicited RAs sent.
    pub unsolicited: u64,
    /// Solicited RAs sent.
    pub solicited: u64,
    /// Final RAs sent.
    pub finals: u64,
    /// Sends that failed.
    pub failures: u64,
}

impl RaCounts {
    /// Counts an RA that was sent.
    pub const fn sent(&mut self, cause: Cause) {
        match cause {
            Cause::Unsolicited => self.unsolicited += 1,
            Cause::Solicited => self.solicited += 1,
            Cause::Final => self.finals += 1,
        }
    }

    /// Counts a send that failed.
    pub const fn failed(&mut self) {
        self.failures += 1;
    }
}

/// Matching interfaces by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounts {
    /// Served; RAs leave.
    pub served: usize,
    /// Served and paused: without carrier, or while DAD runs on the source.
    pub paused: usize,
    /// Not served.
    pub not_served: usize,
}

impl InterfaceCounts {
    /// Moves one interface from the verdict `before` to the verdict `after`.
    ///
    /// No count falls below 0: an interface starts with [`Verdict::Ignore`], which is not counted, and each
    /// change gives as `before` the verdict that the previous one gave as `after`.
    pub(super) const fn change(&mut self, before: &Verdict, after: &Verdict) {
        if let Some(count) = self.count_of(before) {
            debug_assert!(*count > 0, "a verdict is left after it was entered");
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.count_of(after) {
            *count += 1;
        }
    }

    const fn count_of(&mut self, verdict: &Verdict) -> Option<&mut usize> {
        match verdict {
            Verdict::Serve(service) if service.is_ready() => Some(&mut self.served),
            Verdict::Serve(_) => Some(&mut self.paused),
            Verdict::NotServed(_) => Some(&mut self.not_served),
            Verdict::Ignore => None,
        }
    }
}

/// Writes the line that `systemctl status` shows.
impl fmt::Display for InterfaceCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { served, paused, not_served } = self;
        write!(f, "serving {served}, paused {paused}, not served {not_served}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_service_manager_has_each_number() {
        let counts = InterfaceCounts { served: 3, paused: 2, not_served: 1 };
        assert_eq!(counts.to_string(), "serving 3, paused 2, not served 1");
    }
}
