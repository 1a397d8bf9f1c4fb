//! When something may leave an interface, and when it must.

use std::{mem, time::Duration};

use autora::engine::{BootInstant, action::Cause, parameters::Parameters};

use super::{
    bounds::{
        ANSWER, FLOOR, INITIAL_ADVERTISEMENTS, INITIAL_INTERVAL, LONGEST_RETRY, SHORTEST_RETRY, SLOW_AFTER,
        SLOW_RETRY,
    },
    broken::{Broken, rule},
    inheritance::whole_micros,
};

/// The history of one interface, as far as its timers depend on it.
#[derive(Debug)]
pub(super) struct Schedule {
    /// When the last advertisement had left, of whatever kind.
    last_sent: Option<BootInstant>,
    /// When the last one that was not final had.
    last_advert: Option<BootInstant>,
    failure: Option<Failure>,
    /// Since when it advertises as it does, and how many advertisements have left since.
    begun: BootInstant,
    pub(super) sent: u32,
    /// The first solicitation that no advertisement has followed.
    asked: Option<Asked>,
}

/// Failed sends in a row.
#[derive(Clone, Copy, Debug)]
struct Failure {
    at: BootInstant,
    /// How many there were with nothing new in between, and the last wait among them.
    steady: u32,
    wait: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    at: BootInstant,
    /// Whether it passed the filter, and not only hid behind one that did.
    passed: bool,
    /// Whether an answer was scheduled for it or one after it: not if an advertisement was due sooner anyway.
    answered: bool,
}

impl Schedule {
    pub(super) fn new(last_sent: Option<BootInstant>, now: BootInstant) -> Self {
        Self { last_sent, last_advert: None, failure: None, begun: now, sent: 0, asked: None }
    }

    /// Another daemon takes over: after a crash it has to expect that something left a moment ago.
    pub(super) fn recalled(&mut self, crashed: bool, now: BootInstant) {
        let last_sent =
            if crashed { Some(now) } else { self.last_sent.map(|sent| whole_micros(sent).min(now)) };
        *self = Self::new(last_sent, now);
    }

    /// It becomes an advertising interface, or another one than before.
    pub(super) fn begin(&mut self, now: BootInstant) {
        (self.begun, self.sent) = (now, 0);
    }

    /// It does not advertise now: whoever asked will hear of it when it does again.
    pub(super) fn pause(&mut self) {
        self.asked = None;
    }

    /// Something is new: a retry may come sooner than it would have.
    pub(super) fn unsettle(&mut self) {
        if let Some(failure) = &mut self.failure {
            (failure.steady, failure.wait) = (0, Duration::ZERO);
        }
    }

    pub(super) fn ask(&mut self, at: BootInstant, passed: bool) {
        let first = self.asked.get_or_insert(Asked { at, passed, answered: false });
        first.passed |= passed;
    }

    /// Whether a solicitation passed that no advertisement has followed yet.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some_and(|asked| asked.passed)
    }

    /// An answer is scheduled. Returns whether one was before.
    pub(super) fn answer(&mut self) -> bool {
        self.asked.as_mut().is_some_and(|asked| mem::replace(&mut asked.answered, true))
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// The end of the 3 s.
    pub(super) fn floor(&self) -> Option<BootInstant> {
        self.last_sent.map(|sent| sent + FLOOR)
    }

    /// The latest instant to which the 3 s and failed sends can put something off that is due at `due`.
    pub(super) fn put_off(&self, due: BootInstant) -> BootInstant {
        let retry = self.failure.map(|failure| failure.at + LONGEST_RETRY);
        [self.floor(), retry].into_iter().flatten().fold(due, BootInstant::max)
    }

    /// When the next advertisement has to leave at the latest.
    pub(super) fn latest(&self, parameters: &Parameters) -> BootInstant {
        let periodic = match self.last_advert {
            Some(last) if self.sent > 0 => last + self.interval(parameters).1,
            Some(_) | None => self.begun,
        };
        let answer = self.asked.map(|asked| self.put_off(asked.at) + ANSWER);
        answer.into_iter().fold(self.put_off(periodic), BootInstant::min)
    }

    /// Bounds of the present interval [RFC 4861 6.2.4].
    pub(super) fn interval(&self, parameters: &Parameters) -> (Duration, Duration) {
        let Parameters { min_interval: min, max_interval: max, .. } = *parameters;
        if self.sent < INITIAL_ADVERTISEMENTS {
            (min.min(INITIAL_INTERVAL), max.min(INITIAL_INTERVAL))
        } else {
            (min, max)
        }
    }

    /// Whether an advertisement may leave at `at`.
    pub(super) fn check(&self, cause: Cause, at: BootInstant, parameters: &Parameters) -> Result<(), Broken> {
        if let Some(floor) = self.floor() {
            let early = floor.saturating_since(at);
            rule(early.is_zero(), "no two advertisements within 3 s [RFC 4861 6.2.6]", || {
                format!("{early:?} too early")
            })?;
        }
        if let Some(failure) = self.failure {
            let since = at.saturating_since(failure.at);
            rule(since >= SHORTEST_RETRY, "a failed send is retried after 1 s at least", || {
                format!("after {since:?}")
            })?;
        }
        match (cause, self.last_advert) {
            (Cause::Solicited, _) => rule(
                self.is_asked(),
                "one answer for a solicitation, and none without one [RFC 4861 6.2.6]",
                || "nobody has asked since the last advertisement".to_owned(),
            ),
            (Cause::Unsolicited, Some(last)) if self.sent > 0 => {
                let (shortest, _) = self.interval(parameters);
                let since = at.saturating_since(last);
                rule(
                    since >= shortest,
                    "unsolicited advertisements are MinRtrAdvInterval apart [RFC 4861 6.2.4]",
                    || format!("{since:?} after the last, at least {shortest:?} expected"),
                )
            }
            (Cause::Final | Cause::Unsolicited, _) => Ok(()),
        }
    }

    /// An advertisement has left.
    pub(super) fn sent(&mut self, cause: Cause, at: BootInstant) {
        self.last_sent = Some(at);
        self.failure = None;
        match cause {
            Cause::Final => {}
            Cause::Unsolicited | Cause::Solicited => {
                self.last_advert = Some(at);
                self.sent += 1;
                self.asked = None;
            }
        }
    }

    /// One did not, and `retry` is when the fleet wants to try again, if at all.
    pub(super) fn failed(&mut self, at: BootInstant, retry: Option<BootInstant>) -> Result<(), Broken> {
        let Some(retry) = retry else {
            self.failure = Some(Failure { at, steady: 0, wait: Duration::ZERO });
            return Ok(());
        };
        let (steady, before) = self.failure.map_or((0, Duration::ZERO), |last| (last.steady, last.wait));
        let (steady, wait) = (steady + 1, retry.saturating_since(at));
        self.failure = Some(Failure { at, steady, wait });
        // The 3 s can only hold back a retry of what failed within them, which the other rules refuse.
        let patient = steady < SLOW_AFTER || wait >= SLOW_RETRY;
        rule(
            (SHORTEST_RETRY..=LONGEST_RETRY).contains(&wait) && wait >= before && patient,
            "failed sends are retried with backoff, after 1 s to 8 s",
            || format!("failure {steady} in a row: {wait:?} to the next, {before:?} before"),
        )
    }
}
