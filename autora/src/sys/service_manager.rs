//! Telling the service manager how we are, where there is one (`sd_notify(3)`); a no-op everywhere else.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

use crate::engine::Instant;

/// How close on each other the status may be told: a hypervisor that boots has thousands of changes.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// The status as the service manager knows it, and the proofs of life that it asked for. Both have deadlines among those
/// of the event loop, so that a loop that hangs gives no sign of life.
#[derive(Debug)]
pub struct Vigil {
    /// Half of the time after which the service manager gives the daemon up, if it watches at all.
    interval: Option<Duration>,
    next_sign: Option<Instant>,
    told: String,
    looked_at: Instant,
    is_stale: bool,
}

impl Vigil {
    /// Begins at `now`, when the service manager knows nothing.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self::every(sd_notify::watchdog_enabled().map(|timeout| timeout / 2), now)
    }

    fn every(interval: Option<Duration>, now: Instant) -> Self {
        let next_sign = interval.map(|_| now);
        Self { interval, next_sign, told: String::new(), looked_at: now, is_stale: false }
    }

    /// Everything is open and every interface was looked at.
    pub fn ready(&mut self, status: String, now: Instant) {
        notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
        (self.told, self.looked_at, self.is_stale) = (status, now, false);
    }

    /// When [`Vigil::attend`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let status = self.is_stale.then(|| self.looked_at + STATUS_INTERVAL);
        self.next_sign.into_iter().chain(status).min()
    }

    /// The status may be another now. What it is gets worked out when it can be told.
    pub const fn touch(&mut self) {
        self.is_stale = true;
    }

    /// Does what is due: in every turn of the loop.
    pub fn attend(&mut self, now: Instant, status: impl FnOnce() -> String) {
        if let Some(status) = self.status_due(now, status) {
            notify(&[NotifyState::Status(status)]);
        }
        if self.sign_due(now) {
            notify(&[NotifyState::Watchdog]);
        }
    }

    fn status_due(&mut self, now: Instant, status: impl FnOnce() -> String) -> Option<&str> {
        if !self.is_stale || now < self.looked_at + STATUS_INTERVAL {
            return None;
        }
        // Whether or not it is another: so many changes are not worth a look each.
        (self.is_stale, self.looked_at) = (false, now);
        let status = status();
        if status == self.told {
            return None;
        }
        self.told = status;
        Some(&self.told)
    }

    fn sign_due(&mut self, now: Instant) -> bool {
        let is_due = self.next_sign.is_some_and(|due| due <= now);
        if is_due {
            self.next_sign = self.interval.map(|interval| now + interval);
        }
        is_due
    }
}

/// The daemon has begun to stop.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        debug!(%error, "the service manager could not be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_boot(Duration::from_secs(1_000) + Duration::from_millis(millis))
    }

    #[test]
    fn signs_of_life_come_twice_as_often_as_they_are_missed() {
        let mut vigil = Vigil::every(Some(Duration::from_secs(15)), at(0));
        for (millis, expected, next) in
            [(0, true, 15_000), (14_999, false, 15_000), (15_000, true, 30_000), (31_000, true, 46_000)]
        {
            assert_eq!(vigil.sign_due(at(millis)), expected, "at {millis} ms");
            assert_eq!(vigil.deadline(), Some(at(next)));
        }
        assert_eq!(Vigil::every(None, at(0)).deadline(), None, "nobody watches");
    }

    #[test]
    fn a_status_is_told_when_it_is_news_and_once_a_second_at_most() {
        let mut vigil = Vigil::every(None, at(0));
        vigil.ready("0 served".to_owned(), at(0));
        for (millis, status, due) in [
            (20, "1 served", None),
            (30, "2 served", None),
            (1_000, "2 served", Some("2 served")),
            (1_500, "3 served", None),
            // What has come and gone in between is nobody's business.
            (2_100, "2 served", None),
            (2_200, "4 served", None),
            (3_100, "4 served", Some("4 served")),
        ] {
            vigil.touch();
            assert_eq!(vigil.status_due(at(millis), || status.to_owned()), due, "at {millis} ms");
        }
        assert_eq!(vigil.status_due(at(9_000), || panic!("nothing has changed")), None);
        assert_eq!(vigil.deadline(), None);
        vigil.touch();
        assert_eq!(vigil.deadline(), Some(at(4_100)));
    }

    /// Thousands of changes that leave it as it is must not cost a look each.
    #[test]
    fn a_status_is_worked_out_once_a_second_at_most() {
        let mut vigil = Vigil::every(None, at(0));
        vigil.ready("0 served".to_owned(), at(0));
        let mut worked_out = 0;
        for millis in (0..5_000).step_by(10) {
            vigil.touch();
            let told = vigil.status_due(at(millis), || {
                worked_out += 1;
                "0 served".to_owned()
            });
            assert_eq!(told, None);
        }
        assert_eq!(worked_out, 4);
    }
}
