//! The state machine of one advertising interface: [RFC 4861
//! 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4) to 6.2.6 with the bounds of [RFC 8319
//! 4](https://www.rfc-editor.org/rfc/rfc8319#section-4), and retired prefixes ([RFC 9096
//! 3.5](https://www.rfc-editor.org/rfc/rfc9096#section-3.5)).
//!
//! The caller waits for [`Advertiser::deadline`], gets the due RA from [`Advertiser::poll`], and reports the
//! outcome through [`Advertiser::on_sent`] or [`Advertiser::on_send_failed`]: only RAs that left start the 3
//! s floor, count for the initial burst and reset the timers.

mod retry;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use rand::{Rng, RngExt};

use self::retry::Retry;
use super::{
    BootInstant,
    action::Cause,
    content,
    eligibility::Service,
    handover::{Advertised, AdvertisedPrefix},
    parameters::Parameters,
    rfc4861::{MAX_INITIAL_RTR_ADVERTISEMENTS, MAX_RA_DELAY_TIME, MIN_DELAY_BETWEEN_RAS},
};
use crate::{
    addr::{LinkLocal, Prefix64},
    wire::RouterAdvert,
};

/// The advertising side of one interface.
///
/// ```text
///                                         on_sent: next = now + random(Min..Max), <= 16 s in the burst
///                                         on_send_failed: next try 1, 2, 4, 8 s later
///                                         on_solicit: next = floor + random(0..0.5 s), if sooner
///                                             +-------+
///              advertise, carrier             |       v        advertise, another source or prefix:
///   +--------+ -----------------------> +-----------------+ -.  the burst restarts
///   | Ceased |                          |   Advertising   |  |
///   +--------+ <----------------------- +-----------------+ <'
///     |    ^          cease                |           ^
///     |    |                     advertise,|           | advertise,
///     |    |                    no carrier |           | carrier: the burst restarts
///     |    |                               v           |
///     |    |          cease             +-----------------+
///     |    +--------------------------- |     Paused      |
///     +-------------------------------> +-----------------+
///            advertise, no carrier
///
///   RAs that leave (poll), never within 3 s of the last one:
///     Advertising   a final RA from the previous source, if guests still hold it; then the RA due at `next`
///     Paused        none
///     Ceased        a final RA from the source that guests hold, at most three tries; then none
/// ```
#[derive(Clone, Debug)]
pub struct Advertiser {
    state: AdvertiserState,
    /// What guests hold, and when the last RA left, which starts the 3 s floor.
    advertised: Advertised,
    /// The backoff while sends fail. Boxed, because that is rare.
    retry: Option<Box<Retry>>,
    /// How often an advertised Valid Lifetime ended earlier than the one before it: only a previous process
    /// with other parameters can have advertised a longer one.
    shortened: u32,
    in_flight: Option<DueRa>,
}

/// A hash of the saved state of one interface without its instants, to detect changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedHash(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AdvertiserState {
    Advertising {
        service: Service,
        next: BootInstant,
        solicited: bool,
        initial_left: u8,
    },
    /// No carrier: no RA leaves, nothing is withdrawn.
    Paused,
    Ceased,
}

/// How an interface ceases to advertise [RFC 4861
/// 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cease {
    /// Whether a final RA can leave and reach guests.
    pub withdraw: bool,
    /// The fate of the prefix.
    pub prefix: PrefixFate,
}

/// The fate of a prefix when its interface ceases to advertise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixFate {
    /// The interface has it, or that is unknown: guests keep their addresses.
    Stands,
    /// The interface no longer has it: RAs carry it with lifetimes 0 [RFC 9096
    /// 3.5](https://www.rfc-editor.org/rfc/rfc9096#section-3.5), and guests deprecate their addresses, which
    /// stay valid for up to 2 h [RFC 4862 5.5.3 e](https://www.rfc-editor.org/rfc/rfc4862#section-5.5.3).
    Gone,
    /// The link went down or IPv6 was disabled on it, so no RA can retire the prefix.
    Forgotten,
}

/// An RA that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueRa {
    /// The source address.
    pub source: LinkLocal,
    /// The cause.
    pub cause: Cause,
}

/// An RA that a solicitation has scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SolicitedRa {
    /// The random delay that was drawn.
    pub delay: Duration,
    /// When the RA is due: the delay after the solicitation or after the end of the 3 s floor.
    pub due: BootInstant,
}

impl Default for Advertiser {
    fn default() -> Self {
        Self::new()
    }
}

impl Advertiser {
    /// Returns an advertiser that has nothing to send.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AdvertiserState::Ceased,
            advertised: Advertised { router: None, prefix: None, retired: Vec::new(), last_sent: None },
            retry: None,
            shortened: 0,
            in_flight: None,
        }
    }

    /// Returns an advertiser that continues from a saved state. It owes a final RA until it advertises from
    /// the source that guests hold.
    #[must_use]
    pub fn restore(mut advertised: Advertised) -> Self {
        advertised.drop_surplus();
        Self { advertised, ..Self::new() }
    }

    /// Returns what guests hold, for the saved state.
    #[must_use]
    pub const fn advertised(&self) -> &Advertised {
        &self.advertised
    }

    /// Returns a hash that changes with the saved state, instants aside: an RA that only prolongs lifetimes
    /// does not change it. A prefix is retired only after it was the current one, so the number of retired
    /// prefixes is enough.
    #[must_use]
    pub fn saved_hash(&self) -> SavedHash {
        let Advertised { router, prefix, retired, .. } = &self.advertised;
        let prefix = prefix.map(|prefix| prefix.prefix);
        let mut hasher = DefaultHasher::new();
        (router, prefix, retired.len(), self.shortened).hash(&mut hasher);
        SavedHash(hasher.finish())
    }

    /// Advertises `service` from `now` on. An interface that becomes an advertising interface, and a new
    /// source or prefix, restart the initial burst [RFC 4861
    /// 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4).
    pub fn advertise(&mut self, service: Service, now: BootInstant) {
        self.advertised.retire_all_but(service.prefix, now);
        match self.state {
            _ if !service.carrier => self.state = AdvertiserState::Paused,
            AdvertiserState::Advertising { service: current, .. } if same_for_guests(current, service) => {}
            AdvertiserState::Advertising { .. } | AdvertiserState::Paused | AdvertiserState::Ceased => {
                self.retry_soon();
                self.state = AdvertiserState::Advertising {
                    service,
                    next: now,
                    solicited: false,
                    initial_left: MAX_INITIAL_RTR_ADVERTISEMENTS,
                };
            }
        }
        // The failures of a final RA that is no longer owed do not count against the next one.
        if self.owed_final().is_none() {
            self.forget_failed_finals();
        }
    }

    /// Ceases to advertise [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5).
    pub fn cease(&mut self, how: Cease) {
        self.state = AdvertiserState::Ceased;
        self.retry_soon();
        if !how.withdraw {
            self.forgo_final();
        }
        match how.prefix {
            PrefixFate::Stands => {}
            PrefixFate::Gone => self.advertised.retire(),
            PrefixFate::Forgotten => self.advertised.forget_prefixes(),
        }
    }

    /// Handles a valid solicitation: schedules an RA after a random delay, unless one is due sooner [RFC 4861
    /// 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6). Returns the RA if this solicitation
    /// scheduled it.
    pub fn on_solicit(&mut self, now: BootInstant, rng: &mut impl Rng) -> Option<SolicitedRa> {
        let floor = self.floor();
        let AdvertiserState::Advertising { next, solicited, .. } = &mut self.state else { return None };
        if *solicited {
            return None;
        }
        // "... at a time corresponding to MIN_DELAY_BETWEEN_RAS plus the random value after the previous
        // advertisement was sent" [RFC 4861 6.2.6]; the backoff after a failed send is treated the same.
        let delay = rng.random_range(Duration::ZERO..=MAX_RA_DELAY_TIME);
        let due = floor.map_or(now, |floor| floor.max(now)) + delay;
        if due >= *next {
            return None;
        }
        *next = due;
        *solicited = true;
        Some(SolicitedRa { delay, due })
    }

    /// Returns when [`Advertiser::poll`] returns the next RA, or `None` if none is scheduled.
    #[must_use]
    pub fn deadline(&self) -> Option<BootInstant> {
        if self.in_flight.is_some() {
            return None;
        }
        let due = match self.state {
            _ if self.owed_final().is_some() => Some(BootInstant::from_boot(Duration::ZERO)),
            AdvertiserState::Advertising { next, .. } => Some(next),
            AdvertiserState::Paused | AdvertiserState::Ceased => None,
        }?;
        Some(self.floor().map_or(due, |floor| due.max(floor)))
    }

    /// Returns the RA that is due at `now`, if any. No other is due until its outcome is reported.
    pub fn poll(&mut self, now: BootInstant) -> Option<DueRa> {
        if self.deadline()? > now {
            return None;
        }
        self.in_flight = match (self.owed_final(), self.state) {
            (Some(source), _) => Some(DueRa { source, cause: Cause::Final }),
            (None, AdvertiserState::Advertising { service, solicited, .. }) => Some(DueRa {
                source: service.source,
                cause: if solicited { Cause::Solicited } else { Cause::Unsolicited },
            }),
            (None, AdvertiserState::Paused | AdvertiserState::Ceased) => None,
        };
        self.in_flight
    }

    /// Returns the message of an RA that leaves at `now`.
    #[must_use]
    pub fn message(&self, cause: Cause, parameters: &Parameters, now: BootInstant) -> RouterAdvert {
        content::router_advert(cause, self.prefix(), &self.advertised.retired, parameters, now)
    }

    /// Records that the RA in flight left at `now`. Returns the number of failed tries before it.
    pub fn on_sent(&mut self, parameters: &Parameters, now: BootInstant, rng: &mut impl Rng) -> u32 {
        let Some(sent) = self.in_flight.take() else { return 0 };
        self.advertised.last_sent = Some(now);
        let failed_before = self.retry.take().map_or(0, |retry| retry.tries());
        // A final RA carries the prefix with full lifetimes, so it prolongs them.
        if let Some(prefix) = self.prefix() {
            let valid_until = now + parameters.valid_lifetime;
            let before = self.advertised.prefix.replace(AdvertisedPrefix { prefix, valid_until });
            self.shortened += u32::from(before.is_some_and(|before| before.valid_until > valid_until));
        }
        match (sent.cause, &mut self.state) {
            // One final RA is enough: guests no longer hold the source.
            (Cause::Final, _) => self.advertised.router = None,
            (
                Cause::Unsolicited | Cause::Solicited,
                AdvertiserState::Advertising { service, next, solicited, initial_left },
            ) => {
                self.advertised.router = Some(service.source);
                *initial_left = initial_left.saturating_sub(1);
                *solicited = false;
                *next = now + parameters.draw_interval(*initial_left > 0, rng);
            }
            (Cause::Unsolicited | Cause::Solicited, AdvertiserState::Paused | AdvertiserState::Ceased) => {}
        }
        failed_before
    }

    /// Records that the RA in flight did not leave. The schedule and the burst stay, and the next try waits
    /// for the backoff. Returns the number of consecutive failures.
    pub fn on_send_failed(&mut self, now: BootInstant) -> u32 {
        let Some(failed) = self.in_flight.take() else { return self.failures() };
        let retry = self.retry.get_or_insert_with(|| Retry::new(now).into());
        retry.failed(now);
        if failed.cause == Cause::Final && retry.final_failed() {
            self.forgo_final();
        }
        self.failures()
    }

    /// Cancels an owed final RA, because DAD found its source at another node or no guest would receive it.
    pub fn forgo_final(&mut self) {
        self.advertised.router = None;
        self.forget_failed_finals();
    }

    /// Cancels the RA in flight and ceases.
    pub fn abandon(&mut self, how: Cease) {
        self.in_flight = None;
        self.cease(how);
    }

    /// Returns whether this state would make no difference if the interface were served again at `now`.
    #[must_use]
    pub fn is_spent(&self, now: BootInstant) -> bool {
        self.state == AdvertiserState::Ceased
            && !self.advertised.matters(now)
            && self.floor().is_none_or(|floor| floor <= now)
    }

    /// Returns the source that guests hold as a router.
    #[must_use]
    pub const fn router(&self) -> Option<LinkLocal> {
        self.advertised.router
    }

    /// Returns the RA whose outcome has not been reported yet.
    #[must_use]
    pub const fn in_flight(&self) -> Option<DueRa> {
        self.in_flight
    }

    /// Returns the number of consecutive failed sends.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.retry.as_ref().map_or(0, |retry| retry.tries())
    }

    fn retry_soon(&mut self) {
        if let Some(retry) = &mut self.retry {
            retry.soon();
        }
    }

    fn forget_failed_finals(&mut self) {
        if let Some(retry) = &mut self.retry {
            retry.forget_finals();
        }
    }

    /// Returns the source of the owed final RA: guests hold it and it is no longer in use
    /// [RFC 4861 6.2.5, 6.2.8](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.8).
    fn owed_final(&self) -> Option<LinkLocal> {
        let router = self.advertised.router?;
        match self.state {
            AdvertiserState::Advertising { service, .. } => (service.source != router).then_some(router),
            AdvertiserState::Paused => None,
            AdvertiserState::Ceased => Some(router),
        }
    }

    /// Returns the earliest instant of the next RA: 3 s after the last one
    /// [RFC 4861 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6), and after the backoff.
    fn floor(&self) -> Option<BootInstant> {
        let retry_at = self.retry.as_ref().map(|retry| retry.at());
        self.advertised.last_sent.map(|sent| sent + MIN_DELAY_BETWEEN_RAS).max(retry_at)
    }

    /// Returns the prefix that RAs carry as the current one; without a service, the one sent last.
    fn prefix(&self) -> Option<Prefix64> {
        match self.state {
            AdvertiserState::Advertising { service, .. } => Some(service.prefix),
            AdvertiserState::Paused | AdvertiserState::Ceased => self.advertised.prefix.map(|prefix| prefix.prefix),
        }
    }
}

/// Returns whether two services are the same to guests.
fn same_for_guests(a: Service, b: Service) -> bool {
    a.source == b.source && a.prefix == b.prefix
}

#[cfg(test)]
mod tests;
