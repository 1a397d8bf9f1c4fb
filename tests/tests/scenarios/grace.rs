//! Edits of a host that are undone or completed within a second: no RA leaves, and no guest loses its route. The same
//! edits, left for longer, are the control.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use autora_tests::{Advert, Daemon, Namespace};

use crate::{
    bench::{
        BURST_INTERVAL, FLOOR, GRACE, Line, MAX_DELAY, SLACK, SOON, expect_silence, live, on_both_paths, rarely,
        retired,
    },
    observed::{A_MOMENT, Edit, IN_ONE_BATCH, SETTLE, Seen, Step, add, check, delete, observe},
};

on_both_paths!(
    edits_beyond_the_grace_end_with_one_final_ra,
    edits_beyond_the_grace_change_to_the_pair_beside,
    a_tentative_address_keeps_what_is_served
);

const BEYOND: Duration = Duration::from_secs(2);

/// A link-local address that is not chosen at the start: it is higher than the kernel's own.
const HIGHER: &str = "fe80::ffff:0:0:1/64";

/// Edits after which, as long as they last, nothing is left to advertise.
const ALONE: &[Edit] = &[
    Edit { what: "the prefix", prepare: |_| {}, begin: without_prefix, end: with_prefix, pause: BEYOND },
    Edit { what: "forwarding", prepare: |_| {}, begin: forwarding_off, end: forwarding_on, pause: BEYOND },
    Edit { what: "the name", prepare: |_| {}, begin: renamed, end: named_again, pause: BEYOND },
    Edit { what: "the source", prepare: |_| {}, begin: without_source, end: with_source, pause: BEYOND },
    Edit { what: "a second prefix", prepare: |_| {}, begin: second_prefix, end: without_second, pause: BEYOND },
];

/// Edits that, as long as they last, leave another pair of source and prefix.
const BESIDE: &[Edit] = &[
    Edit {
        what: "the prefix beside a parked one",
        prepare: |line| line.link.host.add_address(&parked(line)),
        begin: without_prefix,
        end: with_prefix,
        pause: BEYOND,
    },
    Edit {
        what: "the source beside another",
        prepare: |line| line.link.host.add_address(HIGHER),
        begin: without_source,
        end: with_source,
        pause: BEYOND,
    },
];

/// Edits in which what is added again is tentative for longer than the grace.
const WITH_DETECTION: &[Edit] = &[
    Edit {
        what: "the prefix, with duplicate address detection",
        prepare: |line| line.link.host.sysctl("accept_dad", 1),
        begin: without_prefix,
        end: |line| add(line, &line.global(), ""),
        pause: IN_ONE_BATCH,
    },
    Edit {
        what: "the source, with duplicate address detection",
        prepare: |line| line.link.host.sysctl("accept_dad", 1),
        begin: without_source,
        end: |line| add(line, &line.link_local(), ""),
        pause: IN_ONE_BATCH,
    },
];

fn without_prefix(line: &Line) -> Step {
    delete(line, &line.global())
}

fn with_prefix(line: &Line) -> Step {
    add(line, &line.global(), "nodad")
}

fn without_source(line: &Line) -> Step {
    delete(line, &line.link_local())
}

fn with_source(line: &Line) -> Step {
    add(line, &line.link_local(), "nodad")
}

fn forwarding_off(line: &Line) -> Step {
    Step::Conf(format!("{}/forwarding", line.name()), 0)
}

fn forwarding_on(line: &Line) -> Step {
    Step::Conf(format!("{}/forwarding", line.name()), 1)
}

/// Renaming an interface that is up needs Linux 6.2.
fn renamed(line: &Line) -> Step {
    Step::Ip(format!("link set {} name away{}", line.name(), line.number))
}

fn named_again(line: &Line) -> Step {
    Step::Ip(format!("link set away{} name {}", line.number, line.name()))
}

/// With it, neither prefix is advertised.
fn second_prefix(line: &Line) -> Step {
    add(line, &unique_local(line), "nodad")
}

fn without_second(line: &Line) -> Step {
    delete(line, &unique_local(line))
}

fn unique_local(line: &Line) -> String {
    format!("fd00:{}::1/64", line.number)
}

/// Returns an address in a prefix that no guest shall use.
fn parked(line: &Line) -> String {
    format!("2001:db8:cafe:{}::1/64 preferred_lft 0", line.number)
}

/// Returns whether no RA left but such as before: on schedule after the edit, and as an answer.
fn nothing_left(seen: &Seen) -> bool {
    let told = |advert: &Advert| (advert.source, advert.is_final(), advert.prefixes());
    seen.adverts.iter().chain(&seen.answers).all(|advert| told(advert) == told(&seen.before))
        && seen.adverts.iter().all(|advert| advert.since(seen.before.at) + SLACK >= BURST_INTERVAL)
        && !seen.answers.is_empty()
}

#[test]
fn edits_within_the_grace_are_not_noticed() {
    let pauses = [IN_ONE_BATCH, A_MOMENT];
    let edits = ALONE.iter().chain(BESIDE).flat_map(|edit| pauses.map(|pause| Edit { pause, ..*edit }));
    let edits: Vec<_> = edits.chain(WITH_DETECTION.iter().copied()).collect();
    check(&observe(&edits, &[], SETTLE), |seen| seen.is_undisturbed() && nothing_left(seen));
}

/// The write sets `forwarding` of every interface.
#[test]
fn forwarding_of_the_whole_host_off_and_on_is_not_noticed() {
    let off = |_: &Line| Step::Conf("all/forwarding".to_owned(), 0);
    let on = |_: &Line| Step::Conf("all/forwarding".to_owned(), 1);
    let edits = [
        Edit { what: "forwarding of the host", prepare: |_| {}, begin: off, end: on, pause: A_MOMENT },
        Edit {
            what: "a guest beside it",
            prepare: |_| {},
            begin: |_| Step::None,
            end: |_| Step::None,
            pause: A_MOMENT,
        },
    ];
    let mut seen = observe(&edits, &[], SETTLE);
    // It concerned both guests for as long.
    seen[1].longer = seen[0].longer;
    check(&seen, |seen| seen.is_undisturbed() && nothing_left(seen));
}

fn edits_beyond_the_grace_end_with_one_final_ra(arguments: &[&str]) {
    check(&observe(ALONE, arguments, SETTLE), |seen| {
        let [final_ra, back] = &seen.adverts[..] else { return false };
        seen.is_at_the_end_of_the_grace(final_ra)
            && (final_ra.is_final(), final_ra.source) == (true, seen.before.source)
            && (back.is_final(), back.prefixes()) == (false, seen.before.prefixes())
            && back.since(final_ra.at) >= FLOOR
            && !seen.is_route_kept()
    });
}

/// The guest has two default routes for a while, one through each source, and always one.
fn edits_beyond_the_grace_change_to_the_pair_beside(arguments: &[&str]) {
    let seen = observe(BESIDE, arguments, SETTLE);
    check(&seen, |seen| {
        let [first, second] = &seen.adverts[..] else { return false };
        seen.is_undisturbed()
            && seen.is_at_the_end_of_the_grace(first)
            && !first.is_final()
            && second.since(first.at) >= FLOOR
    });
    // The parked prefix is second choice as soon as the other one is back, a second before the floor is over.
    check(&seen[..1], |seen| {
        let [away, back] = &seen.adverts[..] else { return false };
        let own = live(&seen.before);
        (retired(away), live(back), retired(back), back.is_final()) == (own.clone(), own, live(away), false)
    });
    // The source that is back stays second choice, and is owed a final RA.
    check(&seen[1..], |seen| {
        let [other, own] = &seen.adverts[..] else { return false };
        other.source != own.source && (own.source, own.is_final()) == (seen.before.source, true)
    });
}

/// The host's addresses, each added again with duplicate address detection that lasts longer than the grace, while
/// guests solicit.
fn a_tentative_address_keeps_what_is_served(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 3);
    let _daemon = Daemon::start(&host, &rarely(arguments));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    thread::sleep(FLOOR);
    let began = SystemTime::now();
    detect(&lines[0], &lines[0].global());
    detect(&lines[1], &lines[1].link_local());

    // Answers say the tentative prefix; none leaves from the tentative source.
    thread::sleep(GRACE);
    lines.iter().for_each(Line::solicit);
    for at in [0, 2] {
        let answer = lines[at].expect_served(MAX_DELAY + SLACK);
        assert_eq!(answer.prefixes(), first[at].prefixes(), "{}", lines[at].name());
    }
    expect_silence(&mut lines[1..2], Duration::ZERO);
    // What is due leaves at once when the detection has ended.
    lines[1].link.host.wait_link_local();
    let waited = lines[1].expect_served(SLACK);
    assert!(waited.since(began) >= PROBES, "{:?}", waited.since(began));
    expect_silence(&mut lines, FLOOR);
}

/// How long the detection takes at least: one second after each probe.
const PROBES: Duration = Duration::from_secs(3);

fn detect(line: &Line, address: &str) {
    let host = line.link.host.namespace();
    line.link.host.sysctl("accept_dad", 1);
    line.link.host.sysctl("dad_transmits", PROBES.as_secs());
    // Without this the first probe leaves after a random delay of up to a second.
    line.link.host.sysctl("router_solicitation_delay", 0);
    host.ip_batch(&[
        format!("address delete {address} dev {}", line.name()),
        format!("address add {address} dev {}", line.name()),
    ]);
}
