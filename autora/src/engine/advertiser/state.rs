//! Whether an interface advertises, and what its RAs say about the prefix.

use super::schedule::Schedule;
use crate::{
    addr::{LinkLocal, Prefix64},
    engine::{
        BootInstant,
        content::CurrentPrefix,
        eligibility::Service,
        handover::AdvertisedPrefix,
        interface::{Lifetimes, SAME_END},
        parameters::Parameters,
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AdvertiserState {
    Advertising {
        service: Service,
        schedule: Schedule,
    },
    /// No carrier: no RA leaves, nothing is withdrawn.
    Paused,
    /// Final RAs carry the prefix in use with these lifetimes.
    Ceased {
        lifetimes: Option<Lifetimes>,
    },
}

impl AdvertiserState {
    pub(super) const fn is_advertising(&self) -> bool {
        matches!(self, Self::Advertising { .. })
    }

    /// Returns the schedule that goes on when `service` is advertised from `now` on, or `None` if a burst begins: the
    /// interface becomes an advertising interface, or RAs say something else than before.
    pub(super) fn schedule_for(
        &self,
        service: &Service,
        parameters: &Parameters,
        now: BootInstant,
    ) -> Option<Schedule> {
        match self {
            Self::Advertising { service: current, schedule } => {
                let goes_on = current.is_same_for_guests(service) && !shortens(current, service, parameters, now);
                goes_on.then_some(*schedule)
            }
            Self::Paused | Self::Ceased { .. } => None,
        }
    }

    /// Returns the source that advertises, if one does.
    pub(super) const fn source(&self) -> Option<LinkLocal> {
        match self {
            Self::Advertising { service, .. } => Some(service.source),
            Self::Paused | Self::Ceased { .. } => None,
        }
    }

    /// Returns the prefix that is advertised, if one is.
    pub(super) const fn advertised_prefix(&self) -> Option<Prefix64> {
        match self {
            Self::Advertising { service, .. } => Some(service.prefix),
            Self::Paused | Self::Ceased { .. } => None,
        }
    }

    /// Returns the prefix that RAs carry as the current one; without a service, the one in use.
    pub(super) fn current_prefix(&self, in_use: Option<AdvertisedPrefix>) -> Option<CurrentPrefix> {
        match *self {
            Self::Advertising { service, .. } => Some(CurrentPrefix::of(&service)),
            Self::Ceased { lifetimes } => in_use.map(|in_use| CurrentPrefix { prefix: in_use.prefix, lifetimes }),
            Self::Paused => None,
        }
    }
}

/// Returns whether RAs at `now` have a shorter lifetime with `after` than with `before`, which has the same prefix.
fn shortens(before: &Service, after: &Service, parameters: &Parameters, now: BootInstant) -> bool {
    let advertised = |service: &Service| CurrentPrefix::of(service).advertised(parameters, now);
    let ((valid_before, preferred_before), (valid, preferred)) = (advertised(before), advertised(after));
    before.lifetimes != after.lifetimes
        && (valid + SAME_END <= valid_before || preferred + SAME_END <= preferred_before)
}
