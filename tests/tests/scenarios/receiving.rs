//! The receiving socket: without room for packets, and with fragments, which no filter can see.

use std::{thread, time::Duration};

use autora_tests::{Daemon, Fragments, Namespace, Solicit, eventually};
use nix::sys::signal::Signal;

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// The time after which the daemon clears the pending mark of a packet that it drops.
const RELEASE: Duration = Duration::from_millis(100);

/// Returns the value of field `name` in the last heartbeat.
fn last_heartbeat(daemon: &Daemon, name: &str) -> Option<String> {
    let line = daemon.lines_with(&["heartbeat"]).pop()?;
    Some(line.split_once(&format!(" {name}="))?.1.split(' ').next()?.to_owned())
}

fn socket_drops(daemon: &Daemon) -> Option<u64> {
    last_heartbeat(daemon, "socket_drops").map(|drops| drops.parse().expect("a number"))
}

/// Returns a daemon with a heartbeat and a resync each second, and two lines whose floor is over.
fn two_at_rest(arguments: &[&str]) -> (Daemon, Line, Line) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let (mut line, mut control) = (Line::new(&host, &guest, 1), Line::new(&host, &guest, 2));
    let often = ["--heartbeat-interval=1s", "--forwarding-resync-interval=1s"];
    let daemon = Daemon::start(&host, &rarely(&[&often, arguments].concat()));
    line.expect_served(SOON);
    control.expect_served(SOON);
    thread::sleep(FLOOR);
    (daemon, line, control)
}

fn expect_answer(line: &mut Line) {
    line.solicit();
    line.expect_served(MAX_DELAY + SLACK);
}

/// The number of packets in a flood, many more than the socket has room for.
const FLOOD: usize = 5_000;

/// Floods a stopped daemon twice from one guest. Returns the number of packets that found no room.
fn drops_of_a_flood(filter: &str) -> u64 {
    let (daemon, mut line, mut control) = two_at_rest(&[filter]);
    assert_eq!(eventually(SOON, "a heartbeat", || socket_drops(&daemon)), 0);
    let mut drops = 0;
    for _ in 0..2 {
        daemon.signal(Signal::SIGSTOP);
        line.sender.send_all(vec![Solicit::from(&line.link.guest).frame(); FLOOD]);
        daemon.signal(Signal::SIGCONT);
        // The packets that were received cause one answer; those without room are lost.
        line.expect_served(MAX_DELAY + SLACK);
        expect_answer(&mut control);

        // Time for two heartbeats and two resyncs.
        thread::sleep(FLOOR);
        let before = std::mem::replace(&mut drops, socket_drops(&daemon).expect("a heartbeat"));
        assert_eq!(drops > before, drops > 0, "each flood adds drops: {before}, {drops}");
        let warnings = daemon.lines_with(&["WARN", "socket_drops"]).len();
        assert_eq!(warnings, usize::from(drops > 0), "{drops} drops");
    }
    expect_answer(&mut line);
    drops
}

#[test]
fn socket_drops_are_counted_and_logged_once() {
    let drops = drops_of_a_flood("--filter=classic");
    assert!((1_000..10_000).contains(&drops), "{drops} of 10000");
    // The control: the eBPF filter passes one solicitation, so there is room.
    assert_eq!(drops_of_a_flood("--filter=ebpf"), 0);
}

/// Sends two solicitations in fragments, so that the second one's mark is cleared only after `RELEASE`, then
/// a valid one.
fn fragments_delay_no_valid_solicitation(filter: &str) {
    let (daemon, mut line, mut control) = two_at_rest(&[filter]);
    let fragmented = Solicit { fragments: Fragments::Two, ..Solicit::from(&line.link.guest) };
    for pause in [Duration::from_millis(20), RELEASE + SLACK / 4] {
        line.sender.send_all(fragmented.frames());
        thread::sleep(pause);
    }
    line.solicit();
    control.solicit();
    for (what, line) in [("after fragments", &mut line), ("on the other line", &mut control)] {
        let (solicits, adverts) = line.seen(MAX_DELAY + SLACK);
        let ([solicit], [advert]) = (&solicits[..], &adverts[..]) else {
            panic!("{what}: {} solicitations, {} advertisements", solicits.len(), adverts.len());
        };
        assert!(advert.since(*solicit) <= MAX_DELAY + SLACK, "{what}: {:?}", advert.since(*solicit));
    }
    eventually(SOON, "two dropped fragments in the totals", || {
        last_heartbeat(&daemon, "packets")?.contains("fragment:2").then_some(())
    });
}

#[test]
fn fragments_delay_no_valid_solicitation_behind_the_ebpf_filter() {
    fragments_delay_no_valid_solicitation("--filter=ebpf");
}

#[test]
fn fragments_delay_no_valid_solicitation_behind_the_classic_filter() {
    fragments_delay_no_valid_solicitation("--filter=classic");
}
