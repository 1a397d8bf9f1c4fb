//! More changes than the netlink socket has room for: notifications are lost, and a resync follows.

use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

use autora_tests::{Daemon, Launch, Namespace, eventually};
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
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(&file, commands.join("\n") + "\n").expect("it can be written");
    host.ip(&format!("-batch {}", file.path().display()));
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

/// Checks that RAs show the last state within 2 s, and the next heartbeat its totals.
fn expect_agreement_with_the_kernel(scene: &mut Scene, last_change: SystemTime) {
    let Scene { host, daemon, lines, .. } = scene;
    let served = STAY.chain(GAIN).count();
    let all = matching(host);
    let begun = Instant::now();
    for line in &mut lines[6..] {
        let advert = line.expect_served(RECOVERY + SLACK);
        assert!(advert.at <= last_change + RECOVERY + SLACK, "{}", line.name());
    }
    for line in &mut lines[..3] {
        assert!(line.capture.expect_advert(RECOVERY + GRACE + SLACK).is_final(), "{}", line.name());
    }
    let timeout = (RECOVERY + HEARTBEAT + SLACK).saturating_sub(begun.elapsed());
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
    expect_agreement_with_the_kernel(&mut scene, SystemTime::now());
    assert!(
        !scene.daemon.lines_with(&["WARN", "notifications of the kernel were lost"]).is_empty(),
        "there was an overrun"
    );
}

/// The same while the daemon reads. Whether there is an overrun depends on the machine; the result does not.
#[test]
fn no_change_is_missed_in_a_storm_of_changes() {
    let mut scene = scene();
    change_everything(&scene.host, &scene.lines);
    expect_agreement_with_the_kernel(&mut scene, SystemTime::now());
}
