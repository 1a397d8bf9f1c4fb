//! Interfaces that come, change and go while the daemon runs.

use std::time::Duration;

use autora_tests::{Daemon, Namespace};

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, on_both_paths, rarely};

on_both_paths!(
    from_its_making_to_its_end,
    many_at_once,
    a_link_local_address_counts_when_its_detection_is_over,
);

fn from_its_making_to_its_end(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let daemon = Daemon::start(&host, &rarely(arguments));
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

fn many_at_once(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let _daemon = Daemon::start(&host, &rarely(arguments));
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

fn a_link_local_address_counts_when_its_detection_is_over(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    host.default_sysctls(&[("accept_dad", 1)]);
    let daemon = Daemon::start(&host, &rarely(arguments));
    // Waits for the detection itself, so the daemon has had its chance to be too early.
    let mut line = Line::without_prefix(&host, &guest, "vm1", 1);
    line.add_prefix();
    line.expect_served(AT_ONCE);
    daemon.wait_for_log(&["not serving", "interface=vm1", "no-link-local"], SOON);
}
