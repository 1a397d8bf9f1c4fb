//! When a daemon takes over an interface that another one has served.

use std::time::Duration;

/// How often a daemon that waits looks whether the other one is gone, unless it has another
/// `--forwarding-resync-interval`: at each resync.
pub const DEFAULT_RESYNC_INTERVAL: Duration = Duration::from_secs(30);

/// How long another daemon has to be gone before its interfaces are taken over: it restarts within less, also after a
/// crash (`RestartSec=` in the unit), and its final RAs have left by then.
pub const ABSENCE: Duration = Duration::from_secs(5);

/// Time to the next attempt after another daemon had the table of claims for too long.
pub const RETRY: Duration = Duration::from_secs(1);
