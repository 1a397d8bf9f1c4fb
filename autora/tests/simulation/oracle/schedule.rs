//! When an RA may leave an interface, and when it must.

use std::{mem, time::Duration};

use autora::engine::{BootInstant, action::Cause, parameters::Parameters};

use super::{
    bounds::{
        ANSWER, FLOOR, INITIAL_ADVERTISEMENTS, INITIAL_INTERVAL, LONGEST_RETRY, SHORTEST_RETRY, SLOW_AFTER, SLOW_RETRY,
    },
    broken::{Broken, rule},
    inheritance::whole_micros,
};

/// The history of one interface that its timers depend on.
#[derive(Debug)]
pub(super) struct Schedule {
    /// When the last RA left, of any cause.
    last_sent: Option<BootInstant>,
    /// When the last RA left that was not final.
    last_advert: Option<BootInstant>,
    failure: Option<Failure>,
    /// Since when it advertises the current source and prefix, and the number of RAs since. The rules leave
    /// open at times whether it began anew: then the number is between two.
    begun: BootInstant,
    least_sent: u32,
    pub(super) sent: u32,
    /// Since when RAs may leave again that were held back.
    released: Option<BootInstant>,
    /// The first solicitation after the last RA.
    solicitation: Option<Solicitation>,
}

/// Consecutive failed sends.
#[derive(Clone, Copy, Debug)]
struct Failure {
    at: BootInstant,
    /// The number of failures without a change in between, and the last wait.
    steady: u32,
    wait: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Solicitation {
    at: BootInstant,
    /// Whether it passed the filter, or a later one did.
    passed: bool,
    /// Whether an RA was scheduled for it or a later one: not if an RA was due sooner.
    answered: bool,
}

impl Schedule {
    pub(super) fn new(last_sent: Option<BootInstant>, now: BootInstant) -> Self {
        Self {
            last_sent,
            last_advert: None,
            failure: None,
            begun: now,
            least_sent: 0,
            sent: 0,
            released: None,
            solicitation: None,
        }
    }

    /// Restores the schedule in the next process: after a crash it assumes an RA just now.
    pub(super) fn restored(&mut self, crashed: bool, now: BootInstant) {
        let last_sent = if crashed { Some(now) } else { self.last_sent.map(|sent| whole_micros(sent).min(now)) };
        // What was held back by an instant that only the previous process knew stays so.
        *self = Self { released: self.released.map(whole_micros), ..Self::new(last_sent, now) };
    }

    /// Forgets all but the 3 s floor.
    pub(super) fn forget(&mut self, now: BootInstant) {
        *self = Self { released: self.released, ..Self::new(self.last_sent, now) };
    }

    /// Starts the initial burst.
    pub(super) fn begin(&mut self, now: BootInstant) {
        (self.begun, self.least_sent, self.sent) = (now, 0, 0);
    }

    /// Records that the initial burst may start or not.
    pub(super) fn may_begin(&mut self) {
        self.least_sent = 0;
    }

    /// Records that RAs which were held back may leave.
    pub(super) fn release(&mut self, now: BootInstant) {
        self.released = Some(now);
    }

    pub(super) const fn begun(&self) -> BootInstant {
        self.begun
    }

    pub(super) const fn last_sent(&self) -> Option<BootInstant> {
        self.last_sent
    }

    /// Returns whether the initial burst is over.
    pub(super) const fn is_regular(&self) -> bool {
        self.least_sent >= INITIAL_ADVERTISEMENTS
    }

    /// Drops the pending solicitation: the interface does not advertise.
    pub(super) fn pause(&mut self) {
        self.solicitation = None;
    }

    /// Allows an earlier retry, after a change of the interface.
    pub(super) fn reset_backoff(&mut self) {
        if let Some(failure) = &mut self.failure {
            (failure.steady, failure.wait) = (0, Duration::ZERO);
        }
    }

    pub(super) fn solicit(&mut self, at: BootInstant, passed: bool) {
        let first = self.solicitation.get_or_insert(Solicitation { at, passed, answered: false });
        first.passed |= passed;
    }

    /// Returns whether a solicitation passed the filter after the last RA.
    pub(super) fn is_solicited(&self) -> bool {
        self.solicitation.is_some_and(|solicitation| solicitation.passed)
    }

    /// Records a scheduled solicited RA. Returns whether one was scheduled before.
    pub(super) fn schedule_answer(&mut self) -> bool {
        self.solicitation.as_mut().is_some_and(|solicitation| mem::replace(&mut solicitation.answered, true))
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Returns the end of the 3 s floor.
    pub(super) fn floor(&self) -> Option<BootInstant> {
        self.last_sent.map(|sent| sent + FLOOR)
    }

    /// Returns the latest instant to which the floor and failed sends can postpone an RA that is due at
    /// `due`.
    pub(super) fn postpone(&self, due: BootInstant) -> BootInstant {
        let retry = self.failure.map(|failure| failure.at + LONGEST_RETRY);
        [self.floor(), retry].into_iter().flatten().fold(due, BootInstant::max)
    }

    /// Returns the latest instant of the next RA.
    pub(super) fn latest(&self, parameters: &Parameters) -> BootInstant {
        let periodic = match self.last_advert {
            Some(last) if self.sent > 0 => last + self.interval(parameters).1,
            Some(_) | None => self.begun,
        };
        let answer = self.solicitation.map(|solicitation| self.postpone(solicitation.at) + ANSWER);
        let due = answer.into_iter().fold(self.postpone(periodic), BootInstant::min);
        self.released.map_or(due, |released| due.max(released))
    }

    /// Returns the bounds of the current interval [RFC 4861
    /// 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4).
    pub(super) fn interval(&self, parameters: &Parameters) -> (Duration, Duration) {
        let [(shortest, _), (_, longest)] = self.intervals(parameters);
        (shortest, longest)
    }

    /// Returns the bounds of the current interval with the least and with the most RAs since it began to
    /// advertise.
    pub(super) fn intervals(&self, parameters: &Parameters) -> [(Duration, Duration); 2] {
        let Parameters { min_interval: min, max_interval: max, .. } = *parameters;
        [self.least_sent, self.sent].map(|sent| {
            let cap = if sent < INITIAL_ADVERTISEMENTS { INITIAL_INTERVAL } else { Duration::MAX };
            (min.min(cap), max.min(cap))
        })
    }

    /// Checks whether an RA may leave at `at`.
    pub(super) fn check(&self, cause: Cause, at: BootInstant, parameters: &Parameters) -> Result<(), Broken> {
        if let Some(floor) = self.floor() {
            let early = floor.saturating_since(at);
            rule(early.is_zero(), "no two RAs within 3 s [RFC 4861 6.2.6]", || format!("{early:?} too early"))?;
        }
        if let Some(failure) = self.failure {
            let since = at.saturating_since(failure.at);
            rule(since >= SHORTEST_RETRY, "a failed send is retried after 1 s at least", || {
                format!("after {since:?}")
            })?;
        }
        match (cause, self.last_advert) {
            (Cause::Solicited, _) => rule(
                self.is_solicited(),
                "one solicited RA for a solicitation, and none without [RFC 4861 6.2.6]",
                || "no solicitation since the last RA".to_owned(),
            ),
            (Cause::Unsolicited, Some(last)) if self.least_sent > 0 => {
                let (shortest, _) = self.interval(parameters);
                let since = at.saturating_since(last);
                rule(since >= shortest, "unsolicited RAs are MinRtrAdvInterval apart [RFC 4861 6.2.4]", || {
                    format!("{since:?} after the last, at least {shortest:?} expected")
                })
            }
            (Cause::Final | Cause::Unsolicited, _) => Ok(()),
        }
    }

    /// Records an RA that left.
    pub(super) fn sent(&mut self, cause: Cause, at: BootInstant) {
        self.last_sent = Some(at);
        self.failure = None;
        match cause {
            Cause::Final => {}
            Cause::Unsolicited | Cause::Solicited => {
                self.last_advert = Some(at);
                self.least_sent += 1;
                self.sent += 1;
                (self.solicitation, self.released) = (None, None);
            }
        }
    }

    /// Records an RA that failed, and when the fleet tries again, if at all.
    pub(super) fn failed(&mut self, at: BootInstant, retry: Option<BootInstant>) -> Result<(), Broken> {
        let Some(retry) = retry else {
            self.failure = Some(Failure { at, steady: 0, wait: Duration::ZERO });
            return Ok(());
        };
        let (steady, before) = self.failure.map_or((0, Duration::ZERO), |last| (last.steady, last.wait));
        let (steady, wait) = (steady + 1, retry.saturating_since(at));
        self.failure = Some(Failure { at, steady, wait });
        // The floor can delay a retry only of a send within the floor, which the other rules forbid.
        let slow_enough = steady < SLOW_AFTER || wait >= SLOW_RETRY;
        rule(
            (SHORTEST_RETRY..=LONGEST_RETRY).contains(&wait) && wait >= before && slow_enough,
            "failed sends are retried with backoff, after 1 s to 8 s",
            || format!("failure {steady} in a row: {wait:?} to the next, {before:?} before"),
        )
    }
}
