//! Sends that the kernel refuses: every cause on either path, and the recovery after it.

use std::{
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Daemon, Interface, Launch, Namespace, Tap};
use nix::sys::signal::Signal;

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, on_both_paths, rarely};

const MINUTE: Duration = Duration::from_mins(1);

/// The longest time between two attempts to send.
const LONGEST_RETRY: Duration = Duration::from_secs(8);

/// The longest interval within the initial burst: `MAX_INITIAL_RTR_ADVERT_INTERVAL`
/// [RFC 4861 10](https://www.rfc-editor.org/rfc/rfc4861#section-10).
const INITIAL_INTERVAL: Duration = Duration::from_secs(16);

/// A fault that makes the kernel refuse packets on one interface.
struct Fault {
    /// The error that the system call returns.
    error: &'static str,
    begin: fn(&Interface),
    end: fn(&Interface),
}

const EPERM: &str = "os error 1";
const ENETDOWN: &str = "os error 100";
const ENETUNREACH: &str = "os error 101";
const EINVAL: &str = "os error 22";
const ENOBUFS: &str = "os error 105";

const NFTABLES_DROP: Fault = Fault {
    error: EPERM,
    begin: |host| {
        nft(host, "add table inet faults");
        nft(host, "add chain inet faults out { type filter hook output priority 0; }");
        nft(host, &format!("add rule inet faults out oifname {} icmpv6 type nd-router-advert drop", host.name()));
    },
    end: |host| nft(host, "delete table inet faults"),
};

const MULTICAST_ROUTE_FLUSHED: Fault = Fault {
    error: ENETUNREACH,
    begin: |host| multicast_route(host, "delete"),
    end: |host| multicast_route(host, "add"),
};

/// A queue without room for a packet.
const QUEUE_FULL: Fault =
    Fault { error: ENOBUFS, begin: |host| tc(host, "add", "pfifo limit 0"), end: |host| tc(host, "delete", "pfifo") };

fn nft(host: &Interface, command: &str) {
    host.namespace().run(std::process::Command::new("nft").arg(command));
}

fn tc(host: &Interface, action: &str, qdisc: &str) {
    let words = format!("qdisc {action} dev {} root {qdisc}", host.name());
    host.namespace().run(std::process::Command::new("tc").args(words.split(' ')));
}

fn multicast_route(host: &Interface, action: &str) {
    host.namespace().ip(&format!("-6 route {action} multicast ff00::/8 dev {} table local", host.name()));
}

/// Each fault holds for a minute on an interface of its own, from before the first RA. The last interface has
/// no fault.
fn recovers_after_a_minute_of_errors(arguments: &[&str], faults: &[Fault]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let count = u16::try_from(faults.len()).expect("a table is short");
    let mut lines = Line::several(&host, &guest, count);
    let mut control = Line::new(&host, &guest, count + 1);
    for (fault, line) in faults.iter().zip(&lines) {
        (fault.begin)(&line.link.host);
    }
    let daemon = Daemon::start(&host, &rarely(arguments));
    let begun = Instant::now();
    for (fault, line) in faults.iter().zip(&lines) {
        daemon.wait_for_log(&["could not be sent", &interface(line), fault.error], SOON);
    }
    let mut undisturbed = vec![control.expect_served(SOON)];

    // A solicitation meanwhile changes nothing.
    thread::sleep((MINUTE / 3).saturating_sub(begun.elapsed()));
    lines.iter().chain([&control]).for_each(Line::solicit);
    thread::sleep(MINUTE.saturating_sub(begun.elapsed()));
    expect_silence(&mut lines, Duration::ZERO);
    for (fault, line) in faults.iter().zip(&lines) {
        (fault.end)(&line.link.host);
    }
    let ended = Instant::now();
    for (fault, line) in faults.iter().zip(&mut lines) {
        expect_initial_burst(fault, line, ended);
        expect_logged_once(&daemon, line.name());
    }

    let (solicits, adverts) = control.seen(Duration::ZERO);
    let [solicit] = solicits[..] else { panic!("{} solicitations", solicits.len()) };
    let answer = adverts.iter().find(|advert| advert.at > solicit).expect("an answer");
    assert!(answer.since(solicit) <= MAX_DELAY + SLACK, "the other interface: {:?}", answer.since(solicit));
    undisturbed.extend(adverts);
    assert_eq!(undisturbed.len(), 3, "the other interface's burst: {undisturbed:?}");
    assert!(daemon.lines_with(&[&interface(&control), "sent"]).is_empty(), "no error on the other interface");
}

/// Waits for the three RAs of an initial burst, the first at most a retry after the fault's end.
fn expect_initial_burst(fault: &Fault, line: &mut Line, ended: Instant) {
    let first = line.expect_served((LONGEST_RETRY + SLACK).saturating_sub(ended.elapsed()));
    let second = line.expect_served(INITIAL_INTERVAL + SLACK);
    let third = line.expect_served(INITIAL_INTERVAL + SLACK);
    for distance in [second.since(first.at), third.since(second.at)] {
        assert!((FLOOR..=INITIAL_INTERVAL + SLACK).contains(&distance), "{}: {distance:?}", fault.error);
    }
}

/// Checks that one line is logged at the first error and one at the recovery, with the number of attempts:
/// after 1, 2, 4, and then each 8 s.
fn expect_logged_once(daemon: &Daemon, name: &str) {
    let begins = daemon.lines_with(&["could not be sent", &format!("interface={name}")]);
    let ends = daemon.lines_with(&["sending works again", &format!("interface={name}")]);
    assert_eq!((begins.len(), ends.len()), (1, 1), "{begins:#?} {ends:#?}");
    let tries = (8..=11).filter(|tries| ends[0].contains(&format!("failed_before={tries}"))).count();
    assert_eq!(tries, 1, "{}", ends[0]);
}

fn interface(line: &Line) -> String {
    format!("interface={}", line.name())
}

/// The queue of a guest that is paused: its tap has room for a frame or two, and the kernel's own have taken it.
#[test]
fn the_packet_socket_recovers_after_a_minute_of_errors() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut tap = Tap::new(&host, "vm1");
    tap.interface.set("txqueuelen 1");
    tap.open();
    tap.interface.wait_link_local();
    tap.interface.add_address("2001:db8:0:1::1/64");
    let (mut line, mut control) = (tap.capture(), Line::new(&host, &guest, 2));
    let daemon = Daemon::start(&host, &rarely(&["--send=packet"]));
    let begun = Instant::now();
    daemon.wait_for_log(&["could not be sent", "interface=vm1", ENOBUFS], SOON);
    control.expect_served(SOON);
    expect_shown_as_failing(&host, &daemon, "No buffer space available", "vm2");

    thread::sleep(MINUTE.saturating_sub(begun.elapsed()));
    let first = line.expect_advert(LONGEST_RETRY + SLACK);
    let second = line.expect_advert(INITIAL_INTERVAL + SLACK);
    let third = line.expect_advert(INITIAL_INTERVAL + SLACK);
    for distance in [second.since(first.at), third.since(second.at)] {
        assert!((FLOOR..=INITIAL_INTERVAL + SLACK).contains(&distance), "{distance:?}");
    }
    expect_logged_once(&daemon, "vm1");
    assert!(daemon.lines_with(&["interface=vm2", "sent"]).is_empty(), "no error on the other interface");
    let shown = daemon.control().json("/v1/interfaces/vm1");
    assert_eq!(shown["send_failures"]["in_a_row"], 0, "{shown:#}");
    let (code, page) = explained(&host, &daemon, "vm1");
    assert!(code == 0 && !page.contains("ra-not-sent"), "{code}: {page}");
}

/// Checks what clients see of `vm1`, on which no RA leaves for the reason `error`, and of a healthy interface.
fn expect_shown_as_failing(host: &Namespace, daemon: &Daemon, error: &str, healthy: &str) {
    let shown = daemon.control().json("/v1/interfaces/vm1");
    assert_eq!(shown["state"], "serving");
    assert!(shown["send_failures"]["in_a_row"].as_u64() > Some(0), "{shown:#}");
    assert!(shown["send_failures"]["error"].as_str().is_some_and(|text| text.contains(error)), "{shown:#}");
    let (code, page) = explained(host, daemon, "vm1");
    assert_eq!(code, 3, "its guest gets nothing: {page}");
    assert!(page.contains("ra-not-sent") && page.contains(error), "{page}");
    let title = page.lines().next().expect("a title");
    assert!(title.contains("but its RAs do not leave"), "{title}");
    let (code, page) = explained(host, daemon, healthy);
    assert!(code == 0 && !page.contains("ra-not-sent"), "the control: {code}: {page}");
}

/// Returns the exit code of `autora explain` and what it shows of an interface.
fn explained(host: &Namespace, daemon: &Daemon, interface: &str) -> (i32, String) {
    let socket = daemon.control().path().display().to_string();
    let output = Launch::new(&["explain", "--socket", &socket, interface]).output(host);
    (output.code, output.stdout)
}

/// A queue that lets next to nothing out, and holds a thousand RAs.
const STUCK: &str = "tbf rate 8bit burst 200 limit 1000000";

/// Of 60 links, the queues of 50 do not drain. RAs of other links must not be charged for those that wait:
/// with one socket for all, the buffer is full after 256 RAs (512 of a raw one), which is after 20 s (40 s).
fn stuck_queues_silence_no_other_link(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 60);
    for line in &lines[..STUCK_LINES] {
        tc(&line.link.host, "add", STUCK);
    }
    let often = ["--interface-regex=^vm[0-9]+$", "--min-ra-interval=3s", "--max-ra-interval=4s"];
    let daemon = Daemon::start(&host, &[&often, arguments].concat());
    lines.last_mut().expect("60").expect_served(SOON);
    thread::sleep(Duration::from_secs(55));
    let (stuck, healthy) = lines.split_at_mut(STUCK_LINES);
    for line in &mut *healthy {
        expect_on_schedule(line);
        let shown = daemon.control().json(&format!("/v1/interfaces/{}", line.name()));
        assert_eq!(shown["send_failures"]["total"], 0, "{shown:#}");
    }
    if arguments.contains(&"--send=packet") {
        stuck.iter_mut().for_each(expect_on_schedule);
    } else {
        expect_waiting(&host, &daemon, stuck);
    }
}

const STUCK_LINES: usize = 50;

/// Checks the RAs of the last 50 s and more.
fn expect_on_schedule(line: &mut Line) {
    let (_, adverts) = line.seen(Duration::ZERO);
    assert!(adverts.len() >= 12, "{}: {} RAs", line.name(), adverts.len());
    for pair in adverts.windows(2) {
        let distance = pair[1].since(pair[0].at);
        assert!((FLOOR..Duration::from_secs(4) + SLACK).contains(&distance), "{}: {distance:?}", line.name());
    }
}

/// Checks that links whose RAs wait in their queues say so once, and that one recovers whose queue is removed.
fn expect_waiting(host: &Namespace, daemon: &Daemon, stuck: &mut [Line]) {
    for line in &mut *stuck {
        let (_, adverts) = line.seen(Duration::ZERO);
        // Its burst lets out one at the start, and one more within half a minute.
        assert!(adverts.len() <= 2, "{}: {adverts:#?}", line.name());
        let lines = daemon.lines_with(&["could not be sent", &interface(line)]);
        assert_eq!(lines.len(), 1, "{lines:#?}");
    }
    expect_shown_as_failing(host, daemon, "still waits in the interface's queue", "vm60");
    tc(&stuck[0].link.host, "delete", STUCK);
    stuck[0].expect_served(LONGEST_RETRY + SLACK);
    daemon.wait_for_log(&["sending works again", &interface(&stuck[0])], SOON);
    let (_, others) = stuck[1].seen(Duration::ZERO);
    assert!(others.is_empty(), "the control: {others:#?}");
}

on_both_paths!(stuck_queues_silence_no_other_link);

#[test]
fn the_raw_socket_recovers_after_a_minute_of_errors() {
    recovers_after_a_minute_of_errors(&["--send=raw"], &[NFTABLES_DROP, MULTICAST_ROUTE_FLUSHED, QUEUE_FULL]);
}

/// More notifications than the daemon handles between two readings of the clock.
const MORE_THAN_A_TURN: u32 = 60;

/// The daemon sends nothing on a link that is down, once it has read the kernel's notification. Here an RA is
/// due while the notification waits behind others, so the daemon tries to send it. (On the raw socket the
/// error is EINVAL, as the kernel removed the address with the link.)
fn recovers_after_its_link_was_down(arguments: &[&str], error: &str) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut control = Line::new(&host, &guest, 2);
    let noise = Interface::add(&host, "noise", "bridge");
    let often = ["--interface-regex=^vm[0-9]+$", "--min-ra-interval=3s", "--max-ra-interval=4s"];
    let daemon = Daemon::start(&host, &[&often, arguments].concat());
    control.expect_served(SOON);
    line.expect_served(SOON);
    let last = Instant::now();

    // Time for the daemon to record the RA as sent.
    thread::sleep(Duration::from_millis(100));
    daemon.signal(Signal::SIGSTOP);
    for number in 0..MORE_THAN_A_TURN {
        noise.set(&format!("mtu {}", 1400 + number));
    }
    line.link.host.set("down");
    thread::sleep((Duration::from_secs(4) + SLACK).saturating_sub(last.elapsed()));
    daemon.signal(Signal::SIGCONT);
    control.expect_served(SLACK);
    daemon.wait_for_log(&["could not be sent", "interface=vm1", error], SOON);
    assert_eq!(daemon.wait_not_served("vm1", SOON)[0], "down");
    expect_silence([&mut line], Duration::from_secs(5));
    control.expect_served(Duration::ZERO);

    line.link.host.set("up");
    line.link.host.wait_link_local();
    line.add_prefix();
    line.expect_served(LONGEST_RETRY);
    daemon.wait_for_log(&["sending works again", "interface=vm1"], SOON);
    assert_eq!(daemon.lines_with(&["could not be sent"]).len(), 1);
}

#[test]
fn the_packet_socket_recovers_after_its_link_was_down() {
    recovers_after_its_link_was_down(&["--send=packet"], ENETDOWN);
}

#[test]
fn the_raw_socket_recovers_after_its_link_was_down() {
    recovers_after_its_link_was_down(&["--send=raw"], EINVAL);
}
