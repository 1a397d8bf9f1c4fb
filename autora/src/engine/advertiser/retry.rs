//! The backoff after failed sends.

use std::time::Duration;

use crate::{
    addr::LinkLocal,
    engine::{BootInstant, rfc4861::MAX_FINAL_RTR_ADVERTISEMENTS},
};

/// The delay after the first failed send; it doubles up to [`MAX_RETRY_DELAY`].
pub(super) const MIN_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The longest delay between two tries.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(8);

/// Consecutive failed sends. Boxed, because they are rare.
#[derive(Clone, Debug, Default)]
pub(super) struct Backoff(Option<Box<Retry>>);

#[derive(Clone, Debug)]
struct Retry {
    tries: u32,
    /// When the last try failed.
    last: BootInstant,
    at: BootInstant,
    /// The source of the final RA that failed last, and how many tries of it failed.
    finals: Option<(LinkLocal, u32)>,
}

impl Backoff {
    /// Records that an RA left. Returns the number of failed tries before it.
    pub(super) fn sent(&mut self) -> u32 {
        self.0.take().map_or(0, |retry| retry.tries)
    }

    /// Records a failure at `now`.
    pub(super) fn failed(&mut self, now: BootInstant) {
        let retry = self.0.get_or_insert_with(|| Retry { tries: 0, last: now, at: now, finals: None }.into());
        let doublings = retry.tries.min(3);
        retry.tries = retry.tries.saturating_add(1);
        retry.last = now;
        retry.at = now + (MIN_RETRY_DELAY * (1 << doublings)).min(MAX_RETRY_DELAY);
    }

    /// Records that the failed RA was the final one from `source`. Returns whether it was the last try
    /// [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5); those of another source do not count.
    pub(super) fn final_failed(&mut self, source: LinkLocal) -> bool {
        self.0.as_mut().is_some_and(|retry| {
            let before = retry.finals.filter(|(failed, _)| *failed == source).map_or(0, |(_, tries)| tries);
            retry.finals = Some((source, before + 1));
            before + 1 >= MAX_FINAL_RTR_ADVERTISEMENTS
        })
    }

    /// Gives the next final RA the full number of tries.
    pub(super) fn forget_finals(&mut self) {
        if let Some(retry) = &mut self.0 {
            retry.finals = None;
        }
    }

    /// Reduces the delay to [`MIN_RETRY_DELAY`], because a change of the interface makes success likelier.
    pub(super) fn soon(&mut self) {
        if let Some(retry) = &mut self.0 {
            retry.at = retry.last + MIN_RETRY_DELAY;
        }
    }

    /// Returns the number of consecutive failures.
    pub(super) fn tries(&self) -> u32 {
        self.0.as_ref().map_or(0, |retry| retry.tries)
    }

    /// Returns the earliest instant of the next try, after a failure.
    pub(super) fn at(&self) -> Option<BootInstant> {
        self.0.as_ref().map(|retry| retry.at)
    }
}
