//! A /64 that takes the place of another, or stands beside it: the guest changes from one to the other without a
//! moment without a default route.

use std::{net::Ipv6Addr, thread, time::Duration};

use autora_tests::{Advert, Daemon, Guest, Launch, Namespace, RouteMonitor, eventually};
use nix::sys::signal::Signal;

use crate::{
    bench::{FLOOR, GRACE, Line, MAX_DELAY, SLACK, SOON, expect_silence, live, on_both_paths, prefix, rarely, retired},
    observed::{A_MOMENT, Edit, IN_ONE_BATCH, SETTLE, Step, add, check, delete, observe},
};

on_both_paths!(
    guests_change_to_the_new_prefix,
    a_second_prefix_beside_the_one_in_use_is_ignored_if_the_operator_says_so,
);

/// The ways from one prefix to another.
const CHANGES: &[Edit] = &[
    Edit {
        what: "the new one added, the old one deprecated",
        prepare: |_| {},
        begin: with_new,
        end: |line| Step::Ip(deprecate(line)),
        pause: A_MOMENT,
    },
    Edit { what: "added, then deleted", prepare: |_| {}, begin: with_new, end: without_old, pause: A_MOMENT },
    Edit { what: "deleted, then added", prepare: |_| {}, begin: without_old, end: with_new, pause: A_MOMENT },
    Edit { what: "deleted and added at once", prepare: |_| {}, begin: without_old, end: with_new, pause: IN_ONE_BATCH },
];

fn with_new(line: &Line) -> Step {
    add(line, &address(new(prefix(line.number))), "nodad")
}

fn without_old(line: &Line) -> Step {
    delete(line, &line.global())
}

fn deprecate(line: &Line) -> String {
    format!("address change {} dev {} preferred_lft 0", line.global(), line.name())
}

/// Returns the prefix to which a line changes.
fn new(old: Ipv6Addr) -> Ipv6Addr {
    prefix(old.segments()[3] + 100)
}

fn address(prefix: Ipv6Addr) -> String {
    format!("{prefix}1/64")
}

/// A stack with room for one prefix keeps the last one of an RA, as smoltcp does.
fn guests_change_to_the_new_prefix(arguments: &[&str]) {
    check(&observe(CHANGES, arguments, SETTLE), |seen| {
        let ([change], [old]) = (&seen.adverts[..], &live(&seen.before)[..]) else { return false };
        seen.is_undisturbed()
            && seen.is_at_the_end_of_the_grace(change)
            && !change.is_final()
            && (networks(change), retired(change)) == (vec![*old, new(*old)], vec![*old])
    });
}

/// Returns the prefixes of an RA in their order.
fn networks(advert: &Advert) -> Vec<Ipv6Addr> {
    advert.prefixes().iter().map(|option| option.prefix.network()).collect()
}

/// The recipe of the handbook: add the new prefix, deprecate the old one, and delete it when no guest uses it.
#[test]
fn the_old_prefix_is_deleted_later() {
    let (host, guest) = (Namespace::host(), Guest::new());
    let mut line = Line::new(&host, guest.namespace(), 1);
    let _daemon = Daemon::start(&host, &rarely(&[]));
    line.expect_served(SOON);
    let own = |prefix| line.link.guest.mac().address_in(prefix);
    let (old, new) = (prefix(1), new(prefix(1)));
    guest.wait_for_address(own(old), SOON);
    let monitor = RouteMonitor::start(&guest);
    thread::sleep(FLOOR);

    line.link.host.add_address(&address(new));
    host.ip(&deprecate(&line));
    guest.wait_for_address(own(new), FLOOR + SLACK);
    guest.wait_for_deprecated(own(old), SOON);
    assert!(guest.holds(own(new)).is_some_and(|held| !held.deprecated), "{:?}", guest.holds(own(new)));

    let [change] = &line.capture.adverts_within(FLOOR)[..] else { panic!("one RA") };
    line.remove_prefix();
    expect_silence([&mut line], GRACE + FLOOR + SLACK);
    line.solicit();
    let answer = line.capture.expect_advert(MAX_DELAY + SLACK);
    assert_eq!((answer.is_final(), answer.prefixes()), (false, change.prefixes()));
    assert_eq!(monitor.absences(), [""; 0]);
    monitor.expect_deletion_seen();
}

/// The control is in `grace`: a second prefix that is not parked ends the service.
#[test]
fn a_parked_prefix_beside_the_one_in_use_changes_nothing() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    let _daemon = Daemon::start(&host, &rarely(&[]));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    thread::sleep(FLOOR);
    for (line, parked) in lines.iter().zip(["fd00:1::1/64", "2001:db8:cafe::1/64"]) {
        line.link.host.add_address(&format!("{parked} preferred_lft 0"));
    }
    expect_silence(&mut lines, GRACE + FLOOR + SLACK);
    for (line, first) in lines.iter_mut().zip(&first) {
        assert_eq!(line.expect_answer().prefixes(), first.prefixes());
    }
    // The one in use is deprecated, too: then neither is advertised.
    host.ip(&deprecate(&lines[0]));
    let final_ra = lines[0].capture.expect_advert(FLOOR + GRACE + SLACK);
    assert_eq!((final_ra.is_final(), live(&final_ra)), (true, vec![prefix(1)]));
    expect_silence(&mut lines, Duration::from_secs(1));
}

/// With `--several-prefixes=keep`, a second prefix beside the one in use changes nothing, also after down and up, and
/// in the next process. With neither in use, the interface is not served.
fn a_second_prefix_beside_the_one_in_use_is_ignored_if_the_operator_says_so(arguments: &[&str]) {
    const KEEP: &str = "--several-prefixes=keep";
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 3);
    let both = |line: &Line| line.link.host.add_address(&format!("fd00:{}::1/64", line.number));
    // The third one has both before the daemon starts.
    both(&lines[2]);
    let launch = Launch::new(&rarely(&[&[KEEP], arguments].concat()));
    let mut daemon = launch.start(&host);
    let first: Vec<_> = lines[..2].iter_mut().map(|line| line.expect_served(SOON)).collect();
    assert_eq!(daemon.wait_not_served("vm3", SOON), ["several-prefixes"]);
    thread::sleep(FLOOR);

    both(&lines[0]);
    expect_silence(&mut lines, GRACE + FLOOR + SLACK);
    daemon.wait_for_log(&["WARN", "interface=vm1", "fd00:1::/64"], SOON);
    assert_eq!(lines[0].expect_answer().prefixes(), first[0].prefixes());
    lines[1].link.host.set("down");
    daemon.wait_for_log(&["not serving", "interface=vm2"], SOON);
    lines[1].link.host.set("up");
    lines[1].link.host.wait_link_local();
    // The daemon sees both at once.
    daemon.signal(Signal::SIGSTOP);
    both(&lines[1]);
    lines[1].add_prefix();
    // The kernel notifies of an address from a queue of its own.
    eventually(SOON, "both addresses", || {
        let usable = host.ip("-6 address show dev vm2 scope global -tentative");
        (usable.matches("inet6").count() == 2).then_some(())
    });
    daemon.signal(Signal::SIGCONT);
    assert_eq!(lines[1].expect_served(SOON).prefixes(), first[1].prefixes());

    daemon.signal(Signal::SIGHUP);
    assert_eq!(daemon.wait_exit(SOON), 0);
    let next = launch.start(&host);
    for (line, first) in lines[..2].iter_mut().zip(&first) {
        assert_eq!(line.expect_served(SOON).prefixes(), first.prefixes(), "{}", line.name());
    }
    // The remedy: one of them is parked.
    expect_silence(&mut lines[2..], Duration::ZERO);
    assert_eq!(next.wait_not_served("vm3", SOON), ["several-prefixes"]);
    host.ip("address change fd00:3::1/64 dev vm3 preferred_lft 0");
    lines[2].expect_served(SOON);
}
