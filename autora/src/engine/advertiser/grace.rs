//! The grace: how long an interface waits for a pair in use that has gone.

use std::time::Duration;

use crate::engine::BootInstant;

/// Long enough for `ip -batch`, `ifreload`, `sysctl --system` and a rename, which remove what they add again.
const GRACE: Duration = Duration::from_secs(1);

/// Whether the pair in use is there, and what happens when it is not.
///
/// ```text
///            begin                 end                      withdrawn, another pair was told
///   None -----------> Until ----------------> Over ----------------------------------------> None
///     ^                 |                      |
///     |                 | the pair is back     | the pair is back
///     '-----------------+----------------------'
///
///   lost (from any state): Excused, until the interface is served again
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grace {
    /// The pair is there, or nothing is in use, or the link has no carrier.
    None,
    /// It is waited for until this instant.
    Until(BootInstant),
    /// It was waited for: what is true now counts.
    Over,
    /// The link was down or without IPv6, which removed the pair: nothing is owed for it.
    Excused,
}

impl Grace {
    /// Begins to wait at `now`, unless it waits already.
    pub(super) fn begin(&mut self, now: BootInstant) {
        if *self == Self::None {
            *self = Self::Until(now + GRACE);
        }
    }

    /// Returns whether a pair that is gone is waited for.
    pub(super) const fn is_worth_waiting(self) -> bool {
        matches!(self, Self::None | Self::Until(_))
    }

    pub(super) const fn is_running(self) -> bool {
        matches!(self, Self::Until(_))
    }

    /// Returns the end, while it waits.
    pub(super) const fn ends(self) -> Option<BootInstant> {
        match self {
            Self::Until(end) => Some(end),
            Self::None | Self::Over | Self::Excused => None,
        }
    }

    /// Returns the state of an interface that is served, with another pair than the one in use or not.
    pub(super) const fn of_served(another: bool) -> Self {
        if another { Self::Over } else { Self::None }
    }

    /// Returns the state once the pair is withdrawn.
    pub(super) const fn withdrawn(self) -> Self {
        match self {
            Self::Over | Self::None => Self::None,
            Self::Until(_) | Self::Excused => self,
        }
    }
}
