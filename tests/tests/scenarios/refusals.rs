//! Sends that the kernel refuses: every cause on either path, and the recovery after it.

use std::{
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Daemon, Interface, Namespace};
use nix::sys::signal::Signal;

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, rarely};

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

/// A queue whose room is counted in bytes.
const QUEUE_FULL_OF_BYTES: Fault =
    Fault { error: ENOBUFS, begin: |host| tc(host, "add", "bfifo limit 1"), end: |host| tc(host, "delete", "bfifo") };

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
        expect_logged_once(&daemon, line);
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
fn expect_logged_once(daemon: &Daemon, line: &Line) {
    let begins = daemon.lines_with(&["could not be sent", &interface(line)]);
    let ends = daemon.lines_with(&["sending works again", &interface(line)]);
    assert_eq!((begins.len(), ends.len()), (1, 1), "{begins:#?} {ends:#?}");
    let tries = (8..=11).filter(|tries| ends[0].contains(&format!("failed_before={tries}"))).count();
    assert_eq!(tries, 1, "{}", ends[0]);
}

fn interface(line: &Line) -> String {
    format!("interface={}", line.name())
}

#[test]
fn the_packet_socket_recovers_after_a_minute_of_errors() {
    recovers_after_a_minute_of_errors(&["--send=packet"], &[QUEUE_FULL, QUEUE_FULL_OF_BYTES]);
}

#[test]
fn the_raw_socket_recovers_after_a_minute_of_errors() {
    recovers_after_a_minute_of_errors(&["--send=raw"], &[NFTABLES_DROP, MULTICAST_ROUTE_FLUSHED, QUEUE_FULL]);
}

/// More announcements than the daemon handles between two readings of the clock.
const MORE_THAN_A_TURN: u32 = 60;

/// The daemon sends nothing on a link that is down, once it has read the kernel's announcement. Here an RA is
/// due while the announcement waits behind others, so the daemon tries to send it. (On the raw socket the
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
    assert_eq!(daemon.wait_refused("vm1", SOON)[0], "down");
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
