//! Lines that found no room. The log is never waited for: a reader that stops would stop the event loop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use tracing::warn;

static TOTAL: AtomicU64 = AtomicU64::new(0);
static FAILING: AtomicBool = AtomicBool::new(false);

/// Returns how many lines found no room since the start.
#[must_use]
pub fn lines_dropped() -> u64 {
    TOTAL.load(Relaxed)
}

/// Notes whether a line was accepted. The first one that is, after others were not, is followed by a line with
/// their number; that line comes back here, as any other.
pub(super) fn note(accepted: bool) {
    if !accepted {
        TOTAL.fetch_add(1, Relaxed);
        FAILING.store(true, Relaxed);
    } else if FAILING.swap(false, Relaxed) {
        warn!(
            lines_dropped = lines_dropped(),
            "the log had no room for some lines, and has again: its reader had stopped or was too slow"
        );
    }
}
