//! The part of this program that runs inside a machine. It writes each result to the console as a mark; a
//! failure panics, and its mark is missing.

use std::{
    collections::BTreeSet,
    fs,
    process::ExitCode,
    time::{Duration, Instant},
};

use autora_tests::{Capture, Daemon, Intruder, Launch, Namespace, Sender, Solicit, Veth, bpf_numbers, field};
use caps::CapSet;
use nix::{errno::Errno, libc, sys::signal::Signal};

use crate::{machine::CAPABILITIES, solicitor::Solicitor};

/// Emulated machines are slow.
const SOON: Duration = Duration::from_secs(30);

/// The longest delay of an answer: the 3 s floor after the RA before ([RFC 4861
/// 10](https://www.rfc-editor.org/rfc/rfc4861#section-10), `MIN_DELAY_BETWEEN_RAS`), 0.5 s at random, and
/// emulation. The next unsolicited RA is 16 s after the first.
const ANSWER: Duration = Duration::from_secs(6);

/// Duration of a flood, longer than the test.
const FLOOD: Duration = Duration::from_secs(300);

/// Serves `vm1`, and after the initial burst sends solicited RAs alone.
const ARGUMENTS: [&str; 3] = ["--interface-regex=^vm1$", "--min-ra-interval=1000s", "--max-ra-interval=1400s"];

/// Reports which filter the daemon has with these capabilities and this limit of locked memory; `auto` always
/// has one.
pub(crate) fn probe(mark: &str, capabilities: &[String]) -> ExitCode {
    let host = Namespace::host();
    let names: Vec<&str> = capabilities.iter().map(String::as_str).collect();
    let daemon = Launch::new(&ARGUMENTS).unprivileged(&names).start(&host);
    let started = daemon.wait_for_log(&["started"], SOON);
    let filter = field(&started, "filter").expect("the line names the filter");
    println!("@@ {mark} {filter}");
    report_warnings(mark, &daemon);
    ExitCode::SUCCESS
}

/// Tests the daemon on a link with a hostile guest.
pub(crate) fn scene() -> ExitCode {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "eth0"));
    link.host.add_address("2001:db8::1/64");
    let (mut capture, sender) = (Capture::on(&link.guest), Sender::on(&link.guest));
    let mut daemon = Launch::new(&ARGUMENTS).unprivileged(&CAPABILITIES).start(&host);
    capture.expect_advert(SOON);
    println!("@@ served yes");
    report_warnings("scene", &daemon);
    println!("@@ capabilities {}", capabilities(daemon.pid()));
    if let Some(verified) = bpf_numbers(daemon.pid(), "verified_insns:").last() {
        println!("@@ verified {verified}");
    }

    let good = Solicit::from(&link.guest);
    sender.send(&Solicit { hop_limit: 64, ..good.clone() }.frame());
    let answers = capture.adverts_within(ANSWER).len();
    assert_eq!(answers, 0, "a solicitation that a router forwarded is not answered");
    // The positive control: the same solicitation with hop limit 255 is answered.
    sender.send(&good.frame());
    capture.expect_advert(ANSWER);
    println!("@@ answered yes\n@@ dropped yes");

    // After what has to be over before the next RA of the initial burst.
    assert!(is_confined(daemon.pid()), "every thread has a filter of system calls");
    // What is not done for each packet is done all the same.
    let status = daemon.control().json("/v1/status");
    assert_eq!(status["interfaces"]["serving"], 1, "it answers its clients: {status}");
    assert_eq!(status["state_save_failures"], 0, "it saves its state: {status}");
    refuses_calls(&daemon);
    println!("@@ confined yes");

    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0, "the exit code");
    assert!(capture.expect_advert(SOON).is_final(), "the last RA is final");
    println!("@@ withdrawn yes");
    ExitCode::SUCCESS
}

/// Sends solicitations as fast as the machine can.
pub(crate) fn flood() -> ExitCode {
    let solicitor = Solicitor::on("eth0");
    let deadline = Instant::now() + FLOOD;
    let mut sent = 0_u32;
    while Instant::now() < deadline {
        if solicitor.send().is_ok() {
            sent += 1;
            if sent == 100 {
                println!("@@ flooding");
            }
        }
    }
    ExitCode::SUCCESS
}

/// Reports the warnings in the daemon's log.
fn report_warnings(mark: &str, daemon: &Daemon) {
    for line in daemon.lines_with(&["WARN"]) {
        let (_, what) = line.split_once("WARN ").expect("the line has the word");
        println!("@@ warning {mark}: {what}");
    }
}

/// Tests that an attacker inside the daemon can make the system calls that it needs, and no others.
fn refuses_calls(daemon: &Daemon) {
    let intruder = Intruder::take_over(daemon);
    let [inet, unix, netlink] =
        [libc::AF_INET, libc::AF_UNIX, libc::AF_NETLINK].map(|value| value.unsigned_abs().into());
    let [stream, raw] = [libc::SOCK_STREAM, libc::SOCK_RAW].map(|value| value.unsigned_abs().into());
    let executable = (libc::PROT_READ | libc::PROT_EXEC).unsigned_abs().into();
    let anonymous = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS).unsigned_abs().into();
    for (call, arguments) in [
        (libc::SYS_execve, [0; 6]),
        (libc::SYS_clone, [0; 6]),
        (libc::SYS_ptrace, [0; 6]),
        (libc::SYS_socket, [inet, stream, 0, 0, 0, 0]),
        (libc::SYS_socket, [unix, stream, 0, 0, 0, 0]),
        (libc::SYS_mmap, [0, 4_096, executable, anonymous, u64::MAX, 0]),
    ] {
        assert_eq!(intruder.call(call, &arguments), Err(Errno::EPERM), "system call {call}");
    }
    assert_eq!(intruder.call(libc::SYS_getpid, &[]), Ok(daemon.pid().into()), "the control");
    assert!(intruder.call(libc::SYS_socket, &[netlink, raw, 0]).is_ok(), "the control");
}

/// Returns whether seccomp filters the system calls of every thread of a process (proc(5), `Seccomp`).
fn is_confined(pid: u32) -> bool {
    let mut tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    tasks.all(|task| {
        let status = fs::read_to_string(task.expect("it runs").path().join("status")).expect("the thread runs");
        status.lines().any(|line| line == "Seccomp:\t2")
    })
}

/// Returns the effective capabilities of all threads of a process, by name.
fn capabilities(pid: u32) -> String {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let held: BTreeSet<String> = tasks
        .flat_map(|task| {
            let name = task.expect("it runs").file_name().into_string().expect("a number");
            caps::read(Some(name.parse().expect("a number")), CapSet::Effective).expect("the thread runs")
        })
        .map(|capability| capability.to_string().trim_start_matches("CAP_").to_lowercase())
        .collect();
    if held.is_empty() { "none".to_owned() } else { Vec::from_iter(held).join("+") }
}
