//! The maps between filter and daemon: names, keys and value layouts, in the byte order of the machine.

use core::time::Duration;

use crate::Reason;

/// Name of the program in the object file, and in the kernel's list of programs.
pub const PROGRAM: &str = "autora";

/// Name of the same program with a log record for each packet.
pub const TRACED_PROGRAM: &str = "autora_traced";

/// Hash map, interface index (`u32`) to [`PendingMark`]: the interfaces whose solicitations count.
///
/// The daemon adds and removes entries, the filter writes marks into them in place.
pub const SERVED: &str = "SERVED";

/// Hash map, interface index (`u32`) to [`InterfaceStats`], with the same keys as [`SERVED`].
pub const INTERFACES: &str = "INTERFACES";

/// Per-CPU array of `u64`, indexed by [`Reason`]: what became of all packets that reached the filter.
pub const TOTALS: &str = "TOTALS";

/// Entries that [`SERVED`] and [`INTERFACES`] hold unless the loader says otherwise.
pub const CAPACITY: u32 = 16_384;

/// When the filter last let a solicitation through: nanoseconds on `CLOCK_BOOTTIME`; 0 stands for "none is
/// pending".
pub type PendingMark = u64;

/// How long a pending mark holds further solicitations back if nobody clears it.
///
/// It is the time that a host waits between solicitations (`RTR_SOLICITATION_INTERVAL` [RFC 4861 10]), so a
/// daemon that missed one costs a host one retry.
pub const PENDING_HOLD: Duration = Duration::from_secs(4);

/// What the filter keeps of one served interface. It only ever grows, until the daemon removes the entry.
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
    /// The last advertisement of another router; how many there were says
    /// [`Reason::OtherRouterAdvertisement`].
    pub other_router: OtherRouterAdvertisement,
}

/// The last valid Router Advertisement that came in, so one by another router.
///
/// Two CPUs may write it at once, and then it is a mixture of both: it is for people to read, nothing is
/// decided by it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct OtherRouterAdvertisement {
    /// When it came: nanoseconds on `CLOCK_BOOTTIME`; 0 if there was none.
    pub seen: u64,
    /// The upper 64 bits of its source address, as a number.
    pub source_high: u64,
    /// The lower 64 bits.
    pub source_low: u64,
    /// Its Router Lifetime in seconds. (64 bits, so that the record has no hole: filling one would be a call
    /// to memset, which the verifier refuses.)
    pub router_lifetime: u64,
}

const _: () = {
    assert!(size_of::<InterfaceStats>() == 144);
    assert!(core::mem::offset_of!(InterfaceStats, other_router) == 112);
    assert!(core::mem::offset_of!(OtherRouterAdvertisement, router_lifetime) == 24);
};
