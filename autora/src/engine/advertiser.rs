//! The state machine of one advertising interface: [RFC 4861
//! 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4) to 6.2.8 with the bounds of [RFC 8319
//! 4](https://www.rfc-editor.org/rfc/rfc8319#section-4), and retired prefixes ([RFC 9096
//! 3.5](https://www.rfc-editor.org/rfc/rfc9096#section-3.5)).
//!
//! The caller waits for [`Advertiser::deadline`], gets the due RA from [`Advertiser::poll`], and reports the
//! outcome through [`Advertiser::on_sent`] or [`Advertiser::on_send_failed`]: only RAs that left start the 3
//! s floor, count for the initial burst and reset the timers.

mod grace;
mod held;
mod outlook;
mod retry;
mod schedule;
mod state;

use std::time::Duration;

use rand::Rng;

use self::{grace::Grace, held::Held, retry::Backoff, schedule::Schedule, state::AdvertiserState};
pub use self::{
    held::SavedHash,
    outlook::{Departures, DueRa, Outlook},
    schedule::{RaDelay, SentRa, SolicitedRa},
};
use super::{
    BootInstant,
    action::Cause,
    content,
    eligibility::{Departure, InUse, Service},
    grid::SendGrid,
    handover::Advertised,
    interface::Lifetimes,
    parameters::Parameters,
    rfc4861::MIN_DELAY_BETWEEN_RAS,
};
use crate::{addr::LinkLocal, wire::RouterAdvert};

/// The advertising side of one interface. The *pair in use* is the source and the prefix that guests were told.
///
/// ```text
///                                            on_sent: next = now + random(Min..Max), <= 16 s in the burst
///                                            on_send_failed: next try 1, 2, 4, 8 s later
///                                            on_solicit: next = floor + random(0..0.5 s), if sooner
///                                                +-------+
///              Serve, carrier                    |       v        Serve, another pair, and the grace is over;
///   +--------+ --------------------------> +-----------------+ -.  or other link options, shorter lifetimes:
///   | Ceased |                             |   Advertising   |  |  the burst restarts
///   +--------+ <-------------------------- +-----------------+ <'
///     |    ^    NotServed, and the grace       |           ^
///     |    |    is over; Lost                  | no        | carrier: the burst restarts
///     |    |                                   v carrier   |
///     |    '-------------------------------+-----------------+
///     '----------------------------------> |     Paused      |
///              Serve, no carrier           +-----------------+
///
///   RAs that leave (poll), never within 3 s of the last one, none during a grace or while DAD runs on the source:
///     Advertising   a final RA from the previous source, if guests still hold it; else the RA due at `next`
///     Paused        none
///     Ceased        a final RA from the source in use, then one from the previous source, at most three tries each
/// ```
#[derive(Clone, Debug)]
pub struct Advertiser {
    state: AdvertiserState,
    grace: Grace,
    /// Since when RAs may leave: the link has carrier, the source may be used, and the interface is to be served.
    ready_at: Option<BootInstant>,
    /// Whether final RAs can leave.
    departures: Departures,
    /// What guests hold, and when the last RA left, which starts the 3 s floor.
    held: Held,
    backoff: Backoff,
    in_flight: Option<DueRa>,
}

impl Advertiser {
    /// Returns an advertiser that continues from a saved state.
    #[must_use]
    pub fn restore(advertised: Advertised) -> Self {
        Self {
            state: AdvertiserState::Ceased { lifetimes: None },
            grace: Grace::None,
            ready_at: None,
            departures: Departures::default(),
            held: Held::restore(advertised),
            backoff: Backoff::default(),
            in_flight: None,
        }
    }

    /// Returns what guests hold, for the saved state.
    #[must_use]
    pub const fn advertised(&self) -> &Advertised {
        &self.held.advertised
    }

    /// Returns what guests hold at `now`, which the interface keeps as long as it can; while it advertises that, also
    /// once guests hold it no more, since sends fail.
    #[must_use]
    pub fn in_use(&self, now: BootInstant) -> InUse {
        self.held.advertised.in_use(self.state.source(), self.state.advertised_prefix(), now)
    }

    /// Returns a hash that changes with the saved state, instants aside.
    #[must_use]
    pub fn saved_hash(&self) -> SavedHash {
        self.held.saved_hash()
    }

    /// Follows the state of the interface at `now`. Returns whether the pair in use is back within the grace, so that
    /// the interface goes on where it was.
    pub fn follow(&mut self, outlook: Outlook, parameters: &Parameters, now: BootInstant) -> bool {
        let waited = self.grace.is_running() && self.state.is_advertising();
        match outlook {
            Outlook::Serve(service) => self.follow_serve(service, parameters, now),
            Outlook::NotServed { carrier, lifetimes } => self.follow_not_served(carrier, lifetimes, now),
            Outlook::Lost => {
                (self.ready_at, self.grace) = (None, Grace::Excused);
                self.cease(None);
            }
        }
        // The failures of a final RA that is no longer owed do not count against the next one.
        if self.due_final().is_none() {
            self.backoff.forget_finals();
        }
        waited && self.grace == Grace::None && self.state.is_advertising()
    }

    fn follow_serve(&mut self, service: Service, parameters: &Parameters, now: BootInstant) {
        self.ready_at = service.is_ready().then(|| self.ready_at.unwrap_or(now));
        if self.gives_up_pair(&service, now) && self.grace.is_worth_waiting() {
            return self.wait_for_pair(service.carrier, now);
        }
        self.grace = Grace::of_served(self.gives_up_pair(&service, now));
        self.advertise(service, parameters, now);
    }

    /// Returns whether guests hold another source or prefix than `service` has.
    fn gives_up_pair(&self, service: &Service, now: BootInstant) -> bool {
        let InUse { source, prefix } = self.in_use(now);
        source.is_some_and(|source| source != service.source || prefix.is_some_and(|prefix| prefix != service.prefix))
    }

    fn follow_not_served(&mut self, carrier: bool, lifetimes: Option<Lifetimes>, now: BootInstant) {
        self.ready_at = None;
        if self.in_use(now).source.is_some() && self.grace.is_worth_waiting() {
            return self.wait_for_pair(carrier, now);
        }
        self.cease(lifetimes);
    }

    /// Waits for the pair in use, which is gone. Without carrier that waits, too.
    fn wait_for_pair(&mut self, carrier: bool, now: BootInstant) {
        if carrier {
            self.grace.begin(now);
        } else {
            (self.grace, self.state) = (Grace::None, AdvertiserState::Paused);
        }
    }

    fn cease(&mut self, lifetimes: Option<Lifetimes>) {
        self.backoff.soon();
        self.state = AdvertiserState::Ceased { lifetimes };
    }

    /// Advertises `service` from `now` on. An interface that becomes an advertising interface, and new content, restart
    /// the initial burst [RFC 4861 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4).
    fn advertise(&mut self, service: Service, parameters: &Parameters, now: BootInstant) {
        self.held.advertised.owed.take_if(|owed| owed.source == service.source);
        if !service.carrier {
            self.state = AdvertiserState::Paused;
            return;
        }
        let schedule = self.state.schedule_for(&service, parameters, now).unwrap_or_else(|| {
            self.backoff.soon();
            Schedule::begin(now)
        });
        self.state = AdvertiserState::Advertising { service, schedule };
    }

    /// Restarts the initial burst at `now`, because RAs have other options about the link.
    pub fn on_options_changed(&mut self, now: BootInstant) {
        if let AdvertiserState::Advertising { schedule, .. } = &mut self.state {
            *schedule = Schedule::begin(now);
            self.backoff.soon();
        }
    }

    /// Stops: a final RA leaves from the source in use, as soon as the floor allows and if it can leave.
    pub fn stop(&mut self, lifetimes: Option<Lifetimes>) {
        self.ready_at = None;
        self.held.advertised.owed = None;
        if self.grace != Grace::Excused {
            self.grace = Grace::Over;
        }
        self.cease(lifetimes);
    }

    /// Sets whether final RAs can leave. One from an address that the kernel found at another node never does.
    pub fn set_departures(&mut self, departures: Departures) {
        self.departures = departures;
        let withdraws_router = self.withdraws_router();
        if departures.router == Departure::Never {
            self.held.record_duplicate();
            self.held.advertised.router.take_if(|_| withdraws_router);
        }
        if departures.owed == Departure::Never {
            self.held.advertised.owed = None;
        }
    }

    /// Handles a valid solicitation: schedules an RA after a random delay, unless one is due sooner [RFC 4861
    /// 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6). Returns the RA if this solicitation
    /// scheduled it.
    pub fn on_solicit(&mut self, now: BootInstant, rng: &mut impl Rng) -> Option<SolicitedRa> {
        let floor = self.floor();
        let AdvertiserState::Advertising { schedule, .. } = &mut self.state else { return None };
        schedule.on_solicit(floor, now, rng)
    }

    /// Returns when [`Advertiser::end_grace`] or [`Advertiser::poll`] is to be called next, or `None` if nothing is
    /// scheduled.
    #[must_use]
    pub fn deadline(&self) -> Option<BootInstant> {
        if self.in_flight.is_some() {
            return None;
        }
        if let Some(end) = self.grace.ends() {
            return Some(end);
        }
        let due = match self.state {
            _ if self.due_final().is_some() => Some(BootInstant::from_boot(Duration::ZERO)),
            AdvertiserState::Advertising { schedule, .. } if self.ready_at.is_some() => Some(schedule.next()),
            AdvertiserState::Advertising { .. } | AdvertiserState::Paused | AdvertiserState::Ceased { .. } => None,
        }?;
        Some(self.floor().map_or(due, |floor| due.max(floor)))
    }

    /// Ends the grace if its end is not after `now`. Returns whether it did: the caller then calls
    /// [`Advertiser::follow`] with what is true at that instant.
    pub fn end_grace(&mut self, now: BootInstant) -> bool {
        let ends = self.grace.ends().is_some_and(|end| end <= now);
        if ends {
            self.grace = Grace::Over;
        }
        ends
    }

    /// Returns the RA that is due at `now`, if any. No other is due until its outcome is reported.
    pub fn poll(&mut self, now: BootInstant) -> Option<DueRa> {
        if self.grace.is_running() || self.deadline()? > now {
            return None;
        }
        self.held.advertised.owed.take_if(|owed| !owed.is_held(now));
        let ready = self.ready_at.is_some();
        self.in_flight = match (self.due_final(), self.state) {
            (Some(source), _) => Some(DueRa { source, cause: Cause::Final }),
            (None, AdvertiserState::Advertising { service, schedule }) if ready && schedule.next() <= now => {
                Some(DueRa { source: service.source, cause: schedule.cause() })
            }
            (None, _) => None,
        };
        self.in_flight
    }

    /// Returns the message of an RA that leaves at `now`.
    #[must_use]
    pub fn message(&self, cause: Cause, parameters: &Parameters, now: BootInstant) -> RouterAdvert {
        content::router_advert(
            cause,
            self.state.current_prefix(self.held.advertised.prefix),
            &self.held.advertised.retired_beside(self.state.advertised_prefix(), now),
            parameters,
            now,
        )
    }

    /// Records that the RA in flight left at `now`. Returns what is known of it.
    pub fn on_sent(&mut self, parameters: &Parameters, grid: SendGrid, now: BootInstant, rng: &mut impl Rng) -> SentRa {
        let Some(sent) = self.in_flight.take() else { return SentRa::default() };
        self.held.advertised.last_sent = Some(now);
        let mut left = SentRa { failed_before: self.backoff.sent(), delay: None };
        self.record_prefix(parameters, now);
        match (sent.cause, &mut self.state) {
            (Cause::Final, _) => self.drop_router(sent.source),
            (Cause::Unsolicited | Cause::Solicited, AdvertiserState::Advertising { schedule, .. }) => {
                left.delay = schedule.delay(self.ready_at, now);
                schedule.on_sent(parameters, grid, now, rng);
                self.held.record_router(sent.source, parameters, now);
            }
            (Cause::Unsolicited | Cause::Solicited, AdvertiserState::Paused | AdvertiserState::Ceased { .. }) => {}
        }
        if self.tells_pair() {
            self.grace = Grace::None;
        }
        left
    }

    /// Records that the RA in flight did not leave. The schedule and the burst stay, and the next try waits
    /// for the backoff. Returns the number of consecutive failures.
    pub fn on_send_failed(&mut self, now: BootInstant) -> u32 {
        if let Some(failed) = self.in_flight.take() {
            self.backoff.failed(now);
            if failed.cause == Cause::Final && self.backoff.final_failed(failed.source) {
                self.drop_router(failed.source);
            }
        }
        self.failures()
    }

    /// Records the prefixes of an RA that left at `now`. With the current one, guests were told the pair in use anew.
    fn record_prefix(&mut self, parameters: &Parameters, now: BootInstant) {
        if let Some(prefix) = self.state.advertised_prefix() {
            self.held.advertised.retire_all_but(prefix, now);
        }
        if let Some(current) = self.state.current_prefix(self.held.advertised.prefix) {
            self.held.record_prefix(current, parameters, now);
        }
    }

    /// Drops a source that guests hold no more, or that gets no further final RA.
    fn drop_router(&mut self, source: LinkLocal) {
        self.held.drop_router(source);
        if self.held.advertised.router.is_none() {
            self.grace = self.grace.withdrawn();
        }
        self.backoff.forget_finals();
    }

    /// Cancels the RA in flight.
    pub const fn cancel(&mut self) {
        self.in_flight = None;
    }

    /// Returns whether this state would make no difference if the interface were served again at `now`.
    #[must_use]
    pub fn is_spent(&self, now: BootInstant) -> bool {
        !self.state.is_advertising()
            && !self.grace.is_running()
            && !self.held.advertised.matters(now)
            && self.floor().is_none_or(|floor| floor <= now)
    }

    /// Returns whether the pair in use is gone and still waited for.
    #[must_use]
    pub const fn is_in_grace(&self) -> bool {
        self.grace.is_running()
    }

    /// Returns the RA whose outcome has not been reported yet.
    #[must_use]
    pub const fn in_flight(&self) -> Option<DueRa> {
        self.in_flight
    }

    /// Returns the number of consecutive failed sends.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.backoff.tries()
    }

    /// Returns the source of the final RA that is due: of the source in use once the interface has ceased to advertise
    /// [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5), otherwise of the one before it.
    fn due_final(&self) -> Option<LinkLocal> {
        let (router, owed) = (self.held.router_to_withdraw(), self.held.advertised.owed);
        let router = router.filter(|_| self.withdraws_router() && self.departures.router == Departure::Now);
        let owed = owed.filter(|_| self.may_owe() && self.departures.owed == Departure::Now);
        router.or(owed).map(|router| router.source)
    }

    /// Returns whether the source before the one in use may get its final RA: not before a new source has spoken, so
    /// that guests are never without a default route.
    fn may_owe(&self) -> bool {
        self.tells_pair() || (matches!(self.state, AdvertiserState::Ceased { .. }) && self.grace != Grace::Excused)
    }

    /// Returns whether RAs have the source in use.
    fn tells_pair(&self) -> bool {
        self.state.source().is_some_and(|source| self.held.advertised.router.is_some_and(|held| held.source == source))
    }

    /// Returns whether the interface has ceased to advertise and owes a final RA from the source in use.
    fn withdraws_router(&self) -> bool {
        self.grace == Grace::Over && matches!(self.state, AdvertiserState::Ceased { .. })
    }

    /// Returns the earliest instant of the next RA: 3 s after the last one
    /// [RFC 4861 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6), and after the backoff.
    fn floor(&self) -> Option<BootInstant> {
        self.held.advertised.last_sent.map(|sent| sent + MIN_DELAY_BETWEEN_RAS).max(self.backoff.at())
    }
}

#[cfg(test)]
mod tests;
