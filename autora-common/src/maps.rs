//! The maps that filter and daemon share: names, keys and value layouts, in the byte order of the machine.

use core::time::Duration;

use crate::Reason;

/// Name of the program in the object file, and in the kernel's list of programs.
pub const PROGRAM: &str = "autora";

/// Name of the variant of the program that logs each packet.
pub const TRACED_PROGRAM: &str = "autora_traced";

/// Hash map, interface index (`u32`) to [`PendingMark`]: the served interfaces.
///
/// The daemon inserts and removes entries; the filter writes marks in place.
pub const SERVED: &str = "SERVED";

/// Hash map, interface index (`u32`) to [`InterfaceStats`], with the same keys as [`SERVED`].
pub const INTERFACES: &str = "INTERFACES";

/// Per-CPU array of `u64`, indexed by [`Reason`]: the counters of all packets that reached the filter.
pub const TOTALS: &str = "TOTALS";

/// The default number of entries of [`SERVED`] and [`INTERFACES`]; the loader can change it.
pub const CAPACITY: u32 = 16_384;

/// When the filter last passed a solicitation, in nanoseconds on `CLOCK_BOOTTIME`; 0 if no RA is pending.
pub type PendingMark = u64;

/// How long a pending mark coalesces further solicitations if the daemon does not clear it.
///
/// It is longer than any answer may take, the 3 s between two RAs and a delay of 0.5 s
/// ([RFC 4861 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6)), by 50 ms for a busy machine. And
/// it is shorter than a host waits before it solicits again: 4 s, more or less by up to a tenth
/// ([RFC 7559 2](https://www.rfc-editor.org/rfc/rfc7559#section-2)). So a solicitation that the daemon loses
/// costs a guest one retry.
pub const PENDING_HOLD: Duration = Duration::from_millis(3_000 + 500 + 50);

/// The filter's record of one served interface. Its counters only grow, until the daemon removes the entry.
///
/// ```text
/// byte 0    counters      14 times u64, in the order of Reason
///      112  other_router.seen  u64
///      120  other_router.source_high, other_router.source_low: u64 each
///      136  other_router.router_lifetime: u64
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct InterfaceStats {
    /// Packets by [`Reason`].
    pub counters: [u64; Reason::COUNT],
    /// The last RA of another router; the counter of [`Reason::OtherRouterAdvertisement`] has their number.
    pub other_router: OtherRouterAdvertisement,
}

/// The last valid Router Advertisement that arrived: the daemon's own do not, so it is another router's.
///
/// Two CPUs may write it at once, and then it is a mixture of both: it is shown to the operator, and nothing
/// is decided by it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct OtherRouterAdvertisement {
    /// When it arrived, in nanoseconds on `CLOCK_BOOTTIME`; 0 if none has.
    pub seen: u64,
    /// The upper 64 bits of its source address, in the byte order of the machine.
    pub source_high: u64,
    /// The lower 64 bits.
    pub source_low: u64,
    /// Its Router Lifetime in seconds. (64 bits, so that the record has no padding: filling it would be a
    /// call to memset, which the verifier rejects.)
    pub router_lifetime: u64,
}

const _: () = {
    assert!(size_of::<InterfaceStats>() == 144);
    assert!(core::mem::offset_of!(InterfaceStats, other_router) == 112);
    assert!(core::mem::offset_of!(OtherRouterAdvertisement, router_lifetime) == 24);
};

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7559 2: a host solicits again after 4 s, less a tenth at most. That it outlasts every answer, a test of the
    /// daemon shows, which knows the delays.
    #[test]
    fn a_mark_is_over_before_a_host_solicits_again() {
        assert!(PENDING_HOLD > Duration::from_millis(3_500) && PENDING_HOLD < Duration::from_millis(3_600));
    }
}
