use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use super::{retry::MIN_RETRY_DELAY, *};
use crate::{
    engine::handover::MAX_RETIRED,
    wire::{ALL_NODES, NdOption, ipv6},
};

const PARAMETERS: Parameters = Parameters {
    min_interval: secs(20),
    max_interval: secs(60),
    router_lifetime: secs(180),
    valid_lifetime: secs(86_400),
    preferred_lifetime: secs(14_400),
};

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
        carrier: true,
        connected_route: true,
        force_forwarding: false,
    }
}

const WITHDRAW: Cease = Cease { withdraw: true, prefix: PrefixFate::Stands };
const PREFIX_GONE: Cease = Cease { withdraw: true, prefix: PrefixFate::Gone };
const LINK_DOWN: Cease = Cease { withdraw: false, prefix: PrefixFate::Forgotten };

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
    sent: Vec<Sent>,
    /// When sends failed.
    failed: Vec<BootInstant>,
    link_works: bool,
}

impl Bench {
    fn new(seed: u64) -> Self {
        Self {
            advertiser: Advertiser::new(),
            parameters: PARAMETERS,
            now: BootInstant::from_boot(secs(1_000)),
            rng: StdRng::seed_from_u64(seed),
            sent: Vec::new(),
            failed: Vec::new(),
            link_works: true,
        }
    }

    /// Returns a bench whose initial burst is over and whose last RA leaves now.
    fn settled(seed: u64) -> Self {
        let mut bench = Self::new(seed);
        bench.advertise(service(1, 1));
        while bench.sent.len() < 10 {
            bench.step();
        }
        bench.sent.clear();
        bench
    }

    fn advertise(&mut self, service: Service) {
        self.advertiser.advertise(service, self.now);
        self.run_for(Duration::ZERO);
    }

    fn cease(&mut self, how: Cease) {
        self.advertiser.cease(how);
        self.run_for(Duration::ZERO);
    }

    fn solicit(&mut self) {
        if let Some(answer) = self.advertiser.on_solicit(self.now, &mut self.rng) {
            assert!(answer.delay <= MAX_RA_DELAY_TIME, "{answer:?}");
            assert!(answer.due >= self.now + answer.delay, "{answer:?}");
            assert_eq!(self.advertiser.deadline(), Some(answer.due), "the returned RA is the one scheduled");
        }
        self.run_for(Duration::ZERO);
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
            self.transmit();
        }
        self.now = end;
    }

    fn transmit(&mut self) {
        let transmission = self.advertiser.poll(self.now).expect("its deadline has passed");
        let advert = self.advertiser.message(transmission.cause, &self.parameters, self.now);
        if self.link_works {
            self.advertiser.on_sent(&self.parameters, self.now, &mut self.rng);
            self.sent.push(Sent { at: self.now, transmission, advert });
        } else {
            self.advertiser.on_send_failed(self.now);
            self.failed.push(self.now);
        }
    }

    fn gaps(&self) -> Vec<Duration> {
        self.sent.windows(2).map(|pair| pair[1].at.saturating_since(pair[0].at)).collect()
    }

    fn causes(&self) -> Vec<Cause> {
        self.sent.iter().map(|sent| sent.transmission.cause).collect()
    }
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
        bench.advertise(service(1, 1));
        bench.run_for(secs(600));
        assert_eq!(bench.sent[0].at, start);
        let gaps = bench.gaps();
        assert!(gaps[..2].iter().all(|&gap| gap == secs(16)), "20 s and more, capped at 16 s: {gaps:?}");
        assert!(gaps[2..].iter().all(|gap| (secs(20)..=secs(60)).contains(gap)), "{gaps:?}");
    }
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
fn a_changed_source_sends_a_final_ra_and_restarts_the_burst() {
    let mut bench = Bench::settled(6);
    bench.run_for(secs(10));
    bench.advertise(service(2, 1));
    bench.run_for(secs(100));
    let sources: Vec<_> = bench.sent.iter().map(|sent| sent.transmission.source).collect();
    assert_eq!(sources[..4], [link_local(1), link_local(2), link_local(2), link_local(2)]);
    assert_eq!(bench.causes()[..2], [Cause::Final, Cause::Unsolicited]);
    assert_eq!(bench.gaps()[..3], [secs(3), secs(16), secs(16)]);
    assert_eq!(bench.sent[0].advert.router_lifetime, Duration::ZERO);
    assert_eq!(bench.sent[1].advert.router_lifetime, secs(180));
}

#[test]
fn a_retired_prefix_is_sent_until_its_valid_lifetime_ends() {
    let mut bench = Bench::settled(7);
    bench.run_for(secs(10));
    let valid_until = bench.advertiser.advertised.last_sent.unwrap() + secs(86_400);
    bench.advertise(service(1, 2));
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(2), 86_400), (prefix(1), 0)]);
    bench.run_for(secs(86_500));
    assert_eq!(bench.gaps()[..2], [secs(16), secs(16)], "the burst restarts");
    for sent in &bench.sent {
        let count = prefixes(&sent.advert).len();
        assert_eq!(count, if sent.at < valid_until { 2 } else { 1 });
    }
    bench.advertise(service(1, 1));
    let last = &bench.sent.last().unwrap().advert;
    assert_eq!(prefixes(last), [(prefix(1), 86_400), (prefix(2), 0)], "a prefix that returns is current again");
}

#[test]
fn a_retired_prefix_that_returns_is_current_again() {
    let mut bench = Bench::settled(17);
    for number in [2, 1] {
        bench.run_for(secs(10));
        bench.advertise(service(1, number));
    }
    assert_eq!(prefixes(&bench.sent[1].advert), [(prefix(1), 86_400), (prefix(2), 0)]);
}

#[test]
fn at_most_eight_retired_prefixes_are_carried() {
    let mut bench = Bench::settled(8);
    for number in 2..15 {
        bench.run_for(secs(5));
        bench.advertise(service(1, number));
    }
    let expected: Vec<_> = [(prefix(14), 86_400)].into_iter().chain((6..14).map(|n| (prefix(n), 0))).collect();
    assert_eq!(prefixes(&bench.sent.last().unwrap().advert), expected, "the oldest is dropped");
}

#[test]
fn the_largest_advertisement_fits_into_every_link() {
    let mut bench = Bench::settled(21);
    for number in 2..15 {
        bench.run_for(secs(5));
        bench.advertise(service(1, number));
    }
    let advert = &bench.sent.last().unwrap().advert;
    assert_eq!(prefixes(advert).len(), 1 + MAX_RETIRED);
    let mut packet = Vec::new();
    ipv6::encode(&mut packet, link_local(1).get(), ALL_NODES, |out| advert.encode(out));
    assert!(packet.len() <= 1280, "the least MTU of IPv6 [RFC 8200 5]: {} bytes", packet.len());
}

#[test]
fn a_final_ra_carries_at_most_eight_retired_prefixes() {
    let mut bench = Bench::settled(22);
    for number in 2..10 {
        bench.run_for(secs(5));
        bench.advertise(service(1, number));
    }
    bench.run_for(secs(5));
    bench.cease(PREFIX_GONE);
    let expected: Vec<_> = (2..10).map(|n| (prefix(n), 0)).collect();
    assert_eq!(prefixes(&bench.sent.last().unwrap().advert), expected, "the oldest is dropped");
}

#[test]
fn the_retired_prefix_that_expires_first_is_dropped_first() {
    let mut bench = Bench::settled(23);
    bench.run_for(secs(10));
    let left = |n: u8| secs(if n == 5 { 100 } else { 1_000 });
    bench.advertiser.advertised.retired =
        (2..10).map(|n| AdvertisedPrefix { prefix: prefix(n), valid_until: bench.now + left(n) }).collect();
    bench.cease(PREFIX_GONE);
    let expected: Vec<_> = [2, 3, 4, 6, 7, 8, 9, 1].map(|n| (prefix(n), 0)).into();
    assert_eq!(prefixes(&bench.sent[0].advert), expected);
}

#[test]
fn a_prefix_that_returned_unsent_and_went_again_is_retired() {
    for (what, gap) in [("another", Some(2)), ("none", None)] {
        let mut bench = Bench::settled(24);
        bench.link_works = false;
        match gap {
            Some(other) => bench.advertise(service(1, other)),
            None => bench.cease(PREFIX_GONE),
        }
        bench.advertise(service(1, 1));
        bench.advertise(service(1, 3));
        bench.link_works = true;
        bench.run_for(secs(8));
        let sent = prefixes(&bench.sent[0].advert);
        assert_eq!(sent, [(prefix(3), 86_400), (prefix(1), 0)], "{what} in between");
    }
}

#[test]
fn a_final_ra_carries_the_current_prefix() {
    let mut bench = Bench::settled(25);
    bench.run_for(secs(10));
    bench.advertise(service(2, 2));
    assert_eq!(bench.causes(), [Cause::Final]);
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(2), 86_400), (prefix(1), 0)]);
    bench.advertise(service(2, 3));
    bench.run_for(secs(3));
    let expected = [(prefix(3), 86_400), (prefix(1), 0), (prefix(2), 0)];
    assert_eq!(prefixes(&bench.sent[1].advert), expected, "guests hold prefix 2 from the final RA");
}

#[test]
fn a_final_ra_prolongs_the_lifetime_of_its_prefix() {
    let mut bench = Bench::settled(26);
    bench.run_for(secs(10));
    bench.cease(WITHDRAW);
    let prolonged = AdvertisedPrefix { prefix: prefix(1), valid_until: bench.now + secs(86_400) };
    assert_eq!((bench.causes(), bench.advertiser.advertised.prefix), (vec![Cause::Final], Some(prolonged)));
}

#[test]
fn a_prefix_that_was_never_advertised_is_not_retired() {
    let mut bench = Bench::settled(9);
    bench.advertise(service(1, 2));
    bench.advertise(service(1, 3));
    bench.run_for(secs(4));
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(3), 86_400), (prefix(1), 0)]);
}

#[test]
fn ceasing_sends_one_final_advertisement() {
    let mut bench = Bench::settled(10);
    bench.run_for(secs(10));
    bench.cease(WITHDRAW);
    bench.run_for(secs(1_000));
    bench.solicit();
    bench.run_for(secs(1_000));
    assert_eq!(bench.causes(), [Cause::Final]);
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 86_400)], "the prefix as last sent");
    assert_eq!(bench.sent[0].advert.router_lifetime, Duration::ZERO);
}

#[test]
fn a_removed_prefix_is_retired_and_sent_with_the_next_one() {
    let mut bench = Bench::settled(11);
    bench.run_for(secs(10));
    bench.cease(PREFIX_GONE);
    bench.run_for(secs(60));
    bench.advertise(service(1, 2));
    assert_eq!(bench.causes(), [Cause::Final, Cause::Unsolicited]);
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 0)]);
    assert_eq!(prefixes(&bench.sent[1].advert), [(prefix(2), 86_400), (prefix(1), 0)]);
}

#[test]
fn a_link_that_went_down_sends_nothing_and_keeps_its_floor() {
    let mut bench = Bench::settled(12);
    let previous = bench.now;
    bench.cease(LINK_DOWN);
    bench.run_for(secs(1));
    bench.advertise(service(1, 2));
    bench.run_for(secs(3));
    assert_eq!(bench.causes(), [Cause::Unsolicited]);
    assert_eq!(bench.sent[0].at, previous + secs(3));
}

#[test]
fn an_interface_that_is_served_again_before_its_final_ra_left_sends_none() {
    let mut bench = Bench::settled(13);
    let previous = bench.now;
    bench.run_for(secs(1));
    bench.cease(WITHDRAW);
    bench.run_for(secs(1));
    bench.advertise(service(1, 1));
    bench.run_for(secs(2));
    assert_eq!(bench.causes(), [Cause::Unsolicited]);
    assert_eq!(bench.sent[0].at, previous + secs(3));
}

#[test]
fn a_lost_carrier_pauses_and_a_new_one_restarts_the_burst() {
    let mut bench = Bench::settled(14);
    bench.run_for(secs(5));
    bench.advertise(Service { carrier: false, ..service(1, 1) });
    bench.solicit();
    bench.run_for(secs(1_000));
    assert!(bench.sent.is_empty());
    bench.advertise(service(1, 1));
    bench.run_for(secs(40));
    assert_eq!(bench.causes(), [Cause::Unsolicited; 3]);
    assert_eq!(bench.gaps(), [secs(16), secs(16)]);
}

#[test]
fn failed_sends_back_off_and_do_not_consume_the_burst() {
    let mut bench = Bench::new(15);
    bench.link_works = false;
    let start = bench.now;
    bench.advertise(service(1, 1));
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
    bench.cease(WITHDRAW);
    bench.step();
    bench.advertise(service(1, 1));
    bench.cease(WITHDRAW);
    let before = bench.failed.len();
    bench.run_for(secs(60));
    assert_eq!((before, bench.failed.len()), (2, 5), "three tries after the cancelled final RA");
}

#[test]
fn a_change_shortens_the_wait_for_a_retry() {
    let mut bench = Bench::settled(18);
    bench.link_works = false;
    bench.step();
    bench.run_for(secs(2));
    bench.link_works = true;
    bench.advertise(Service { carrier: false, ..service(1, 1) });
    bench.advertise(service(1, 1));
    assert_eq!(bench.sent.last().map(|sent| sent.at), Some(bench.now), "{:?}", bench.failed);
}

#[test]
fn changes_do_not_bypass_the_shortest_backoff() {
    let mut bench = Bench::settled(19);
    bench.link_works = false;
    bench.step();
    for _ in 0..100 {
        bench.run_for(millis(50));
        bench.advertise(Service { carrier: false, ..service(1, 1) });
        bench.advertise(service(1, 1));
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
    bench.cease(WITHDRAW);
    bench.step();
    bench.link_works = true;
    bench.run_for(secs(10));
    assert_eq!(bench.causes(), [Cause::Final]);
}

#[test]
fn a_final_ra_is_given_up_after_three_failures() {
    let mut bench = Bench::settled(16);
    bench.run_for(secs(10));
    bench.link_works = false;
    bench.cease(WITHDRAW);
    bench.run_for(secs(100));
    assert_eq!(bench.failed.len(), 3);
    assert_eq!(bench.advertiser.deadline(), None);
}

/// A random event of one interface.
#[derive(Clone, Debug)]
enum Event {
    Advertise { source: u8, prefix: u8, carrier: bool },
    Cease(Cease),
    Solicit,
    LinkWorks(bool),
    Pass(Duration),
}

fn event() -> impl Strategy<Value = Event> {
    let pass = prop_oneof![0_u64..600, 0_u64..5_000, 0_u64..80_000];
    prop_oneof![
        2 => (1_u8..3, 1_u8..4, prop::bool::weighted(0.8))
            .prop_map(|(source, prefix, carrier)| Event::Advertise { source, prefix, carrier }),
        1 => prop_oneof![Just(WITHDRAW), Just(PREFIX_GONE), Just(LINK_DOWN)].prop_map(Event::Cease),
        5 => Just(Event::Solicit),
        1 => prop::bool::weighted(0.7).prop_map(Event::LinkWorks),
        6 => pass.prop_map(|ms| Event::Pass(millis(ms))),
    ]
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
        let mut advertising = None;
        for event in events {
            let before = bench.sent.len();
            let asked_at = bench.now;
            match event {
                Event::Advertise { source, prefix, carrier } => {
                    let service = Service { carrier, ..service(source, prefix) };
                    bench.advertise(service);
                    advertising = carrier.then_some(service);
                }
                Event::Cease(how) => {
                    bench.cease(how);
                    advertising = None;
                }
                Event::LinkWorks(works) => bench.link_works = works,
                Event::Pass(duration) => bench.run_for(duration),
                Event::Solicit => {
                    let floor = bench.advertiser.floor();
                    bench.solicit();
                    if advertising.is_some() {
                        let bound = floor.map_or(asked_at, |floor| floor.max(asked_at)) + MAX_RA_DELAY_TIME;
                        prop_assert!(bench.advertiser.deadline().unwrap() <= bound, "within its bound");
                    }
                }
            }
            // Every RA is a final one, or leaves an advertising interface with its current source and prefix.
            for sent in &bench.sent[before..] {
                match sent.transmission.cause {
                    Cause::Final => prop_assert_eq!(sent.advert.router_lifetime, Duration::ZERO),
                    Cause::Unsolicited | Cause::Solicited => {
                        let service: Service = advertising.expect("only an advertising interface sends this RA");
                        prop_assert_eq!(sent.transmission.source, service.source);
                        prop_assert_eq!(prefixes(&sent.advert)[0], (service.prefix, 86_400));
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
            let was_final = pair[0].transmission.cause == Cause::Final;
            prop_assert!(!was_final || pair[1].transmission.cause != Cause::Final, "one final RA is enough");
        }
        // At the end, an advertising interface on a working link keeps advertising.
        bench.link_works = true;
        let before = bench.sent.len();
        bench.run_for(bench.parameters.max_interval * 3 + secs(30));
        if advertising.is_some() {
            prop_assert!(bench.sent.len() > before, "no interface is forgotten");
            let last = bench.gaps().last().copied().unwrap_or_default();
            prop_assert!(last <= bench.parameters.max_interval);
        }
    }
}
