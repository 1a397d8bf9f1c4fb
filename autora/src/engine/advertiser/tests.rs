use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use super::{retry::MIN_RETRY_DELAY, *};
use crate::{
    addr::Prefix64,
    engine::{
        handover::{AdvertisedRouter, MAX_RETIRED},
        interface::Preferred,
        rfc4861::MAX_RA_DELAY_TIME,
    },
    wire::{NdOption, RouterPreference},
};

mod dad;
mod grace;
mod lifetimes;
mod prefixes;
mod sources;

const PARAMETERS: Parameters = Parameters {
    min_interval: secs(20),
    max_interval: secs(60),
    router_lifetime: secs(180),
    valid_lifetime: secs(86_400),
    preferred_lifetime: secs(14_400),
    preference: RouterPreference::Medium,
};

/// How long a pair that is gone is waited for.
const GRACE: Duration = secs(1);

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn link_local(n: u8) -> LinkLocal {
    LinkLocal::new(format!("fe80::{n}").parse().unwrap()).unwrap()
}

fn prefix(n: u8) -> Prefix64 {
    Prefix64::containing(format!("2001:db8:{n}::").parse().unwrap())
}

fn service(source: u8, prefix_number: u8) -> Service {
    Service {
        source: link_local(source),
        prefix: prefix(prefix_number),
        lifetimes: FOR_EVER,
        carrier: true,
        dad: false,
        connected_route: true,
        other_prefix: None,
        force_forwarding: false,
    }
}

const FOR_EVER: Lifetimes = Lifetimes { valid: None, preferred: Preferred::ForEver };

/// The interface still has the prefix in use.
const NOT_SERVED: Outlook = Outlook::NotServed { carrier: true, lifetimes: Some(FOR_EVER) };
const PREFIX_GONE: Outlook = Outlook::NotServed { carrier: true, lifetimes: None };

/// An RA that left.
#[derive(Clone, Debug)]
struct Sent {
    at: BootInstant,
    transmission: DueRa,
    advert: RouterAdvert,
}

/// An advertiser in virtual time, which jumps from deadline to deadline without delay.
struct Bench {
    advertiser: Advertiser,
    parameters: Parameters,
    now: BootInstant,
    rng: StdRng,
    outlook: Outlook,
    /// A source that the kernel found at another node.
    duplicate: Option<LinkLocal>,
    /// A source that the kernel detects duplicates of.
    tentative: Option<LinkLocal>,
    sent: Vec<Sent>,
    /// How long first RAs and answers took.
    delays: Vec<RaDelay>,
    /// When sends failed.
    failed: Vec<BootInstant>,
    link_works: bool,
}

impl Bench {
    fn new(seed: u64) -> Self {
        Self {
            advertiser: Advertiser::restore(Advertised::default()),
            parameters: PARAMETERS,
            now: BootInstant::from_boot(secs(1_000)),
            rng: StdRng::seed_from_u64(seed),
            outlook: Outlook::Lost,
            duplicate: None,
            tentative: None,
            sent: Vec::new(),
            delays: Vec::new(),
            failed: Vec::new(),
            link_works: true,
        }
    }

    /// Returns a bench whose initial burst is over and whose last RA leaves now.
    fn settled(seed: u64) -> Self {
        let mut bench = Self::new(seed);
        bench.serve(service(1, 1));
        while bench.sent.len() < 10 {
            bench.step();
        }
        bench.sent.clear();
        bench
    }

    /// Returns a bench like [`Bench::settled`], 10 s after its last RA.
    fn rested(seed: u64) -> Self {
        let mut bench = Self::settled(seed);
        bench.run_for(secs(10));
        bench
    }

    /// Follows `outlook`, and sends what is due. Returns whether the interface goes on where it was.
    fn follow(&mut self, outlook: Outlook) -> bool {
        self.outlook = outlook;
        let goes_on = self.reconsider();
        self.run_for(Duration::ZERO);
        goes_on
    }

    fn serve(&mut self, service: Service) -> bool {
        self.follow(Outlook::Serve(service))
    }

    /// Follows `outlook` and lets the grace pass.
    fn follow_to_the_end(&mut self, outlook: Outlook) {
        self.follow(outlook);
        self.run_for(GRACE);
    }

    fn change_to(&mut self, service: Service) {
        self.follow_to_the_end(Outlook::Serve(service));
    }

    fn stop(&mut self) {
        self.advertiser.stop(Some(FOR_EVER));
        self.update_departures();
        self.run_for(Duration::ZERO);
    }

    fn reconsider(&mut self) -> bool {
        let goes_on = self.advertiser.follow(self.outlook, &self.parameters, self.now);
        self.update_departures();
        goes_on
    }

    fn update_departures(&mut self) {
        let carrier = match self.outlook {
            Outlook::Serve(service) => service.carrier,
            Outlook::NotServed { carrier, .. } => carrier,
            Outlook::Lost => false,
        };
        let departure = |router: Option<AdvertisedRouter>| match router.map(|router| router.source) {
            Some(source) if self.duplicate == Some(source) => Departure::Never,
            Some(source) if carrier && self.tentative != Some(source) => Departure::Now,
            Some(_) | None => Departure::Later,
        };
        let Advertised { router, owed, .. } = *self.advertiser.advertised();
        self.advertiser.set_departures(Departures { router: departure(router), owed: departure(owed) });
    }

    fn solicit(&mut self) -> Option<SolicitedRa> {
        let answer = self.advertiser.on_solicit(self.now, &mut self.rng);
        if let Some(answer) = answer {
            assert!(answer.delay <= MAX_RA_DELAY_TIME, "{answer:?}");
            assert!(answer.due >= self.now + answer.delay, "{answer:?}");
        }
        self.run_for(Duration::ZERO);
        answer
    }

    /// Jumps to the next deadline and sends what is due.
    fn step(&mut self) {
        let deadline = self.advertiser.deadline().expect("something is due");
        self.run_for(deadline.saturating_since(self.now));
    }

    fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(deadline) = self.advertiser.deadline().filter(|&deadline| deadline <= end) {
            self.now = self.now.max(deadline);
            if self.advertiser.end_grace(self.now) {
                self.reconsider();
            } else {
                self.transmit(deadline);
            }
        }
        self.now = end;
    }

    fn transmit(&mut self, deadline: BootInstant) {
        let Some(transmission) = self.advertiser.poll(self.now) else {
            assert_ne!(self.advertiser.deadline(), Some(deadline), "nothing is due, and no wake-up for it");
            return;
        };
        let advert = self.advertiser.message(transmission.cause, &self.parameters, self.now);
        if self.link_works {
            let sent = self.advertiser.on_sent(&self.parameters, SendGrid::default(), self.now, &mut self.rng);
            self.delays.extend(sent.delay);
            self.sent.push(Sent { at: self.now, transmission, advert });
        } else {
            self.advertiser.on_send_failed(self.now);
            self.failed.push(self.now);
        }
        self.update_departures();
    }

    fn gaps(&self) -> Vec<Duration> {
        self.sent.windows(2).map(|pair| pair[1].at.saturating_since(pair[0].at)).collect()
    }

    fn causes(&self) -> Vec<Cause> {
        self.sent.iter().map(|sent| sent.transmission.cause).collect()
    }

    /// Returns the RAs that left.
    fn log(&self, start: BootInstant) -> Vec<LogEntry> {
        let entry = |sent: &Sent| {
            let at = sent.at.saturating_since(start).as_millis();
            (at, sent.transmission.cause.name(), sent.transmission.source)
        };
        self.sent.iter().map(entry).collect()
    }
}

/// An RA that left: the milliseconds since some start, its cause, its source.
type LogEntry = (u128, &'static str, LinkLocal);

fn entry(at: u128, cause: &'static str, source: u8) -> LogEntry {
    (at, cause, link_local(source))
}

/// Returns the prefixes of an RA with their valid lifetimes in seconds.
fn prefixes(advert: &RouterAdvert) -> Vec<(Prefix64, u64)> {
    advert
        .options
        .iter()
        .map(|option| match option {
            NdOption::PrefixInformation(information) => {
                assert_eq!((information.on_link, information.autonomous), (false, true));
                assert!(information.preferred <= information.valid);
                (information.prefix, information.valid.as_secs())
            }
            other @ (NdOption::SourceLinkLayerAddress(_) | NdOption::Mtu(_) | NdOption::Other { .. }) => {
                panic!("{other:?}")
            }
        })
        .collect()
}

#[test]
fn the_first_ra_leaves_at_once_and_the_burst_has_three() {
    for seed in 0..200 {
        let mut bench = Bench::new(seed);
        let start = bench.now;
        bench.serve(service(1, 1));
        bench.run_for(secs(600));
        assert_eq!(bench.sent[0].at, start);
        let gaps = bench.gaps();
        assert!(gaps[..2].iter().all(|&gap| gap == secs(16)), "20 s and more, capped at 16 s: {gaps:?}");
        assert!(gaps[2..].iter().all(|gap| (secs(20)..=secs(60)).contains(gap)), "{gaps:?}");
    }
}

#[test]
fn no_ra_is_due_before_the_deadline() {
    let mut bench = Bench::settled(1);
    bench.stop();
    let deadline = bench.advertiser.deadline().expect("a final RA is owed");
    assert_eq!((deadline, bench.advertiser.poll(bench.now)), (bench.now + secs(3), None));
    assert!(bench.advertiser.poll(deadline).is_some_and(|due| due.cause == Cause::Final));
}

#[test]
fn an_interface_that_advertises_is_not_spent_before_its_first_ra() {
    let mut bench = Bench::new(1);
    assert!(bench.advertiser.is_spent(bench.now), "the control");
    bench.outlook = Outlook::Serve(service(1, 1));
    bench.reconsider();
    assert!(!bench.advertiser.is_spent(bench.now));
}

#[test]
fn ras_with_a_router_lifetime_of_zero_change_nothing_that_is_saved() {
    let mut bench = Bench::new(1);
    bench.parameters.router_lifetime = Duration::ZERO;
    bench.serve(service(1, 1));
    let saved = bench.advertiser.saved_hash();
    bench.run_for(secs(600));
    assert!(bench.sent.len() > 3 && bench.advertiser.saved_hash() == saved);
}

#[test]
fn intervals_are_drawn_afresh_over_the_whole_range() {
    let mut bench = Bench::settled(1);
    bench.run_for(secs(60 * 2_000));
    let gaps = bench.gaps();
    for fifth in 0..5 {
        let range = secs(20 + 8 * fifth)..=secs(28 + 8 * fifth);
        let share = gaps.iter().filter(|gap| range.contains(gap)).count() * 100 / gaps.len();
        assert!((15..=25).contains(&share), "{share} % of {} gaps in {range:?}", gaps.len());
    }
}

#[test]
fn a_solicited_ra_leaves_within_half_a_second_and_resets_the_timer() {
    let mut delays = Vec::new();
    for seed in 0..300 {
        let mut bench = Bench::settled(seed);
        bench.run_for(secs(10));
        let asked = bench.now;
        bench.solicit();
        bench.solicit();
        bench.run_for(secs(15));
        assert_eq!(bench.causes(), [Cause::Solicited], "one RA for two solicitations");
        delays.push(bench.sent[0].at.saturating_since(asked));
        bench.run_for(secs(60));
        assert!((secs(20)..=secs(60)).contains(&bench.gaps()[0]), "it resets the periodic timer");
    }
    assert!(delays.iter().all(|delay| *delay <= MAX_RA_DELAY_TIME));
    assert!(delays.iter().any(|delay| *delay < millis(50)) && delays.iter().any(|delay| *delay > millis(450)));
}

#[test]
fn a_solicited_ra_within_the_floor_waits_for_its_end_and_the_delay() {
    let mut delays = Vec::new();
    for seed in 0..300 {
        let mut bench = Bench::settled(seed);
        let previous = bench.now;
        bench.run_for(millis(seed * 9));
        bench.solicit();
        bench.run_for(secs(5));
        assert_eq!(bench.causes(), [Cause::Solicited]);
        delays.push(bench.sent[0].at.saturating_since(previous));
    }
    assert!(delays.iter().all(|delay| (millis(3_000)..=millis(3_500)).contains(delay)));
    assert!(delays.iter().any(|delay| *delay > millis(3_400)), "the drawn delay is added to the 3 s");
}

#[test]
fn a_solicitation_schedules_nothing_when_an_ra_is_due_sooner() {
    let mut bench = Bench::settled(5);
    let due = bench.advertiser.deadline().unwrap();
    bench.run_for(due.saturating_since(bench.now).saturating_sub(Duration::from_nanos(1)));
    bench.solicit();
    bench.run_for(secs(3));
    assert_eq!(bench.causes(), [Cause::Unsolicited]);
    assert_eq!(bench.sent[0].at, due);
}

#[test]
fn a_lost_carrier_pauses_and_a_new_one_restarts_the_burst() {
    let mut bench = Bench::settled(14);
    bench.run_for(secs(5));
    bench.serve(Service { carrier: false, ..service(1, 1) });
    bench.solicit();
    bench.run_for(secs(1_000));
    assert!(bench.sent.is_empty());
    bench.serve(service(1, 1));
    bench.run_for(secs(40));
    assert_eq!(bench.causes(), [Cause::Unsolicited; 3]);
    assert_eq!(bench.gaps(), [secs(16), secs(16)]);
}

#[test]
fn failed_sends_back_off_and_do_not_consume_the_burst() {
    let mut bench = Bench::new(15);
    bench.link_works = false;
    let start = bench.now;
    bench.serve(service(1, 1));
    for _ in 0..100 {
        bench.solicit();
        bench.run_for(millis(300));
    }
    let waits: Vec<_> = bench.failed.windows(2).map(|pair| pair[1].saturating_since(pair[0])).collect();
    assert_eq!((bench.failed[0], &waits[..4]), (start, [secs(1), secs(2), secs(4), secs(8)].as_slice()));
    bench.link_works = true;
    bench.run_for(secs(60));
    assert!(bench.sent[0].at.saturating_since(*bench.failed.last().unwrap()) <= secs(8), "resumed within one retry");
    assert_eq!(bench.gaps()[..2], [secs(16), secs(16)], "the whole burst");
}

#[test]
fn a_cancelled_final_ra_leaves_the_next_one_all_its_tries() {
    let mut bench = Bench::settled(27);
    bench.run_for(secs(10));
    bench.link_works = false;
    bench.follow_to_the_end(NOT_SERVED);
    bench.step();
    let cancelled = bench.failed.len();
    bench.serve(service(1, 1));
    bench.follow(NOT_SERVED);
    bench.run_for(secs(60));
    assert_eq!((cancelled, bench.failed.len()), (2, 5), "three tries after the cancelled final RA");
}

#[test]
fn a_change_shortens_the_wait_for_a_retry() {
    let mut bench = Bench::settled(18);
    bench.link_works = false;
    bench.step();
    bench.run_for(secs(2));
    bench.link_works = true;
    bench.serve(Service { carrier: false, ..service(1, 1) });
    bench.serve(service(1, 1));
    assert_eq!(bench.sent.last().map(|sent| sent.at), Some(bench.now), "{:?}", bench.failed);
}

#[test]
fn changes_do_not_bypass_the_shortest_backoff() {
    let mut bench = Bench::settled(19);
    bench.link_works = false;
    bench.step();
    for _ in 0..100 {
        bench.run_for(millis(50));
        bench.serve(Service { carrier: false, ..service(1, 1) });
        bench.serve(service(1, 1));
    }
    let waits: Vec<_> = bench.failed.windows(2).map(|pair| pair[1].saturating_since(pair[0])).collect();
    assert!(waits.len() >= 3 && waits.iter().all(|wait| *wait >= MIN_RETRY_DELAY), "{waits:?}");
}

#[test]
fn earlier_failures_do_not_count_against_a_final_ra() {
    let mut bench = Bench::settled(20);
    bench.link_works = false;
    while bench.failed.len() < 5 {
        bench.step();
    }
    bench.follow(NOT_SERVED);
    while bench.failed.len() < 6 {
        bench.step();
    }
    bench.link_works = true;
    bench.run_for(secs(10));
    assert_eq!(bench.causes(), [Cause::Final]);
}

#[test]
fn a_final_ra_is_given_up_after_three_failures() {
    let mut bench = Bench::settled(16);
    bench.run_for(secs(10));
    bench.link_works = false;
    bench.follow_to_the_end(NOT_SERVED);
    bench.run_for(secs(100));
    assert_eq!(bench.failed.len(), 3);
    assert_eq!(bench.advertiser.deadline(), None);
}

/// A random event of one interface.
#[derive(Clone, Debug)]
enum Event {
    Follow(Outlook),
    Solicit,
    LinkWorks(bool),
    Duplicate(Option<u8>),
    Pass(Duration),
}

fn outlook() -> impl Strategy<Value = Outlook> {
    let carrier = || prop::bool::weighted(0.8);
    let lifetimes =
        (prop::option::of(1_050_u64..2_000), prop::option::of(1_010_u64..1_050)).prop_map(|(valid, preferred)| {
            let end = |seconds| BootInstant::from_boot(secs(seconds));
            Lifetimes {
                valid: valid.map(end),
                preferred: preferred.map_or(Preferred::ForEver, |at| Preferred::Until(end(at))),
            }
        });
    let lifetimes = prop_oneof![3 => Just(FOR_EVER), 1 => lifetimes];
    let served = (1_u8..4, 1_u8..4, carrier(), prop::bool::weighted(0.1), lifetimes);
    prop_oneof![
        4 => served.prop_map(|(source, prefix, carrier, dad, lifetimes)| {
            Outlook::Serve(Service { lifetimes, carrier, dad, ..service(source, prefix) })
        }),
        2 => (carrier(), prop::bool::ANY).prop_map(|(carrier, has_prefix)| {
            Outlook::NotServed { carrier, lifetimes: has_prefix.then_some(FOR_EVER) }
        }),
        1 => Just(Outlook::Lost),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let pass = prop_oneof![0_u64..1_200, 0_u64..5_000, 0_u64..80_000];
    prop_oneof![
        3 => outlook().prop_map(Event::Follow),
        5 => Just(Event::Solicit),
        1 => prop::bool::weighted(0.7).prop_map(Event::LinkWorks),
        1 => prop::option::weighted(0.3, 1_u8..4).prop_map(Event::Duplicate),
        6 => pass.prop_map(|ms| Event::Pass(millis(ms))),
    ]
}

/// Returns the service of an interface on which RAs leave.
fn ready(outlook: Outlook) -> Option<Service> {
    match outlook {
        Outlook::Serve(service) => Some(service).filter(Service::is_ready),
        Outlook::NotServed { .. } | Outlook::Lost => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_hold_for_random_events(
        seed: u64,
        min in 3_u64..=45,
        spread in 0_u64..=1_000,
        events in prop::collection::vec(event(), 1..60),
    ) {
        let mut bench = Bench::new(seed);
        bench.parameters.min_interval = secs(min);
        bench.parameters.max_interval = secs(min.max(4) * 4 / 3 + 1 + spread);
        for event in events {
            let before = bench.sent.len();
            let asked_at = bench.now;
            match event {
                Event::Follow(outlook) => _ = bench.follow(outlook),
                Event::LinkWorks(works) => bench.link_works = works,
                Event::Duplicate(number) => {
                    bench.duplicate = number.map(link_local);
                    bench.update_departures();
                }
                Event::Pass(duration) => bench.run_for(duration),
                Event::Solicit => {
                    let floor = bench.advertiser.floor();
                    bench.solicit();
                    if ready(bench.outlook).is_some() && !bench.advertiser.is_in_grace() {
                        let bound = floor.map_or(asked_at, |floor| floor.max(asked_at)) + MAX_RA_DELAY_TIME;
                        prop_assert!(bench.advertiser.deadline().unwrap() <= bound, "within its bound");
                    }
                }
            }
            // Every RA is a final one, or leaves an advertising interface with its current source and prefix.
            for sent in &bench.sent[before..] {
                match sent.transmission.cause {
                    Cause::Final => {
                        prop_assert_eq!(sent.advert.router_lifetime, Duration::ZERO);
                        prop_assert_ne!(Some(sent.transmission.source), bench.duplicate);
                    }
                    Cause::Unsolicited | Cause::Solicited => {
                        let service = ready(bench.outlook).expect("only an advertising interface sends this RA");
                        prop_assert_eq!(sent.transmission.source, service.source);
                        prop_assert_eq!(prefixes(&sent.advert).last().unwrap().0, service.prefix);
                    }
                }
                prop_assert!(prefixes(&sent.advert).len() <= 1 + MAX_RETIRED);
            }
        }
        for pair in bench.failed.windows(2) {
            let sent_between = bench.sent.iter().any(|sent| (pair[0]..=pair[1]).contains(&sent.at));
            prop_assert!(sent_between || pair[1].saturating_since(pair[0]) >= MIN_RETRY_DELAY, "backs off");
        }
        for gap in bench.gaps() {
            prop_assert!(gap >= MIN_DELAY_BETWEEN_RAS, "the 3 s floor: {gap:?}");
        }
        for pair in bench.sent.windows(2) {
            let both_final = pair.iter().all(|sent| sent.transmission.cause == Cause::Final);
            let same_source = pair[0].transmission.source == pair[1].transmission.source;
            prop_assert!(!(both_final && same_source), "one final RA of a source is enough");
        }
        // At the end, an advertising interface on a working link keeps advertising.
        bench.link_works = true;
        let before = bench.sent.len();
        bench.run_for(bench.parameters.max_interval * 3 + secs(30));
        if ready(bench.outlook).is_some() {
            prop_assert!(bench.sent.len() > before, "no interface is forgotten");
            let last = bench.gaps().last().copied().unwrap_or_default();
            prop_assert!(last <= bench.parameters.max_interval);
        }
    }
}

#[test]
fn first_ras_and_answers_are_timed() {
    let mut bench = Bench::new(1);
    bench.serve(service(1, 1));
    assert_eq!(bench.delays, [RaDelay::First(Duration::ZERO)], "it leaves at once");
    // Further RAs of the burst are nothing that a guest waits for.
    bench.run_for(secs(120));
    assert_eq!(bench.delays.len(), 1);

    // An answer that the loop comes to 7 ms late.
    let mut bench = Bench::rested(1);
    bench.delays.clear();
    let due = bench.solicit().expect("no RA is due sooner").due;
    bench.now = due + millis(7);
    bench.run_for(Duration::ZERO);
    assert_eq!(bench.delays, [RaDelay::Answer(millis(7))]);

    // One that fails at first: the tries count.
    let mut bench = Bench::rested(1);
    bench.delays.clear();
    let due = bench.solicit().expect("no RA is due sooner").due;
    bench.link_works = false;
    bench.run_for(due.saturating_since(bench.now));
    bench.link_works = true;
    bench.step();
    assert_eq!(bench.delays, [RaDelay::Answer(bench.now.saturating_since(due))]);
    assert!(bench.now >= due + MIN_RETRY_DELAY, "the control");

    // The floor counts, detection does not: another /64 2 s after an RA, and its address usable 9 s later.
    let mut bench = Bench::rested(1);
    bench.delays.clear();
    bench.solicit();
    bench.step();
    bench.delays.clear();
    bench.run_for(secs(1));
    bench.change_to(service(1, 2));
    bench.run_for(secs(5));
    assert_eq!(bench.delays, [RaDelay::First(secs(1))], "1 s of the floor is left after the grace");
    let mut bench = Bench::new(1);
    bench.serve(Service { dad: true, ..service(1, 1) });
    bench.run_for(secs(9));
    assert_eq!(bench.delays, []);
    bench.serve(service(1, 1));
    assert_eq!(bench.delays, [RaDelay::First(Duration::ZERO)]);
}
