//! The end of the daemon: a stop withdraws, a restart does not, and neither does a stop with
//! `--on-exit=keep`.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Advert, Capture, Daemon, Guest, Launch, Namespace, Veth};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::bench::{AT_ONCE, FLOOR, Line, SLACK, SOON, expect_silence, on_both_paths, prefix, rarely};

on_both_paths!(
    sigterm_withdraws_everywhere,
    sigint_withdraws_everywhere,
    a_stop_outside_the_floor_is_immediate,
    a_second_signal_stops_at_once,
    on_exit_keep_sends_no_final_ra,
    sighup_sends_no_final_ra,
    after_a_kill_the_next_daemon_serves_again,
);

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
        let [final_ra] = &adverts[..] else { panic!("one final RA: {adverts:?}") };
        assert!(final_ra.is_final(), "{final_ra:?}");
        assert_eq!((final_ra.source, final_ra.prefixes()), (first.source, first.prefixes()));
        assert!(final_ra.since(first.at) >= FLOOR, "{:?}", final_ra.since(first.at));
    }
}

fn sigterm_withdraws_everywhere(arguments: &[&str]) {
    a_stop_withdraws_everywhere(Signal::SIGTERM, arguments);
}

fn sigint_withdraws_everywhere(arguments: &[&str]) {
    a_stop_withdraws_everywhere(Signal::SIGINT, arguments);
}

fn a_stop_outside_the_floor_is_immediate(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = Daemon::start(&host, &rarely(arguments));
    line.expect_served(SOON);
    thread::sleep(FLOOR);
    let asked = Instant::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert!(asked.elapsed() <= SLACK, "{:?}", asked.elapsed());
    assert!(line.capture.expect_advert(Duration::ZERO).is_final());
}

fn a_second_signal_stops_at_once(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = Daemon::start(&host, &rarely(arguments));
    line.expect_served(SOON);
    daemon.signal(Signal::SIGTERM);
    thread::sleep(Duration::from_millis(500));
    assert!(daemon.is_running(), "the floor delays the final RA");
    let asked = Instant::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert!(asked.elapsed() <= SLACK, "{:?}", asked.elapsed());
    expect_silence([&mut line], Duration::ZERO);
}

/// Checks that a stop sends no final RA, and that the guest keeps its route.
fn a_silent_stop(signal: Signal, arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Guest::new());
    let link = Veth::new((&host, "vm1"), (guest.namespace(), "eth0"));
    link.host.add_address("2001:db8:0:1::1/64");
    let mut capture = Capture::on(&link.guest);
    let mut daemon = Daemon::start(&host, &[&["--interface-regex=^vm1$"], arguments].concat());
    guest.wait_for_default_route(SOON);
    thread::sleep(FLOOR);
    // The guest's own solicitations may have been answered meanwhile.
    capture.clear();
    let asked = Instant::now();
    daemon.signal(signal);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert!(asked.elapsed() <= SLACK, "{:?}", asked.elapsed());
    let final_ras: Vec<_> =
        capture.adverts_within(Duration::from_secs(1)).into_iter().filter(Advert::is_final).collect();
    assert!(final_ras.is_empty(), "{final_ras:?}");
    assert_eq!(guest.default_routes().len(), 1);
    guest.wait_for_address(link.guest.mac().address_in(prefix(1)), SOON);
}

fn on_exit_keep_sends_no_final_ra(arguments: &[&str]) {
    a_silent_stop(Signal::SIGTERM, &[&["--on-exit=keep"], arguments].concat());
}

fn sighup_sends_no_final_ra(arguments: &[&str]) {
    a_silent_stop(Signal::SIGHUP, arguments);
}

fn after_a_kill_the_next_daemon_serves_again(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = Daemon::start(&host, &rarely(arguments));
    line.expect_served(SOON);
    daemon.signal(Signal::SIGKILL);
    assert_eq!(daemon.wait_exit(SOON), -9);
    let _next = Daemon::start(&host, &rarely(arguments));
    line.expect_served(Duration::from_secs(4));
}

#[test]
fn a_closed_log_does_not_end_the_daemon() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = Command::new(autora_tests::binary());
    let directory = autora_tests::RuntimeDirectory::new();
    command.args(rarely(&["--heartbeat-interval=1s"])).stderr(writer);
    command.env("AUTORA_RUNTIME_DIRECTORY", directory.path()).env("AUTORA_CLAIM_DIRECTORY", "none");
    let mut daemon = host.enter(|| command.spawn()).expect("the daemon can be started");
    // The command has a copy of the writing end, too.
    drop(command);
    line.expect_served(SOON);
    drop(reader);
    thread::sleep(AT_ONCE);
    assert!(daemon.try_wait().expect("it is our child").is_none(), "it has logged heartbeats, and goes on");
    let pid = Pid::from_raw(daemon.id().try_into().expect("a process id"));
    kill(pid, Signal::SIGTERM).expect("it is there");
    assert!(line.capture.expect_advert(FLOOR + SLACK).is_final());
    assert_eq!(daemon.wait().expect("it is our child").code(), Some(0));
}

#[test]
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    let host = Namespace::host();
    // As nohup does, and a shell without job control for what it starts in the background.
    for (ignored, trap) in [(Signal::SIGHUP, "trap '' HUP"), (Signal::SIGINT, "trap '' INT")] {
        let mut daemon = Launch::new(&["--interface-regex=^vm1$"]).after(trap).start(&host);
        daemon.wait_for_log(&["started"], SOON);
        daemon.signal(ignored);
        thread::sleep(AT_ONCE);
        assert!(daemon.is_running(), "{ignored}");
        // The control: SIGTERM ends it, and other scenarios show one that ignores neither of the two.
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait_exit(AT_ONCE), 0);
    }
}

/// The control is the next scenario.
#[test]
fn a_host_that_is_no_default_router_takes_none_away() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Daemon::start(&host, &rarely(&["--router-lifetime=0s"]));
    line.capture.expect_advert(SOON);
    line.remove_prefix();
    assert_eq!(daemon.wait_not_served("vm1", SOON), ["no-prefix"]);
    line.capture.expect_advert(SOON);
    thread::sleep(AT_ONCE);
    assert!(daemon.lines_with(&["guests lose"]).is_empty(), "{:?}", daemon.log());
}

/// An interface that guests lose before the stop is not one of those that they lose by it.
#[test]
fn the_log_says_which_guests_lose_their_router() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 3);
    let mut daemon = Daemon::start(&host, &rarely(&[]));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    thread::sleep(FLOOR);
    lines[0].remove_prefix();
    let lost = |name: &str, more: &[&str]| {
        let interface = format!("interface={name}");
        daemon.wait_for_log(&[&["guests lose their default route", interface.as_str()], more].concat(), SOON);
    };
    lost("vm1", &["WARN", "reasons=no-prefix", "`autora explain --socket", "vm1` shows what to do"]);
    // The operator wants what its own renaming does.
    host.ip("link set vm2 name other2");
    lost("other2", &["INFO", "the name no longer matches"]);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
    let stopped = daemon.lines_with(&["stopped"]);
    assert!(stopped.len() == 1 && stopped[0].ends_with("final_ras=1"), "{stopped:?}");
    assert_eq!(daemon.lines_with(&["guests lose their default route"]).len(), 2, "{:?}", daemon.log());
}
