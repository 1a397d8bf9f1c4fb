//! Prefixes that change, go and come back while the interface is served [RFC 9096 3.5], and what guests' kernels make
//! of it.

use std::{
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Advert, Capture, Daemon, Guest, Namespace, Veth};

use crate::bench::{
    AT_ONCE, FLOOR, Line, SLACK, SOON, expect_silence, live, on_both_paths, prefix, rarely, retired,
};

on_both_paths!(
    another_prefix_after_a_moment_with_none,
    another_prefix_after_a_moment_with_both,
    a_guest_holds_the_old_address_deprecated,
    the_prefix_went_and_another_came_later,
    a_prefix_that_comes_back_is_simply_current,
    another_suffix_is_no_change,
    the_old_prefix_is_carried_as_long_as_it_was_advertised,
    of_many_that_went_eight_ride_along,
    a_link_that_went_down_takes_nothing_back,
);

/// What a guest's kernel leaves of a Valid Lifetime that is taken back [RFC 4862 5.5.3 e].
const TWO_HOURS: u64 = 7_200;

fn another_prefix(arguments: &[&str], change: fn(&Line)) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    line.expect_served(SOON);
    thread::sleep(FLOOR);
    change(&line);
    let advert = next_service(&mut line.capture, SOON);
    assert_eq!(live(&advert), [prefix(2)]);
    // The old one rides along, deprecated, so that the guest does not go on using it [RFC 9096 3.5].
    let [_, old] = advert.prefixes()[..] else { panic!("two prefixes: {advert:?}") };
    assert_eq!((old.prefix.network(), old.on_link, old.autonomous), (prefix(1), false, true));
    assert_eq!((old.valid, old.preferred), (Duration::ZERO, Duration::ZERO));
    // In every one: in answers, too.
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

/// The next one that makes a router of the host: the moment between two commands may be noticed and told to the guest,
/// or not.
fn next_service(capture: &mut Capture, timeout: Duration) -> Advert {
    let deadline = Instant::now() + timeout;
    std::iter::from_fn(|| Some(capture.expect_advert(deadline.saturating_duration_since(Instant::now()))))
        .find(|advert| !advert.is_final())
        .expect("there is no end to it")
}

/// A guest on a served link, with an address of prefix 1 that it prefers.
struct Home {
    link: Veth,
    guest: Guest,
    capture: Capture,
    _daemon: Daemon,
}

impl Home {
    fn new(arguments: &[&str]) -> Self {
        let (host, guest) = (Namespace::host(), Guest::new());
        let link = Veth::new((&host, "vm1"), (guest.namespace(), "eth0"));
        link.host.add_address("2001:db8:0:1::1/64");
        let capture = Capture::on(&link.guest);
        let daemon = Daemon::start(&host, &rarely(arguments));
        let home = Self { link, guest, capture, _daemon: daemon };
        home.guest.wait_for_address(home.address(1), SOON);
        home.expect_preferred(1);
        home.guest.wait_for_default_route_to(home.link.host.link_local(), SOON);
        home
    }

    /// The guest's address in prefix `number`.
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
        assert!((TWO_HOURS - 60..=TWO_HOURS).contains(&held.valid), "deprecated, not gone: {held:?}");
    }

    fn change_prefix(&self, from: u16, to: u16) {
        self.link.host.add_address(&format!("{}1/64", prefix(to)));
        self.link.host.remove_address(&format!("{}1/64", prefix(from)));
    }
}

fn a_guest_holds_the_old_address_deprecated(arguments: &[&str]) {
    let home = Home::new(arguments);
    home.change_prefix(1, 2);
    home.guest.wait_for_address(home.address(2), SOON);
    home.expect_preferred(2);
    home.expect_deprecated(1);
    home.guest.wait_for_default_route_to(home.link.host.link_local(), SOON);

    // And back: the roles change.
    home.change_prefix(2, 1);
    home.expect_deprecated(2);
    home.expect_preferred(1);
}

fn the_prefix_went_and_another_came_later(arguments: &[&str]) {
    let mut home = Home::new(arguments);
    thread::sleep(FLOOR);
    home.capture.clear();
    home.link.host.remove_address("2001:db8:0:1::1/64");
    let final_ra = home.capture.expect_advert(FLOOR + AT_ONCE);
    assert!(final_ra.is_final(), "{final_ra:?}");
    assert_eq!((live(&final_ra), retired(&final_ra)), (vec![], vec![prefix(1)]));
    home.expect_deprecated(1);
    home.guest.wait_for_no_default_route(SOON);
    // As long as there is none, nothing.
    home.capture.expect_silence(FLOOR + Duration::from_secs(1));

    home.link.host.add_address("2001:db8:0:2::1/64");
    let advert = home.capture.expect_advert(AT_ONCE);
    assert!(!advert.is_final(), "{advert:?}");
    assert_eq!((live(&advert), retired(&advert)), (vec![prefix(2)], vec![prefix(1)]));
    home.guest.wait_for_address(home.address(2), SOON);
    home.expect_preferred(2);
    home.expect_deprecated(1);
    home.guest.wait_for_default_route_to(home.link.host.link_local(), SOON);
}

fn a_prefix_that_comes_back_is_simply_current(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let first = line.expect_served(SOON);
    line.remove_prefix();
    let final_ra = line.capture.expect_advert(SOON);
    assert_eq!((final_ra.is_final(), retired(&final_ra)), (true, vec![prefix(1)]), "{final_ra:?}");
    line.add_prefix();
    assert_eq!(line.expect_served(SOON).prefixes(), first.prefixes());

    // By way of another one, which is then the one that is taken back.
    line.link.host.add_address("2001:db8:0:2::1/64");
    line.remove_prefix();
    assert_eq!(live(&next_service(&mut line.capture, SOON)), [prefix(2)]);
    line.add_prefix();
    line.link.host.remove_address("2001:db8:0:2::1/64");
    let back = next_service(&mut line.capture, SOON);
    assert_eq!((live(&back), retired(&back)), (vec![prefix(1)], vec![prefix(2)]), "{back:?}");
}

fn another_suffix_is_no_change(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    let daemon = Daemon::start(&host, &rarely(arguments));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    thread::sleep(FLOOR);
    lines[0].link.host.add_address("2001:db8:0:1::2/64");
    lines[0].remove_prefix();
    // Beside it, what is one. The next of the burst would leave 16 s after the first.
    lines[1].link.host.add_address("2001:db8:cafe::1/64");
    lines[1].remove_prefix();
    assert_eq!(
        live(&next_service(&mut lines[1].capture, FLOOR + AT_ONCE)),
        ["2001:db8:cafe::".parse::<std::net::Ipv6Addr>().expect("an address")]
    );
    expect_silence([&mut lines[0]], FLOOR + SLACK);
    assert_eq!(daemon.served("vm1"), 1, "{:#?}", daemon.log());
    assert_eq!(lines[0].expect_answer().prefixes(), first[0].prefixes());
}

fn the_old_prefix_is_carried_as_long_as_it_was_advertised(arguments: &[&str]) {
    const ADVERTISED: Duration = Duration::from_secs(12);
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let lifetimes = ["--pio-valid-lifetime=12s", "--pio-preferred-lifetime=6s"];
    let often = ["--interface-regex=^vm1$", "--min-ra-interval=3s", "--max-ra-interval=4s"];
    let _daemon = Daemon::start(&host, &[&often[..], &lifetimes, arguments].concat());
    let mut promised = line.expect_served(SOON).at;
    line.link.host.add_address("2001:db8:0:2::1/64");
    line.remove_prefix();
    let mut rides = 0;
    loop {
        let advert = line.capture.expect_advert(SOON);
        let after = advert.since(promised);
        match (live(&advert)[..] == [prefix(1)], retired(&advert)[..] == [prefix(1)]) {
            // A final RA may say it once more, and promises it like any other.
            (true, _) => promised = advert.at,
            (false, true) if advert.is_final() => {}
            (false, true) => {
                assert_eq!(live(&advert), [prefix(2)]);
                assert!(after < ADVERTISED + SLACK, "still after {after:?}");
                rides += 1;
            }
            (false, false) => {
                assert_eq!((live(&advert), retired(&advert)), (vec![prefix(2)], vec![]));
                assert!(after + SLACK > ADVERTISED, "no more after {after:?}");
                break;
            }
        }
    }
    assert!(rides >= 2, "in every one: {rides}");
}

/// The ninth is one too many, and the oldest makes room.
fn of_many_that_went_eight_ride_along(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    line.expect_served(SOON);
    for number in 2..=10 {
        line.link.host.add_address(&format!("{}1/64", prefix(number)));
        line.link.host.remove_address(&format!("{}1/64", prefix(number - 1)));
        let advert = std::iter::from_fn(|| Some(next_service(&mut line.capture, SOON)))
            .find(|advert| live(advert) == [prefix(number)])
            .expect("there is no end to it");
        let mut gone = retired(&advert);
        gone.sort();
        let expected: Vec<_> = (1..number).rev().take(8).rev().map(prefix).collect();
        assert_eq!(gone, expected, "behind prefix {number}");
    }
}

/// Whoever comes up behind it may be another guest, and knows of nothing.
fn a_link_that_went_down_takes_nothing_back(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    let daemon = Daemon::start(&host, &rarely(arguments));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    thread::sleep(FLOOR);
    lines[0].link.host.set("down");
    daemon.wait_for_log(&["not serving", "interface=vm1"], SOON);
    lines[0].link.host.set("up");
    lines[0].link.host.wait_link_local();
    for line in &lines {
        line.link.host.add_address(&format!("2001:db8:0:{}::1/64", line.link.host.index() + 100));
    }
    lines[1].remove_prefix();
    let [anew, beside_it] = [0, 1].map(|at| next_service(&mut lines[at].capture, SOON));
    assert_eq!((live(&anew).len(), retired(&anew)), (1, vec![]), "{anew:?}");
    assert_eq!((live(&beside_it).len(), retired(&beside_it)), (1, vec![prefix(2)]), "{beside_it:?}");
}
