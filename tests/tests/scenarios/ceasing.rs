//! Goodbyes: when an interface ceases to be fit, and when the daemon is told to stop.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Daemon, Guest, Interface, Namespace, Veth};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::bench::{AT_ONCE, FLOOR, Line, SLACK, SOON, expect_silence, live, prefix, rarely};

/// Something that ends the serving of an interface.
struct End {
    what: &'static str,
    cause: fn(&mut Line),
    /// Whether a final advertisement can leave, and whether it still holds the prefix up.
    goodbye: Option<bool>,
}

const ENDS: &[End] = &[
    End { what: "forwarding off", cause: |line| line.link.host.sysctl("forwarding", 0), goodbye: Some(true) },
    End {
        what: "a second prefix",
        cause: |line| line.link.host.add_address("2001:db8:cafe::1/64"),
        goodbye: Some(true),
    },
    End {
        what: "into a bridge",
        cause: |line| {
            Interface::add(line.link.host.namespace(), "br0", "bridge").set("up");
            line.link.host.set("master br0");
        },
        goodbye: Some(true),
    },
    End { what: "the prefix went", cause: |line| line.remove_prefix(), goodbye: Some(false) },
    End {
        what: "the last link-local address went",
        cause: |line| line.link.host.remove_address(&format!("{}/64", line.link.host.link_local())),
        goodbye: Some(true),
    },
    End { what: "down", cause: |line| line.link.host.set("down"), goodbye: None },
    End { what: "IPv6 disabled", cause: |line| line.link.host.sysctl("disable_ipv6", 1), goodbye: None },
];

fn an_interface_that_ceases_says_goodbye(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, u16::try_from(ENDS.len()).expect("a table is short"));
    let daemon = Daemon::start(&host, &rarely(arguments));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    for (end, line) in ENDS.iter().zip(&mut lines) {
        (end.cause)(line);
        daemon.wait_refused(line.name(), SOON);
    }
    thread::sleep(FLOOR + SLACK);
    for ((end, line), first) in ENDS.iter().zip(&mut lines).zip(first) {
        let (_, adverts) = line.seen(Duration::ZERO);
        let Some(holds_prefix) = end.goodbye else {
            assert!(adverts.is_empty(), "{}: {adverts:?}", end.what);
            continue;
        };
        let [goodbye] = &adverts[..] else { panic!("{}: one goodbye: {adverts:?}", end.what) };
        assert!(goodbye.is_final(), "{}: {goodbye:?}", end.what);
        assert_eq!(goodbye.source, first.source, "{}", end.what);
        assert!(goodbye.since(first.at) >= FLOOR, "{}: {:?}", end.what, goodbye.since(first.at));
        if holds_prefix {
            assert_eq!(goodbye.prefixes(), first.prefixes(), "{}: as last sent", end.what);
        } else {
            assert_eq!((goodbye.prefixes().len(), live(goodbye).len()), (1, 0), "{}: {goodbye:?}", end.what);
        }
        line.solicit();
    }
    // From then on it is silent, whoever asks.
    expect_silence(&mut lines, FLOOR + Duration::from_secs(1));
}

#[test]
fn an_interface_that_ceases_says_goodbye_through_the_packet_socket() {
    an_interface_that_ceases_says_goodbye(&[]);
}

#[test]
fn an_interface_that_ceases_says_goodbye_through_the_raw_socket() {
    an_interface_that_ceases_says_goodbye(&["--send=raw"]);
}

fn a_stop_withdraws_everywhere(signal: Signal, arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 5);
    let mut daemon = Daemon::start(&host, &rarely(arguments));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    let asked = Instant::now();
    daemon.signal(signal);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert!(asked.elapsed() <= FLOOR + SLACK, "{:?}", asked.elapsed());
    for (line, first) in lines.iter_mut().zip(first) {
        let (_, adverts) = line.seen(Duration::ZERO);
        let [goodbye] = &adverts[..] else { panic!("one goodbye: {adverts:?}") };
        assert!(goodbye.is_final(), "{goodbye:?}");
        assert_eq!((goodbye.source, goodbye.prefixes()), (first.source, first.prefixes()));
        assert!(goodbye.since(first.at) >= FLOOR, "{:?}", goodbye.since(first.at));
    }
}

#[test]
fn sigterm_withdraws_everywhere() {
    a_stop_withdraws_everywhere(Signal::SIGTERM, &[]);
}

#[test]
fn sigint_withdraws_everywhere() {
    a_stop_withdraws_everywhere(Signal::SIGINT, &[]);
}

#[test]
fn sigterm_withdraws_everywhere_through_the_raw_socket() {
    a_stop_withdraws_everywhere(Signal::SIGTERM, &["--send=raw"]);
}

#[test]
fn a_stop_outside_of_the_floor_takes_no_time() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = Daemon::start(&host, &rarely(&[]));
    line.expect_served(SOON);
    thread::sleep(FLOOR);
    let asked = Instant::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert!(asked.elapsed() <= SLACK, "{:?}", asked.elapsed());
    assert!(line.capture.expect_advert(Duration::ZERO).is_final());
}

#[test]
fn a_second_signal_stops_at_once() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = Daemon::start(&host, &rarely(&[]));
    line.expect_served(SOON);
    daemon.signal(Signal::SIGTERM);
    thread::sleep(Duration::from_millis(500));
    assert!(daemon.is_running(), "the floor holds its goodbye back");
    let asked = Instant::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert!(asked.elapsed() <= SLACK, "{:?}", asked.elapsed());
    expect_silence([&mut line], Duration::ZERO);
}

/// A stop that takes nothing back: silence on the wire, and the guest keeps its route.
fn a_silent_stop(signal: Signal, arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Guest::new());
    let link = Veth::new((&host, "vm1"), (guest.namespace(), "eth0"));
    link.host.add_address("2001:db8:0:1::1/64");
    let mut capture = autora_tests::Capture::on(&link.guest);
    let mut daemon = Daemon::start(&host, &[&["--interface-regex=^vm1$"], arguments].concat());
    guest.wait_for_default_route(SOON);
    thread::sleep(FLOOR);
    // The guest's own solicitations may have been answered meanwhile.
    capture.clear();
    let asked = Instant::now();
    daemon.signal(signal);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert!(asked.elapsed() <= SLACK, "{:?}", asked.elapsed());
    let goodbyes: Vec<_> = capture
        .adverts_within(Duration::from_secs(1))
        .into_iter()
        .filter(autora_tests::Advert::is_final)
        .collect();
    assert!(goodbyes.is_empty(), "{goodbyes:?}");
    assert_eq!(guest.default_routes().len(), 1);
    guest.wait_for_address(link.guest.mac().address_in(prefix(1)), SOON);
}

#[test]
fn on_exit_keep_takes_nothing_back() {
    a_silent_stop(Signal::SIGTERM, &["--on-exit=keep"]);
}

#[test]
fn sighup_takes_nothing_back() {
    a_silent_stop(Signal::SIGHUP, &[]);
}

#[test]
fn after_a_kill_the_next_daemon_serves_again() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = Daemon::start(&host, &rarely(&[]));
    line.expect_served(SOON);
    daemon.signal(Signal::SIGKILL);
    assert_eq!(daemon.wait_exit(SOON), -9);
    let _next = Daemon::start(&host, &rarely(&[]));
    line.expect_served(Duration::from_secs(4));
}

#[test]
fn a_log_that_nobody_takes_ends_nothing() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = Command::new(autora_tests::binary());
    let directory = autora_tests::RuntimeDirectory::new();
    command.args(rarely(&["--heartbeat-interval=1s"])).stderr(writer);
    command.env("AUTORA_RUNTIME_DIRECTORY", directory.path());
    let mut daemon = host.enter(|| command.spawn()).expect("the daemon can be started");
    // The command holds the other end, too.
    drop(command);
    line.expect_served(SOON);
    drop(reader);
    thread::sleep(AT_ONCE);
    assert!(daemon.try_wait().expect("it is our child").is_none(), "it has spoken, and goes on");
    let pid = Pid::from_raw(daemon.id().try_into().expect("a process id"));
    kill(pid, Signal::SIGTERM).expect("it is there");
    assert!(line.capture.expect_advert(FLOOR + SLACK).is_final());
    assert_eq!(daemon.wait().expect("it is our child").code(), Some(0));
}
