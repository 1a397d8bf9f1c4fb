//! Other routers behind a served interface.

use std::thread;

use autora::wire::{ALL_NODES, ROUTER_ADVERTISEMENT};
use autora_tests::{Daemon, Mac, Namespace, Solicit, eventually};

use crate::bench::{FLOOR, Line, SOON, on_both_paths, prefix, rarely};

on_both_paths!(
    another_router_is_told_of_once_and_stops_nothing,
    another_router_is_found_with_the_look_at_everything,
    an_invalid_advertisement_is_none_of_another_router,
    the_classic_filter_does_not_see_other_routers,
);

const OTHER_ROUTER: [&str; 2] = ["WARN", "another router"];

/// The shortest advertisement there is: a solicitation of another type, with the 8 bytes more of its fixed part.
pub(crate) fn advertisement(line: &Line) -> Solicit {
    Solicit {
        kind: ROUTER_ADVERTISEMENT,
        link_destination: Mac::ALL_NODES,
        destination: ALL_NODES,
        options: vec![0; 8],
        ..Solicit::from(&line.link.guest)
    }
}

/// What the filter has counted by the time of the next heartbeat under this name.
fn counted(daemon: &Daemon, name: &str) -> u64 {
    let seen = daemon.lines_with(&["heartbeat"]).len();
    let line = eventually(SOON, "a heartbeat", || daemon.lines_with(&["heartbeat"]).into_iter().nth(seen));
    let (_, rest) = line.split_once("packets=").expect("a heartbeat tells of packets");
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

fn another_router_is_told_of_once_and_stops_nothing(arguments: &[&str]) {
    let (daemon, mut lines) = bench(arguments);
    // Our own do not count as another router's.
    assert_eq!(counted(&daemon, "other-router-advertisement"), 0);
    for sent in 1..=3 {
        lines[0].sender.send(&advertisement(&lines[0]).frame());
        assert_eq!(counted(&daemon, "other-router-advertisement"), sent);
    }
    let warning = daemon.wait_for_log(&OTHER_ROUTER, SOON);
    assert!(warning.contains("interface=vm1"), "{warning}");
    assert!(warning.contains(&format!("source={}", lines[0].link.guest.link_local())), "{warning}");
    assert_eq!(daemon.lines_with(&OTHER_ROUTER).len(), 1, "{:#?}", daemon.log());

    // It stops nothing, here or there, and what is told of one interface is still news of another.
    for line in &mut lines {
        line.expect_answer();
    }
    lines[1].sender.send(&advertisement(&lines[1]).frame());
    daemon.wait_for_log(&["another router", "interface=vm2"], SOON);
    assert_eq!(counted(&daemon, "other-router-advertisement"), 4);
    assert_eq!(daemon.lines_with(&OTHER_ROUTER).len(), 2, "{:#?}", daemon.log());
}

/// Without heartbeats, that is.
fn another_router_is_found_with_the_look_at_everything(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let looks = ["--heartbeat-interval=0s", "--forwarding-resync-interval=1s"];
    let daemon = Daemon::start(&host, &rarely(&[&looks, arguments].concat()));
    line.expect_served(SOON);
    // After some looks at our own alone.
    thread::sleep(FLOOR);
    assert!(daemon.lines_with(&OTHER_ROUTER).is_empty(), "{:#?}", daemon.log());
    line.sender.send(&advertisement(&line).frame());
    let warning = daemon.wait_for_log(&OTHER_ROUTER, SOON);
    assert!(warning.contains("interface=vm1"), "{warning}");
    assert!(daemon.lines_with(&["heartbeat"]).is_empty());
    line.expect_answer();
}

/// The ways to be invalid [RFC 4861 6.1.2].
fn an_invalid_advertisement_is_none_of_another_router(arguments: &[&str]) {
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
    assert_eq!(counted(&daemon, "passed"), 2, "it counts what it sees");
    assert_eq!(counted(&daemon, "other-router-advertisement"), 0);
    assert!(daemon.lines_with(&OTHER_ROUTER).is_empty(), "{:#?}", daemon.log());
}
