//! How many interfaces there are of each kind, kept as they change: nobody has to go through all of them for it.

use std::fmt;

use crate::engine::eligibility::{Service, Verdict};

/// Interfaces that match, by their verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Served, with a carrier.
    pub served: usize,
    /// Served, but for the carrier.
    pub without_carrier: usize,
    /// Not fit to serve.
    pub refused: usize,
}

impl Census {
    /// One more with this verdict.
    pub(super) const fn enter(&mut self, verdict: &Verdict) {
        if let Some(count) = self.count_of(verdict) {
            *count += 1;
        }
    }

    /// One less with this verdict.
    pub(super) const fn leave(&mut self, verdict: &Verdict) {
        if let Some(count) = self.count_of(verdict) {
            *count -= 1;
        }
    }

    const fn count_of(&mut self, verdict: &Verdict) -> Option<&mut usize> {
        match verdict {
            Verdict::Serve(Service { carrier: true, .. }) => Some(&mut self.served),
            Verdict::Serve(Service { carrier: false, .. }) => Some(&mut self.without_carrier),
            Verdict::Refuse(_) => Some(&mut self.refused),
            Verdict::Ignore => None,
        }
    }
}

/// For `systemctl status`.
impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { served, without_carrier, refused } = self;
        write!(f, "serving {served}, without a carrier {without_carrier}, not serving {refused}")
    }
}
