//! Daemons one after another on the same host: what the next process takes from the saved state.

use std::{
    fs::{self, Permissions},
    io::Write,
    os::unix::fs::{PermissionsExt, chown},
    panic,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use autora::sys::state_file::decode;
use autora_tests::{Daemon, Guest, Launch, Namespace, RuntimeDirectory, Veth};
use nix::{
    sched::{CloneFlags, unshare},
    sys::signal::Signal,
};

use crate::bench::{AT_ONCE, FLOOR, Line, SLACK, SOON, expect_silence, live, prefix, rarely, retired};

/// A host whose daemons share a runtime directory.
struct Host {
    namespace: Namespace,
    guest: Namespace,
    directory: RuntimeDirectory,
}

impl Host {
    fn new() -> Self {
        Self { namespace: Namespace::host(), guest: Namespace::quiet(), directory: RuntimeDirectory::new() }
    }

    fn lines(&self, count: u16) -> Vec<Line> {
        Line::several(&self.namespace, &self.guest, count)
    }

    fn start(&self) -> Daemon {
        Launch::new(&rarely(&[])).runtime_directory(&self.directory).start(&self.namespace)
    }

    /// Replaces `from` in the state file, which must contain it.
    fn edit_state(&self, from: &str, to: &str) {
        let file = self.directory.state_file();
        let text = fs::read_to_string(&file).expect("a daemon has left it");
        assert!(text.contains(from), "{from} in {text}");
        fs::write(file, text.replace(from, to)).expect("root may write it");
    }

    fn wait_saved(&self, words: &str) {
        autora_tests::eventually(SOON, words, || {
            fs::read_to_string(self.directory.state_file()).ok().filter(|text| text.contains(words))
        });
    }
}

fn stop(mut daemon: Daemon, signal: Signal) {
    daemon.signal(signal);
    let expected = if signal == Signal::SIGKILL { -9 } else { 0 };
    assert_eq!(daemon.wait_exit(SOON), expected);
}

#[test]
fn after_a_clean_restart_the_floor_still_holds() {
    // After SIGTERM the final RA leaves in between, and the floor holds before and after it.
    for (signal, expected) in [(Signal::SIGHUP, 1), (Signal::SIGTERM, 2)] {
        let host = Host::new();
        let mut lines = host.lines(1);
        let daemon = host.start();
        let mut before = lines[0].expect_served(SOON).at;
        stop(daemon, signal);
        let _next = host.start();
        let (_, adverts) = lines[0].seen(FLOOR + SLACK);
        assert_eq!(adverts.len(), expected, "{signal}: {adverts:?}");
        for advert in &adverts {
            let distance = advert.since(before);
            assert!((FLOOR..FLOOR + SLACK).contains(&distance), "{signal}: {distance:?}");
            before = advert.at;
        }
        assert_eq!(live(&adverts[expected - 1]), [prefix(1)], "{signal}");
    }
}

#[test]
fn after_a_restart_the_first_ra_leaves_as_soon_as_the_floor_allows() {
    let host = Host::new();
    let mut lines = host.lines(1);
    let daemon = host.start();
    let first = lines[0].expect_served(SOON);
    stop(daemon, Signal::SIGHUP);
    thread::sleep(Duration::from_secs(1));
    let next = host.start();
    next.wait_for_log(&["taking over", "clean=true", "interfaces=1"], SOON);
    let distance = lines[0].expect_served(SOON).since(first.at);
    assert!((FLOOR..FLOOR + SLACK).contains(&distance), "{distance:?}");
    stop(next, Signal::SIGHUP);
    // After the floor the first RA leaves at once.
    thread::sleep(FLOOR);
    let asked = Instant::now();
    let _last = host.start();
    lines[0].expect_served(SOON);
    assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
}

#[test]
fn after_a_kill_the_first_ras_wait_three_seconds() {
    let host = Host::new();
    let mut lines = host.lines(2);
    let daemon = host.start();
    for line in &mut lines {
        line.expect_served(SOON);
    }
    thread::sleep(FLOOR);
    stop(daemon, Signal::SIGKILL);
    let asked = Instant::now();
    let next = host.start();
    next.wait_for_log(&["taking over", "clean=false"], SOON);
    for line in &mut lines {
        line.expect_served(SOON);
        assert!(asked.elapsed() >= FLOOR, "{:?}", asked.elapsed());
        assert!(asked.elapsed() < Duration::from_secs(4) + SLACK, "{:?}", asked.elapsed());
    }
}

#[test]
fn a_state_without_interfaces_is_not_taken_over() {
    let host = Host::new();
    let first = host.start();
    first.wait_for_log(&["started"], SOON);
    stop(first, Signal::SIGHUP);
    let next = host.start();
    next.wait_for_log(&["started"], SOON);
    assert!(next.lines_with(&["previous process"]).is_empty(), "{:?}", next.log());
    // The control: what a crash means for the first RAs is said all the same.
    stop(next, Signal::SIGKILL);
    host.start().wait_for_log(&["the previous process did not end cleanly", "clean=false"], SOON);
}

/// A change that makes the state file unusable, and the log line about it.
struct Spoilt {
    what: &'static str,
    spoil: fn(&Host),
    logs: Option<&'static [&'static str]>,
}

const SPOILT: &[Spoilt] = &[
    Spoilt {
        what: "missing",
        spoil: |host| fs::remove_file(host.directory.state_file()).expect("it is there"),
        logs: None,
    },
    Spoilt {
        what: "from another boot",
        spoil: |host| host.edit_state("\"boot_id\":\"", "\"boot_id\":\"0"),
        logs: None,
    },
    Spoilt {
        what: "newer",
        spoil: |host| host.edit_state("\"version\":1", "\"version\":2"),
        logs: Some(&["WARN", "starting without it", "version 2"]),
    },
    Spoilt {
        what: "older",
        spoil: |host| host.edit_state("\"version\":1", "\"version\":0"),
        logs: Some(&["WARN", "starting without it", "version 0"]),
    },
    Spoilt {
        what: "damaged",
        spoil: |host| host.edit_state("\"ifindex\"", "\"if"),
        logs: Some(&["WARN", "starting without it", "damaged"]),
    },
    Spoilt {
        what: "empty",
        spoil: |host| fs::write(host.directory.state_file(), "").expect("root may"),
        logs: Some(&["WARN", "starting without it", "damaged"]),
    },
];

#[test]
fn an_unusable_state_file_means_a_cold_start() {
    for Spoilt { what, spoil, logs } in SPOILT {
        let host = Host::new();
        let mut lines = host.lines(1);
        let daemon = host.start();
        lines[0].expect_served(SOON);
        host.wait_saved("\"vm1\"");
        stop(daemon, Signal::SIGKILL);
        spoil(&host);
        let asked = Instant::now();
        let next = host.start();
        lines[0].expect_served(SOON);
        assert!(asked.elapsed() < AT_ONCE, "{what}: at once, after {:?}", asked.elapsed());
        match logs {
            Some(words) => drop(next.wait_for_log(words, SOON)),
            None => assert!(next.warnings().is_empty(), "{what}: {:?}", next.log()),
        }
        assert!(next.lines_with(&["taking over"]).is_empty(), "{what}");
        // The next daemon writes a valid file.
        host.wait_saved("\"vm1\"");
    }
}

#[test]
fn an_unfinished_line_in_the_state_file_is_ignored() {
    let host = Host::new();
    let mut lines = host.lines(1);
    let daemon = host.start();
    lines[0].expect_served(SOON);
    host.wait_saved("\"vm1\"");
    thread::sleep(FLOOR);
    stop(daemon, Signal::SIGKILL);
    // As if the daemon was killed while it wrote a line.
    let text = fs::read(host.directory.state_file()).expect("a daemon has left it");
    fs::write(host.directory.state_file(), [&text[..], b"{\"known\":{\"ifind"].concat()).expect("root may");
    let next = host.start();
    next.wait_for_log(&["taking over", "clean=false", "interfaces=1"], SOON);
    lines[0].expect_served(SOON);
    assert!(next.warnings().is_empty(), "{:?}", next.log());
}

#[test]
fn saved_state_does_not_apply_to_a_new_interface_of_the_same_name() {
    let host = Host::new();
    let mut lines = host.lines(1);
    let daemon = host.start();
    lines[0].expect_served(SOON);
    stop(daemon, Signal::SIGHUP);
    lines[0].link.host.delete();
    // A new interface has the name, and another prefix.
    let mut line = Line::named(&host.namespace, &host.guest, "vm1", 2);
    let _next = host.start();
    let advert = line.expect_served(SOON);
    assert!(retired(&advert).is_empty(), "{advert:?}");
}

#[test]
fn a_prefix_that_changed_while_no_daemon_ran_is_retired_by_the_next() {
    for signal in [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGKILL] {
        let (host, guest) = (Host::new(), Guest::new());
        let link = Veth::new((&host.namespace, "vm1"), (guest.namespace(), "eth0"));
        link.host.add_address("2001:db8:0:1::1/64");
        let daemon = host.start();
        let old = link.guest.mac().address_in(prefix(1));
        guest.wait_for_address(old, SOON);
        host.wait_saved("2001:db8:0:1::");
        stop(daemon, signal);
        link.host.remove_address("2001:db8:0:1::1/64");
        link.host.add_address("2001:db8:0:2::1/64");
        let _next = host.start();
        guest.wait_for_address(link.guest.mac().address_in(prefix(2)), SOON);
        let addresses = guest.namespace().ip("-6 -o addr show dev eth0 scope global");
        let old_line = addresses.lines().find(|line| line.contains(&old.to_string()));
        let old_line = old_line.unwrap_or_else(|| panic!("{signal}: deprecated, and still valid: {addresses}"));
        assert!(old_line.contains("deprecated"), "{signal}: {old_line}");
        assert_eq!(addresses.matches("deprecated").count(), 1, "{signal}: {addresses}");
    }
}

#[test]
fn a_link_local_address_that_changed_while_no_daemon_ran_is_handed_over() {
    let host = Host::new();
    let mut lines = host.lines(1);
    let daemon = host.start();
    let first = lines[0].expect_served(SOON);
    stop(daemon, Signal::SIGHUP);
    lines[0].link.host.add_address("fe80::99/64 nodad");
    lines[0].link.host.remove_address(&format!("{}/64", first.source));
    thread::sleep(FLOOR);
    let _next = host.start();
    let new = lines[0].capture.expect_advert(SOON);
    assert_eq!((new.source.to_string().as_str(), new.is_final()), ("fe80::99", false));
    let final_ra = lines[0].capture.expect_advert(SOON);
    assert!(final_ra.is_final() && final_ra.source == first.source, "{final_ra:?}");
    assert!(final_ra.since(new.at) >= FLOOR);
}

#[test]
fn an_interface_that_no_longer_matches_after_a_restart_gets_a_final_ra() {
    let host = Host::new();
    let mut lines = host.lines(2);
    let daemon = host.start();
    for line in &mut lines {
        line.expect_served(SOON);
    }
    stop(daemon, Signal::SIGHUP);
    let arguments = ["--interface-regex=^vm2$"];
    let _next = Launch::new(&arguments).runtime_directory(&host.directory).start(&host.namespace);
    let final_ra = lines[0].capture.expect_advert(FLOOR + SLACK);
    assert!(final_ra.is_final(), "{final_ra:?}");
    lines[1].expect_served(FLOOR + SLACK);
    lines[0].solicit();
    expect_silence(&mut lines[..1], FLOOR + Duration::from_secs(1));
}

#[test]
fn the_state_file_is_written_for_changes_and_not_for_ras() {
    use std::os::unix::fs::MetadataExt;
    let host = Host::new();
    let mut lines = host.lines(2);
    let arguments = ["--interface-regex=^vm[12]$", "--max-ra-interval=4s"];
    let daemon = Launch::new(&arguments).runtime_directory(&host.directory).start(&host.namespace);
    host.wait_saved("2001:db8:0:2::");
    thread::sleep(Duration::from_secs(1));
    let stat = || {
        let metadata = fs::metadata(host.directory.state_file()).expect("it is there");
        (metadata.ino(), metadata.len(), metadata.mtime_nsec())
    };
    let before = stat();
    let (_, adverts) = lines[0].seen(Duration::from_secs(9));
    assert!(adverts.len() >= 2, "{adverts:?}");
    assert_eq!(stat(), before, "RAs change nothing in the file");
    // A change adds one line, with nothing about the other interface.
    lines[0].link.host.add_address("2001:db8:0:7::1/64");
    lines[0].link.host.remove_address("2001:db8:0:1::1/64");
    host.wait_saved("2001:db8:0:7::");
    assert_eq!(stat().0, before.0, "the same file");
    let text = fs::read_to_string(host.directory.state_file()).expect("it is there");
    let added = &text[usize::try_from(before.1).expect("a short file")..];
    assert!(added.contains("\"vm1\"") && !added.contains("\"vm2\""), "{added}");
    stop(daemon, Signal::SIGHUP);
    assert_ne!(stat().0, before.0, "a clean end makes a new file");
}

/// A full disk cuts a line in two. Nothing is added after it, and once there is room the whole state is
/// saved.
#[test]
fn a_full_disk_damages_no_saved_state() {
    const GUESTS: u16 = 40;
    let host = Host::new();
    let mut lines = host.lines(1);
    in_own_mounts(|| {
        let directory = host.directory.path();
        mount(&["-t", "tmpfs", "-o", "size=32k", "tmpfs", directory.to_str().expect("a plain path")]);
        let daemon = host.start();
        lines[0].expect_served(SOON);
        host.wait_saved("\"vm1\"");
        assert_eq!(save_failures(&daemon), 0);
        let filler = directory.join("filler");
        let mut file = fs::File::create(&filler).expect("there is room yet");
        while file.write_all(&[0; 4096]).is_ok() {}
        drop(file);

        let many: Vec<_> = (2..=GUESTS).map(|number| Line::new(&host.namespace, &host.guest, number)).collect();
        daemon.wait_for_log(&["WARN", "the state could not be saved"], SOON);
        let text = fs::read(host.directory.state_file()).expect("it is there");
        assert!(!text.ends_with(b"\n"), "the control: a line is cut in two");
        let known = decode(&text).expect("it is no damage").saved.interfaces;
        assert!((1..usize::from(GUESTS)).contains(&known.len()), "{}", known.len());
        assert!(save_failures(&daemon) >= 1);
        // Guests are still answered.
        lines[0].expect_answer();

        fs::remove_file(&filler).expect("it is there");
        let failed = save_failures(&daemon);
        daemon.wait_for_log(&["the state can be saved again"], Duration::from_secs(30) + SOON);
        assert_eq!(save_failures(&daemon), failed, "no further failure");
        let text = fs::read(host.directory.state_file()).expect("it is there");
        let known = decode(&text).expect("it is whole").saved.interfaces;
        assert_eq!(known.len(), usize::from(GUESTS));
        drop(many);
    });
}

/// Returns the number of failed saves from the metrics.
fn save_failures(daemon: &Daemon) -> u64 {
    let metrics = daemon.control().get("/metrics").body;
    let value = metrics.lines().find_map(|line| line.strip_prefix("autora_state_save_failures_total "));
    value.unwrap_or_else(|| panic!("not in {metrics}")).parse().expect("a number")
}

/// Runs `work`, and the processes that it starts, in a mount namespace of its own.
fn in_own_mounts(work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS).expect("root may have mounts of its own");
            mount(&["--make-rprivate", "/"]);
            work();
        });
        inside.join().unwrap_or_else(|reason| panic::resume_unwind(reason));
    });
}

fn mount(arguments: &[&str]) {
    let status = Command::new("mount").args(arguments).status().expect("mount is there");
    assert!(status.success(), "mount {arguments:?}");
}

/// A second daemon would serve the same interfaces, and withdraw them at its end.
#[test]
fn a_second_daemon_with_the_same_directory_refuses_to_start() {
    let host = Host::new();
    let mut lines = host.lines(1);
    let first = host.start();
    lines[0].expect_served(SOON);
    host.wait_saved("\"vm1\"");
    let mut second = host.start();
    assert_eq!(second.wait_exit(SOON), 1);
    let says = second.log().join("\n");
    assert!(says.contains(host.directory.path().to_str().expect("a plain path")), "which directory: {says}");
    assert!(says.contains("--runtime-directory"), "how to run two: {says}");
    expect_silence(&mut lines, FLOOR + SLACK);
    lines[0].expect_answer();
    stop(first, Signal::SIGHUP);
    // The control: with the first one gone, the next starts.
    let third = host.start();
    lines[0].expect_served(SOON);
    stop(third, Signal::SIGHUP);
}

#[test]
fn an_unusable_directory_causes_a_warning() {
    let file = tempfile::NamedTempFile::new().expect("there is room");
    let file = file.path().display().to_string();
    for (directory, why) in [("/proc/no/such/place", "No such file"), (&file, "File exists")] {
        let host = Host::new();
        let mut lines = host.lines(1);
        let option = format!("--runtime-directory={directory}");
        let daemon = Launch::new(&rarely(&[&option])).start(&host.namespace);
        daemon.wait_for_log(&["WARN", "the state cannot be saved", directory, why], SOON);
        lines[0].expect_served(SOON);
        thread::sleep(FLOOR);
        stop(daemon, Signal::SIGTERM);
        assert!(lines[0].capture.expect_advert(AT_ONCE).is_final());
    }
}

/// Root by hand in the directory of the service: without its capabilities it could neither say there what it told
/// guests nor remove its socket.
#[test]
fn in_the_directory_of_another_user_root_leaves_nothing() {
    let host = Host::new();
    let mut lines = host.lines(1);
    let daemon = host.start();
    lines[0].expect_served(SOON);
    host.wait_saved("\"vm1\"");
    stop(daemon, Signal::SIGTERM);
    let path = host.directory.path();
    chown(path, Some(65_534), Some(65_534)).expect("root may");
    fs::set_permissions(path, Permissions::from_mode(0o750)).expect("root may");
    assert!(host.directory.state_file().exists(), "the control");
    let daemon = host.start();
    daemon.wait_for_log(&["WARN", "the state cannot be saved", "belongs to user 65534"], SOON);
    daemon.wait_for_log(&["WARN", "no control socket", "belongs to user 65534"], SOON);
    daemon.wait_serving("vm1", SOON);
    stop(daemon, Signal::SIGTERM);
    let left: Vec<_> = fs::read_dir(path).expect("it is there").map(|entry| entry.expect("a name").path()).collect();
    assert!(left.is_empty(), "{left:?}");
}
