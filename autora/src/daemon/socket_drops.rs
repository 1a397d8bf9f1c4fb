//! Packets that the kernel dropped at the receiving socket: told when it begins, and at most once an hour while it lasts.
//!
//! A guest can bring it about, with a flood behind the classic filter or with wrong checksums: it stops nothing.

use std::time::Duration;

use tracing::warn;

use crate::engine::BootInstant;

/// The shortest time between two warnings.
const WARN_INTERVAL: Duration = Duration::from_secs(3_600);

/// What is known of the kernel's counter.
#[derive(Debug, Default)]
pub(super) struct SocketDrops {
    /// Its value when it was last looked at.
    counted: u32,
    warned: Option<BootInstant>,
}

impl SocketDrops {
    /// Looks at the counter, which only ever grows, and from its end begins again at 0.
    pub(super) fn look(&mut self, counted: u32, now: BootInstant) {
        if self.deserves_warning(counted, now) {
            warn!(
                socket_drops = counted,
                "the receiving socket dropped packets for want of room, or for a wrong checksum: solicitations may be \
                 among them, and hosts repeat those"
            );
        }
    }

    /// Whether it has grown, and the last warning is long enough ago. Notes that it was given.
    fn deserves_warning(&mut self, counted: u32, now: BootInstant) -> bool {
        let has_grown = std::mem::replace(&mut self.counted, counted) != counted;
        let is_news = self.warned.is_none_or(|warned| now.saturating_since(warned) >= WARN_INTERVAL);
        if has_grown && is_news {
            self.warned = Some(now);
        }
        has_grown && is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_when_it_begins_and_once_an_hour() {
        let mut drops = SocketDrops::default();
        for (seconds, counted, expected) in [
            (0, 0, false),
            (30, 1, true),
            (60, 1, false),
            (90, 500, false),
            (3_629, 501, false),
            // Grown since the last look, not since the last warning.
            (3_630, 501, false),
            (3_660, 502, true),
            (9_000, 0, true),
            (9_030, 0, false),
        ] {
            let now = BootInstant::from_boot(Duration::from_secs(seconds));
            assert_eq!(drops.deserves_warning(counted, now), expected, "{counted} at {seconds} s");
        }
    }
}
