//! Other routers behind a served interface.

use std::{thread, time::Duration};

use autora::wire::{ALL_NODES, ROUTER_ADVERTISEMENT};
use autora_tests::{Daemon, Mac, Namespace, Solicit};

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// The shortest advertisement there is: a solicitation of another type, with the 8 bytes more of its fixed part.
pub(crate) fn advertisement(line: &Line) -> Solicit {
    Solicit {
        kind: ROUTER_ADVERTISEMENT,
        link_destination: Mac::ALL_NODES,
        destination: ALL_NODES,
        options: vec![0; 8],
        ..Solicit::from(&line.link.guest)
    }
}

#[test]
fn another_router_is_told_of_once_and_stops_nothing() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    let daemon = Daemon::start(&host, &rarely(&["--heartbeat-interval=1s"]));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    let other_router = ["WARN", "another router"];
    // One that came through a router is no advertisement, on the line that is the control in the end.
    lines[1].sender.send(&Solicit { hop_limit: 64, ..advertisement(&lines[1]) }.frame());
    for _ in 0..3 {
        lines[0].sender.send(&advertisement(&lines[0]).frame());
        thread::sleep(Duration::from_millis(1_100));
    }
    let warning = daemon.wait_for_log(&other_router, SOON);
    assert!(warning.contains("interface=vm1"), "{warning}");
    assert!(warning.contains(&format!("source={}", lines[0].link.guest.link_local())), "{warning}");
    thread::sleep(FLOOR);
    assert_eq!(daemon.lines_with(&other_router).len(), 1, "{:#?}", daemon.log());

    lines[0].capture.clear();
    lines[0].solicit();
    lines[0].expect_served(MAX_DELAY + SLACK);
    lines[1].sender.send(&advertisement(&lines[1]).frame());
    daemon.wait_for_log(&["another router", "interface=vm2"], SOON);
}
