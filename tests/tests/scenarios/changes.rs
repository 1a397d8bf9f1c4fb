//! Interfaces that are created, changed and deleted while the daemon runs.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use autora_tests::{Daemon, HostProfile, Namespace, eventually};

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, on_both_paths, rarely};

on_both_paths!(
    an_interface_is_served_from_creation_to_deletion,
    many_interfaces_created_at_once_are_served,
    a_link_local_address_counts_after_duplicate_address_detection,
);

fn an_interface_is_served_from_creation_to_deletion(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let daemon = Daemon::start(&host, &rarely(arguments));
    daemon.wait_for_log(&["started"], SOON);

    let mut line = Line::without_prefix(&host, &guest, "vm1", 1);
    daemon.wait_for_log(&["not serving", "interface=vm1", "no-prefix"], SOON);
    expect_silence([&mut line], Duration::from_secs(1));
    line.add_prefix();
    line.expect_served(AT_ONCE);
    daemon.wait_serving("vm1", SOON);

    // With a name that does not match, a fit interface is not served.
    line.link.host.set("down");
    line.link.host.rename("other1");
    line.link.host.set("up");
    line.link.host.wait_link_local();
    line.add_prefix();
    line.capture.clear();
    line.solicit();
    expect_silence([&mut line], FLOOR + MAX_DELAY + SLACK);

    // With another name that matches, it is served again.
    line.link.host.set("down");
    line.link.host.rename("vm2");
    line.link.host.set("up");
    line.link.host.wait_link_local();
    line.add_prefix();
    line.expect_served(AT_ONCE);

    line.link.host.delete();
    daemon.wait_for_log(&["interface=vm2", "gone"], SOON);
    // So many changes may have cost the interface a line; one with another index has all.
    let before = daemon.served("vm2");
    let mut again = Line::new(&host, &guest, 2);
    again.expect_served(AT_ONCE);
    eventually(SOON, "the line that it is served again", || (daemon.served("vm2") > before).then_some(()));
}

fn many_interfaces_created_at_once_are_served(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let _daemon = Daemon::start(&host, &rarely(&[&["--forwarding-resync-interval=1h"], arguments].concat()));
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

/// Two links come up with a prefix each, one of them with duplicate address detection.
fn a_link_local_address_counts_after_duplicate_address_detection(arguments: &[&str]) {
    // The second link is the control: without detection.
    let (host, guest) = (Namespace::host_with(HostProfile::Quiet), Namespace::quiet());
    let daemon = Daemon::start(&host, &rarely(arguments));
    let mut lines = Line::several(&host, &guest, 2);
    lines[0].link.host.sysctl("accept_dad", 1);
    for line in &mut lines {
        line.expect_served(SOON);
        // The kernel removes all addresses, and restores only the link-local one when the link is up again.
        line.link.host.set("down");
    }
    thread::sleep(FLOOR);
    let [began, _] = [0, 1].map(|at| {
        let began = SystemTime::now();
        lines[at].link.host.set("up");
        lines[at].add_prefix();
        began
    });
    lines[1].expect_served(AT_ONCE / 2);
    let advert = lines[0].expect_served(SOON);
    assert!(advert.since(began) >= DETECTION, "{:?}", advert.since(began));
    let last = daemon.last_reasons(lines[0].name()).expect("it was not served");
    assert_eq!(last, ["no-link-local"], "the only reason at the end");
}

/// The least time that the kernel waits for a claim of another node: `RETRANS_TIMER`
/// [RFC 4861 10](https://www.rfc-editor.org/rfc/rfc4861#section-10).
const DETECTION: Duration = Duration::from_secs(1);
