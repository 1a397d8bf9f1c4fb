//! The end of the daemon: whether it withdraws first, and how long it waits for that.

use std::time::Duration;

use super::signals::Request;
use crate::{
    control::event::StopKind,
    engine::{BootInstant, rfc4861::MIN_DELAY_BETWEEN_RAS},
};

/// How much longer than the 3 s floor a stop waits for its final RAs.
const SLACK: Duration = Duration::from_millis(200);

/// How far the daemon is from its end.
#[derive(Debug)]
pub(super) struct Shutdown {
    /// A stop sends final RAs.
    withdraws: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// No signal has come yet.
    Running,
    /// Final RAs are leaving, until this time at the latest.
    Withdrawing {
        until: BootInstant,
    },
    Done,
}

impl Shutdown {
    /// Returns the state of a daemon that no signal has reached; `withdraws` is whether its stop sends final
    /// RAs.
    pub(super) const fn new(withdraws: bool) -> Self {
        Self { withdraws, phase: Phase::Running }
    }

    /// Takes a signal, and returns how the daemon stops for it: at once for the second request to stop.
    pub(super) fn begin(&mut self, request: Request, now: BootInstant) -> StopKind {
        match (request, self.phase) {
            (Request::Stop, Phase::Running) if self.withdraws => {
                self.phase = Phase::Withdrawing { until: now + MIN_DELAY_BETWEEN_RAS + SLACK };
                StopKind::Withdraw
            }
            (Request::Stop, Phase::Running | Phase::Withdrawing { .. } | Phase::Done) => {
                self.phase = Phase::Done;
                StopKind::AtOnce
            }
            (Request::Restart, _) => {
                self.phase = Phase::Done;
                StopKind::Restart
            }
        }
    }

    /// Ends without a signal.
    pub(super) const fn end(&mut self) {
        self.phase = Phase::Done;
    }

    /// Returns when a withdrawal is given up.
    pub(super) const fn deadline(&self) -> Option<BootInstant> {
        match self.phase {
            Phase::Withdrawing { until } => Some(until),
            Phase::Running | Phase::Done => None,
        }
    }

    /// Ends a withdrawal that has nothing left to send, or no time left.
    pub(super) fn update(&mut self, owes_final_ras: bool, now: BootInstant) {
        if self.deadline().is_some_and(|until| !owes_final_ras || until <= now) {
            self.phase = Phase::Done;
        }
    }

    /// Returns whether this turn of the loop is the last.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> BootInstant {
        BootInstant::from_boot(Duration::from_secs(1_000) + Duration::from_millis(millis))
    }

    #[test]
    fn a_withdrawal_ends_with_the_last_final_ra_or_after_the_floor() {
        for (owes_final_ras, millis, is_done) in
            [(true, 0, false), (true, 3_199, false), (true, 3_200, true), (false, 0, true)]
        {
            let mut shutdown = Shutdown::new(true);
            shutdown.update(false, at(0));
            assert!(!shutdown.is_done(), "no signal has come");
            assert_eq!(shutdown.begin(Request::Stop, at(0)), StopKind::Withdraw);
            assert_eq!(shutdown.deadline(), Some(at(3_200)));
            shutdown.update(owes_final_ras, at(millis));
            assert_eq!(shutdown.is_done(), is_done, "owes {owes_final_ras}, after {millis} ms");
        }
    }

    #[test]
    fn a_second_signal_and_a_restart_and_a_daemon_that_does_not_withdraw_end_at_once() {
        for (withdraws, requests, expected) in [
            (true, &[Request::Stop, Request::Stop][..], StopKind::AtOnce),
            (true, &[Request::Stop, Request::Restart], StopKind::Restart),
            (true, &[Request::Restart], StopKind::Restart),
            (false, &[Request::Stop], StopKind::AtOnce),
        ] {
            let mut shutdown = Shutdown::new(withdraws);
            let kinds: Vec<_> = requests.iter().map(|&request| shutdown.begin(request, at(0))).collect();
            assert_eq!(kinds.last(), Some(&expected), "{withdraws}, {requests:?}");
            assert!(shutdown.is_done());
        }
    }
}
