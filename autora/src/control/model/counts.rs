//! Counters of RAs and solicitations, as the whole daemon and each interface have them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{named::Named, names::PacketReason};
use crate::engine::action::Cause;

/// Counters by a stable name; those that are 0 are left out.
pub type Counts<K> = BTreeMap<Named<K>, u64>;

/// Number of RAs that left, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Adverts {
    /// Unsolicited RAs: the interval was over, or the interface had just become an advertising interface.
    pub unsolicited: u64,
    /// RAs that answered solicitations.
    pub solicited: u64,
    /// Final RAs, with Router Lifetime 0.
    #[serde(rename = "final")]
    pub finals: u64,
}

impl Adverts {
    /// Returns the number of RAs for each cause.
    #[must_use]
    pub const fn by_cause(&self) -> [(Cause, u64); 3] {
        [(Cause::Unsolicited, self.unsolicited), (Cause::Solicited, self.solicited), (Cause::Final, self.finals)]
    }
}

/// Number of solicitations, by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Solicitations {
    /// RAs that answered solicitations; one RA may answer several.
    pub answered: u64,
    /// Solicitations that the filter let through.
    pub passed: u64,
    /// Valid solicitations that the filter dropped because an answer was pending.
    pub coalesced: u64,
    /// Packets that were dropped, by reason; reasons with 0 packets are left out.
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, u64>"))]
    pub dropped: Counts<PacketReason>,
}
