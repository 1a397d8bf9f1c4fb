//! The capabilities that the daemon needs, and its behaviour without them.

use std::{fs, time::Duration};

use autora_tests::{Launch, Namespace, eventually};
use nix::sys::signal::Signal;

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, rarely};

const CLASSIC: &str = "--filter=classic";
const EBPF: &str = "--filter=ebpf";

/// Checks that the daemon ends at the start, with one line that has all these words, and sends nothing.
fn refuses_to_start(arguments: &[&str], capabilities: &[&str], words: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = Launch::new(&rarely(arguments)).unprivileged(capabilities).start(&host);
    assert_eq!(daemon.wait_exit(SOON), 1);
    assert_eq!(daemon.lines_with(words).len(), 1, "one line with {words:?}");
    assert_eq!(daemon.log().len(), 1, "no more than that line");
    expect_silence([&mut line], Duration::ZERO);

    // The control: with both capabilities the same daemon serves.
    let _daemon = Launch::new(&rarely(arguments)).unprivileged(&["net_raw", "bpf"]).start(&host);
    line.expect_served(SOON);
}

#[test]
fn without_cap_net_raw() {
    refuses_to_start(&[], &[], &["CAP_NET_RAW"]);
}

#[test]
fn without_cap_net_raw_but_with_cap_bpf() {
    refuses_to_start(&[EBPF], &["bpf"], &["CAP_NET_RAW"]);
}

#[test]
fn without_cap_net_raw_behind_the_classic_filter() {
    refuses_to_start(&[CLASSIC], &["bpf"], &["CAP_NET_RAW"]);
}

#[test]
fn without_cap_net_raw_where_advertisements_are_to_leave_through_the_raw_socket() {
    refuses_to_start(&["--send=raw"], &["bpf"], &["CAP_NET_RAW"]);
}

#[test]
fn without_cap_bpf_where_the_ebpf_filter_is_asked_for() {
    refuses_to_start(&[EBPF], &["net_raw"], &["CAP_BPF"]);
}

/// Checks that the daemon serves, answers and withdraws with these capabilities. Returns its number of
/// warnings.
fn works(arguments: &[&str], capabilities: &[&str]) -> usize {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = Launch::new(&rarely(arguments)).unprivileged(capabilities).start(&host);
    line.expect_served(SOON);
    // An interface that is created after the daemon dropped its capabilities.
    let mut later = Line::new(&host, &guest, 2);
    later.expect_served(SOON);
    later.solicit();
    later.expect_served(FLOOR + MAX_DELAY + SLACK);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert!(line.capture.expect_advert(Duration::ZERO).is_final());
    assert!(later.capture.expect_advert(Duration::ZERO).is_final());
    daemon.warnings().len()
}

#[test]
fn two_capabilities_are_enough() {
    assert_eq!(works(&[EBPF], &["net_raw", "bpf"]), 0);
}

#[test]
fn two_capabilities_are_enough_for_the_raw_socket() {
    assert_eq!(works(&[EBPF, "--send=raw"], &["net_raw", "bpf"]), 0);
}

#[test]
fn without_cap_bpf_the_classic_filter_steps_in_with_one_warning() {
    assert_eq!(works(&[], &["net_raw"]), 1);
}

#[test]
fn the_classic_filter_needs_no_cap_bpf_and_no_warning() {
    assert_eq!(works(&[CLASSIC], &["net_raw"]), 0);
}

#[test]
fn a_serving_daemon_holds_no_capability() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Launch::new(&rarely(&[EBPF])).start(&host);
    line.expect_served(SOON);
    for task in fs::read_dir(format!("/proc/{}/task", daemon.pid())).expect("it runs") {
        let status = fs::read_to_string(task.expect("a task").path().join("status")).expect("it runs");
        let held: Vec<_> = status
            .lines()
            .filter(|line| ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"].iter().any(|set| line.starts_with(set)))
            .filter(|line| !line.ends_with("\t0000000000000000"))
            .collect();
        assert!(held.is_empty(), "{held:?}");
    }
}

#[test]
fn a_dry_run_needs_no_capability_and_sends_nothing() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut fit = Line::new(&host, &guest, 1);
    let mut not_fit = Line::without_prefix(&host, &guest, "vm2", 2);
    let other = Line::named(&host, &guest, "eth7", 3);
    let mut dry = Launch::new(&["--interface-regex=^vm[0-9]+$", "--dry-run"]).unprivileged(&[]).start(&host);
    dry.wait_for_log(&["vm1", "2001:db8:0:1::/64"], SOON);
    dry.wait_for_log(&["vm2", "no-prefix"], SOON);
    dry.wait_for_log(&["eth7", "does not match"], SOON);
    let packet = eventually(SOON, "the packet in hex", || hex_dump(&dry.log()).filter(|bytes| bytes.len() == 88));
    fit.solicit();
    expect_silence([&mut fit, &mut not_fit], FLOOR);
    assert!(dry.is_running(), "a dry run goes on until it is stopped");
    not_fit.add_prefix();
    dry.wait_for_log(&["vm2", "2001:db8:0:2::/64"], SOON);
    dry.signal(Signal::SIGTERM);
    assert_eq!(dry.wait_exit(SOON), 0);
    expect_silence([&mut fit, &mut not_fit], Duration::from_millis(500));

    // The control: without `--dry-run` both are served.
    let _daemon = Launch::new(&["--interface-regex=^vm[0-9]+$"]).start(&host);
    assert_eq!(fit.expect_served(SOON).packet(), packet, "the packet of the dry run");
    not_fit.expect_served(SOON);
    drop(other);
}

/// Returns the bytes of the first dump in the log. A row has two blanks, its offset in four digits, and 16
/// bytes in groups.
fn hex_dump(lines: &[String]) -> Option<Vec<u8>> {
    let first = lines.iter().position(|line| line.starts_with("  0000 "))?;
    let digits: String = lines[first..]
        .iter()
        .enumerate()
        .take_while(|(row, line)| line.starts_with(&format!("  {:04x} ", row * 16)))
        .flat_map(|(_, line)| line.split_whitespace().skip(1))
        .collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}
