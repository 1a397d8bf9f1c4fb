//! The numbers of the rules.

use std::time::Duration;

/// MIN_DELAY_BETWEEN_RAS [RFC 4861 10](https://www.rfc-editor.org/rfc/rfc4861#section-10): the least time
/// between two RAs on one interface, final ones included.
pub(crate) const FLOOR: Duration = Duration::from_secs(3);

/// MAX_RA_DELAY_TIME [RFC 4861 10]: the longest delay of a solicited RA.
pub(crate) const ANSWER: Duration = Duration::from_millis(500);

/// MAX_INITIAL_RTR_ADVERT_INTERVAL [RFC 4861 10]: the longest interval within the initial burst.
pub(crate) const INITIAL_INTERVAL: Duration = Duration::from_secs(16);

/// MAX_INITIAL_RTR_ADVERTISEMENTS [RFC 4861 10]: the number of RAs in the initial burst.
pub(crate) const INITIAL_ADVERTISEMENTS: u32 = 3;

/// MAX_FINAL_RTR_ADVERTISEMENTS [RFC 4861 10]: after so many failures a final RA may be given up.
pub(crate) const FINAL_TRIES: u32 = 3;

/// The most retired prefixes in one RA.
pub(crate) const RETIRED: usize = 8;

/// The shortest wait after a failed send.
pub(crate) const SHORTEST_RETRY: Duration = Duration::from_secs(1);

/// The longest wait after a failed send.
pub(crate) const LONGEST_RETRY: Duration = Duration::from_secs(8);

/// After this many consecutive failures without a change, a wait is at least [`SLOW_RETRY`].
pub(crate) const SLOW_AFTER: u32 = 4;

/// See [`SLOW_AFTER`].
pub(crate) const SLOW_RETRY: Duration = Duration::from_secs(4);

/// How long a stop waits for final RAs.
pub(crate) const STOP: Duration = Duration::from_millis(3_200);

/// Within this time a change is in the state file.
pub(crate) const SAVED: Duration = Duration::from_millis(250);

/// How long a pair that goes is waited for.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// How long another daemon has to be gone before its interfaces are taken over.
pub(crate) const ABSENCE: Duration = Duration::from_secs(5);

/// Ends of lifetimes that differ by less are the same: the kernel tells whole seconds.
pub(crate) const SAME_END: Duration = Duration::from_secs(2);

/// The grid that deadlines of unsolicited RAs are rounded up to.
pub(crate) const REST: Duration = Duration::from_millis(250);
