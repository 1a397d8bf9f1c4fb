//! Counters, kept as things happen: none is worked out by going through all interfaces.

use std::fmt;

use super::{
    action::Cause,
    eligibility::{Service, Verdict},
};

/// RAs by their cause, and those that could not be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RaCounts {
    /// Unsolicited RAs that left.
    pub unsolicited: u64,
    /// Solicited RAs that left.
    pub solicited: u64,
    /// Final RAs that left.
    pub finals: u64,
    /// Tries to send one that failed.
    pub failures: u64,
}

impl RaCounts {
    /// Counts an RA that left.
    pub const fn sent(&mut self, cause: Cause) {
        match cause {
            Cause::Unsolicited => self.unsolicited += 1,
            Cause::Solicited => self.solicited += 1,
            Cause::Final => self.finals += 1,
        }
    }

    /// Counts one that did not.
    pub const fn failed(&mut self) {
        self.failures += 1;
    }
}

/// Interfaces that match, by their verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounts {
    /// Served, with a carrier.
    pub served: usize,
    /// Served, but for the carrier.
    pub paused: usize,
    /// Not served.
    pub not_served: usize,
}

impl InterfaceCounts {
    /// Counts one more with this verdict.
    pub(super) const fn enter(&mut self, verdict: &Verdict) {
        if let Some(count) = self.count_of(verdict) {
            *count += 1;
        }
    }

    /// Counts one less with this verdict.
    pub(super) const fn leave(&mut self, verdict: &Verdict) {
        if let Some(count) = self.count_of(verdict) {
            *count -= 1;
        }
    }

    const fn count_of(&mut self, verdict: &Verdict) -> Option<&mut usize> {
        match verdict {
            Verdict::Serve(Service { carrier: true, .. }) => Some(&mut self.served),
            Verdict::Serve(Service { carrier: false, .. }) => Some(&mut self.paused),
            Verdict::NotServed(_) => Some(&mut self.not_served),
            Verdict::Ignore => None,
        }
    }
}

/// For `systemctl status`.
impl fmt::Display for InterfaceCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { served, paused, not_served } = self;
        write!(f, "serving {served}, without a carrier {paused}, not serving {not_served}")
    }
}
