//! The state machine of one advertising interface: RFC 4861 6.2.4 to 6.2.6 with the bounds of RFC 8319, and the
//! deprecation of prefixes that went (RFC 9096 3.5).
//!
//! Instants and the random generator come in as arguments. [`Advertiser::deadline`] says when it wants to be asked,
//! [`Advertiser::poll`] hands out what has to leave, and the outcome comes back through [`Advertiser::on_sent`] or
//! [`Advertiser::on_send_failed`]: only what really left counts for the 3 s floor, the burst and the timers.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use rand::{Rng, RngExt};

use super::{
    Instant,
    eligibility::Service,
    memory::{Past, Promise},
};
use crate::{
    addr::{LinkLocal, Prefix64},
    wire::{NdOption, PrefixInformation, RouterAdvert},
};

/// MIN_DELAY_BETWEEN_RAS [RFC 4861 10]: no two multicast advertisements on one interface are closer, whatever the cause.
pub const MIN_DELAY_BETWEEN_RAS: Duration = Duration::from_secs(3);

/// MAX_RA_DELAY_TIME [RFC 4861 10]: the longest random delay of an answer to a solicitation.
pub const MAX_RA_DELAY_TIME: Duration = Duration::from_millis(500);

/// MAX_INITIAL_RTR_ADVERT_INTERVAL [RFC 4861 10]: the longest interval within the initial burst.
pub const MAX_INITIAL_RTR_ADVERT_INTERVAL: Duration = Duration::from_secs(16);

/// MAX_INITIAL_RTR_ADVERTISEMENTS [RFC 4861 10]: how many advertisements the initial burst has.
pub const MAX_INITIAL_RTR_ADVERTISEMENTS: u8 = 3;

/// MAX_FINAL_RTR_ADVERTISEMENTS [RFC 4861 10]: how often a final advertisement is tried before it is given up.
const MAX_FINAL_ATTEMPTS: u32 = 3;

/// How many withdrawn prefixes ride along at most; beyond that the oldest goes first.
const MAX_WITHDRAWN: usize = 8;

/// The wait after a first failed send; it doubles up to [`MAX_RETRY_DELAY`].
const MIN_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The longest wait between two tries to send.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(8);

/// What advertisements say and how often, for every interface alike; the bounds were checked where it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// MinRtrAdvInterval: the shortest time between unsolicited advertisements, at least 3 s.
    pub min_interval: Duration,
    /// MaxRtrAdvInterval: the longest time between them.
    pub max_interval: Duration,
    /// Router Lifetime; 0 makes no default router.
    pub router_lifetime: Duration,
    /// Valid Lifetime of the prefix.
    pub valid_lifetime: Duration,
    /// Preferred Lifetime of the prefix, at most the valid one.
    pub preferred_lifetime: Duration,
}

/// The advertising side of one interface.
#[derive(Clone, Debug)]
pub struct Advertiser {
    state: State,
    /// What guests were told, when last: the beginning of the 3 s floor.
    past: Past,
    /// While sending fails; in a box, as that is rare.
    failing: Option<Box<Failing>>,
    /// How often a promise was made shorter: only a predecessor can have given one for longer than this daemon does.
    shortened: u32,
    in_flight: Option<Transmission>,
}

/// Tries to send that failed in a row.
#[derive(Clone, Debug)]
struct Failing {
    tries: u32,
    /// When the last of them failed.
    last: Instant,
    retry_at: Instant,
    /// How often the goodbye that is owed could not be said.
    goodbyes: u32,
}

/// The source and the prefix that guests hold, how many prefixes are withdrawn, and how often a promise became shorter: a
/// hash of that, as it is kept of every interface, and only ever compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Advertising {
        service: Service,
        next: Instant,
        solicited: bool,
        initial_left: u8,
    },
    /// No carrier: nothing is sent, nothing is taken back.
    Paused,
    Ceased,
}

/// How an interface ceases to advertise [RFC 4861 6.2.5].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cease {
    /// Whether a final advertisement can still leave and be heard.
    pub say_goodbye: bool,
    /// What has become of the prefix.
    pub prefix: PrefixFate,
}

/// What becomes of a prefix when its interface ceases to advertise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixFate {
    /// It is still there, or nobody can tell: guests keep their addresses.
    Stands,
    /// It went: guests are told to deprecate their addresses [RFC 9096 3.5].
    Gone,
    /// The link went down or away, and with it everything that is known of it.
    Forgotten,
}

/// An advertisement that has to leave now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmission {
    /// Its source.
    pub source: LinkLocal,
    /// Why it leaves.
    pub cause: Cause,
}

/// An answer that a solicitation has brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The random delay that was drawn for it.
    pub delay: Duration,
    /// When it is to leave: after the delay, counted from the solicitation or from the end of the 3 s floor.
    pub due: Instant,
}

/// Why an advertisement leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The interval is over, or the interface has just become an advertising one.
    Unsolicited,
    /// A host asked.
    Solicited,
    /// The router says goodbye: Router Lifetime 0.
    Final,
}

impl Cause {
    /// The cause in one word, for logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsolicited => "unsolicited",
            Self::Solicited => "solicited",
            Self::Final => "final",
        }
    }
}

impl Default for Advertiser {
    fn default() -> Self {
        Self::new()
    }
}

impl Advertiser {
    /// One that has nothing to say yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Ceased,
            past: Past { announced: None, promised: None, withdrawn: Vec::new(), last_sent: None },
            failing: None,
            shortened: 0,
            in_flight: None,
        }
    }

    /// One that takes over where another ended: with a goodbye to say, unless it is to serve as that one did.
    #[must_use]
    pub fn recall(mut past: Past) -> Self {
        drop_surplus(&mut past.withdrawn);
        Self { past, ..Self::new() }
    }

    /// What it would leave to a successor.
    #[must_use]
    pub const fn past(&self) -> &Past {
        &self.past
    }

    /// What changes whenever a successor would have to know something else, but for the time that passes: an
    /// advertisement that prolongs the promise that it repeats is no news. A prefix is only withdrawn after having been
    /// promised, so of the withdrawn ones their number is enough.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        let Past { announced, promised, withdrawn, .. } = &self.past;
        let promised = promised.map(|promise| promise.prefix);
        let mut hasher = DefaultHasher::new();
        (announced, promised, withdrawn.len(), self.shortened).hash(&mut hasher);
        Footprint(hasher.finish())
    }

    /// The interface is to be served as `service` says, from `now` on. Nothing happens if it already is; becoming
    /// advertising, and a new source or prefix, start the initial burst again.
    pub fn advertise(&mut self, service: Service, now: Instant) {
        self.take_back_all_but(service.prefix, now);
        match self.state {
            _ if !service.carrier => self.state = State::Paused,
            State::Advertising { service: current, .. } if same_for_guests(current, service) => {}
            State::Advertising { .. } | State::Paused | State::Ceased => {
                self.retry_soon();
                self.state = State::Advertising {
                    service,
                    next: now,
                    solicited: false,
                    initial_left: MAX_INITIAL_RTR_ADVERTISEMENTS,
                };
            }
        }
        // A goodbye that is not owed any more took its failures along: the next one has all its tries.
        if self.goodbye().is_none() {
            self.forget_failed_goodbyes();
        }
    }

    /// The interface is no longer to be served.
    pub fn cease(&mut self, how: Cease) {
        self.state = State::Ceased;
        self.retry_soon();
        if !how.say_goodbye {
            self.forgo_goodbye();
        }
        match how.prefix {
            PrefixFate::Stands => {}
            PrefixFate::Gone => {
                self.past.withdrawn.extend(self.past.promised.take());
                drop_surplus(&mut self.past.withdrawn);
            }
            PrefixFate::Forgotten => {
                self.past.promised = None;
                self.past.withdrawn.clear();
            }
        }
    }

    /// A valid solicitation arrived: an answer leaves after a random delay, unless an advertisement is due sooner
    /// anyway [RFC 4861 6.2.6]. Returns the answer if it is this solicitation that brings it about.
    pub fn on_solicit(&mut self, now: Instant, rng: &mut impl Rng) -> Option<Answer> {
        let floor = self.floor();
        let State::Advertising { next, solicited, .. } = &mut self.state else { return None };
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
        Some(Answer { delay, due })
    }

    /// When [`Advertiser::poll`] has something to hand out next, if ever.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.in_flight.is_some() {
            return None;
        }
        let due = match self.state {
            _ if self.goodbye().is_some() => Some(Instant::from_boot(Duration::ZERO)),
            State::Advertising { next, .. } => Some(next),
            State::Paused | State::Ceased => None,
        }?;
        Some(self.floor().map_or(due, |floor| due.max(floor)))
    }

    /// What has to leave at `now`, if anything. Its outcome must be told before anything else is handed out.
    pub fn poll(&mut self, now: Instant) -> Option<Transmission> {
        if self.deadline()? > now {
            return None;
        }
        self.in_flight = match (self.goodbye(), self.state) {
            (Some(source), _) => Some(Transmission { source, cause: Cause::Final }),
            (None, State::Advertising { service, solicited, .. }) => Some(Transmission {
                source: service.source,
                cause: if solicited { Cause::Solicited } else { Cause::Unsolicited },
            }),
            (None, State::Paused | State::Ceased) => None,
        };
        self.in_flight
    }

    /// The message of `transmission`, as it leaves at `now`.
    #[must_use]
    pub fn message(&self, transmission: Transmission, parameters: &Parameters, now: Instant) -> RouterAdvert {
        let current = self
            .prefix()
            .map(|prefix| prefix_option(prefix, parameters.valid_lifetime, parameters.preferred_lifetime));
        let withdrawn = self.past.withdrawn.iter().filter(|promise| promise.until > now);
        RouterAdvert {
            cur_hop_limit: 0,
            flags: 0,
            router_lifetime: match transmission.cause {
                Cause::Unsolicited | Cause::Solicited => parameters.router_lifetime,
                Cause::Final => Duration::ZERO,
            },
            reachable_time: Duration::ZERO,
            retrans_timer: Duration::ZERO,
            options: current
                .into_iter()
                .chain(withdrawn.map(|promise| prefix_option(promise.prefix, Duration::ZERO, Duration::ZERO)))
                .collect(),
        }
    }

    /// What was handed out has left at `now`. Returns how many tries had failed before.
    pub fn on_sent(&mut self, parameters: &Parameters, now: Instant, rng: &mut impl Rng) -> u32 {
        let Some(transmission) = self.in_flight.take() else { return 0 };
        self.past.last_sent = Some(now);
        let failed_before = self.failing.take().map_or(0, |failing| failing.tries);
        // A final advertisement promises its prefix like any other.
        if let Some(prefix) = self.prefix() {
            let promise = Promise { prefix, until: now + parameters.valid_lifetime };
            let before = self.past.promised.replace(promise);
            self.shortened += u32::from(before.is_some_and(|before| before.until > promise.until));
        }
        match (transmission.cause, &mut self.state) {
            (Cause::Final, _) => self.past.announced = None,
            (
                Cause::Unsolicited | Cause::Solicited,
                State::Advertising { service, next, solicited, initial_left },
            ) => {
                self.past.announced = Some(service.source);
                *initial_left = initial_left.saturating_sub(1);
                *solicited = false;
                *next = now + interval(parameters, *initial_left > 0, rng);
            }
            (Cause::Unsolicited | Cause::Solicited, State::Paused | State::Ceased) => {}
        }
        failed_before
    }

    /// What was handed out did not leave. The schedule stands, the burst is not consumed, and the next try waits.
    /// Returns how many tries in a row have failed now.
    pub fn on_send_failed(&mut self, now: Instant) -> u32 {
        let Some(transmission) = self.in_flight.take() else { return self.failures() };
        let failing = self
            .failing
            .get_or_insert_with(|| Failing { tries: 0, last: now, retry_at: now, goodbyes: 0 }.into());
        let doublings = failing.tries.min(3);
        failing.tries = failing.tries.saturating_add(1);
        failing.last = now;
        failing.retry_at = now + (MIN_RETRY_DELAY * (1 << doublings)).min(MAX_RETRY_DELAY);
        if transmission.cause == Cause::Final {
            failing.goodbyes += 1;
            if failing.goodbyes >= MAX_FINAL_ATTEMPTS {
                self.forgo_goodbye();
            }
        }
        self.failures()
    }

    /// The goodbye that may be owed must not be said: its source has become somebody else's, or nobody would hear it.
    pub fn forgo_goodbye(&mut self) {
        self.past.announced = None;
        self.forget_failed_goodbyes();
    }

    /// What was handed out must not leave after all: the interface ceases instead.
    pub fn abandon(&mut self, how: Cease) {
        self.in_flight = None;
        self.cease(how);
    }

    /// Whether there is nothing left at `now` that a later life of the interface would need to know.
    #[must_use]
    pub fn is_spent(&self, now: Instant) -> bool {
        self.state == State::Ceased
            && !self.past.matters(now)
            && self.floor().is_none_or(|floor| floor <= now)
    }

    /// The source that guests hold as a router now.
    #[must_use]
    pub const fn announced(&self) -> Option<LinkLocal> {
        self.past.announced
    }

    /// What was handed out and has no outcome yet.
    #[must_use]
    pub const fn in_flight(&self) -> Option<Transmission> {
        self.in_flight
    }

    /// How many tries to send have failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failing.as_ref().map_or(0, |failing| failing.tries)
    }

    /// Something has changed, so the next try is worth more than the last: it need not wait longer than the shortest time.
    fn retry_soon(&mut self) {
        if let Some(failing) = &mut self.failing {
            failing.retry_at = failing.last + MIN_RETRY_DELAY;
        }
    }

    fn forget_failed_goodbyes(&mut self) {
        if let Some(failing) = &mut self.failing {
            failing.goodbyes = 0;
        }
    }

    /// The source that a final advertisement is owed from: one that guests know and that is no longer in use.
    fn goodbye(&self) -> Option<LinkLocal> {
        let announced = self.past.announced?;
        match self.state {
            State::Advertising { service, .. } => (service.source != announced).then_some(announced),
            State::Paused => None,
            State::Ceased => Some(announced),
        }
    }

    /// Before when nothing may leave: 3 s after the last advertisement, and not before a retry is due.
    fn floor(&self) -> Option<Instant> {
        let retry_at = self.failing.as_ref().map(|failing| failing.retry_at);
        self.past.last_sent.map(|sent| sent + MIN_DELAY_BETWEEN_RAS).max(retry_at)
    }

    /// The prefix that advertisements carry as current one: also in a final one, where it is the one sent last.
    fn prefix(&self) -> Option<Prefix64> {
        match self.state {
            State::Advertising { service, .. } => Some(service.prefix),
            State::Paused | State::Ceased => self.past.promised.map(|promise| promise.prefix),
        }
    }

    /// `current` is the prefix now: the one promised before, if it was another, joins the withdrawn ones, and
    /// `current` itself, if it was withdrawn, is simply current again: what was promised of it still holds.
    fn take_back_all_but(&mut self, current: Prefix64, now: Instant) {
        let Past { promised, withdrawn, .. } = &mut self.past;
        if promised.is_some_and(|promise| promise.prefix == current) {
            return withdrawn.retain(|promise| promise.until > now);
        }
        withdrawn.extend(promised.take());
        withdrawn.retain(|promise| promise.until > now);
        *promised = withdrawn.extract_if(.., |promise| promise.prefix == current).next();
        drop_surplus(withdrawn);
    }
}

/// The oldest promises go first: those that run out soonest, wherever they stand.
fn drop_surplus(withdrawn: &mut Vec<Promise>) {
    while withdrawn.len() > MAX_WITHDRAWN
        && let Some((oldest, _)) = withdrawn.iter().enumerate().min_by_key(|(_, promise)| promise.until)
    {
        withdrawn.remove(oldest);
    }
}

/// Whether guests see no difference between two services.
fn same_for_guests(a: Service, b: Service) -> bool {
    a.source == b.source && a.prefix == b.prefix
}

/// A fresh random interval to the next unsolicited advertisement [RFC 4861 6.2.4].
fn interval(parameters: &Parameters, initial: bool, rng: &mut impl Rng) -> Duration {
    let drawn = rng.random_range(parameters.min_interval..=parameters.max_interval);
    if initial { drawn.min(MAX_INITIAL_RTR_ADVERT_INTERVAL) } else { drawn }
}

/// L=0: guests of one hypervisor are strangers and must not look for each other on the link. A=1: SLAAC.
fn prefix_option(prefix: Prefix64, valid: Duration, preferred: Duration) -> NdOption {
    NdOption::PrefixInformation(PrefixInformation {
        prefix,
        on_link: false,
        autonomous: true,
        valid,
        preferred,
    })
}

#[cfg(test)]
#[path = "advertiser_tests.rs"]
mod tests;
