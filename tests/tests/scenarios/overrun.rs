//! More changes than the kernel has room to announce.

use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

use autora_tests::{Daemon, Launch, Namespace, eventually};
use nix::sys::signal::Signal;

use crate::bench::{Line, SLACK, SOON, expect_silence, rarely};

/// How soon after the last change the daemon's picture must be the kernel's.
const RECOVERY: Duration = Duration::from_secs(2);

const HEARTBEAT: Duration = Duration::from_secs(1);

/// A thousand links: as many veths with two ends each, whose names all match.
const PAIRS: u16 = 500;

/// Lines 1 to 10, of which some lose what makes them fit while everything changes, and some get it.
struct Scene {
    host: Namespace,
    _guest: Namespace,
    daemon: Daemon,
    lines: Vec<Line>,
}

const LOSE: std::ops::RangeInclusive<u16> = 1..=3;
const STAY: std::ops::RangeInclusive<u16> = 4..=6;
const GAIN: std::ops::RangeInclusive<u16> = 7..=10;

/// With the two capabilities alone, so that `net.core.rmem_max` bounds the buffer for announcements.
fn scene() -> Scene {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines: Vec<_> = LOSE
        .chain(STAY)
        .map(|number| Line::new(&host, &guest, number))
        .chain(GAIN.map(|number| Line::without_prefix(&host, &guest, &format!("vm{number}"), number)))
        .collect();
    // The slow look at everything must not do the overrun's work.
    let arguments = rarely(&["--heartbeat-interval=1s", "--forwarding-resync-interval=1h"]);
    let daemon = Launch::new(&arguments).unprivileged(&["net_raw", "bpf"]).start(&host);
    for line in &mut lines[..6] {
        line.expect_served(SOON);
    }
    Scene { host, _guest: guest, daemon, lines }
}

/// Creates, changes and deletes links, all in one go of one `ip`. The very last changes are those of the lines.
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

/// How many links match in the namespace, as `ip` tells.
fn matching(host: &Namespace) -> usize {
    host.ip("-o link show").lines().filter(|line| line.contains(": vm")).count()
}

/// Whether the last heartbeat tells of so many served interfaces, and of the others as not served.
fn last_heartbeat_says(daemon: &Daemon, served: usize, all: usize) -> bool {
    let words = [format!("served={served}"), format!("not_served={}", all - served)];
    let lines = daemon.lines_with(&["heartbeat"]);
    lines.last().is_some_and(|line| words.iter().all(|word| line.contains(&format!(" {word} "))))
}

/// Right after the storm: the wire within 2 s, and the totals with the heartbeat that follows.
fn expect_the_truth(scene: &mut Scene, last_change: SystemTime) {
    let Scene { host, daemon, lines, .. } = scene;
    let served = STAY.chain(GAIN).count();
    let all = matching(host);
    let begun = Instant::now();
    for line in &mut lines[6..] {
        let advert = line.expect_served(RECOVERY + SLACK);
        assert!(advert.at <= last_change + RECOVERY + SLACK, "{}", line.name());
    }
    for line in &mut lines[..3] {
        assert!(line.capture.expect_advert(RECOVERY + SLACK).is_final(), "{}", line.name());
    }
    let patience = (RECOVERY + HEARTBEAT + SLACK).saturating_sub(begun.elapsed());
    eventually(patience, &format!("{served} of {all} served in the heartbeat"), || {
        last_heartbeat_says(daemon, served, all).then_some(())
    });

    // Nobody is forgotten, and nobody remembered: exactly the fit ones answer.
    lines.iter().for_each(Line::solicit);
    for line in &mut lines[3..] {
        line.expect_served(SOON);
    }
    expect_silence(&mut lines[..3], Duration::ZERO);
}

/// The announcements of a thousand links are more than the buffer holds while the daemon does not come to read them.
#[test]
fn after_an_overrun_the_picture_is_the_kernels_within_two_seconds() {
    let mut scene = scene();
    assert!(scene.daemon.lines_with(&["overflowed"]).is_empty(), "quiet so far");
    scene.daemon.signal(Signal::SIGSTOP);
    change_everything(&scene.host, &scene.lines);
    scene.daemon.signal(Signal::SIGCONT);
    expect_the_truth(&mut scene, SystemTime::now());
    assert!(!scene.daemon.lines_with(&["WARN", "overflowed"]).is_empty(), "there was an overrun");
}

/// The same while it reads as fast as it can. Whether there is an overrun is up to the machine; the picture is not.
#[test]
fn amid_a_storm_of_changes_nothing_is_missed() {
    let mut scene = scene();
    change_everything(&scene.host, &scene.lines);
    expect_the_truth(&mut scene, SystemTime::now());
}
