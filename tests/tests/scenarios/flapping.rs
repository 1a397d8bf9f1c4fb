//! A guest whose carrier flaps: no interface fills the log.

use std::{thread, time::Duration};

use autora_tests::{Daemon, HostProfile, Namespace, Tap, eventually, field};

use crate::bench::{Line, SOON, rarely};

/// The log limiter writes at most this many lines about an interface at once, then one each 6 s.
const BURST: usize = 10;
const REFILL: Duration = Duration::from_secs(6);

const FLAPS: usize = 12;

/// The kernel notifies of a lost carrier at most once a second (`linkwatch_event()`), and a new one at once.
const LOST: Duration = Duration::from_millis(1200);

#[test]
fn a_flapping_carrier_does_not_fill_the_log() {
    // Lines are counted: none about the host's own settings.
    let (host, guest) = (Namespace::host_with(HostProfile::Quiet), Namespace::quiet());
    let mut flapping = Tap::new(&host, "vm1");
    flapping.open();
    flapping.interface.wait_link_local();
    flapping.interface.add_address("2001:db8:0:1::1/64");
    let calm = Line::new(&host, &guest, 2);
    let daemon = Daemon::start(&host, &rarely(&["--forwarding-resync-interval=1s", "--heartbeat-interval=1s"]));
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
    written.retain(|line| !line.contains("were suppressed"));
    // The flaps took 15 s, in which the limiter lets two or three more lines pass.
    assert!((BURST..=BURST + 3).contains(&written.len()), "{written:#?}");
    assert_eq!(about("vm2").len(), 1, "the control: one line");
    calm.link.guest.set("down");
    daemon.wait_for_log(&["paused", "interface=vm2"], SOON);

    // After the last flap, the number of suppressed lines and the present state are logged.
    thread::sleep(REFILL);
    eventually(SOON, "the present state of vm1", || {
        let lines = daemon.lines_with(&["were suppressed", "interface=vm1"]);
        lines.last().is_some_and(|line| line.contains("now=serving")).then_some(())
    });
    let suppressed: usize = daemon
        .lines_with(&["were suppressed", "interface=vm1"])
        .iter()
        .map(|line| field(line, "suppressed").and_then(|number| number.parse::<usize>().ok()).expect("a number"))
        .sum();
    // Each flap is two lines, of which a busy machine may miss one.
    assert!(suppressed + written.len() > FLAPS + FLAPS / 2, "{suppressed} suppressed, {written:#?}");
    daemon.wait_for_log(&["heartbeat", &format!("lines_suppressed={suppressed}")], SOON);
}
