//! The link-local address that changes: guests are handed over from the old one to the new.

use std::{net::Ipv6Addr, thread, time::Duration};

use autora_tests::{Capture, Daemon, Guest, Namespace, Veth};

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, live, on_both_paths, prefix, rarely};

on_both_paths!(
    another_link_local_address,
    the_guests_default_route_moves,
    the_last_one_goes_while_a_global_address_stays,
    a_source_that_turns_out_to_be_a_duplicate_sends_no_final_ra,
);

const OTHER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

fn another_link_local_address(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let first = line.expect_served(SOON);
    let old = line.link.host.link_local();

    // One more changes nothing, though it is lower.
    line.link.host.add_address("fe80::1/64");
    line.solicit();
    let second = line.expect_served(SOON);

    // The one in use goes: its final RA, and then the other speaks, as one that has just begun.
    line.link.host.remove_address(&line.link_local());
    let final_ra = line.capture.expect_advert(SOON);
    assert_eq!((final_ra.source, final_ra.is_final()), (old, true));
    assert_eq!(final_ra.prefixes(), first.prefixes(), "the prefix stands");
    let other = line.capture.expect_advert(SOON);
    assert_eq!((other.source, other.is_final()), (OTHER, false));
    assert_eq!(live(&other), [prefix(1)]);
    for (earlier, later) in [(&first, &second), (&second, &final_ra), (&final_ra, &other)] {
        assert!(later.since(earlier.at) >= FLOOR, "{:?}", later.since(earlier.at));
    }
}

/// A guest that has an address and a default route, both by way of the address that the kernel gave `vm1`.
fn at_home(arguments: &[&str]) -> (Veth, Guest, Daemon) {
    let (host, guest) = (Namespace::host(), Guest::new());
    let link = Veth::new((&host, "vm1"), (guest.namespace(), "eth0"));
    link.host.add_address("2001:db8:0:1::1/64");
    let daemon = Daemon::start(&host, &rarely(arguments));
    guest.wait_for_address(link.guest.mac().address_in(prefix(1)), SOON);
    guest.wait_for_default_route_to(link.host.link_local(), SOON);
    (link, guest, daemon)
}

fn expect_preferred(guest: &Guest, link: &Veth) {
    let held = guest.holds(link.guest.mac().address_in(prefix(1))).expect("it has the address");
    assert!(!held.deprecated && held.preferred > 14_000, "{held:?}");
}

fn the_guests_default_route_moves(arguments: &[&str]) {
    let (link, guest, _daemon) = at_home(arguments);
    link.host.add_address("fe80::1/64");
    // Long enough for a final RA to be out of the 3 s.
    thread::sleep(FLOOR + Duration::from_secs(1));
    guest.wait_for_default_route_to(link.host.link_local(), Duration::ZERO);

    link.host.remove_address(&format!("{}/64", link.host.link_local()));
    guest.wait_for_default_route_to(OTHER, FLOOR + FLOOR + AT_ONCE);
    expect_preferred(&guest, &link);
}

fn the_last_one_goes_while_a_global_address_stays(arguments: &[&str]) {
    let (link, guest, daemon) = at_home(arguments);
    thread::sleep(FLOOR);
    // It checks of every advertisement that its source is a link-local address.
    let mut capture = Capture::on(&link.guest);
    link.host.remove_address(&format!("{}/64", link.host.link_local()));
    let final_ra = capture.expect_advert(FLOOR + AT_ONCE);
    assert_eq!((final_ra.source, final_ra.is_final()), (link.host.link_local(), true));
    assert_eq!(daemon.wait_refused("vm1", SOON), ["no-link-local"]);
    guest.wait_for_no_default_route(SOON);
    expect_preferred(&guest, &link);
    capture.expect_silence(FLOOR + Duration::from_secs(1));
    assert!(link.host.namespace().ip("address show dev vm1").contains("2001:db8:0:1::1/64"));

    link.host.add_address("fe80::1/64");
    assert_eq!(capture.expect_advert(AT_ONCE).source, OTHER);
    guest.wait_for_default_route_to(OTHER, SOON);
}

fn a_source_that_turns_out_to_be_a_duplicate_sends_no_final_ra(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    for line in &lines {
        line.link.host.add_address("fe80::1/64");
    }
    // Both lose it before the floor lets a final RA leave; the first one's is another node's then.
    lines[0].begin_conflict();
    lines[1].link.host.remove_address(&lines[1].link_local());
    let next = |line: &mut Line| line.capture.expect_advert(FLOOR + MAX_DELAY + SLACK);
    let [heir, final_ra] = [0, 1].map(|at| next(&mut lines[at]));
    assert_eq!((heir.source, heir.is_final()), (OTHER, false), "{heir:?}");
    assert!(heir.since(first[0].at) >= FLOOR, "{:?}", heir.since(first[0].at));
    assert_eq!(
        (final_ra.source, final_ra.is_final()),
        (lines[1].link.host.link_local(), true),
        "{final_ra:?}"
    );
    assert_eq!(next(&mut lines[1]).source, OTHER);
}
