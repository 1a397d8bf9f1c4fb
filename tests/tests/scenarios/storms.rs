//! Guests that flood the daemon with solicitations.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use autora_tests::{Daemon, Mac, Namespace, Sender, Solicit, eventually};

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// Returns `count` solicitations, by turns with a source address and from `::`. All are from one guest, as
/// each new neighbour takes an entry of the kernel's neighbour table, which all namespaces of a machine
/// share.
fn from_one_guest(line: &Line, count: usize) -> Vec<Vec<u8>> {
    let named = Solicit::from(&line.link.guest).frame();
    let nameless = Solicit::unspecified(line.link.guest.mac()).frame();
    [named, nameless].into_iter().cycle().take(count).collect()
}

/// Sends the frames, spread evenly over `duration`.
fn storm(sender: &Sender, frames: &[Vec<u8>], duration: Duration) {
    let count = u32::try_from(frames.len()).expect("a storm is bounded");
    let start = Instant::now();
    for (number, frame) in (0..).zip(frames) {
        thread::sleep((duration * number / count).saturating_sub(start.elapsed()));
        sender.send(frame);
    }
}

fn a_storm_is_answered_once_in_three_seconds(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let first = line.expect_served(SOON);
    storm(&line.sender, &from_one_guest(&line, 2_000), Duration::from_secs(8));
    let (solicits, answers) = line.seen(FLOOR + MAX_DELAY + SLACK);

    assert!(answers.len() >= 2, "a storm does not stop answers: {} answers", answers.len());
    let mut before = first.at;
    for answer in answers {
        let distance = answer.since(before);
        assert!(distance >= FLOOR, "the floor: {distance:?}");
        let asked = solicits.iter().find(|&&solicit| solicit > before).expect("it was solicited");
        let due = (before + FLOOR).max(*asked) + MAX_DELAY + SLACK;
        assert!(answer.at <= due, "{distance:?} after the one before, {:?} too late", answer.since(due));
        before = answer.at;
    }
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

/// The raw socket's path needs an entry for `ff02::1` in the neighbour table (`gc_thresh3`, 1,024 by
/// default). Guests can fill the table, as the kernel keeps a new entry for 5 s. That delays RAs on this
/// path, but must not stop them.
///
/// The table is full for all interfaces, so the control is a daemon that sends through the packet socket.
#[test]
#[ignore = "fills the neighbour table, which all namespaces of a machine share: run it alone"]
fn a_full_neighbour_table_delays_only_the_raw_socket() {
    let (host, other_host, guest) = (Namespace::host(), Namespace::host(), Namespace::quiet());
    let (mut line, mut control) = (Line::new(&host, &guest, 1), Line::new(&other_host, &guest, 2));
    let daemon = Daemon::start(&host, &rarely(&["--send=raw"]));
    let _other = Daemon::start(&other_host, &rarely(&["--send=packet"]));
    line.expect_served(SOON);
    control.expect_served(SOON);
    let new_neighbours: Vec<_> = (0..60 * neighbours_a_second()).map(|_| Solicit::new(Mac::unique()).frame()).collect();
    thread::scope(|scope| {
        let storm = scope.spawn(|| storm(&line.sender, &new_neighbours, Duration::from_mins(1)));
        thread::sleep(FLOOR);
        while !storm.is_finished() {
            // From `::`, which takes no entry.
            control.sender.send(&Solicit::unspecified(control.link.guest.mac()).frame());
            control.expect_served(MAX_DELAY + SLACK);
            thread::sleep(FLOOR);
        }
    });
    daemon.wait_for_log(&["could not be sent", "interface=vm1", "os error 22"], SOON);
    // The table has room again 5 s after the storm; attempts to send are at most 8 s apart.
    thread::sleep(Duration::from_secs(5));
    line.capture.clear();
    line.solicit();
    line.expect_served(Duration::from_secs(10));
    // During the storm there was room at times. Each change was logged or is among the suppressed lines,
    // whose number is logged at the next resync at the latest.
    let sending = eventually(Duration::from_secs(40), "an end for each begin", || {
        let sending = SendLog::of(&daemon);
        let whole = sending.begins.abs_diff(sending.ends) <= sending.suppressed;
        (whole && sending.all().is_multiple_of(2)).then_some(sending)
    });
    assert!(sending.begins >= 1 && sending.ends >= 1 && sending.all() <= 40, "{sending:?}");
}

/// The log lines about sending on `vm1`.
#[derive(Debug)]
struct SendLog {
    /// Lines that say that an RA could not be sent.
    begins: usize,
    /// Lines that say that sending works again.
    ends: usize,
    /// Lines that were suppressed.
    suppressed: usize,
}

impl SendLog {
    fn of(daemon: &Daemon) -> Self {
        let lines = |words| daemon.lines_with(&[words, "interface=vm1"]);
        let suppressed = lines("lines were suppressed");
        let number = |line: &String| line.split_once("suppressed=")?.1.split(' ').next()?.parse::<usize>().ok();
        Self {
            begins: lines("could not be sent").len(),
            ends: lines("sending works again").len(),
            suppressed: suppressed.iter().filter_map(number).sum(),
        }
    }

    const fn all(&self) -> usize {
        self.begins + self.ends + self.suppressed
    }
}

/// Returns twice the rate of new neighbours that fills the table, which keeps an entry for 5 s.
fn neighbours_a_second() -> usize {
    let limit = fs::read_to_string("/proc/sys/net/ipv6/neigh/default/gc_thresh3");
    limit.ok().and_then(|limit| limit.trim().parse().ok()).unwrap_or(1_024) * 2 / 5
}

fn a_flood_on_one_link_delays_no_other(arguments: &[&str]) {
    let (host, guest, flooding) = (Namespace::host(), Namespace::quiet(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let other = Line::new(&host, &flooding, 2);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let flood = from_one_guest(&other, 20_000);
    line.expect_served(SOON);
    thread::sleep(FLOOR);
    thread::scope(|scope| {
        scope.spawn(|| storm(&other.sender, &flood, Duration::from_secs(2)));
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
fn a_flood_on_one_link_delays_no_other_behind_the_ebpf_filter() {
    a_flood_on_one_link_delays_no_other(&["--filter=ebpf"]);
}

#[test]
fn a_flood_on_one_link_delays_no_other_behind_the_classic_filter() {
    a_flood_on_one_link_delays_no_other(&["--filter=classic"]);
}

/// Returns the number of times that the daemon was woken: it yields the processor once after each.
fn wake_ups(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("the daemon runs");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|number| number.trim().parse().ok()).expect("the kernel counts them")
}

/// Returns the number of wake-ups in a flood of 20,000 valid solicitations.
fn wake_ups_in_a_flood(filter: &str) -> u64 {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Daemon::start(&host, &rarely(&[filter]));
    let flood = from_one_guest(&line, 20_000);
    line.expect_served(SOON);
    let before = wake_ups(&daemon);
    storm(&line.sender, &flood, Duration::from_secs(4));
    wake_ups(&daemon) - before
}

#[test]
fn a_flood_does_not_wake_the_daemon() {
    let ebpf = wake_ups_in_a_flood("--filter=ebpf");
    assert!(ebpf <= 50, "{ebpf} wake-ups");
    // The control: behind the classic filter the same flood wakes the daemon.
    let classic = wake_ups_in_a_flood("--filter=classic");
    assert!(classic >= 1_000, "{classic} wake-ups behind the classic filter");
}
