//! The state machine of one advertising interface: [RFC 4861
//! 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4) to 6.2.6 with the bounds of [RFC 8319
//! 4](https://www.rfc-editor.org/rfc/rfc8319#section-4), and the deprecation of prefixes that went ([RFC 9096
//! 3.5](https://www.rfc-editor.org/rfc/rfc9096#section-3.5)).
//!
//! Instants and the random generator come in as arguments. [`Advertiser::deadline`] says when it wants to be asked,
//! [`Advertiser::poll`] hands out what has to leave, and the outcome comes back through [`Advertiser::on_sent`] or
//! [`Advertiser::on_send_failed`]: only what really left counts for the 3 s floor, the burst and the timers.

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
///   +--------+ -----------------------> +-----------------+ -.  the burst begins again
///   | Ceased |                          |   Advertising   |  |
///   +--------+ <----------------------- +-----------------+ <'
///     |    ^          cease                |           ^
///     |    |                     advertise,|           | advertise,
///     |    |                    no carrier |           | carrier: the burst begins
///     |    |                               v           |
///     |    |          cease             +-----------------+
///     |    +--------------------------- |     Paused      |
///     +-------------------------------> +-----------------+
///            advertise, no carrier
///
///   What leaves (poll), never within 3 s of the last RA:
///     Advertising   a final RA from the source before, if hosts still hold that one; then what is due at `next`
///     Paused        nothing
///     Ceased        a final RA from the source that hosts hold, at most three tries; then nothing
/// ```
#[derive(Clone, Debug)]
pub struct Advertiser {
    state: AdvertiserState,
    /// What hosts were told, and when last: the beginning of the 3 s floor.
    advertised: Advertised,
    /// While sending fails; in a box, as that is rare.
    retry: Option<Box<Retry>>,
    /// How often an advertised Valid Lifetime ended earlier than the one before: only a previous process can have
    /// advertised a longer one than this does.
    shortened: u32,
    in_flight: Option<DueRa>,
}

/// A hash of what the next process has to know of one interface, time aside: kept of every interface, and only
/// compared.
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
    /// No carrier: nothing is sent, nothing is withdrawn.
    Paused,
    Ceased,
}

/// How an interface ceases to advertise [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cease {
    /// Whether a final RA can still leave and be heard.
    pub withdraw: bool,
    /// What has become of the prefix.
    pub prefix: PrefixFate,
}

/// What becomes of a prefix when its interface ceases to advertise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixFate {
    /// It is still there, or that is unknown: hosts keep their addresses.
    Stands,
    /// It went: hosts are told to deprecate their addresses, by lifetimes 0
    /// [RFC 9096 3.5](https://www.rfc-editor.org/rfc/rfc9096#section-3.5). They keep them valid for up to 2 h
    /// [RFC 4862 5.5.3 e](https://www.rfc-editor.org/rfc/rfc4862#section-5.5.3).
    Gone,
    /// The link went down or away, and with it everything that is known of it.
    Forgotten,
}

/// An RA that has to leave now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueRa {
    /// Its source.
    pub source: LinkLocal,
    /// Why it leaves.
    pub cause: Cause,
}

/// The RA that a solicitation has brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SolicitedRa {
    /// The random delay that was drawn for it.
    pub delay: Duration,
    /// When it is to leave: after the delay, counted from the solicitation or from the end of the 3 s floor.
    pub due: BootInstant,
}

impl Default for Advertiser {
    fn default() -> Self {
        Self::new()
    }
}

impl Advertiser {
    /// Returns one that has nothing to send yet.
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

    /// Returns one that takes over where a previous one ended: it owes a final RA, unless it is to serve as that one
    /// did.
    #[must_use]
    pub fn restore(mut advertised: Advertised) -> Self {
        advertised.drop_surplus();
        Self { advertised, ..Self::new() }
    }

    /// Returns what hosts were told, for the next process to know.
    #[must_use]
    pub const fn advertised(&self) -> &Advertised {
        &self.advertised
    }

    /// Returns a hash that changes whenever the next process would have to know something else, but for the time that
    /// passes: an RA that prolongs the lifetimes that it repeats changes nothing. A prefix is only retired after having
    /// been advertised, so of the retired ones their number is enough.
    #[must_use]
    pub fn saved_hash(&self) -> SavedHash {
        let Advertised { router, prefix, retired, .. } = &self.advertised;
        let prefix = prefix.map(|prefix| prefix.prefix);
        let mut hasher = DefaultHasher::new();
        (router, prefix, retired.len(), self.shortened).hash(&mut hasher);
        SavedHash(hasher.finish())
    }

    /// The interface is to be served as `service` says, from `now` on. Nothing happens if it already is; becoming
    /// advertising, and a new source or prefix, start the initial burst again
    /// [RFC 4861 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4).
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
        // A final RA that is not owed any more took its failures along: the next one has all its tries.
        if self.owed_final().is_none() {
            self.forget_failed_finals();
        }
    }

    /// The interface is no longer to be served [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5).
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

    /// A valid solicitation arrived: an RA leaves after a random delay, unless one is due sooner anyway
    /// [RFC 4861 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6). Returns it if it is this solicitation
    /// that brings it about.
    pub fn on_solicit(&mut self, now: BootInstant, rng: &mut impl Rng) -> Option<SolicitedRa> {
        let floor = self.floor();
        let AdvertiserState::Advertising { next, solicited, .. } = &mut self.state else { return None };
        if *solicited {
            return None;
        }
        // "... at a time corresponding to MIN_DELAY_BETWEEN_RAS plus the random value after the previous
        // advertisement was sent" [RFC 4861 6.2.6]; likewise after the wait that a failed send asks for.
        let delay = rng.random_range(Duration::ZERO..=MAX_RA_DELAY_TIME);
        let due = floor.map_or(now, |floor| floor.max(now)) + delay;
        if due >= *next {
            return None;
        }
        *next = due;
        *solicited = true;
        Some(SolicitedRa { delay, due })
    }

    /// Returns when [`Advertiser::poll`] has something to hand out next, if ever.
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

    /// Returns what has to leave at `now`, if anything. Its outcome must come back before anything else is handed out.
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

    /// What was handed out has left at `now`. Returns how many tries had failed before.
    pub fn on_sent(&mut self, parameters: &Parameters, now: BootInstant, rng: &mut impl Rng) -> u32 {
        let Some(sent) = self.in_flight.take() else { return 0 };
        self.advertised.last_sent = Some(now);
        let failed_before = self.retry.take().map_or(0, |retry| retry.tries());
        // A final RA prolongs its prefix's lifetimes like any other.
        if let Some(prefix) = self.prefix() {
            let valid_until = now + parameters.valid_lifetime;
            let before = self.advertised.prefix.replace(AdvertisedPrefix { prefix, valid_until });
            self.shortened += u32::from(before.is_some_and(|before| before.valid_until > valid_until));
        }
        match (sent.cause, &mut self.state) {
            // Once is enough where it left: no host holds the source any more.
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

    /// What was handed out did not leave. The schedule stands, the burst is not consumed, and the next try waits.
    /// Returns how many tries in a row have failed now.
    pub fn on_send_failed(&mut self, now: BootInstant) -> u32 {
        let Some(failed) = self.in_flight.take() else { return self.failures() };
        let retry = self.retry.get_or_insert_with(|| Retry::new(now).into());
        retry.failed(now);
        if failed.cause == Cause::Final && retry.final_failed() {
            self.forgo_final();
        }
        self.failures()
    }

    /// Gives up the final RA that may be owed: its source has become another node's, or no host would hear it.
    pub fn forgo_final(&mut self) {
        self.advertised.router = None;
        self.forget_failed_finals();
    }

    /// What was handed out must not leave after all: the interface ceases instead.
    pub fn abandon(&mut self, how: Cease) {
        self.in_flight = None;
        self.cease(how);
    }

    /// Returns whether there is nothing left at `now` that would matter if the interface were served again.
    #[must_use]
    pub fn is_spent(&self, now: BootInstant) -> bool {
        self.state == AdvertiserState::Ceased
            && !self.advertised.matters(now)
            && self.floor().is_none_or(|floor| floor <= now)
    }

    /// Returns the source that hosts hold as a router now.
    #[must_use]
    pub const fn router(&self) -> Option<LinkLocal> {
        self.advertised.router
    }

    /// Returns what was handed out and has no outcome yet.
    #[must_use]
    pub const fn in_flight(&self) -> Option<DueRa> {
        self.in_flight
    }

    /// Returns how many tries to send have failed in a row.
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

    /// Returns the source from which a final RA is owed: one that hosts know and that is no longer in use
    /// [RFC 4861 6.2.5, 6.2.8](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.8).
    fn owed_final(&self) -> Option<LinkLocal> {
        let router = self.advertised.router?;
        match self.state {
            AdvertiserState::Advertising { service, .. } => (service.source != router).then_some(router),
            AdvertiserState::Paused => None,
            AdvertiserState::Ceased => Some(router),
        }
    }

    /// Returns before when nothing may leave: 3 s after the last RA
    /// [RFC 4861 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6), and not before a retry is due.
    fn floor(&self) -> Option<BootInstant> {
        let retry_at = self.retry.as_ref().map(|retry| retry.at());
        self.advertised.last_sent.map(|sent| sent + MIN_DELAY_BETWEEN_RAS).max(retry_at)
    }

    /// Returns the prefix that RAs carry as the current one: also in a final one, where it is the one sent last.
    fn prefix(&self) -> Option<Prefix64> {
        match self.state {
            AdvertiserState::Advertising { service, .. } => Some(service.prefix),
            AdvertiserState::Paused | AdvertiserState::Ceased => {
                self.advertised.prefix.map(|prefix| prefix.prefix)
            }
        }
    }
}

/// Returns whether hosts see no difference between two services.
fn same_for_guests(a: Service, b: Service) -> bool {
    a.source == b.source && a.prefix == b.prefix
}

#[cfg(test)]
mod tests;
