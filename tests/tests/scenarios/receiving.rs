//! The receiving socket in need: without room, and with what no filter can see.

use std::{thread, time::Duration};

use autora_tests::{Daemon, Fragments, Namespace, Solicit, eventually};
use nix::sys::signal::Signal;

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// How soon a refused packet gives its pending mark back.
const RELEASE: Duration = Duration::from_millis(100);

/// What the last heartbeat says of `name`.
fn last_heartbeat(daemon: &Daemon, name: &str) -> Option<String> {
    let line = daemon.lines_with(&["heartbeat"]).pop()?;
    Some(line.split_once(&format!(" {name}="))?.1.split(' ').next()?.to_owned())
}

fn socket_drops(daemon: &Daemon) -> Option<u64> {
    last_heartbeat(daemon, "socket_drops").map(|drops| drops.parse().expect("a number"))
}

/// Two lines past their floor, and a daemon that tells its totals and looks at everything each second.
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

/// Many more than find room.
const FLOOD: usize = 3_000;

/// A daemon that cannot read while one guest floods it, twice. Returns how many packets found no room.
fn drops_of_a_flood(filter: &str) -> u64 {
    let (daemon, mut line, mut control) = two_at_rest(&[filter]);
    assert_eq!(eventually(SOON, "a heartbeat", || socket_drops(&daemon)), 0);
    let mut drops = 0;
    for _ in 0..2 {
        daemon.signal(Signal::SIGSTOP);
        line.sender.send_all(vec![Solicit::from(&line.link.guest).frame(); FLOOD]);
        daemon.signal(Signal::SIGCONT);
        // Whatever got through is one question, and those that found no room are asked again.
        line.expect_served(MAX_DELAY + SLACK);
        expect_answer(&mut control);

        // Two heartbeats on, and with them two looks at everything.
        thread::sleep(FLOOR);
        let before =
            std::mem::replace(&mut drops, socket_drops(&daemon).expect("there were some heartbeats"));
        assert_eq!(drops > before, drops > 0, "each flood has its own: {before}, {drops}");
        let warnings = daemon.lines_with(&["WARN", "socket_drops"]).len();
        assert_eq!(warnings, usize::from(drops > 0), "{drops} drops");
    }
    expect_answer(&mut line);
    drops
}

#[test]
fn what_finds_no_room_is_counted_and_told_of_once() {
    let drops = drops_of_a_flood("--filter=classic");
    assert!((1_000..6_000).contains(&drops), "{drops} of 6000");
    // The control: the eBPF filter lets one through and leaves room for the rest.
    assert_eq!(drops_of_a_flood("--filter=ebpf"), 0);
}

/// Two in fragments, so that the second one's mark is only given back when it is time; then a good one.
fn fragments_hold_up_no_other_solicitation(filter: &str) {
    let (daemon, mut line, mut control) = two_at_rest(&[filter]);
    let fragmented = Solicit { fragments: Fragments::Two, ..Solicit::from(&line.link.guest) };
    for pause in [Duration::from_millis(20), RELEASE + SLACK / 4] {
        line.sender.send_all(fragmented.frames());
        thread::sleep(pause);
    }
    line.solicit();
    control.solicit();
    for (what, line) in [("after fragments", &mut line), ("next door", &mut control)] {
        let (solicits, adverts) = line.seen(MAX_DELAY + SLACK);
        let ([solicit], [advert]) = (&solicits[..], &adverts[..]) else {
            panic!("{what}: {} solicitations, {} advertisements", solicits.len(), adverts.len());
        };
        assert!(advert.since(*solicit) <= MAX_DELAY + SLACK, "{what}: {:?}", advert.since(*solicit));
    }
    eventually(SOON, "two refused fragments in the totals", || {
        last_heartbeat(&daemon, "packets")?.contains("fragment:2").then_some(())
    });
}

#[test]
fn fragments_hold_up_no_other_solicitation_behind_the_ebpf_filter() {
    fragments_hold_up_no_other_solicitation("--filter=ebpf");
}

#[test]
fn fragments_hold_up_no_other_solicitation_behind_the_classic_filter() {
    fragments_hold_up_no_other_solicitation("--filter=classic");
}
