//! Links that lose what they need and get it back: carrier, forwarding everywhere, and the burst that follows a change.

use std::{thread, time::Duration};

use autora_tests::{Advert, Capture, Daemon, Mac, Namespace, Solicit, Tap, Veth, eventually};

use crate::bench::{
    AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, live, on_both_paths, prefix, rarely,
};

on_both_paths!(
    without_carrier_it_pauses,
    a_tap_is_served_while_a_program_holds_it_open,
    forwarding_flipped_everywhere,
    guests_on_the_way_into_a_hole_are_told_of,
    what_changes_begins_with_a_burst,
);

/// The kernel tells of carriers that are gone when it finds the time: a hundred a second, for all namespaces of a machine
/// together (net/core/link_watch.c).
const CARRIER_LOST: Duration = Duration::from_secs(30);

/// What leaves without a carrier nobody sees, neither behind the link nor on it: there the daemon's own word counts.
const WORDS: &str = "--log-level=trace";

/// How often the daemon says that it has sent something on `vm1`.
fn sent(daemon: &Daemon) -> usize {
    daemon.lines_with(&["sent an RA", "interface=vm1"]).len()
}

fn without_carrier_it_pauses(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    link.host.add_address("2001:db8:0:1::1/64");
    let mut control = Line::new(&host, &guest, 2);
    let mut capture = Capture::outgoing(&link.host);
    let often = ["--interface-regex=^vm[0-9]+$", "--min-ra-interval=3s", "--max-ra-interval=4s", WORDS];
    let daemon = Daemon::start(&host, &[&often, arguments].concat());
    capture.expect_advert(SOON);
    control.expect_served(SOON);

    link.guest.set("down");
    daemon.wait_for_log(&["paused", "interface=vm1"], CARRIER_LOST);
    capture.clear();
    control.capture.clear();
    let before = sent(&daemon);
    // Time for one at least, as next door.
    thread::sleep(FLOOR * 2);
    control.expect_served(Duration::ZERO);
    assert_eq!(sent(&daemon), before, "{:#?}", daemon.log());
    capture.expect_silence(Duration::ZERO);
    link.guest.set("up");
    assert!(!capture.expect_advert(AT_ONCE + Duration::from_secs(1)).is_final());
    eventually(SOON, "the daemon's word of it", || (sent(&daemon) > before).then_some(()));
    assert!(daemon.lines_with(&["not serving"]).is_empty(), "nothing was withdrawn");
}

fn a_tap_is_served_while_a_program_holds_it_open(arguments: &[&str]) {
    let host = Namespace::host();
    let mut tap = Tap::new(&host, "vm1");
    tap.interface.add_address("2001:db8:0:1::1/64");
    let mut capture = Capture::outgoing(&tap.interface);
    let daemon = Daemon::start(&host, &rarely(&[&[WORDS], arguments].concat()));
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
    assert_eq!(sent(&daemon), 2, "{:#?}", daemon.log());
    tap.open();
    let again = capture.expect_advert(AT_ONCE + Duration::from_secs(1));
    assert!(!again.is_final() && again.since(answer.at) < Duration::from_secs(15), "{again:?}");
}

/// Writing `conf.all.forwarding` flips it on every interface; that is noticed without a look at everything.
fn forwarding_flipped_everywhere(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 3);
    let daemon = Daemon::start(&host, &rarely(&[&["--forwarding-resync-interval=1h"], arguments].concat()));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    host.sysctl("ipv6/conf/all/forwarding", 0);
    for line in &mut lines {
        assert_eq!(daemon.wait_refused(line.name(), SOON), ["forwarding-off"]);
        assert!(line.capture.expect_advert(FLOOR + AT_ONCE).is_final());
    }
    // One interface for itself is served again.
    lines[2].link.host.sysctl("forwarding", 1);
    lines[2].expect_served(FLOOR + AT_ONCE);
    lines.iter().for_each(Line::solicit);
    lines[2].expect_served(FLOOR + MAX_DELAY + SLACK);
    expect_silence(&mut lines[..2], Duration::ZERO);

    host.sysctl("ipv6/conf/all/forwarding", 1);
    for line in &mut lines[..2] {
        line.expect_served(AT_ONCE);
    }
    lines[2].expect_answer();
    expect_silence(&mut lines[..2], Duration::ZERO);
}

/// An interface may forward while the host does not: its guest is served, and its packets get no further.
fn guests_on_the_way_into_a_hole_are_told_of(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let resync = ["--forwarding-resync-interval=1s"];
    let daemon = Daemon::start(&host, &rarely(&[&resync, arguments].concat()));
    line.expect_served(SOON);
    host.sysctl("ipv6/conf/all/forwarding", 0);
    assert!(line.capture.expect_advert(FLOOR + AT_ONCE).is_final());
    // Nobody is served who could fall into it, and some looks at everything are taken meanwhile.
    let hole = ["WARN", "net.ipv6.conf.all.forwarding is 0"];
    thread::sleep(AT_ONCE);
    assert!(daemon.lines_with(&hole).is_empty(), "{:#?}", daemon.log());
    line.link.host.sysctl("forwarding", 1);
    line.expect_served(FLOOR + AT_ONCE);
    daemon.wait_for_log(&hole, SOON);
    thread::sleep(AT_ONCE);
    assert_eq!(daemon.lines_with(&hole).len(), 1, "told once");
}

/// Three advertisements, 16 s apart as the intervals here are longer than that, and then no more.
fn what_changes_begins_with_a_burst(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 4);
    let daemon = Daemon::start(&host, &rarely(arguments));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    lines[0].link.host.add_address("fe80::1/64");
    thread::sleep(FLOOR);

    lines[0].link.host.remove_address(&lines[0].link_local());
    lines[1].link.host.add_address("2001:db8:cafe::1/64");
    lines[1].remove_prefix();
    // From outside, as nobody sees anything behind a link that is down.
    let mut behind = Capture::outgoing(&lines[2].link.host);
    lines[2].link.guest.set("down");
    daemon.wait_for_log(&["paused", "interface=vm3"], CARRIER_LOST);
    lines[2].link.guest.set("up");
    // A final RA before it costs 3 s.
    thread::sleep(BURST_INTERVAL * 2 + FLOOR + AT_ONCE);

    let control = lines[3].capture.adverts_within(Duration::ZERO);
    assert_eq!(control.len(), 2, "the burst that began at the start goes on: {control:#?}");
    assert_is_burst("control", &[&first[3..], &control[..]].concat());
    for (what, capture) in
        [("another link-local address", &mut lines[0].capture), ("the carrier is back", &mut behind)]
    {
        assert_is_burst(what, &services(capture));
    }
    assert_is_burst("another prefix", &services(&mut lines[1].capture));
}

/// The longest interval within the initial burst [RFC 4861 10, `MAX_INITIAL_RTR_ADVERT_INTERVAL`].
const BURST_INTERVAL: Duration = Duration::from_secs(16);

fn services(capture: &mut Capture) -> Vec<Advert> {
    let mut adverts = capture.adverts_within(Duration::ZERO);
    adverts.retain(|advert| !advert.is_final());
    adverts
}

fn assert_is_burst(what: &str, adverts: &[Advert]) {
    let gaps: Vec<_> = adverts.windows(2).map(|pair| pair[1].since(pair[0].at)).collect();
    let right = |gap: &Duration| (BURST_INTERVAL..BURST_INTERVAL + SLACK).contains(gap);
    assert!(gaps.len() == 2 && gaps.iter().all(right), "{what}: {gaps:?}");
}
