//! Interfaces that come, change and go while the daemon runs.

use std::{thread, time::Duration};

use autora_tests::{Capture, Daemon, Mac, Namespace, Solicit, Tap, Veth};

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, live, prefix, rarely};

#[test]
fn from_its_making_to_its_end() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let daemon = Daemon::start(&host, &rarely(&[]));
    daemon.wait_for_log(&["started"], SOON);

    let mut line = Line::without_prefix(&host, &guest, "vm1", 1);
    daemon.wait_for_log(&["not serving", "interface=vm1", "no-prefix"], SOON);
    expect_silence([&mut line], Duration::from_secs(1));
    line.add_prefix();
    line.expect_served(AT_ONCE);
    daemon.wait_serving("vm1", SOON);

    // A name that does not match: nothing is served, however fit it is.
    line.link.host.set("down");
    line.link.host.rename("other1");
    line.link.host.set("up");
    line.link.host.wait_link_local();
    line.add_prefix();
    line.capture.clear();
    line.solicit();
    expect_silence([&mut line], FLOOR + MAX_DELAY + SLACK);

    // A name that matches again, another one even.
    line.link.host.set("down");
    line.link.host.rename("vm2");
    line.link.host.set("up");
    line.link.host.wait_link_local();
    line.add_prefix();
    line.expect_served(AT_ONCE);
    daemon.wait_serving("vm2", SOON);

    line.link.host.delete();
    daemon.wait_for_log(&["interface=vm2", "gone"], SOON);
    let mut again = Line::new(&host, &guest, 2);
    again.expect_served(AT_ONCE);
    assert_eq!(daemon.served("vm2"), 2);
}

#[test]
fn many_at_once() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let _daemon = Daemon::start(&host, &rarely(&[]));
    let mut lines = Line::several(&host, &guest, 20);
    for line in &mut lines {
        line.expect_served(SOON);
    }
    for line in &lines {
        line.link.host.delete();
    }
    drop(lines);
    let mut lines = Line::several(&host, &guest, 20);
    for line in &mut lines {
        line.expect_served(SOON);
    }
}

fn another_prefix(change: fn(&Line)) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(&[]));
    line.expect_served(SOON);
    thread::sleep(FLOOR);
    change(&line);
    // The moment between the two commands may be noticed, and told to the guest, or not.
    let advert = std::iter::from_fn(|| Some(line.capture.expect_advert(SOON)))
        .find(|advert| !advert.is_final())
        .expect("there is no end to it");
    assert_eq!(live(&advert), [prefix(2)]);
    // The old one rides along, deprecated, so that the guest does not go on using it [RFC 9096 3.5].
    let [_, old] = advert.prefixes()[..] else { panic!("two prefixes: {advert:?}") };
    assert_eq!((old.prefix.network(), old.on_link, old.autonomous), (prefix(1), false, true));
    assert_eq!((old.valid, old.preferred), (Duration::ZERO, Duration::ZERO));
}

#[test]
fn another_prefix_after_a_moment_with_none() {
    another_prefix(|line| {
        line.remove_prefix();
        line.link.host.add_address("2001:db8:0:2::1/64");
    });
}

#[test]
fn another_prefix_after_a_moment_with_both() {
    another_prefix(|line| {
        line.link.host.add_address("2001:db8:0:2::1/64");
        line.remove_prefix();
    });
}

#[test]
fn another_link_local_address() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(&[]));
    let first = line.expect_served(SOON);
    let old = line.link.host.link_local();

    // One more changes nothing, though it is lower.
    line.link.host.add_address("fe80::1/64");
    line.solicit();
    let second = line.expect_served(SOON);

    // The one in use goes: its goodbye, and then the other speaks, as one that has just begun.
    line.link.host.remove_address(&format!("{old}/64"));
    let goodbye = line.capture.expect_advert(SOON);
    assert_eq!((goodbye.source, goodbye.is_final()), (old, true));
    let other = line.capture.expect_advert(SOON);
    assert_eq!((other.source.to_string().as_str(), other.is_final()), ("fe80::1", false));
    assert_eq!(live(&other), [prefix(1)]);
    for (earlier, later) in [(&first, &second), (&second, &goodbye), (&goodbye, &other)] {
        assert!(later.since(earlier.at) >= FLOOR, "{:?}", later.since(earlier.at));
    }
}

#[test]
fn without_carrier_it_pauses() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    link.host.add_address("2001:db8:0:1::1/64");
    let mut capture = Capture::outgoing(&link.host);
    let daemon = Daemon::start(&host, &rarely(&[]));
    let first = capture.expect_advert(SOON);

    link.guest.set("down");
    // The next of the burst is due after 16 s; only the carrier's return can make it come sooner.
    capture.expect_silence(FLOOR + Duration::from_millis(500));
    link.guest.set("up");
    let again = capture.expect_advert(AT_ONCE + Duration::from_secs(1));
    assert!(!again.is_final() && again.since(first.at) < Duration::from_secs(15), "{again:?}");
    assert!(daemon.lines_with(&["not serving"]).is_empty(), "nothing was withdrawn");
}

#[test]
fn a_tap_is_served_while_somebody_holds_it_open() {
    let host = Namespace::host();
    let mut tap = Tap::new(&host, "vm1");
    tap.interface.add_address("2001:db8:0:1::1/64");
    let mut capture = Capture::outgoing(&tap.interface);
    let daemon = Daemon::start(&host, &rarely(&[]));
    assert_eq!(daemon.wait_refused("vm1", SOON), ["no-link-local"]);
    daemon.wait_for_log(&["not serving", "interface=vm1", "tap open"], SOON);

    tap.open();
    let first = capture.expect_advert(SOON);
    assert_eq!((first.source, live(&first)), (tap.interface.link_local(), vec![prefix(1)]));
    thread::sleep(FLOOR);
    tap.send(&Solicit::new(Mac::unique()).frame());
    let answer = capture.expect_advert(MAX_DELAY + SLACK);

    tap.close();
    capture.expect_silence(FLOOR + Duration::from_millis(500));
    tap.open();
    let again = capture.expect_advert(AT_ONCE + Duration::from_secs(1));
    assert!(!again.is_final() && again.since(answer.at) < Duration::from_secs(15), "{again:?}");
}

#[test]
fn a_link_local_address_counts_when_its_detection_is_over() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    host.default_sysctls(&[("accept_dad", 1)]);
    let daemon = Daemon::start(&host, &rarely(&[]));
    // Waits for the detection itself, so the daemon has had its chance to be too early.
    let mut line = Line::without_prefix(&host, &guest, "vm1", 1);
    line.add_prefix();
    line.expect_served(AT_ONCE);
    daemon.wait_for_log(&["not serving", "interface=vm1", "no-link-local"], SOON);
}
