//! What RAs say and how often, for every interface alike.

use std::time::Duration;

/// Settings of every interface [RFC 4861 6.2.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.1); their bounds (those
/// of [RFC 8319 4](https://www.rfc-editor.org/rfc/rfc8319#section-4)) were checked where they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// MinRtrAdvInterval: the shortest time between unsolicited RAs, at least 3 s.
    pub min_interval: Duration,
    /// MaxRtrAdvInterval: the longest time between them.
    pub max_interval: Duration,
    /// Router Lifetime; 0 makes no default router.
    pub router_lifetime: Duration,
    /// Valid Lifetime of the prefix.
    pub valid_lifetime: Duration,
    /// Preferred Lifetime of the prefix, at most the valid one.
    pub preferred_lifetime: Duration,
}
