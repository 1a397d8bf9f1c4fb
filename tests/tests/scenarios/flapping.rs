//! A guest that makes the daemon talk: no interface fills the log.

use std::{thread, time::Duration};

use autora_tests::{Daemon, Namespace, Tap, eventually, field};

use crate::bench::{Line, SOON, rarely};

/// As many lines about an interface may come at once; then one each 6 s.
const BURST: usize = 10;
const REFILL: Duration = Duration::from_secs(6);

const FLAPS: usize = 12;

/// The kernel announces a lost carrier once a second (`linkwatch_event()`), and one that is there at once.
const LOST: Duration = Duration::from_millis(1200);

#[test]
fn a_flapping_carrier_does_not_fill_the_log() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut flapping = Tap::new(&host, "vm1");
    flapping.open();
    flapping.interface.wait_link_local();
    flapping.interface.add_address("2001:db8:0:1::1/64");
    let calm = Line::new(&host, &guest, 2);
    let daemon =
        Daemon::start(&host, &rarely(&["--forwarding-resync-interval=1s", "--heartbeat-interval=1s"]));
    daemon.wait_serving("vm1", SOON);
    daemon.wait_serving("vm2", SOON);

    for _ in 0..FLAPS {
        flapping.close();
        thread::sleep(LOST);
        flapping.open();
        thread::sleep(Duration::from_millis(50));
    }
    let about = |name: &str| daemon.lines_with(&[&format!("interface={name}")]);
    let mut written = about("vm1");
    written.retain(|line| !line.contains("suppressed"));
    // The flaps took 15 s, in which two or three more may be written.
    assert!((BURST..=BURST + 3).contains(&written.len()), "{written:#?}");
    assert_eq!(about("vm2").len(), 1, "the control: as ever");
    calm.link.guest.set("down");
    daemon.wait_for_log(&["paused", "interface=vm2"], SOON);

    // Nothing more comes, and still it is told how many there were, and what became of it.
    thread::sleep(REFILL);
    eventually(SOON, "the last word on vm1", || {
        let told = daemon.lines_with(&["suppressed", "interface=vm1"]);
        told.last().is_some_and(|line| line.contains("now=\"serving\"")).then_some(())
    });
    let all: usize = daemon
        .lines_with(&["suppressed", "interface=vm1"])
        .iter()
        .map(|line| {
            field(line, "suppressed").and_then(|number| number.parse::<usize>().ok()).expect("a number")
        })
        .sum();
    // Each flap is two lines; a busy machine may miss one or the other.
    assert!(all + written.len() > FLAPS + FLAPS / 2, "{all} suppressed, {written:#?}");
    daemon.wait_for_log(&["heartbeat", &format!("lines_suppressed={all}")], SOON);
}
