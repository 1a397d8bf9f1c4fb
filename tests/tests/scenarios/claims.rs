//! Two daemons that would serve the same interface: one does, and the other takes over when that one is
//! gone.

use std::{
    fs::{self, OpenOptions},
    net::Ipv6Addr,
    os::unix::fs::{FileExt, symlink},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Daemon, Guest, Launch, Namespace, RuntimeDirectory, eventually};
use nix::sys::signal::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::bench::{FLOOR, GRACE, Line, SLACK, SOON, live, prefix, rarely, retired};

/// How long a daemon has to be gone before another one takes over.
const ABSENCE: Duration = Duration::from_secs(5);

/// The other daemon notices at its next resync.
const RESYNC: Duration = Duration::from_secs(1);

/// The /64 that takes the place of the first one.
const NEW: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 101, 0, 0, 0, 0);

/// How long the second daemon may take from the end of the first one to its first RA with another pair.
const TAKEOVER: Duration = ABSENCE.saturating_add(RESYNC).saturating_add(GRACE).saturating_add(SOON);

/// A host with one line, for daemons that share a directory of claims.
struct Host {
    namespace: Namespace,
    line: Line,
    claims: TempDir,
    first: RuntimeDirectory,
    second: RuntimeDirectory,
}

impl Host {
    fn new() -> Self {
        Self::of(&Namespace::quiet())
    }

    /// Returns a host with this guest.
    fn of(guest: &Namespace) -> Self {
        let namespace = Namespace::host();
        let line = Line::new(&namespace, guest, 1);
        let claims = tempfile::tempdir().expect("a directory can be made");
        Self { namespace, line, claims, first: RuntimeDirectory::new(), second: RuntimeDirectory::new() }
    }

    fn launch(&self, directory: &RuntimeDirectory, more: &[&str]) -> Launch {
        self.launch_with(directory, &[&["--forwarding-resync-interval=1s"], more].concat())
    }

    fn launch_with(&self, directory: &RuntimeDirectory, more: &[&str]) -> Launch {
        let claims = format!("--claim-directory={}", self.claims.path().display());
        Launch::new(&rarely(&[&[claims.as_str()], more].concat())).runtime_directory(directory)
    }

    fn start(&self, directory: &RuntimeDirectory) -> Daemon {
        self.launch(directory, &[]).start(&self.namespace)
    }

    /// Starts the first daemon, which serves, and then the second, which does not.
    fn start_both(&mut self) -> (Daemon, Daemon) {
        let first = self.start(&self.first);
        self.line.expect_served(SOON);
        let second = self.start(&self.second);
        assert_eq!(second.wait_not_served("vm1", SOON), ["served-by-another"]);
        (first, second)
    }

    /// Replaces the host's /64 by another one.
    fn renumber(&self) {
        self.line.remove_prefix();
        self.line.link.host.add_address(&format!("{NEW}1/64"));
    }

    /// Returns the file of claims, once a daemon has made it.
    fn file(&self) -> PathBuf {
        let mut files = fs::read_dir(self.claims.path()).expect("it is there");
        files.next().expect("a daemon has made it").expect("it can be read").path()
    }
}

/// Kills the first daemon, which has noted by then what guests hold.
fn kill(first: &mut Daemon) {
    thread::sleep(FLOOR);
    first.signal(Signal::SIGKILL);
    assert_eq!(first.wait_exit(SOON), -9);
}

/// Waits until `daemon` serves, and checks that this is 5 s after it could notice that the other one went, at `since`.
fn expect_takeover(daemon: &Daemon, since: Instant) {
    daemon.wait_serving("vm1", ABSENCE + RESYNC + SOON);
    let after = since.elapsed();
    assert!((ABSENCE..ABSENCE + 2 * RESYNC + SLACK).contains(&after), "{after:?}");
}

/// Returns the warnings, without the one that every daemon of these tests begins with.
fn warnings(daemon: &Daemon) -> Vec<String> {
    let mut warnings = daemon.warnings();
    warnings.retain(|line| !line.contains("and not /run/autora.lock: a daemon that uses another directory"));
    assert_eq!(warnings.len() + 1, daemon.warnings().len(), "{:?}", daemon.log());
    warnings
}

#[test]
fn a_directory_that_others_may_not_use_causes_a_warning() {
    let host = Namespace::host();
    for (flag, warns) in [
        ("--claim-directory=/srv/claims", true),
        ("--claim-directory=/run/autora.lock", false),
        ("--claim-directory=none", false),
    ] {
        let found = Launch::new(&["--check", "--interface-regex=^vm1$", flag]).output(&host);
        let warned = found.stderr.contains("warning: --claim-directory is ");
        assert_eq!((found.code, warned), (0, warns), "{found:?}");
    }
}

#[test]
fn the_second_daemon_says_which_one_serves() {
    let mut host = Host::new();
    let (first, second) = host.start_both();
    let answer = second.control().json("/v1/interfaces/vm1");
    let directory = host.first.path().to_str().expect("a plain path");
    let text = format!("another autora serves it: process {} with {directory}", first.pid());
    let other = json!({ "runtime_directory": directory, "pid": first.pid() });
    assert_eq!(answer["reasons"], json!([{ "name": "served-by-another", "text": text, "other_daemon": other }]));
    let metrics = second.control().get("/metrics").body;
    assert!(metrics.contains("autora_interfaces_not_served{reason=\"served-by-another\"} 1\n"), "{metrics}");
    let socket = second.control().path().display().to_string();
    let explained = Launch::new(&["explain", "vm1", "--socket", &socket]).output(&host.namespace);
    assert_eq!(explained.code, 3, "{}", explained.stdout);
    let ask = format!("autora status --socket {directory}/control.sock vm1\n");
    for expected in [&text, "FAIL  one daemon    another autora has it", &ask, "takes over up to 35 s after"] {
        assert!(explained.stdout.replace("\n    ", " ").contains(expected), "{expected}: {}", explained.stdout);
    }
    // The first one goes on as if it were alone, and three resyncs make no further line.
    thread::sleep(3 * RESYNC);
    assert_eq!((first.served("vm1"), warnings(&first)), (1, Vec::new()));
    assert_eq!((second.served("vm1"), second.lines_with(&["served-by-another"]).len()), (0, 1), "{:?}", second.log());
    host.line.expect_answer();
}

/// Between two resyncs of the one that waits, which would notice the other's restart.
#[test]
fn the_process_that_serves_is_named_as_it_is_now() {
    let mut host = Host::new();
    let mut first = host.start(&host.first);
    host.line.expect_served(SOON);
    let second = host.launch_with(&host.second, &["--forwarding-resync-interval=1h"]).start(&host.namespace);
    assert_eq!(second.wait_not_served("vm1", SOON), ["served-by-another"]);
    let named = || {
        let reason = second.control().json("/v1/interfaces/vm1")["reasons"][0].clone();
        (reason["other_daemon"].clone(), reason["text"].as_str().expect("a sentence").to_owned())
    };
    let directory = host.first.path().to_str().expect("a plain path");
    let running = |pid: u32| {
        let text = format!("another autora serves it: process {pid} with {directory}");
        (json!({ "runtime_directory": directory, "pid": pid }), text)
    };
    assert_eq!(named(), running(first.pid()));
    first.signal(Signal::SIGHUP);
    assert_eq!(first.wait_exit(SOON), 0);
    let gone = format!("another autora served it a moment ago: the one with {directory}");
    assert_eq!(named(), (json!({ "runtime_directory": directory }), gone));
    let next = host.start(&host.first);
    // It writes its claims at the end of the turn in which it logs that it serves.
    eventually(SOON, "the next process to be named", || (named() == running(next.pid())).then_some(()));
    assert_eq!(second.lines_with(&["served-by-another"]).len(), 1, "{:?}", second.log());
}

#[test]
fn after_a_kill_the_second_one_takes_over() {
    let mut host = Host::new();
    let (mut first, second) = host.start_both();
    thread::sleep(FLOOR);
    first.signal(Signal::SIGKILL);
    let killed = Instant::now();
    assert_eq!(first.wait_exit(SOON), -9);
    host.line.capture.clear();
    expect_takeover(&second, killed);
    host.line.expect_answer();
    // It comes back too late, and does not withdraw what the other one serves, not even at its end.
    host.line.capture.clear();
    let mut first = host.start(&host.first);
    assert_eq!(first.wait_not_served("vm1", SOON), ["served-by-another"]);
    first.signal(Signal::SIGTERM);
    assert_eq!(first.wait_exit(SOON), 0);
    let adverts = host.line.capture.adverts_within(FLOOR + SLACK);
    assert!(adverts.iter().all(|advert| !advert.is_final()), "{adverts:?}");
}

#[test]
fn a_restart_changes_nothing() {
    for signal in [Signal::SIGKILL, Signal::SIGHUP] {
        let mut host = Host::new();
        let (mut first, second) = host.start_both();
        first.signal(signal);
        _ = first.wait_exit(SOON);
        // The other one notices that it is gone.
        thread::sleep(2 * RESYNC);
        let first = host.start(&host.first);
        first.wait_serving("vm1", SOON);
        thread::sleep(ABSENCE + 2 * RESYNC);
        assert_eq!((first.served("vm1"), second.served("vm1")), (1, 0), "{signal}: {:?}", second.log());
        let adverts = host.line.capture.adverts_within(Duration::ZERO);
        assert!(adverts.iter().all(|advert| !advert.is_final()), "{signal}: {adverts:?}");
        host.line.expect_answer();
    }
}

#[test]
fn after_a_stop_the_second_one_takes_over() {
    let mut host = Host::new();
    let (mut first, second) = host.start_both();
    thread::sleep(FLOOR);
    host.line.capture.clear();
    first.signal(Signal::SIGTERM);
    let stopped = Instant::now();
    assert_eq!(first.wait_exit(SOON), 0);
    assert!(host.line.capture.expect_advert(SLACK).is_final());
    expect_takeover(&second, stopped);
    assert!(!host.line.capture.expect_advert(SOON).is_final());
}

/// Its own settings keep the first one from serving, which runs on.
#[test]
fn what_the_first_one_can_serve_no_longer_the_second_one_takes_over() {
    let host = Host::new();
    host.line.link.host.add_address("fe80::1/64");
    let first = host.launch(&host.first, &["--source-address=fe80::1"]).start(&host.namespace);
    first.wait_serving("vm1", SOON);
    let second = host.start(&host.second);
    assert_eq!(second.wait_not_served("vm1", SOON), ["served-by-another"]);
    host.line.link.host.remove_address("fe80::1/64");
    let removed = Instant::now();
    assert_eq!(first.wait_not_served("vm1", SOON), ["no-link-local"]);
    expect_takeover(&second, removed);
    // It is fit again, and too late.
    host.line.link.host.add_address("fe80::1/64");
    first.wait_for_log(&["not serving", "interface=vm1", "reasons=served-by-another"], SOON);
}

#[test]
fn a_file_that_cannot_be_trusted_is_not_used() {
    let mut host = Host::new();
    let mut daemon = host.start(&host.first);
    host.line.expect_served(SOON);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert_eq!(warnings(&daemon), [""; 0], "the control");
    let file = host.file();
    let elsewhere = tempfile::NamedTempFile::new().expect("there is room");
    fs::remove_file(&file).expect("root may");
    symlink(elsewhere.path(), &file).expect("root may");
    let daemon = host.start(&host.second);
    daemon.wait_for_log(&["WARN", "interfaces cannot be claimed", "symbolic link"], SOON);
    daemon.wait_serving("vm1", SOON);
    assert_eq!(elsewhere.as_file().metadata().expect("it is there").len(), 0, "nothing was written through the link");
}

/// A user who may not open the file serves as if there were no other.
#[test]
fn a_daemon_without_access_to_the_claims_serves() {
    let host = Host::new();
    let daemon = host.launch(&host.first, &[]).unprivileged(&["net_raw", "bpf", "perfmon"]).start(&host.namespace);
    daemon.wait_for_log(&["WARN", "interfaces cannot be claimed", "Permission denied"], SOON);
    daemon.wait_serving("vm1", SOON);
}

/// The guest would keep an address that the host has no more, for as long as the lifetimes say.
#[test]
fn a_prefix_that_changed_while_neither_served_is_retired() {
    let guest = Guest::new();
    let mut host = Host::of(guest.namespace());
    let own = |prefix| host.line.link.guest.mac().address_in(prefix);
    let (old, new) = (own(prefix(1)), own(NEW));
    let (mut first, second) = host.start_both();
    guest.wait_for_address(old, SOON);
    kill(&mut first);
    host.line.capture.clear();
    host.renumber();
    second.wait_serving("vm1", TAKEOVER);
    guest.wait_for_address(new, SOON);
    guest.wait_for_deprecated(old, SOON);
    assert!(guest.holds(new).is_some_and(|held| !held.deprecated), "{:?}", guest.holds(new));
    let advert = host.line.capture.expect_advert(SOON);
    assert_eq!((live(&advert), retired(&advert), advert.is_final()), (vec![NEW], vec![prefix(1)], false));
    let shown = second.control().json("/v1/interfaces/vm1");
    assert_eq!(shown["retired_prefixes"][0]["prefix"], format!("{}/64", prefix(1)), "{shown}");
}

/// As one that was paused when the first daemon retired its /64.
#[test]
fn a_guest_that_did_not_hear_of_the_first_daemons_change_does_so_of_the_second_one() {
    let guest = Guest::new();
    let mut host = Host::of(guest.namespace());
    let own = |prefix| host.line.link.guest.mac().address_in(prefix);
    let (old, new) = (own(prefix(1)), own(NEW));
    let (mut first, second) = host.start_both();
    guest.wait_for_address(old, SOON);
    host.line.link.guest.sysctl("accept_ra", 0);
    thread::sleep(FLOOR);
    host.line.capture.clear();
    host.renumber();
    let change = host.line.capture.expect_advert(GRACE + SOON);
    assert_eq!((live(&change), retired(&change)), (vec![NEW], vec![prefix(1)]));
    kill(&mut first);
    host.line.link.guest.sysctl("accept_ra", 1);
    assert!(guest.holds(old).is_some_and(|held| !held.deprecated) && guest.holds(new).is_none(), "it heard nothing");
    second.wait_serving("vm1", TAKEOVER);
    guest.wait_for_address(new, SOON);
    guest.wait_for_deprecated(old, SOON);
}

#[test]
fn the_first_daemons_source_is_withdrawn_where_the_second_one_has_its_own() {
    let guest = Guest::new();
    let mut host = Host::of(guest.namespace());
    let own_source = "fe80::1".parse().expect("an address");
    let mut first = host.start(&host.first);
    host.line.expect_served(SOON);
    guest.wait_for_default_route_to(host.line.link.host.link_local(), SOON);
    host.line.link.host.add_address("fe80::1/64");
    let settings = ["--source-address=fe80::1", "--forwarding-resync-interval=1s"];
    let second = host.launch_with(&host.second, &settings).start(&host.namespace);
    assert_eq!(second.wait_not_served("vm1", SOON), ["served-by-another"]);
    kill(&mut first);
    host.line.capture.clear();
    guest.wait_for_default_route_to(own_source, TAKEOVER + FLOOR);
    let adverts = host.line.capture.adverts_within(SLACK);
    let told: Vec<_> = adverts.iter().map(|advert| (advert.source, advert.is_final())).collect();
    assert_eq!(told, [(own_source, false), (host.line.link.host.link_local(), true)], "in this order");
}

/// What a process that was killed has left in parts is not believed, and does not keep the interface from being served.
#[test]
fn a_damaged_note_is_ignored() {
    let mut host = Host::new();
    let (mut first, second) = host.start_both();
    kill(&mut first);
    let file = OpenOptions::new().read(true).write(true).open(host.file()).expect("root may");
    let bytes = fs::read(host.file()).expect("root may");
    let noted = prefix(1).octets();
    let at = bytes.windows(8).position(|bytes| *bytes == noted[..8]).expect("the first daemon noted it");
    file.write_all_at(&[!noted[0]], at as u64).expect("root may");
    host.line.capture.clear();
    host.renumber();
    second.wait_serving("vm1", TAKEOVER);
    let advert = host.line.capture.expect_advert(SOON);
    assert_eq!((live(&advert), retired(&advert)), (vec![NEW], Vec::new()));
    assert_eq!(warnings(&second), [""; 0]);
}
