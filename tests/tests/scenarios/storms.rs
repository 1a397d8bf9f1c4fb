//! Guests that do not behave.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use autora_tests::{Daemon, Mac, Namespace, Sender, Solicit};

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// Sends `count` solicitations spread evenly over `duration`, each from an address of its own.
fn storm(sender: &Sender, count: u32, duration: Duration) {
    let frames: Vec<_> = (0..count).map(|_| Solicit::new(Mac::unique()).frame()).collect();
    let start = Instant::now();
    for (number, frame) in (0..).zip(&frames) {
        thread::sleep((duration * number / count).saturating_sub(start.elapsed()));
        sender.send(frame);
    }
}

fn a_storm_is_answered_once_in_three_seconds(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let mut seen = vec![line.expect_served(SOON)];
    storm(&line.sender, 2_000, Duration::from_secs(8));
    seen.extend(line.seen(FLOOR + MAX_DELAY + SLACK).1);

    let distances: Vec<_> = seen.windows(2).map(|pair| pair[1].since(pair[0].at)).collect();
    assert!(distances.iter().all(|&distance| distance >= FLOOR), "the floor: {distances:?}");
    assert!(distances.len() >= 2, "a storm does not silence the router: {distances:?}");
    assert!(distances.iter().all(|&distance| distance <= FLOOR + MAX_DELAY + SLACK), "{distances:?}");
}

#[test]
fn a_storm_is_answered_once_in_three_seconds_behind_the_ebpf_filter() {
    a_storm_is_answered_once_in_three_seconds(&["--filter=ebpf"]);
}

#[test]
fn a_storm_is_answered_once_in_three_seconds_behind_the_classic_filter() {
    a_storm_is_answered_once_in_three_seconds(&["--filter=classic"]);
}

#[test]
fn a_storm_is_answered_once_in_three_seconds_through_the_raw_socket() {
    a_storm_is_answered_once_in_three_seconds(&["--send=raw"]);
}

fn a_flood_next_door_delays_nobody(arguments: &[&str]) {
    let (host, guest, bully) = (Namespace::host(), Namespace::quiet(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let other = Line::new(&host, &bully, 2);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    line.expect_served(SOON);
    thread::sleep(FLOOR);
    thread::scope(|scope| {
        scope.spawn(|| storm(&other.sender, 20_000, Duration::from_secs(2)));
        thread::sleep(Duration::from_secs(1));
        line.solicit();
        let (solicits, adverts) = line.seen(MAX_DELAY + SLACK);
        let ([solicit], [advert]) = (&solicits[..], &adverts[..]) else {
            panic!("{} solicitations, {} advertisements", solicits.len(), adverts.len());
        };
        let delay = advert.since(*solicit);
        assert!(delay <= MAX_DELAY + SLACK, "{delay:?}");
    });
}

#[test]
fn a_flood_next_door_delays_nobody_behind_the_ebpf_filter() {
    a_flood_next_door_delays_nobody(&["--filter=ebpf"]);
}

#[test]
fn a_flood_next_door_delays_nobody_behind_the_classic_filter() {
    a_flood_next_door_delays_nobody(&["--filter=classic"]);
}

/// How often the daemon gave up the processor because it had nothing to do: once for each time it was woken.
fn wake_ups(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("the daemon runs");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|number| number.trim().parse().ok()).expect("the kernel counts them")
}

/// Wake-ups that a flood of 20,000 good solicitations costs.
fn wake_ups_in_a_flood(filter: &str) -> u64 {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Daemon::start(&host, &rarely(&[filter]));
    line.expect_served(SOON);
    let before = wake_ups(&daemon);
    storm(&line.sender, 20_000, Duration::from_secs(4));
    wake_ups(&daemon) - before
}

#[test]
fn a_flood_does_not_wake_the_daemon() {
    let ebpf = wake_ups_in_a_flood("--filter=ebpf");
    assert!(ebpf <= 50, "{ebpf} wake-ups");
    // The control: without the eBPF filter the same flood does reach the daemon.
    let classic = wake_ups_in_a_flood("--filter=classic");
    assert!(classic >= 1_000, "{classic} wake-ups behind the classic filter");
}
