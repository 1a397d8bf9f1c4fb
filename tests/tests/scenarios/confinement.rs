//! Confinement: what an attacker who has taken over the daemon can still do, and what the daemon does on a
//! kernel that cannot confine it.

use std::{fs, time::Duration};

use autora_tests::{Daemon, Intruder, Launch, Namespace, Refusal};
use nix::{
    errno::Errno::{self, EACCES, ENOENT, ENOSYS, EPERM},
    libc,
};

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, rarely};

/// Returns an int as a register holds it.
fn int(value: i32) -> u64 {
    i64::from(value).cast_unsigned()
}

fn opens(intruder: &Intruder, path: &str, flags: i32) -> Result<(), Errno> {
    let path = intruder.text(path);
    intruder.call(libc::SYS_openat, &[int(libc::AT_FDCWD), path, int(flags), 0o600]).map(drop)
}

fn makes_socket(intruder: &Intruder, family: i32, kind: i32, protocol: i32) -> Result<(), Errno> {
    intruder.call(libc::SYS_socket, &[int(family), int(kind), int(protocol)]).map(drop)
}

fn maps(intruder: &Intruder, protection: i32) -> Result<u64, Errno> {
    let flags = int(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    intruder.call(libc::SYS_mmap, &[0, 4_096, int(protection), flags, u64::MAX, 0])
}

/// A daemon that serves one line.
struct Scene {
    line: Line,
    daemon: Daemon,
    _namespaces: [Namespace; 2],
}

impl Scene {
    fn new() -> Self {
        let (host, guest) = (Namespace::host(), Namespace::quiet());
        let mut line = Line::new(&host, &guest, 1);
        let daemon = Daemon::start(&host, &rarely(&["--filter=ebpf"]));
        line.expect_served(SOON);
        Self { line, daemon, _namespaces: [host, guest] }
    }

    /// Checks that the daemon still answers after the intrusion.
    fn still_answers(mut self) {
        self.line.solicit();
        self.line.expect_served(FLOOR + MAX_DELAY + SLACK);
    }
}

#[test]
fn every_thread_is_confined() {
    let scene = Scene::new();
    let tasks = fs::read_dir(format!("/proc/{}/task", scene.daemon.pid())).expect("it runs");
    let mut seen = 0;
    for task in tasks {
        let status = fs::read_to_string(task.expect("a task").path().join("status")).expect("it runs");
        for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "Seccomp_filters:\t1"] {
            assert!(status.lines().any(|one| one == line), "{line}: {status}");
        }
        seen += 1;
    }
    assert_eq!(seen, 2, "the loop, and the control thread");
}

#[test]
fn only_the_state_file_can_be_opened() {
    let scene = Scene::new();
    let state = scene.daemon.runtime_directory().state_file();
    let intruder = Intruder::take_over(&scene.daemon);
    for path in ["/etc/passwd", "/proc/self/maps", "/", "/dev/null"] {
        assert_eq!(opens(&intruder, path, libc::O_RDONLY), Err(EACCES), "{path}");
    }
    assert_eq!(opens(&intruder, "/tmp/autora-was-here", libc::O_WRONLY | libc::O_CREAT), Err(EACCES));
    // The control: the state file can be opened.
    assert_eq!(opens(&intruder, state.to_str().expect("a plain path"), libc::O_RDWR), Ok(()));
    drop(intruder);
    scene.still_answers();
}

#[test]
fn only_the_daemons_own_system_calls_are_allowed() {
    let scene = Scene::new();
    let intruder = Intruder::take_over(&scene.daemon);
    let refused = |call, arguments: &[u64]| {
        assert_eq!(intruder.call(call, arguments), Err(EPERM), "system call {call} with {arguments:?}");
    };
    let shell = intruder.text("/bin/sh");
    refused(libc::SYS_execve, &[shell, 0, 0]);
    refused(libc::SYS_fork, &[]);
    refused(libc::SYS_clone, &[int(libc::SIGCHLD), 0, 0, 0, 0]);
    refused(libc::SYS_kill, &[1, 0]);
    refused(libc::SYS_tgkill, &[1, 1, 0]);
    refused(libc::SYS_ptrace, &[0, 0, 0, 0]);
    refused(libc::SYS_unshare, &[int(libc::CLONE_NEWUSER)]);
    refused(libc::SYS_setuid, &[0]);
    refused(libc::SYS_mount, &[0, 0, 0, 0, 0]);
    // BPF_MAP_CREATE and BPF_PROG_LOAD; then the control: BPF_MAP_LOOKUP_ELEM without arguments fails
    // otherwise.
    refused(libc::SYS_bpf, &[0, 0, 0]);
    refused(libc::SYS_bpf, &[5, 0, 0]);
    assert_ne!(intruder.call(libc::SYS_bpf, &[1, 0, 0]), Err(EPERM));
    let pid = u64::from(scene.daemon.pid());
    assert_eq!(intruder.call(libc::SYS_tgkill, &[pid, pid, 0]), Ok(0), "the control");
    for (family, kind, protocol) in [
        (libc::AF_INET, libc::SOCK_STREAM, 0),
        (libc::AF_INET6, libc::SOCK_DGRAM, 0),
        (libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6),
        (libc::AF_PACKET, libc::SOCK_RAW, 0),
        (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_GENERIC),
    ] {
        assert_eq!(makes_socket(&intruder, family, kind, protocol), Err(EPERM), "family {family}");
    }
    for (family, kind) in [(libc::AF_UNIX, libc::SOCK_DGRAM), (libc::AF_NETLINK, libc::SOCK_RAW)] {
        assert_eq!(makes_socket(&intruder, family, kind, 0), Ok(()), "the control: family {family}");
    }
    drop(intruder);
    scene.still_answers();
}

#[test]
fn no_memory_can_be_made_executable() {
    let scene = Scene::new();
    let intruder = Intruder::take_over(&scene.daemon);
    let writable = libc::PROT_READ | libc::PROT_WRITE;
    assert_eq!(maps(&intruder, writable | libc::PROT_EXEC), Err(EPERM));
    let page = maps(&intruder, writable).expect("the control");
    let executable = int(libc::PROT_READ | libc::PROT_EXEC);
    assert_eq!(intruder.call(libc::SYS_mprotect, &[page, 4_096, executable]), Err(EPERM));
    let readable = int(libc::PROT_READ);
    assert_eq!(intruder.call(libc::SYS_mprotect, &[page, 4_096, readable]), Ok(0), "the control");
    drop(intruder);
    scene.still_answers();
}

#[test]
fn the_filter_cannot_be_detached() {
    let scene = Scene::new();
    let fds = fs::read_dir(format!("/proc/{}/fd", scene.daemon.pid())).expect("it runs");
    let sockets = fds.flatten().filter_map(|fd| {
        let target = fs::read_link(fd.path()).ok()?;
        let number = fd.file_name().into_string().ok()?.parse::<u64>().ok()?;
        target.to_string_lossy().starts_with("socket:").then_some(number)
    });
    let sockets: Vec<_> = sockets.collect();
    let intruder = Intruder::take_over(&scene.daemon);
    let zero = intruder.text("\0\0\0\0");
    let detached = sockets.iter().map(|&fd| {
        let (level, option) = (int(libc::SOL_SOCKET), int(libc::SO_DETACH_FILTER));
        intruder.call(libc::SYS_setsockopt, &[fd, level, option, zero, 4])
    });
    let results: Vec<_> = detached.collect();
    assert_eq!(results.iter().filter(|&&result| result == Err(EPERM)).count(), 1, "{results:?}");
    // The control: on a socket without a filter the error is ENOENT.
    assert_eq!(results.iter().filter(|&&result| result == Err(ENOENT)).count(), results.len() - 1, "{results:?}");
    drop(intruder);
    scene.still_answers();
}

/// The control of the tests above.
#[test]
fn a_dry_run_is_not_confined() {
    let host = Namespace::host();
    let dry = Daemon::start(&host, &rarely(&["--dry-run"]));
    dry.wait_for_log(&["lo", "does not match"], SOON);
    let intruder = Intruder::take_over(&dry);
    assert_eq!(opens(&intruder, "/etc/passwd", libc::O_RDONLY), Ok(()));
    assert_eq!(makes_socket(&intruder, libc::AF_INET, libc::SOCK_STREAM, 0), Ok(()));
    maps(&intruder, libc::PROT_READ | libc::PROT_EXEC).expect("a dry run may map executable memory");
}

/// Returns a daemon whose system call `call` fails with `errno`.
fn launch(call: libc::c_long, first: Option<u64>, errno: Errno) -> Launch {
    Launch::new(&rarely(&[])).refuse(Refusal { call, argument: first.map(|value| (0, value)), errno })
}

fn one_warning_and_service(launch: &Launch, words: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = launch.start(&host);
    line.expect_served(SOON);
    daemon.wait_for_log(&["started"], SOON);
    assert_eq!(daemon.lines_with(words).len(), 1, "one line with {words:?}");
    assert_eq!(daemon.warnings().len(), 1);
}

fn refuses_to_start(launch: &Launch, words: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = launch.start(&host);
    assert_eq!(daemon.wait_exit(SOON), 1);
    assert_eq!(daemon.lines_with(words).len(), 1, "one line with {words:?}");
    expect_silence([&mut line], Duration::ZERO);
    // The control: without the refusal the daemon serves.
    let _daemon = Daemon::start(&host, &rarely(&[]));
    line.expect_served(SOON);
}

#[test]
fn a_kernel_without_landlock_causes_one_warning() {
    one_warning_and_service(&launch(libc::SYS_landlock_create_ruleset, None, ENOSYS), &["WARN", "Landlock"]);
}

/// The seccomp filters of older containers refuse what they do not know.
#[test]
fn a_landlock_that_a_sandbox_refuses_is_called_so() {
    let words = ["WARN", "Landlock is refused", "Operation not permitted"];
    one_warning_and_service(&launch(libc::SYS_landlock_create_ruleset, None, EPERM), &words);
}

/// A security module refuses `bpf(2)` with `EACCES`, and the verifier has no say in it.
#[test]
fn a_security_module_that_forbids_bpf_is_called_so() {
    const BPF_MAP_CREATE: u64 = 0;
    const BPF_PROG_LOAD: u64 = 5;
    for command in [BPF_MAP_CREATE, BPF_PROG_LOAD] {
        let words = ["WARN", "bpf(2) is forbidden", "security module", "Permission denied"];
        one_warning_and_service(&launch(libc::SYS_bpf, Some(command), EACCES), &words);
    }
}

#[test]
fn a_kernel_without_seccomp_causes_one_warning() {
    one_warning_and_service(&launch(libc::SYS_seccomp, None, ENOSYS), &["WARN", "seccomp"]);
}

#[test]
fn a_refused_landlock_ends_the_daemon_before_the_first_packet() {
    refuses_to_start(&launch(libc::SYS_landlock_restrict_self, None, EPERM), &["Landlock", "cannot confine"]);
}

#[test]
fn a_refused_seccomp_filter_ends_the_daemon_before_the_first_packet() {
    let set_mode_filter = u64::from(libc::SECCOMP_SET_MODE_FILTER);
    refuses_to_start(&launch(libc::SYS_seccomp, Some(set_mode_filter), EPERM), &["seccomp", "cannot confine"]);
}

/// After the start only a signal ends the daemon, so the timer is tried before.
#[test]
fn a_refused_timer_ends_the_daemon_before_it_starts() {
    let host = Namespace::host();
    let mut daemon = launch(libc::SYS_timerfd_settime, None, EPERM).start(&host);
    assert_eq!(daemon.wait_exit(SOON), 1);
    assert_eq!(daemon.lines_with(&["cannot set up the event loop"]).len(), 1);
    assert_eq!(daemon.lines_with(&["a sandbox must allow", "timerfd_settime(2)"]).len(), 1);
    assert_eq!(daemon.lines_with(&["started"]).len(), 0);
    // The control: only another system call is refused.
    let daemon = launch(libc::SYS_ptrace, None, EPERM).start(&host);
    daemon.wait_for_log(&["started"], SOON);
}
