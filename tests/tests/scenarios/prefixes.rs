//! Prefixes that change, are removed and come back while the interface is served, and the effect on guests'
//! kernels [RFC 9096 3.5](https://www.rfc-editor.org/rfc/rfc9096#section-3.5).

use std::{thread, time::Duration};

use autora_tests::{Advert, Capture, Daemon, Guest, Namespace, Veth};

use crate::bench::{AT_ONCE, FLOOR, Line, SLACK, SOON, expect_silence, live, on_both_paths, prefix, rarely, retired};

on_both_paths!(
    another_prefix_after_a_moment_with_none,
    another_prefix_after_a_moment_with_both,
    a_guest_holds_the_old_address_deprecated,
    a_new_prefix_long_after_the_old_one_was_removed,
    a_prefix_that_comes_back_is_no_longer_retired,
    another_address_in_the_same_prefix_changes_nothing,
    a_retired_prefix_is_sent_until_its_advertised_lifetime_ends,
    at_most_eight_retired_prefixes_are_sent,
);

/// The Valid Lifetime in seconds that a guest's kernel keeps when an RA sets it to 0
/// [RFC 4862 5.5.3 e](https://www.rfc-editor.org/rfc/rfc4862#section-5.5.3).
const TWO_HOURS: u64 = 7_200;

fn another_prefix(arguments: &[&str], change: fn(&Line)) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    line.expect_served(SOON);
    thread::sleep(FLOOR);
    change(&line);
    let advert = next_serving_ra(&mut line.capture, SOON);
    assert_eq!(live(&advert), [prefix(2)]);
    // The retired prefix is sent with lifetimes 0, so that the guest stops using it [RFC 9096 3.5]; the live one
    // comes last, as a stack with room for one prefix keeps the last.
    let [old, _] = advert.prefixes()[..] else { panic!("two prefixes: {advert:?}") };
    assert_eq!((old.prefix.network(), old.on_link, old.autonomous), (prefix(1), false, true));
    assert_eq!((old.valid, old.preferred), (Duration::ZERO, Duration::ZERO));
    // Answers have the retired prefix, too.
    line.solicit();
    let answer = line.capture.expect_advert(FLOOR + AT_ONCE);
    assert_eq!((live(&answer), retired(&answer)), (vec![prefix(2)], vec![prefix(1)]));
}

fn another_prefix_after_a_moment_with_none(arguments: &[&str]) {
    another_prefix(arguments, |line| {
        line.remove_prefix();
        line.link.host.add_address("2001:db8:0:2::1/64");
    });
}

fn another_prefix_after_a_moment_with_both(arguments: &[&str]) {
    another_prefix(arguments, |line| {
        line.link.host.add_address("2001:db8:0:2::1/64");
        line.remove_prefix();
    });
}

/// Waits for the next RA, which is no final one.
fn next_serving_ra(capture: &mut Capture, timeout: Duration) -> Advert {
    let advert = capture.expect_advert(timeout);
    assert!(!advert.is_final(), "{advert:?}");
    advert
}

/// A guest on a served link, with a preferred address in prefix 1.
struct ServedGuest {
    link: Veth,
    guest: Guest,
    capture: Capture,
    _daemon: Daemon,
}

impl ServedGuest {
    fn new(arguments: &[&str]) -> Self {
        let (host, guest) = (Namespace::host(), Guest::new());
        let link = Veth::new((&host, "vm1"), (guest.namespace(), "eth0"));
        link.host.add_address("2001:db8:0:1::1/64");
        let capture = Capture::on(&link.guest);
        let daemon = Daemon::start(&host, &rarely(arguments));
        let served = Self { link, guest, capture, _daemon: daemon };
        served.guest.wait_for_address(served.address(1), SOON);
        served.expect_preferred(1);
        served.guest.wait_for_default_route_to(served.link.host.link_local(), SOON);
        served
    }

    /// Returns the guest's address in prefix `number`.
    fn address(&self, number: u16) -> std::net::Ipv6Addr {
        self.link.guest.mac().address_in(prefix(number))
    }

    fn expect_preferred(&self, number: u16) {
        let held = self.guest.holds(self.address(number)).expect("it has the address");
        assert!(!held.deprecated && held.preferred > 14_000 && held.valid > 86_000, "{held:?}");
    }

    fn expect_deprecated(&self, number: u16) {
        let held = self.guest.wait_for_deprecated(self.address(number), SOON);
        assert_eq!(held.preferred, 0);
        assert!((TWO_HOURS - 60..=TWO_HOURS).contains(&held.valid), "deprecated, and still valid: {held:?}");
    }

    fn change_prefix(&self, from: u16, to: u16) {
        self.link.host.add_address(&format!("{}1/64", prefix(to)));
        self.link.host.remove_address(&format!("{}1/64", prefix(from)));
    }
}

fn a_guest_holds_the_old_address_deprecated(arguments: &[&str]) {
    let served = ServedGuest::new(arguments);
    served.change_prefix(1, 2);
    served.guest.wait_for_address(served.address(2), SOON);
    served.expect_preferred(2);
    served.expect_deprecated(1);
    served.guest.wait_for_default_route_to(served.link.host.link_local(), SOON);

    // A change back retires the other prefix.
    served.change_prefix(2, 1);
    served.expect_deprecated(2);
    served.expect_preferred(1);
}

fn a_new_prefix_long_after_the_old_one_was_removed(arguments: &[&str]) {
    let mut served = ServedGuest::new(arguments);
    thread::sleep(FLOOR);
    served.capture.clear();
    served.link.host.remove_address("2001:db8:0:1::1/64");
    let final_ra = served.capture.expect_advert(FLOOR + AT_ONCE);
    assert!(final_ra.is_final(), "{final_ra:?}");
    assert_eq!((live(&final_ra), retired(&final_ra)), (vec![], vec![prefix(1)]));
    served.expect_deprecated(1);
    served.guest.wait_for_no_default_route(SOON);
    // Without a prefix nothing is sent.
    served.capture.expect_silence(FLOOR + Duration::from_secs(1));

    served.link.host.add_address("2001:db8:0:2::1/64");
    let advert = served.capture.expect_advert(AT_ONCE);
    assert!(!advert.is_final(), "{advert:?}");
    assert_eq!((live(&advert), retired(&advert)), (vec![prefix(2)], vec![prefix(1)]));
    served.guest.wait_for_address(served.address(2), SOON);
    served.expect_preferred(2);
    served.expect_deprecated(1);
    served.guest.wait_for_default_route_to(served.link.host.link_local(), SOON);
}

fn a_prefix_that_comes_back_is_no_longer_retired(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let first = line.expect_served(SOON);
    line.remove_prefix();
    let final_ra = line.capture.expect_advert(SOON);
    assert_eq!((final_ra.is_final(), retired(&final_ra)), (true, vec![prefix(1)]), "{final_ra:?}");
    line.add_prefix();
    assert_eq!(line.expect_served(SOON).prefixes(), first.prefixes());

    // With another prefix in between, that one is retired.
    line.link.host.add_address("2001:db8:0:2::1/64");
    line.remove_prefix();
    assert_eq!(live(&next_serving_ra(&mut line.capture, SOON)), [prefix(2)]);
    line.add_prefix();
    line.link.host.remove_address("2001:db8:0:2::1/64");
    let back = next_serving_ra(&mut line.capture, SOON);
    assert_eq!((live(&back), retired(&back)), (vec![prefix(1)], vec![prefix(2)]), "{back:?}");
}

fn another_address_in_the_same_prefix_changes_nothing(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    let daemon = Daemon::start(&host, &rarely(arguments));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    thread::sleep(FLOOR);
    lines[0].link.host.add_address("2001:db8:0:1::2/64");
    lines[0].remove_prefix();
    // The control: a change of the prefix. Without it the next RA of the burst leaves 16 s after the first.
    lines[1].link.host.add_address("2001:db8:cafe::1/64");
    lines[1].remove_prefix();
    assert_eq!(
        live(&next_serving_ra(&mut lines[1].capture, FLOOR + AT_ONCE)),
        ["2001:db8:cafe::".parse::<std::net::Ipv6Addr>().expect("an address")]
    );
    expect_silence([&mut lines[0]], FLOOR + SLACK);
    assert_eq!(daemon.served("vm1"), 1, "{:#?}", daemon.log());
    assert_eq!(lines[0].expect_answer().prefixes(), first[0].prefixes());
}

fn a_retired_prefix_is_sent_until_its_advertised_lifetime_ends(arguments: &[&str]) {
    const ADVERTISED: Duration = Duration::from_secs(12);
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let lifetimes = ["--pio-valid-lifetime=12s", "--pio-preferred-lifetime=6s"];
    let often = ["--interface-regex=^vm1$", "--min-ra-interval=3s", "--max-ra-interval=4s"];
    let _daemon = Daemon::start(&host, &[&often[..], &lifetimes, arguments].concat());
    let mut last_advertised = line.expect_served(SOON).at;
    line.link.host.add_address("2001:db8:0:2::1/64");
    line.remove_prefix();
    let mut count = 0;
    loop {
        let advert = next_serving_ra(&mut line.capture, SOON);
        let after = advert.since(last_advertised);
        match (live(&advert)[..] == [prefix(1)], retired(&advert)[..] == [prefix(1)]) {
            // The daemon waits a moment for a prefix that went.
            (true, _) => last_advertised = advert.at,
            (false, true) => {
                assert_eq!(live(&advert), [prefix(2)]);
                assert!(after < ADVERTISED + SLACK, "still after {after:?}");
                count += 1;
            }
            (false, false) => {
                assert_eq!((live(&advert), retired(&advert)), (vec![prefix(2)], vec![]));
                assert!(after + SLACK > ADVERTISED, "no more after {after:?}");
                break;
            }
        }
    }
    assert!(count >= 2, "in every RA: {count}");
}

/// With a ninth retired prefix, the oldest is dropped.
fn at_most_eight_retired_prefixes_are_sent(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    line.expect_served(SOON);
    for number in 2..=10 {
        line.link.host.add_address(&format!("{}1/64", prefix(number)));
        line.link.host.remove_address(&format!("{}1/64", prefix(number - 1)));
        let advert = std::iter::from_fn(|| Some(next_serving_ra(&mut line.capture, SOON)))
            .find(|advert| live(advert) == [prefix(number)])
            .expect("the iterator is endless");
        let mut gone = retired(&advert);
        gone.sort();
        let expected: Vec<_> = (1..number).rev().take(8).rev().map(prefix).collect();
        assert_eq!(gone, expected, "behind prefix {number}");
    }
}
