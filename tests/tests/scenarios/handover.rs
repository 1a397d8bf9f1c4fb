//! A link-local address that changes: guests move from the old source to the new one.

use std::{net::Ipv6Addr, thread, time::Duration};

use autora_tests::{Advert, Capture, Daemon, Guest, Namespace, Veth};

use crate::{
    bench::{AT_ONCE, FLOOR, GRACE, Line, MAX_DELAY, SLACK, SOON, expect_silence, live, on_both_paths, prefix, rarely},
    observed::{Edit, SETTLE, Step, add, check, delete, observe},
};

on_both_paths!(
    a_removed_source_is_replaced_before_its_final_ra,
    the_guests_default_route_moves_to_the_new_source,
    the_last_link_local_address_goes_while_a_global_address_stays,
    a_duplicate_source_sends_no_final_ra,
    guests_move_to_another_source_without_a_moment_without_a_route,
    a_deprecated_source_gives_way_to_another,
);

const OTHER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

fn a_removed_source_is_replaced_before_its_final_ra(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let first = line.expect_served(SOON);
    let old = line.link.host.link_local();

    // A further address changes nothing, though it is lower.
    line.link.host.add_address("fe80::1/64");
    line.solicit();
    let second = line.expect_served(SOON);

    // When the source in use is removed, an RA from the other address leaves, and then its final RA: the guest
    // always has a default route.
    line.link.host.remove_address(&line.link_local());
    let other = line.capture.expect_advert(SOON);
    assert_eq!((other.source, other.is_final()), (OTHER, false));
    assert_eq!(live(&other), [prefix(1)]);
    let final_ra = line.capture.expect_advert(SOON);
    assert_eq!((final_ra.source, final_ra.is_final()), (old, true));
    assert_eq!(final_ra.prefixes(), first.prefixes(), "the final RA has the prefix as last sent");
    for (earlier, later) in [(&first, &second), (&second, &other), (&other, &final_ra)] {
        assert!(later.since(earlier.at) >= FLOOR, "{:?}", later.since(earlier.at));
    }
}

/// Returns a guest with an address and a default route through the kernel's own link-local address of `vm1`.
fn served_guest(arguments: &[&str]) -> (Veth, Guest, Daemon) {
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

fn the_guests_default_route_moves_to_the_new_source(arguments: &[&str]) {
    let (link, guest, _daemon) = served_guest(arguments);
    link.host.add_address("fe80::1/64");
    // Long enough for a final RA to leave after the floor.
    thread::sleep(FLOOR + Duration::from_secs(1));
    guest.wait_for_default_route_to(link.host.link_local(), Duration::ZERO);

    link.host.remove_address(&format!("{}/64", link.host.link_local()));
    guest.wait_for_default_route_to(OTHER, FLOOR + FLOOR + AT_ONCE);
    expect_preferred(&guest, &link);
}

fn the_last_link_local_address_goes_while_a_global_address_stays(arguments: &[&str]) {
    let (link, guest, daemon) = served_guest(arguments);
    thread::sleep(FLOOR);
    // The capture checks that the source of every RA is a link-local address.
    let mut capture = Capture::on(&link.guest);
    link.host.remove_address(&format!("{}/64", link.host.link_local()));
    let final_ra = capture.expect_advert(FLOOR + AT_ONCE);
    assert_eq!((final_ra.source, final_ra.is_final()), (link.host.link_local(), true));
    assert_eq!(daemon.wait_not_served("vm1", SOON), ["no-link-local"]);
    guest.wait_for_no_default_route(SOON);
    expect_preferred(&guest, &link);
    capture.expect_silence(FLOOR + Duration::from_secs(1));
    assert!(link.host.namespace().ip("address show dev vm1").contains("2001:db8:0:1::1/64"));

    link.host.add_address("fe80::1/64");
    assert_eq!(capture.expect_advert(AT_ONCE).source, OTHER);
    guest.wait_for_default_route_to(OTHER, SOON);
}

fn a_duplicate_source_sends_no_final_ra(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    for line in &lines {
        line.link.host.add_address("fe80::1/64");
    }
    // Both lose their source before the floor lets a final RA leave. The first one's address belongs to
    // another node.
    lines[0].begin_conflict();
    lines[1].link.host.remove_address(&lines[1].link_local());
    let next = |line: &mut Line| line.capture.expect_advert(FLOOR + MAX_DELAY + SLACK);
    for (line, first) in lines.iter_mut().zip(&first) {
        let newcomer = next(line);
        assert_eq!((newcomer.source, newcomer.is_final()), (OTHER, false), "{newcomer:?}");
        assert!(newcomer.since(first.at) >= FLOOR, "{:?}", newcomer.since(first.at));
    }
    let final_ra = next(&mut lines[1]);
    assert_eq!((final_ra.source, final_ra.is_final()), (lines[1].link.host.link_local(), true), "{final_ra:?}");
    expect_silence(&mut lines[..1], Duration::ZERO);
}

/// The source in use goes, and another one is there.
const MOVES: &[Edit] = &[
    Edit {
        what: "fe80::1 added, then the kernel's own deleted",
        prepare: |_| {},
        begin: |line| add(line, "fe80::1/64", "nodad"),
        end: |line| delete(line, &line.link_local()),
        pause: Duration::from_secs(5),
    },
    Edit {
        what: "fe80::1 in use, and deleted",
        prepare: |line| line.link.host.add_address("fe80::1/64"),
        begin: |_| Step::None,
        end: |line| delete(line, "fe80::1/64"),
        pause: Duration::ZERO,
    },
];

fn guests_move_to_another_source_without_a_moment_without_a_route(arguments: &[&str]) {
    check(&observe(MOVES, arguments, SETTLE), |seen| {
        let after: Vec<_> = seen.adverts.iter().filter(|advert| advert.at >= seen.ended).collect();
        let [new, old] = after[..] else { return false };
        seen.is_undisturbed()
            && (GRACE..GRACE + SLACK).contains(&new.since(seen.ended))
            && !new.is_final()
            && new.source != old.source
            && (old.is_final(), old.source) == (true, seen.before.source)
            && (FLOOR..FLOOR + SLACK).contains(&old.since(new.at))
            && new.prefixes() == seen.before.prefixes()
    });
}

/// The addresses beside the kernel's own, and what becomes of it.
struct Deprecation {
    what: &'static str,
    /// Made before the daemon starts.
    prepare: fn(&Line),
    change: fn(&Line),
    /// The source after the change, if it is another one.
    then: Option<Ipv6Addr>,
}

/// The address of a VRRP router: lower than the kernel's own.
const VIRTUAL: &str = "fe80::ffff:ff/128 preferred_lft 0";

/// Higher than the kernel's own.
const HIGHER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0xffff, 0, 0, 1);

const DEPRECATIONS: &[Deprecation] = &[
    Deprecation {
        what: "a deprecated one is there at the start",
        prepare: |line| line.link.host.add_address(VIRTUAL),
        change: |_| {},
        then: None,
    },
    Deprecation {
        what: "a deprecated one is added",
        prepare: |_| {},
        change: |line| line.link.host.add_address(VIRTUAL),
        then: None,
    },
    Deprecation {
        what: "the one in use is deprecated beside another",
        prepare: |line| line.link.host.add_address(&format!("{HIGHER}/64")),
        change: deprecate_own,
        then: Some(HIGHER),
    },
    Deprecation {
        what: "another is added beside the deprecated one in use",
        prepare: deprecate_own,
        change: |line| line.link.host.add_address("fe80::1/64"),
        then: Some(OTHER),
    },
    Deprecation { what: "the only one is deprecated", prepare: |_| {}, change: deprecate_own, then: None },
    Deprecation {
        what: "the one in use is deprecated beside a deprecated one",
        prepare: |line| line.link.host.add_address(VIRTUAL),
        change: deprecate_own,
        then: None,
    },
];

fn own(line: &Line) -> Ipv6Addr {
    line.link.host.link_local()
}

fn deprecate_own(line: &Line) {
    line.link.host.namespace().ip(&format!("address change {} dev {} preferred_lft 0", line.link_local(), line.name()));
}

fn a_deprecated_source_gives_way_to_another(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines: Vec<_> = (1..).zip(DEPRECATIONS).map(|(number, _)| Line::new(&host, &guest, number)).collect();
    DEPRECATIONS.iter().zip(&lines).for_each(|(row, line)| (row.prepare)(line));
    let daemon = Daemon::start(&host, &rarely(arguments));
    for line in &lines {
        daemon.wait_serving(line.name(), SOON);
    }
    thread::sleep(FLOOR);
    for (row, line) in DEPRECATIONS.iter().zip(&lines) {
        (row.change)(line);
    }
    thread::sleep(GRACE + FLOOR + SLACK);
    lines.iter().for_each(Line::solicit);
    thread::sleep(FLOOR + MAX_DELAY + SLACK);

    let told = |advert: &Advert| (advert.source, advert.is_final());
    let seen = DEPRECATIONS.iter().zip(&mut lines).map(|(row, line)| {
        let (_, adverts) = line.seen(Duration::ZERO);
        (row.what, adverts.iter().map(told).collect::<Vec<_>>())
    });
    let seen: Vec<_> = seen.collect();
    // At the start, after the change, and as an answer.
    let expected = DEPRECATIONS.iter().zip(&lines).map(|(row, line)| {
        let change = row.then.map_or(vec![], |then| vec![(then, false), (own(line), true)]);
        let present = row.then.unwrap_or_else(|| own(line));
        (row.what, [&[(own(line), false)], &change[..], &[(present, false)]].concat())
    });
    assert_eq!(seen, expected.collect::<Vec<_>>());
}
