//! More changes than the netlink socket has room for: notifications are lost, and a resync follows.

use std::{
    fs, iter, thread,
    time::{Duration, Instant, SystemTime},
};

use autora_tests::{Daemon, Launch, Namespace, eventually, field};
use nix::sys::signal::Signal;

use crate::bench::{GRACE, Line, SLACK, SOON, expect_silence, rarely};

/// The longest time after the last change until the daemon agrees with the kernel.
const RECOVERY: Duration = Duration::from_secs(2);

const HEARTBEAT: Duration = Duration::from_secs(1);

/// The number of veth pairs: a thousand links, whose names all match.
const PAIRS: u16 = 500;

/// Lines 1 to 10. During the changes some lose their prefix, some keep it, and some get one.
struct Scene {
    host: Namespace,
    _guest: Namespace,
    daemon: Daemon,
    lines: Vec<Line>,
}

const LOSE: std::ops::RangeInclusive<u16> = 1..=3;
const STAY: std::ops::RangeInclusive<u16> = 4..=6;
const GAIN: std::ops::RangeInclusive<u16> = 7..=10;

/// Starts a daemon with two capabilities only, so that `net.core.rmem_max` bounds the buffer for
/// notifications.
fn scene() -> Scene {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines: Vec<_> = LOSE
        .chain(STAY)
        .map(|number| Line::new(&host, &guest, number))
        .chain(GAIN.map(|number| Line::without_prefix(&host, &guest, &format!("vm{number}"), number)))
        .collect();
    // An interval of an hour, so that the overrun alone causes a resync.
    let arguments = rarely(&["--heartbeat-interval=1s", "--forwarding-resync-interval=1h"]);
    let daemon = Launch::new(&arguments).unprivileged(&["net_raw", "bpf"]).start(&host);
    for line in &mut lines[..6] {
        line.expect_served(SOON);
    }
    Scene { host, _guest: guest, daemon, lines }
}

/// Runs the commands in one process of `ip`.
fn batch(host: &Namespace, commands: &[String]) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(&file, commands.join("\n") + "\n").expect("it can be written");
    host.ip(&format!("-batch {}", file.path().display()));
}

/// Creates, changes and deletes links in one process of `ip`. The last changes are those of the lines.
fn change_everything(host: &Namespace, lines: &[Line]) {
    let pairs = || 1..=PAIRS;
    let mtu = |mtu: u16| pairs().map(move |number| format!("link set vm1{number:03} mtu {mtu}"));
    let mut commands: Vec<String> =
        pairs().map(|number| format!("link add vm1{number:03} type veth peer name vm2{number:03}")).collect();
    commands.extend((1400..1406).flat_map(mtu));
    commands.extend(pairs().step_by(2).map(|number| format!("link delete vm1{number:03}")));
    for (number, line) in (1..).zip(lines) {
        let address = format!("2001:db8:0:{number:x}::1/64 dev {}", line.name());
        if LOSE.contains(&number) {
            commands.push(format!("address delete {address}"));
        } else if GAIN.contains(&number) {
            commands.push(format!("address add {address} nodad"));
        }
    }
    batch(host, &commands);
}

/// Creates pairs of a group, numbered from `first` on.
fn pairs_of(group: u16, first: u16, count: u16) -> Vec<String> {
    let pair = |number: u16| {
        let [one, other] = [3, 4].map(|end| format!("vm{end}{number:03}"));
        format!("link add {one} group {group} type veth peer name {other} group {group}")
    };
    (first..first + count).map(pair).collect()
}

/// The group of a thousand links that stay.
const STAYING: u16 = 70;

/// Creates links and deletes those of the round before, and changes the links that stay so often that no buffer which
/// `net.core.rmem_max` allows by default has room for the notifications (4 MB, of which the kernel grants twice as
/// much).
fn come_and_go(host: &Namespace, round: u16) {
    let (new, old) = (71 + round % 2, 72 - round % 2);
    let mut commands = pairs_of(new, PAIRS + 10 * (round % 2), 10);
    commands.extend((round > 0).then(|| format!("link delete group {old}")));
    commands.extend((1400..1410).map(|mtu| format!("link set group {STAYING} mtu {}", mtu + 10 * (round % 2))));
    batch(host, &commands);
}

/// Returns a number of the last heartbeat.
fn heartbeat(daemon: &Daemon, name: &str) -> u64 {
    let line = daemon.lines_with(&["heartbeat"]).pop().expect("one a second");
    field(&line, name).and_then(|number| number.parse().ok()).expect("a number")
}

/// Returns the number of links in the namespace that match, according to `ip`.
fn matching(host: &Namespace) -> usize {
    host.ip("-o link show").lines().filter(|line| line.contains(": vm")).count()
}

/// Returns whether the last heartbeat has `served` interfaces as served, and the others of `all` as not
/// served.
fn last_heartbeat_says(daemon: &Daemon, served: usize, all: usize) -> bool {
    let words = [format!("served={served}"), format!("not_served={}", all - served)];
    let lines = daemon.lines_with(&["heartbeat"]);
    lines.last().is_some_and(|line| words.iter().all(|word| line.contains(&format!(" {word} "))))
}

/// Checks that RAs show the last state within `recovery`, and the next heartbeat its totals.
fn expect_agreement_with_the_kernel(scene: &mut Scene, last_change: SystemTime, recovery: Duration) {
    let Scene { host, daemon, lines, .. } = scene;
    let served = STAY.chain(GAIN).count();
    let all = matching(host);
    let begun = Instant::now();
    for line in &mut lines[6..] {
        let advert = line.expect_served(recovery + SLACK);
        assert!(advert.at <= last_change + recovery + SLACK, "{}", line.name());
    }
    for line in &mut lines[..3] {
        // Up to two RAs of the initial burst may have left before.
        let mut adverts = iter::repeat_with(|| line.capture.expect_advert(recovery + GRACE + SLACK));
        assert!(adverts.by_ref().take(3).any(|advert| advert.is_final()), "{}", line.name());
    }
    let timeout = (recovery + HEARTBEAT + SLACK).saturating_sub(begun.elapsed());
    eventually(timeout, &format!("{served} of {all} served in the heartbeat"), || {
        last_heartbeat_says(daemon, served, all).then_some(())
    });

    // Exactly the lines that are fit are answered.
    lines.iter().for_each(Line::solicit);
    for line in &mut lines[3..] {
        line.expect_served(SOON);
    }
    expect_silence(&mut lines[..3], Duration::ZERO);
}

/// While the daemon is stopped, the notifications of a thousand links overflow the buffer.
#[test]
fn after_an_overrun_the_daemon_agrees_with_the_kernel_within_two_seconds() {
    let mut scene = scene();
    assert!(scene.daemon.lines_with(&["notifications of the kernel were lost"]).is_empty(), "no overrun before");
    scene.daemon.signal(Signal::SIGSTOP);
    change_everything(&scene.host, &scene.lines);
    scene.daemon.signal(Signal::SIGCONT);
    expect_agreement_with_the_kernel(&mut scene, SystemTime::now(), RECOVERY);
    assert!(
        !scene.daemon.lines_with(&["WARN", "notifications of the kernel were lost"]).is_empty(),
        "there was an overrun"
    );
}

/// The daemon is stopped again and again while links come and go, and may run in between for less than a dump takes.
#[test]
fn overruns_that_follow_each_other_cost_a_dump_a_second_and_one_warning() {
    const ROUNDS: u16 = 12;
    let mut scene = scene();
    batch(&scene.host, &pairs_of(STAYING, 0, PAIRS));
    let begun = Instant::now();
    for round in 0..ROUNDS {
        scene.daemon.signal(Signal::SIGSTOP);
        come_and_go(&scene.host, round);
        if round == ROUNDS - 1 {
            change_everything(&scene.host, &scene.lines);
        }
        scene.daemon.signal(Signal::SIGCONT);
        thread::sleep(Duration::from_millis(20));
    }
    // The last overrun may come during a dump.
    expect_agreement_with_the_kernel(&mut scene, SystemTime::now(), RECOVERY + Duration::from_secs(1));
    let seconds = begun.elapsed().as_secs() + 1;
    let [resyncs, overruns] = ["resyncs", "overruns"].map(|name| heartbeat(&scene.daemon, name));
    assert!(overruns > 2, "the control: {overruns} overruns");
    // The first one is that of the start, and one may end before the loop begins.
    assert!((2..=seconds + 3).contains(&resyncs), "{resyncs} dumps in {seconds} s, after {overruns} overruns");
    let warnings = scene.daemon.lines_with(&["WARN", "notifications of the kernel were lost"]);
    assert_eq!(warnings.len(), 1, "{overruns} overruns: {warnings:#?}");
}

/// The daemon reads during the changes. Whether there is an overrun depends on the machine; the result does not.
#[test]
fn no_change_is_missed_in_a_storm_of_changes() {
    let mut scene = scene();
    change_everything(&scene.host, &scene.lines);
    expect_agreement_with_the_kernel(&mut scene, SystemTime::now(), RECOVERY);
}
