//! Which solicitations are answered, and after which delay.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use autora_tests::{Checksum, Daemon, Fragments, Mac, Namespace, Solicit};

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, rarely};

type Spoil = fn(Solicit) -> Solicit;

/// The longest time until an answer outside the floor: `MAX_DELAY` and `SLACK`.
const ANSWERED: Duration = Duration::from_millis(500 + 400);

/// An option of an unassigned type.
const UNKNOWN_OPTION: [u8; 8] = [200, 1, 0, 0, 0, 0, 0, 0];

/// Solicitations that must not be answered ([RFC 4861
/// 6.1.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.1), [RFC
/// 6980](https://www.rfc-editor.org/rfc/rfc6980)).
const INVALID: &[(&str, Spoil)] = &[
    ("hop limit 64", |good| Solicit { hop_limit: 64, ..good }),
    ("hop limit 254", |good| Solicit { hop_limit: 254, ..good }),
    ("hop limit 0", |good| Solicit { hop_limit: 0, ..good }),
    ("hop-by-hop options header", |good| extended(0, good)),
    ("destination options header", |good| extended(60, good)),
    ("code 1", |good| Solicit { code: 1, ..good }),
    ("7 bytes", |good| Solicit { truncate: Some(7), ..good }),
    ("4 bytes", |good| Solicit { truncate: Some(4), ..good }),
    ("option of length 0", |good| Solicit { options: vec![1, 0, 2, 0, 0, 0, 0, 1], ..good }),
    ("option of length 0 after a good one", |good| with_options(good, &[UNKNOWN_OPTION, [200, 0, 0, 0, 0, 0, 0, 0]])),
    ("option past the end", |good| Solicit { options: vec![1, 2, 2, 0, 0, 0, 0, 1], ..good }),
    ("one trailing byte", |good| Solicit { options: [&good.options[..], &[0]].concat(), ..good }),
    ("seven trailing bytes", |good| Solicit { options: [&good.options[..], &[1; 7]].concat(), ..good }),
    (":: with a source link-layer address", |good| Solicit { source: "::".parse().expect("an address"), ..good }),
    ("17 options", |good| with_options(good, &[UNKNOWN_OPTION; 17])),
    ("two fragments", |good| Solicit { fragments: Fragments::Two, ..good }),
    ("an atomic fragment", |good| Solicit { fragments: Fragments::Atomic, ..good }),
    ("wrong checksum", |good| Solicit { checksum: Checksum::Wrong, ..good }),
    ("a multicast source", |good| Solicit { source: "ff02::1".parse().expect("an address"), ..good }),
    ("an advertisement", |good| Solicit { kind: 134, ..good }),
    ("a neighbour solicitation", |good| Solicit { kind: 135, ..good }),
];

/// Unusual solicitations that must be answered.
const VALID: &[(&str, Spoil)] = &[
    ("as Linux sends it", |good| good),
    ("from ::", |good| Solicit::unspecified(good.link_source)),
    ("without options", |good| Solicit { options: Vec::new(), ..good }),
    ("from a global address", |good| Solicit { source: "2001:db8:ffff::1".parse().expect("an address"), ..good }),
    ("an unknown option", |good| with_options(good, &[UNKNOWN_OPTION])),
    ("an unknown option of 150 units", |good| {
        let mut option = vec![0; 150 * 8];
        option[..2].copy_from_slice(&[200, 150]);
        Solicit { options: option, ..good }
    }),
    (":: with an unknown option", |good| with_options(Solicit::unspecified(good.link_source), &[UNKNOWN_OPTION])),
    ("16 options", |good| with_options(good, &[UNKNOWN_OPTION; 16])),
];

fn extended(kind: u8, good: Solicit) -> Solicit {
    // Next Header (filled in later), Hdr Ext Len 0, and a PadN option that fills the rest.
    Solicit { extensions: vec![(kind, vec![0, 0, 1, 4, 0, 0, 0, 0])], ..good }
}

fn with_options(good: Solicit, options: &[[u8; 8]]) -> Solicit {
    Solicit { options: options.concat(), ..good }
}

/// Returns `rows` served lines whose floor is over, so that an answer takes at most half a second.
fn lines_at_rest(rows: usize, arguments: &[&str]) -> (Daemon, Vec<Line>) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, u16::try_from(rows).expect("a table is short"));
    let daemon = Daemon::start(&host, &rarely(arguments));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    thread::sleep(FLOOR + Duration::from_millis(100));
    expect_silence(&mut lines, Duration::ZERO);
    (daemon, lines)
}

/// Checks that a line has one answer to its one solicitation, in time and to all nodes. Returns the delay.
#[track_caller]
fn expect_answer(what: &str, line: &mut Line) -> Duration {
    let (solicits, adverts) = line.seen(Duration::ZERO);
    let ([solicit], [advert]) = (&solicits[..], &adverts[..]) else {
        panic!("{what}: {} solicitations and {} advertisements", solicits.len(), adverts.len());
    };
    let delay = advert.since(*solicit);
    assert!(delay <= MAX_DELAY + SLACK, "{what}: answered after {delay:?}");
    assert_eq!(advert.frame[..6], Mac::ALL_NODES.0, "{what}: to all nodes");
    delay
}

fn invalid_solicitations_are_not_answered(arguments: &[&str]) {
    let (_daemon, mut lines) = lines_at_rest(INVALID.len(), arguments);
    for ((_, spoil), line) in INVALID.iter().zip(&lines) {
        line.sender.send_all(spoil(Solicit::from(&line.link.guest)).frames());
    }
    thread::sleep(ANSWERED);
    let answered: Vec<_> = INVALID
        .iter()
        .zip(&mut lines)
        .filter_map(|((what, _), line)| (!line.seen(Duration::ZERO).1.is_empty()).then_some(what))
        .collect();
    assert!(answered.is_empty(), "answered: {answered:?}");
    // The control: on every one of these lines a valid solicitation is answered in time.
    for line in &lines {
        line.solicit();
    }
    thread::sleep(ANSWERED);
    for ((what, _), line) in INVALID.iter().zip(&mut lines) {
        expect_answer(&format!("a valid one after {what}"), line);
    }
}

#[test]
fn invalid_solicitations_are_not_answered_behind_the_ebpf_filter() {
    invalid_solicitations_are_not_answered(&["--filter=ebpf"]);
}

#[test]
fn invalid_solicitations_are_not_answered_behind_the_classic_filter() {
    invalid_solicitations_are_not_answered(&["--filter=classic"]);
}

fn valid_solicitations_are_answered(arguments: &[&str]) {
    let (_daemon, mut lines) = lines_at_rest(VALID.len(), arguments);
    for ((_, change), line) in VALID.iter().zip(&lines) {
        line.sender.send(&change(Solicit::from(&line.link.guest)).frame());
    }
    thread::sleep(ANSWERED);
    for ((what, _), line) in VALID.iter().zip(&mut lines) {
        expect_answer(what, line);
    }
}

#[test]
fn valid_solicitations_are_answered_behind_the_ebpf_filter() {
    valid_solicitations_are_answered(&["--filter=ebpf"]);
}

#[test]
fn valid_solicitations_are_answered_behind_the_classic_filter() {
    valid_solicitations_are_answered(&["--filter=classic"]);
}

#[test]
fn valid_solicitations_are_answered_through_the_raw_socket() {
    valid_solicitations_are_answered(&["--send=raw"]);
}

#[test]
fn a_solicitation_to_the_routers_address_is_answered_to_all_nodes() {
    let (_daemon, mut lines) = lines_at_rest(1, &[]);
    let [line] = &mut lines[..] else { panic!("one line") };
    let good = Solicit::from(&line.link.guest);
    let (destination, link_destination) = (line.link.host.link_local(), line.link.host.mac());
    line.sender.send(&Solicit { destination, link_destination, ..good }.frame());
    thread::sleep(ANSWERED);
    expect_answer("to the router's own address", line);
}

#[test]
fn the_delay_is_random() {
    let (_daemon, mut lines) = lines_at_rest(20, &[]);
    for line in &lines {
        line.solicit();
    }
    thread::sleep(ANSWERED);
    let mut delays: Vec<_> = lines.iter_mut().map(|line| expect_answer("twenty guests", line)).collect();
    delays.sort();
    // The chance that twenty draws from half a second lie within a tenth of a second is about one in 10^12.
    assert!(delays[19].abs_diff(delays[0]) > Duration::from_millis(100), "{delays:?}");
}

#[test]
fn a_solicitation_within_the_floor_is_answered_after_it() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 4);
    let _daemon = Daemon::start(&host, &rarely(&[]));
    let mut last: Vec<SystemTime> = lines.iter_mut().map(|line| line.expect_served(SOON).at).collect();
    // A solicitation right after an answer is answered in the same way.
    for _ in 0..2 {
        lines.iter().for_each(Line::solicit);
        for (line, last) in lines.iter_mut().zip(&mut last) {
            let answer = line.expect_served(SOON);
            let wait = answer.since(*last);
            assert!((FLOOR..=FLOOR + MAX_DELAY + SLACK).contains(&wait), "{}: {wait:?}", line.name());
            *last = answer.at;
        }
    }
}
