//! Interfaces that swap names while they are served, and that move to another namespace and back.

use std::{thread, time::Duration};

use autora_tests::{Daemon, Namespace};

use crate::bench::{AT_ONCE, FLOOR, GRACE, Line, MAX_DELAY, SLACK, SOON, live, on_both_paths, prefix, rarely};

on_both_paths!(two_names_are_swapped, an_interface_moves_away_and_back_within_the_floor);

/// Renaming an interface that is up needs Linux 6.2.
fn two_names_are_swapped(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = [3, 4, 5].map(|number| Line::new(&host, &guest, number));
    let _daemon = Daemon::start(&host, &rarely(arguments));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    thread::sleep(FLOOR);
    let rename = |from, to| format!("link set dev {from} name {to}");
    host.ip_batch(&[rename("vm3", "t"), rename("vm4", "vm3"), rename("t", "vm4"), rename("vm5", "t")]);

    thread::sleep(GRACE + FLOOR + SLACK);
    lines[..2].iter().for_each(Line::solicit);
    thread::sleep(MAX_DELAY + SLACK);
    for line in &mut lines[..2] {
        let (_, adverts) = line.seen(Duration::ZERO);
        let told: Vec<_> = adverts.iter().map(|advert| (advert.is_final(), advert.source, live(advert))).collect();
        assert_eq!(told, [(false, line.link.host.link_local(), vec![prefix(line.number)])], "line {}", line.number);
    }
    // The control: the third one's new name does not match.
    let final_ra = lines[2].capture.expect_advert(Duration::ZERO);
    assert!(final_ra.is_final(), "{final_ra:?}");
}

/// In the other namespace the interface is deleted for the daemon, and created when it is back, with the same index
/// and name.
fn an_interface_moves_away_and_back_within_the_floor(arguments: &[&str]) {
    let (host, away, guest) = (Namespace::host(), Namespace::quiet(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let first = line.expect_served(SOON);
    host.ip(&format!("link set vm1 netns {}", away.name()));
    away.ip(&format!("link set vm1 netns {}", host.name()));
    line.link.host.set("up");
    line.link.host.wait_link_local();
    line.add_prefix();

    let second = line.expect_served(FLOOR + AT_ONCE);
    assert!((FLOOR..FLOOR + SLACK).contains(&second.since(first.at)), "{:?}", second.since(first.at));
    line.solicit();
    line.expect_served(FLOOR + MAX_DELAY + SLACK);
}
