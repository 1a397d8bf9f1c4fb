//! Other routers on a served link.

use std::thread;

use autora::wire::{ALL_NODES, ROUTER_ADVERTISEMENT};
use autora_tests::{Daemon, Launch, Mac, Namespace, Refusal, Solicit, eventually};
use nix::{errno::Errno, libc};

use crate::bench::{FLOOR, Line, SOON, on_both_paths, prefix, rarely};

on_both_paths!(
    another_router_is_logged_once_and_stops_nothing,
    another_router_is_found_at_a_resync,
    an_invalid_ra_is_not_counted_as_another_routers,
    the_classic_filter_does_not_see_other_routers,
);

const OTHER_ROUTER: [&str; 2] = ["WARN", "another router"];

/// Returns the shortest valid RA: a solicitation with another type, and the 8 further bytes of an RA's fixed
/// part.
pub(crate) fn advertisement(line: &Line) -> Solicit {
    Solicit {
        kind: ROUTER_ADVERTISEMENT,
        link_destination: Mac::ALL_NODES,
        destination: ALL_NODES,
        options: vec![0; 8],
        ..Solicit::from(&line.link.guest)
    }
}

/// Returns the filter's count `name` from the next heartbeat.
fn counted(daemon: &Daemon, name: &str) -> u64 {
    let seen = daemon.lines_with(&["heartbeat"]).len();
    let line = eventually(SOON, "a heartbeat", || daemon.lines_with(&["heartbeat"]).into_iter().nth(seen));
    let (_, rest) = line.split_once("packets=").expect("a heartbeat has a packets field");
    let counters = rest.split(' ').next().expect("there is always a first part");
    let mut counts = counters.split(',').filter_map(|counter| counter.split_once(':'));
    let count = counts.find(|(reason, _)| *reason == name);
    count.map_or(0, |(_, count)| count.parse().expect("a counter is a number"))
}

fn bench(arguments: &[&str]) -> (Daemon, Vec<Line>) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    let daemon = Daemon::start(&host, &rarely(&[&["--heartbeat-interval=1s"], arguments].concat()));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    (daemon, lines)
}

fn another_router_is_logged_once_and_stops_nothing(arguments: &[&str]) {
    let (daemon, mut lines) = bench(arguments);
    // The daemon's own RAs are not counted.
    assert_eq!(counted(&daemon, "other-router-advertisement"), 0);
    for sent in 1..=3 {
        lines[0].sender.send(&advertisement(&lines[0]).frame());
        assert_eq!(counted(&daemon, "other-router-advertisement"), sent);
    }
    let warning = daemon.wait_for_log(&OTHER_ROUTER, SOON);
    assert!(warning.contains("interface=vm1"), "{warning}");
    assert!(warning.contains(&format!("source={}", lines[0].link.guest.link_local())), "{warning}");
    assert_eq!(daemon.lines_with(&OTHER_ROUTER).len(), 1, "{:#?}", daemon.log());

    // Both lines are still served, and another router on the second line is logged, too.
    for line in &mut lines {
        line.expect_answer();
    }
    lines[1].sender.send(&advertisement(&lines[1]).frame());
    daemon.wait_for_log(&["another router", "interface=vm2"], SOON);
    assert_eq!(counted(&daemon, "other-router-advertisement"), 4);
    assert_eq!(daemon.lines_with(&OTHER_ROUTER).len(), 2, "{:#?}", daemon.log());
}

/// Without heartbeats, another router is found at a resync.
fn another_router_is_found_at_a_resync(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let looks = ["--heartbeat-interval=0s", "--forwarding-resync-interval=1s"];
    let daemon = Daemon::start(&host, &rarely(&[&looks, arguments].concat()));
    line.expect_served(SOON);
    // Some resyncs with the daemon's own RAs alone.
    thread::sleep(FLOOR);
    assert!(daemon.lines_with(&OTHER_ROUTER).is_empty(), "{:#?}", daemon.log());
    line.sender.send(&advertisement(&line).frame());
    let warning = daemon.wait_for_log(&OTHER_ROUTER, SOON);
    assert!(warning.contains("interface=vm1"), "{warning}");
    assert!(daemon.lines_with(&["heartbeat"]).is_empty());
    line.expect_answer();
}

/// The command of `bpf(2)` that reads many entries of a map (include/uapi/linux/bpf.h), since Linux 5.6.
const BPF_MAP_LOOKUP_BATCH: u64 = 24;

/// A kernel without that command returns EINVAL, and the records are read one by one.
#[test]
fn other_routers_are_found_on_a_kernel_that_reads_no_batches() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 3);
    let refusal = Refusal { call: libc::SYS_bpf, argument: Some((0, BPF_MAP_LOOKUP_BATCH)), errno: Errno::EINVAL };
    let launch = Launch::new(&rarely(&["--filter=ebpf", "--heartbeat-interval=1s"])).refuse(refusal);
    let daemon = launch.start(&host);
    for line in &mut lines {
        line.expect_served(SOON);
    }
    for line in &lines[1..] {
        line.sender.send(&advertisement(line).frame());
    }
    daemon.wait_for_log(&["another router", "interface=vm2"], SOON);
    daemon.wait_for_log(&["another router", "interface=vm3"], SOON);
    assert_eq!(daemon.lines_with(&OTHER_ROUTER).len(), 2, "{:#?}", daemon.log());
}

/// Each kind of invalid RA [RFC 4861 6.1.2](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2).
fn an_invalid_ra_is_not_counted_as_another_routers(arguments: &[&str]) {
    let (daemon, mut lines) = bench(arguments);
    let line = &lines[0];
    let good = || advertisement(line);
    let invalid = [
        ("forwarded", Solicit { hop_limit: 64, ..good() }),
        ("from a global address", Solicit { source: prefix(1), ..good() }),
        ("an option of length 0", Solicit { options: vec![0; 16], ..good() }),
        ("a code", Solicit { code: 1, ..good() }),
        ("too short", Solicit { truncate: Some(15), ..good() }),
    ];
    for (sent, (what, advertisement)) in (1..).zip(&invalid) {
        line.sender.send(&advertisement.frame());
        assert_eq!(counted(&daemon, "invalid-advertisement"), sent, "{what}");
    }
    assert_eq!(counted(&daemon, "other-router-advertisement"), 0);
    assert!(daemon.lines_with(&OTHER_ROUTER).is_empty(), "{:#?}", daemon.log());
    line.sender.send(&good().frame());
    daemon.wait_for_log(&OTHER_ROUTER, SOON);
    lines[0].expect_answer();
}

fn the_classic_filter_does_not_see_other_routers(arguments: &[&str]) {
    let (daemon, mut lines) = bench(&[&["--filter=classic"], arguments].concat());
    for line in &lines {
        line.sender.send(&advertisement(line).frame());
    }
    thread::sleep(FLOOR);
    for line in &mut lines {
        line.expect_answer();
    }
    assert_eq!(counted(&daemon, "passed"), 2, "the control: solicitations are counted");
    assert_eq!(counted(&daemon, "other-router-advertisement"), 0);
    assert!(daemon.lines_with(&OTHER_ROUTER).is_empty(), "{:#?}", daemon.log());
}
