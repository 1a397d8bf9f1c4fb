//! Confinement: what an attacker who has taken over the daemon can still do, and what the daemon does on a
//! kernel that cannot confine it.

use std::{collections::BTreeSet, fs, time::Duration};

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
        (libc::AF_UNIX, libc::SOCK_STREAM, 0),
        (libc::AF_UNIX, libc::SOCK_DGRAM, 0),
        (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_GENERIC),
    ] {
        assert_eq!(makes_socket(&intruder, family, kind, protocol), Err(EPERM), "family {family}");
    }
    assert_eq!(makes_socket(&intruder, libc::AF_NETLINK, libc::SOCK_RAW, 0), Ok(()), "the control");
    refused(libc::SYS_connect, &[0, 0, 0]);
    refused(libc::SYS_fcntl, &[0, int(libc::F_SETOWN), 1]);
    assert!(intruder.call(libc::SYS_fcntl, &[0, int(libc::F_GETFL), 0]).is_ok(), "the control");
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

/// Also from the sockets that only send: they drop what they receive.
#[test]
fn the_filter_cannot_be_detached() {
    let scene = Scene::new();
    let sockets = sockets(&scene.daemon);
    let intruder = Intruder::take_over(&scene.daemon);
    let zero = intruder.text("\0\0\0\0");
    for Socket { fd, kind } in &sockets {
        let (level, option) = (int(libc::SOL_SOCKET), int(libc::SO_DETACH_FILTER));
        let result = intruder.call(libc::SYS_setsockopt, &[*fd, level, option, zero, 4]);
        // The control: on a socket without a filter the error is ENOENT.
        let expected = if *kind == Kind::Other { ENOENT } else { EPERM };
        assert_eq!(result, Err(expected), "{kind:?}");
    }
    for kind in [Kind::Raw, Kind::Packet, Kind::Other] {
        assert!(sockets.iter().any(|socket| socket.kind == kind), "{kind:?}");
    }
    drop(intruder);
    scene.still_answers();
}

#[test]
fn no_packet_socket_can_begin_to_receive() {
    let scene = Scene::new();
    let sockets = sockets(&scene.daemon);
    let intruder = Intruder::take_over(&scene.daemon);
    // AF_PACKET, ETH_P_ALL in network byte order, every interface.
    let everything = intruder.text(&format!("\x11\0\0\x03{}", "\0".repeat(16)));
    for socket in sockets.iter().filter(|socket| socket.kind == Kind::Packet) {
        assert_eq!(intruder.call(libc::SYS_bind, &[socket.fd, everything, 20]), Err(EPERM));
    }
    let netlink = intruder.call(libc::SYS_socket, &[int(libc::AF_NETLINK), int(libc::SOCK_RAW), 0]);
    let address = intruder.text(&format!("\x10\0{}", "\0".repeat(10)));
    let bound = intruder.call(libc::SYS_bind, &[netlink.expect("the control"), address, 12]);
    assert_eq!(bound, Ok(0), "the control");
    drop(intruder);
    scene.still_answers();
}

/// A socket of a daemon.
struct Socket {
    fd: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Raw,
    Packet,
    Other,
}

fn sockets(daemon: &Daemon) -> Vec<Socket> {
    let process = format!("/proc/{}", daemon.pid());
    let (raw, packet) = (inodes(&format!("{process}/net/raw6"), 9), inodes(&format!("{process}/net/packet"), 8));
    let fds = fs::read_dir(format!("{process}/fd")).expect("it runs");
    let sockets = fds.flatten().filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok()?.into_os_string().into_string().ok()?;
        let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
        let kind = match () {
            () if raw.contains(inode) => Kind::Raw,
            () if packet.contains(inode) => Kind::Packet,
            () => Kind::Other,
        };
        Some(Socket { fd: entry.file_name().into_string().ok()?.parse().ok()?, kind })
    });
    sockets.collect()
}

/// Returns what stands in a column of one of the kernel's lists of sockets.
fn inodes(list: &str, column: usize) -> BTreeSet<String> {
    let list = fs::read_to_string(list).expect("it runs");
    list.lines().skip(1).filter_map(|line| line.split_whitespace().nth(column).map(str::to_owned)).collect()
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
