//! Links that lose and regain carrier and forwarding, and the initial burst after a change.

use std::{thread, time::Duration};

use autora_tests::{Advert, Capture, Daemon, Mac, Namespace, Solicit, Tap, Veth, eventually};

use crate::bench::{
    AT_ONCE, BURST_INTERVAL, FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, live, on_both_paths, prefix, rarely,
};

on_both_paths!(
    an_interface_without_carrier_is_paused,
    a_tap_is_served_while_a_program_holds_it_open,
    a_change_of_forwarding_on_all_interfaces_is_noticed,
    serving_while_the_host_does_not_forward_logs_one_warning,
    a_change_begins_a_new_initial_burst,
);

/// The kernel notifies of lost carriers with a delay: a hundred a second, for all namespaces of a machine
/// together (net/core/link_watch.c).
const CARRIER_LOST: Duration = Duration::from_secs(30);

/// Without a carrier no capture sees what is sent, so the daemon's log of sent RAs is counted.
const LOG_SENDS: &str = "--log-level=trace";

/// Returns the number of RAs on `vm1` in the daemon's log.
fn sent(daemon: &Daemon) -> usize {
    daemon.lines_with(&["sent an RA", "interface=vm1"]).len()
}

fn an_interface_without_carrier_is_paused(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    link.host.add_address("2001:db8:0:1::1/64");
    let mut control = Line::new(&host, &guest, 2);
    let mut capture = Capture::on(&link.guest);
    let often = ["--interface-regex=^vm[0-9]+$", "--min-ra-interval=3s", "--max-ra-interval=4s", LOG_SENDS];
    let daemon = Daemon::start(&host, &[&often, arguments].concat());
    capture.expect_advert(SOON);
    control.expect_served(SOON);

    link.guest.set("down");
    daemon.wait_for_log(&["paused", "interface=vm1"], CARRIER_LOST);
    capture.clear();
    control.capture.clear();
    let before = sent(&daemon);
    // Time for at least one RA, as on the other line.
    thread::sleep(FLOOR * 2);
    control.expect_served(Duration::ZERO);
    assert_eq!(sent(&daemon), before, "{:#?}", daemon.log());
    capture.expect_silence(Duration::ZERO);
    link.guest.set("up");
    assert!(!capture.expect_advert(AT_ONCE + Duration::from_secs(1)).is_final());
    eventually(SOON, "the RA in the log", || (sent(&daemon) > before).then_some(()));
    assert!(daemon.lines_with(&["not serving"]).is_empty(), "nothing was withdrawn");
}

fn a_tap_is_served_while_a_program_holds_it_open(arguments: &[&str]) {
    let host = Namespace::host();
    let mut tap = Tap::new(&host, "vm1");
    tap.interface.add_address("2001:db8:0:1::1/64");
    let mut capture = tap.capture();
    let daemon = Daemon::start(&host, &rarely(&[&[LOG_SENDS], arguments].concat()));
    assert_eq!(daemon.wait_not_served("vm1", SOON), ["no-link-local"]);
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

/// A write to `conf.all.forwarding` sets `forwarding` of every interface; the daemon notices that without a
/// resync.
fn a_change_of_forwarding_on_all_interfaces_is_noticed(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 3);
    let daemon = Daemon::start(&host, &rarely(&[&["--forwarding-resync-interval=1h"], arguments].concat()));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    host.sysctl("ipv6/conf/all/forwarding", 0);
    for line in &mut lines {
        assert_eq!(daemon.wait_not_served(line.name(), SOON), ["forwarding-off"]);
        assert!(line.capture.expect_advert(FLOOR + AT_ONCE).is_final());
    }
    // An interface is served again if it alone forwards.
    lines[2].link.host.sysctl("forwarding", 1);
    lines[2].expect_served(FLOOR + AT_ONCE);
    // Neither the warning nor the status waits for a resync.
    daemon.wait_for_log(&["WARN", "net.ipv6.conf.all.forwarding is 0"], AT_ONCE);
    assert_eq!(daemon.control().json("/v1/status")["not_forwarding"], 1);
    let metrics = daemon.control().get("/metrics").body;
    assert!(metrics.contains("\nautora_interfaces_not_forwarding 1\n"), "{metrics}");
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

/// An interface may forward while the host does not: its guest is served, and its packets are dropped.
fn serving_while_the_host_does_not_forward_logs_one_warning(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let resync = ["--forwarding-resync-interval=1s"];
    let daemon = Daemon::start(&host, &rarely(&[&resync, arguments].concat()));
    line.expect_served(SOON);
    host.sysctl("ipv6/conf/all/forwarding", 0);
    assert!(line.capture.expect_advert(FLOOR + AT_ONCE).is_final());
    // While no interface is served, no resync logs a warning.
    let warning = ["WARN", "net.ipv6.conf.all.forwarding is 0"];
    thread::sleep(AT_ONCE);
    assert!(daemon.lines_with(&warning).is_empty(), "{:#?}", daemon.log());
    line.link.host.sysctl("forwarding", 1);
    line.expect_served(FLOOR + AT_ONCE);
    daemon.wait_for_log(&warning, SOON);
    thread::sleep(AT_ONCE);
    assert_eq!(daemon.lines_with(&warning).len(), 1, "logged once");
}

/// Three RAs, 16 s apart as the configured intervals are longer, and then no more.
fn a_change_begins_a_new_initial_burst(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 4);
    let daemon = Daemon::start(&host, &rarely(arguments));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    lines[0].link.host.add_address("fe80::1/64");
    thread::sleep(FLOOR);

    lines[0].link.host.remove_address(&lines[0].link_local());
    lines[1].link.host.add_address("2001:db8:cafe::1/64");
    lines[1].remove_prefix();
    lines[2].link.guest.set("down");
    daemon.wait_for_log(&["paused", "interface=vm3"], CARRIER_LOST);
    lines[2].link.guest.set("up");
    // A final RA before the burst takes 3 s.
    thread::sleep(BURST_INTERVAL * 2 + FLOOR + AT_ONCE);

    let control = lines[3].capture.adverts_within(Duration::ZERO);
    assert_eq!(control.len(), 2, "the burst that began at the start goes on: {control:#?}");
    assert_is_burst("control", &[&first[3..], &control[..]].concat());
    let changes = ["another link-local address", "another prefix", "the carrier is back"];
    for (what, line) in changes.into_iter().zip(&mut lines) {
        assert_is_burst(what, &without_final_ras(&mut line.capture));
    }
}

fn without_final_ras(capture: &mut Capture) -> Vec<Advert> {
    let mut adverts = capture.adverts_within(Duration::ZERO);
    adverts.retain(|advert| !advert.is_final());
    adverts
}

fn assert_is_burst(what: &str, adverts: &[Advert]) {
    let gaps: Vec<_> = adverts.windows(2).map(|pair| pair[1].since(pair[0].at)).collect();
    let right = |gap: &Duration| (BURST_INTERVAL..BURST_INTERVAL + SLACK).contains(gap);
    assert!(gaps.len() == 2 && gaps.iter().all(right), "{what}: {gaps:?}");
}
