//! Sending sockets without room: that is the host's problem and no interface's. RAs that are due stay due
//! until there is room again; no failure of an interface is counted.

use std::time::Duration;

use tracing::{debug, warn};

use super::hourly_warning::HourlyWarning;
use crate::engine::BootInstant;

/// The time between two looks at sockets without room. The kernel would say when one has room, but only to a
/// process that waits for it all the time, which costs a wake-up for each RA.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Whether the sending sockets have room.
#[derive(Debug, Default)]
pub(super) struct Congestion {
    /// When it began, and when to look again.
    present: Option<(BootInstant, BootInstant)>,
    times: u64,
    warning: HourlyWarning,
}

impl Congestion {
    /// Notes whether there is room. Returns whether RAs may leave.
    pub(super) fn update(&mut self, has_room: bool, now: BootInstant) -> bool {
        match self.present {
            None if has_room => {}
            None => {
                self.times += 1;
                self.present = Some((now, now + LOOK_AGAIN));
                self.warn(now);
            }
            Some((since, _)) if has_room => {
                self.present = None;
                debug!(after = ?now.saturating_since(since), "room in the sending sockets again");
            }
            Some((since, _)) => self.present = Some((since, now + LOOK_AGAIN)),
        }
        has_room
    }

    /// Logs the first beginning, and later ones at most once an hour.
    fn warn(&mut self, now: BootInstant) {
        if self.warning.admits(now) {
            warn!(
                "no room in the sending sockets: no RA leaves on any interface until there is; the queues of too many \
                 interfaces do not drain (`tc -s qdisc` shows their backlog)"
            );
        }
    }

    /// Returns when RAs that are due at `due` can leave.
    pub(super) fn delay(&self, due: BootInstant) -> BootInstant {
        self.present.map_or(due, |(_, next_look)| due.max(next_look))
    }

    /// Returns how often it began.
    pub(super) const fn times(&self) -> u64 {
        self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_ras_wait_until_there_is_room_and_each_beginning_counts_once() {
        let at = |millis| BootInstant::from_boot(Duration::from_millis(millis));
        let mut congestion = Congestion::default();
        for (now, has_room, times, soonest) in [
            (1_000, true, 0, 1_000),
            (1_000, false, 1, 1_100),
            (1_100, false, 1, 1_200),
            (1_150, true, 1, 1_150),
            (1_160, false, 2, 1_260),
        ] {
            assert_eq!(congestion.update(has_room, at(now)), has_room);
            assert_eq!(congestion.times(), times, "at {now} ms");
            assert_eq!(congestion.delay(at(now)), at(soonest), "at {now} ms");
        }
        assert_eq!(congestion.delay(at(5_000)), at(5_000), "what is due later is not delayed");
    }
}
