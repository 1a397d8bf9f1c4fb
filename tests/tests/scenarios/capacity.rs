//! More interfaces than are to be served.

use std::time::Duration;

use autora_tests::{Daemon, Launch, Namespace, Refusal, eventually};
use nix::{errno::Errno, libc};
use serde_json::json;

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, rarely};

/// Beside the slow look at everything, which is what finds that there is room again.
const RESYNC: Duration = Duration::from_secs(1);

/// Two of three find room. Returns the lines, the one without room last.
fn two_of_three(filter: &str) -> (Namespace, Daemon, Vec<Line>) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 3);
    let daemon =
        Daemon::start(&host, &rarely(&[filter, "--max-interfaces=2", "--forwarding-resync-interval=1s"]));
    let refused = eventually(SOON, "one that is refused", || {
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

/// It waits, told of once, and is neither advertised nor answered; the others are.
fn one_beyond_waits_until_another_goes(filter: &str) {
    let (_guest, daemon, mut lines) = two_of_three(filter);
    std::thread::sleep(FLOOR);
    lines.iter().for_each(Line::solicit);
    let [first, second, third] = &mut lines[..] else { panic!("three lines") };
    for line in [&mut *first, second] {
        line.expect_served(MAX_DELAY + SLACK);
    }
    expect_silence([&mut *third], AT_ONCE);
    assert_eq!(refusals(&daemon, third).len(), 1, "tried again at each look, and told of once");
    assert_eq!(daemon.wait_refused(third.name(), SOON), ["filter-full"], "it is fit but for that");

    first.remove_prefix();
    assert!(first.capture.expect_advert(FLOOR + SLACK).is_final());
    third.expect_served(RESYNC + SLACK);

    // The one that went finds no room when it is fit again, until another goes for good.
    first.add_prefix();
    eventually(SOON, "the refusal", || (!refusals(&daemon, first).is_empty()).then_some(()));
    expect_silence([&mut *first], FLOOR);
    second.link.host.delete();
    first.expect_served(FLOOR + RESYNC + SLACK);
    assert!(refusals(&daemon, second).is_empty());
}

#[test]
fn one_beyond_the_room_of_the_map_waits_until_another_goes() {
    one_beyond_waits_until_another_goes("--filter=ebpf");
}

#[test]
fn one_beyond_the_room_behind_the_classic_filter_waits_until_another_goes() {
    one_beyond_waits_until_another_goes("--filter=classic");
}

/// The command of `bpf(2)` that writes an entry (include/uapi/linux/bpf.h).
const BPF_MAP_UPDATE_ELEM: u64 = 2;

/// As a container's filter of system calls may look: log, status, metrics and explanation say what the kernel said.
#[test]
fn what_the_kernel_refuses_is_not_called_a_full_map() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let refusal =
        Refusal { call: libc::SYS_bpf, first_argument: Some(BPF_MAP_UPDATE_ELEM), errno: Errno::EPERM };
    let daemon = Launch::new(&rarely(&["--filter=ebpf"])).refuse(refusal).start(&host);
    assert_eq!(daemon.wait_refused(line.name(), SOON), ["filter-error"]);

    let control = daemon.control();
    let told = control.json(&format!("/v1/interfaces/{}", line.name()));
    let text = "the kernel refuses an entry in the filter's map: Operation not permitted (os error 1)";
    assert_eq!(told["reasons"], json!([{ "name": "filter-error", "text": text, "errno": 1 }]));
    let metrics = control.get("/metrics").body;
    assert!(metrics.contains("autora_interfaces_not_served{reason=\"filter-error\"} 1\n"), "{metrics}");
    let explained = host.enter(|| control.run(&["explain", line.name()]));
    assert!(String::from_utf8_lossy(&explained.stdout).contains(text), "{explained:?}");
    expect_silence([&mut line], AT_ONCE);

    // The control.
    drop(daemon);
    let _daemon = Daemon::start(&host, &rarely(&["--filter=ebpf"]));
    line.expect_served(SOON);
}
