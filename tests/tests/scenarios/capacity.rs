//! More interfaces than `--max-interfaces` and the SERVED map allow.

use std::time::Duration;

use autora_tests::{Daemon, Launch, Namespace, Refusal, eventually};
use nix::{errno::Errno, libc};
use serde_json::json;

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, rarely};

/// The interval of the resync, which finds that the map has room again.
const RESYNC: Duration = Duration::from_secs(1);

/// Starts a daemon that serves two of three fit interfaces. Returns the line that is not served last.
fn two_of_three(filter: &str) -> (Namespace, Daemon, Vec<Line>) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 3);
    let daemon = Daemon::start(&host, &rarely(&[filter, "--max-interfaces=2", "--forwarding-resync-interval=1s"]));
    let refused = eventually(SOON, "an interface that is not served", || {
        lines.iter().position(|line| !refusals(&daemon, line).is_empty())
    });
    let without_room = lines.remove(refused);
    for line in &mut lines {
        line.expect_served(SOON);
    }
    lines.push(without_room);
    (guest, daemon, lines)
}

fn refusals(daemon: &Daemon, line: &Line) -> Vec<String> {
    daemon.lines_with(&["not serving", &format!("interface={}", line.name()), "filter-full"])
}

/// The interface without room gets no RA and no answer, and is logged once; the others are served.
fn the_third_interface_waits_for_room(filter: &str) {
    let (_guest, daemon, mut lines) = two_of_three(filter);
    std::thread::sleep(FLOOR);
    lines.iter().for_each(Line::solicit);
    let [first, second, third] = &mut lines[..] else { panic!("three lines") };
    for line in [&mut *first, second] {
        line.expect_served(MAX_DELAY + SLACK);
    }
    expect_silence([&mut *third], AT_ONCE);
    assert_eq!(refusals(&daemon, third).len(), 1, "tried again at each resync, and logged once");
    assert_eq!(daemon.wait_not_served(third.name(), SOON), ["filter-full"], "the only reason");

    first.remove_prefix();
    assert!(first.capture.expect_advert(FLOOR + SLACK).is_final());
    third.expect_served(RESYNC + SLACK);

    // The first interface is fit again, and waits for room until another is deleted.
    first.add_prefix();
    eventually(SOON, "the interface to be not served", || (!refusals(&daemon, first).is_empty()).then_some(()));
    expect_silence([&mut *first], FLOOR);
    second.link.host.delete();
    first.expect_served(FLOOR + RESYNC + SLACK);
    assert!(refusals(&daemon, second).is_empty());
}

#[test]
fn an_interface_beyond_the_limit_waits_for_room_in_the_map() {
    the_third_interface_waits_for_room("--filter=ebpf");
}

#[test]
fn an_interface_beyond_the_limit_waits_for_room_behind_the_classic_filter() {
    the_third_interface_waits_for_room("--filter=classic");
}

/// The command of `bpf(2)` that writes a map entry (include/uapi/linux/bpf.h).
const BPF_MAP_UPDATE_ELEM: u64 = 2;

/// A container's seccomp filter may refuse the call: log, status, metrics and `explain` then show the
/// kernel's error.
#[test]
fn a_refused_map_write_is_a_filter_error() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let refusal = Refusal { call: libc::SYS_bpf, argument: Some((0, BPF_MAP_UPDATE_ELEM)), errno: Errno::EPERM };
    let daemon = Launch::new(&rarely(&["--filter=ebpf"])).refuse(refusal).start(&host);
    assert_eq!(daemon.wait_not_served(line.name(), SOON), ["filter-error"]);

    let control = daemon.control();
    let answer = control.json(&format!("/v1/interfaces/{}", line.name()));
    let text = "the kernel refuses an entry in the filter's map: Operation not permitted (os error 1)";
    assert_eq!(answer["reasons"], json!([{ "name": "filter-error", "text": text, "errno": 1 }]));
    let metrics = control.get("/metrics").body;
    assert!(metrics.contains("autora_interfaces_not_served{reason=\"filter-error\"} 1\n"), "{metrics}");
    let explained = host.enter(|| control.run(&["explain", line.name()]));
    assert!(String::from_utf8_lossy(&explained.stdout).contains(text), "{explained:?}");
    expect_silence([&mut line], AT_ONCE);

    // The control: without the seccomp filter the interface is served.
    drop(daemon);
    let _daemon = Daemon::start(&host, &rarely(&["--filter=ebpf"]));
    line.expect_served(SOON);
}
