use std::{fs, path::Path, time::Duration};

use anstream::adapter::strip_str;
use serde_json::Value;

use super::*;
use crate::{
    addr::Prefix64,
    control::model::State,
    diagnosis::{FromDaemon, Problem, RaKind, Shell},
    engine::{
        eligibility::InUse,
        fleet::ServiceState,
        handover::HeldByGuests,
        interface::{LinkFlags, address, fit},
    },
};

const HOST: Host = Host { forwarding: true, neighbour_limit: Some(1024) };

/// The width of the samples in the documents.
const WIDTH: usize = 80;

/// Returns the interface of a guest, with its /64.
fn guest(number: u32) -> Interface {
    let global = address(&format!("2001:db8:0:1{}::1", number - 1), 64);
    let addresses = vec![global, address(&format!("fe80::ff:fe00:{number}"), 64)];
    Interface { name: format!("tap-vm-{number}"), index: IfIndex::new(number + 1).unwrap(), addresses, ..fit() }
}

/// Returns the interface of the second guest, which fails two tests.
fn not_served() -> Interface {
    let mut interface = guest(2);
    interface.ipv6.as_mut().unwrap().forwarding = false;
    interface.addresses[0].prefix_len = 48;
    interface
}

fn several_prefixes() -> Interface {
    let mut interface = guest(3);
    interface.addresses.push(address("2001:db8:0:1f::1", 64));
    interface
}

fn loopback() -> Interface {
    let mut interface = Interface { name: "lo".to_owned(), index: IfIndex::new(1).unwrap(), ..fit() };
    (interface.flags.loopback, interface.flags.multicast) = (true, false);
    interface.addresses.clear();
    interface
}

fn serves(interface: &Interface) -> FromDaemon {
    let found = diagnosis::explain(interface, evidence(None));
    let service = found.service().unwrap();
    FromDaemon {
        matches: true,
        state: Some(ServiceState::Serving),
        in_use: InUse { source: Some(service.source), prefix: Some(service.prefix) },
        last_ra: Some((RaKind::Usual, Duration::from_millis(3_200))),
        next_ra_in: Some(Duration::from_millis(40_100)),
        ..FromDaemon::default()
    }
}

fn serves_not(reasons: &[&str]) -> FromDaemon {
    let reasons = reasons.iter().map(ToString::to_string).collect();
    FromDaemon { matches: true, state: Some(ServiceState::NotServed), reasons, ..FromDaemon::default() }
}

fn evidence(daemon: Option<&FromDaemon>) -> Evidence<'_> {
    Evidence { policy: None, host: &HOST, master: None, served_raw: None, routes: &NO_ROUTES, daemon }
}

fn findings(all: &[(Interface, Option<FromDaemon>)]) -> Findings {
    let daemon_answers = all.iter().any(|(_, daemon)| daemon.is_some());
    Findings {
        regex: daemon_answers.then(|| "^tap-vm-[0-9]+$".to_owned()),
        host: HOST,
        interfaces: all.iter().map(|(one, daemon)| diagnosis::explain(one, evidence(daemon.as_ref()))).collect(),
        missing: Vec::new(),
        daemon_answers,
        list: Shell::of(["autora", "explain"]),
    }
}

fn page_of(interface: Interface, daemon: Option<FromDaemon>) -> String {
    strip_str(&page::render(&findings(&[(interface, daemon)]), WIDTH)).to_string()
}

/// Returns one of each kind, as a daemon explains them.
fn one_of_each() -> Findings {
    findings(&[
        (guest(1), Some(serves(&guest(1)))),
        (not_served(), Some(serves_not(&["forwarding-off", "no-prefix"]))),
        (several_prefixes(), Some(serves_not(&["several-prefixes"]))),
        (loopback(), Some(FromDaemon::default())),
    ])
}

#[test]
fn the_samples_of_the_documents_are_what_is_printed() {
    let table = strip_str(&table::render(&one_of_each(), WIDTH)).to_string();
    let samples = [
        ("contrib/docs/src/decides.md", page_of(guest(1), Some(serves(&guest(1))))),
        ("contrib/docs/src/decides.md", page_of(not_served(), Some(serves_not(&["forwarding-off", "no-prefix"])))),
        ("contrib/docs/src/decides.md", table),
        ("README.md", page_of(not_served(), None)),
    ];
    let lacks = |(document, sample): &&(&str, String)| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
        !fs::read_to_string(file).unwrap().contains(&format!("\n{sample}```\n"))
    };
    let lacking: Vec<_> =
        samples.iter().filter(lacks).map(|(document, sample)| format!("{document}:\n{sample}")).collect();
    assert!(lacking.is_empty(), "these are not there:\n{}", lacking.join("\n"));
}

/// What the page says first is what the table says, and what its paragraphs are about.
#[test]
fn page_and_table_name_the_same_causes() {
    let other = |interface| (Interface { name: "eth0".to_owned(), ..interface }, Some(FromDaemon::default()));
    for (interface, daemon) in [
        (not_served(), Some(serves_not(&["no-prefix"]))),
        (not_served(), None),
        (loopback(), None),
        (loopback(), Some(FromDaemon::default())),
        other(not_served()),
        other(guest(1)),
    ] {
        let found = findings(&[(interface, daemon)]);
        let table = strip_str(&table::render(&found, usize::MAX)).to_string();
        let page = strip_str(&page::render(&found, usize::MAX)).to_string();
        let row = table.lines().nth(1).unwrap().split_once(" no ").unwrap().1.trim().to_owned();
        let (_, title) = page.lines().next().unwrap().split_once(": ").unwrap();
        let about = page.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": ").map(|(name, _)| name));
        let about: Vec<_> = about.filter(|name| !name.contains(' ')).collect();
        assert_eq!((row.as_str(), about.join(", ").as_str()), (title, title), "{page}{table}");
    }
}

/// A warning that the page shows is in the table, too.
#[test]
fn a_warning_about_an_interface_that_is_not_served_is_in_the_table() {
    let off = Host { forwarding: false, ..HOST };
    let interfaces = vec![diagnosis::explain(&not_served(), Evidence { host: &off, ..evidence(None) })];
    let table = strip_str(&table::render(&Findings { interfaces, ..findings(&[]) }, usize::MAX)).to_string();
    assert!(table.contains(" no      forwarding-off, no-prefix; warning: host-forwarding-off\n"), "{table}");
}

#[test]
fn hints_are_about_the_same_daemon() {
    let list = || Shell::of(["autora", "explain", "--instance", "blue"]);
    let found = Findings { list: list(), ..findings(&[]) };
    assert!(table::render(&found, usize::MAX).contains("`autora explain --instance blue IFACE` shows"));
}

#[test]
fn states_are_those_of_the_control_api() {
    let elsewhere = || Interface { name: "eth0".to_owned(), ..guest(1) };
    let no_carrier = || Interface { flags: LinkFlags { carrier: false, ..guest(1).flags }, ..guest(1) };
    let ceasing = |matches| FromDaemon { matches, state: Some(ServiceState::Ceasing), ..FromDaemon::default() };
    for (interface, daemon, expected) in [
        (guest(1), Some(serves(&guest(1))), State::Serving.name()),
        (guest(1), None, State::Serving.name()),
        (no_carrier(), None, State::Paused.name()),
        (not_served(), None, State::NotServed.name()),
        (guest(1), Some(serves_not(&["served-by-another"])), State::NotServed.name()),
        (elsewhere(), Some(ceasing(false)), State::Ceasing.name()),
        (guest(1), Some(ceasing(true)), State::Ceasing.name()),
        (elsewhere(), Some(FromDaemon::default()), Problem::NO_MATCH),
    ] {
        let document: Value = serde_json::from_str(&json::render(&findings(&[(interface, daemon)]))).unwrap();
        assert_eq!(document["interfaces"][0]["state"], expected, "{document:#}");
    }
}

/// Detection does not run without a carrier.
#[test]
fn the_page_tells_what_detection_waits_for() {
    for (carrier, expected) in [(true, "duplicate address detection runs on"), (false, "when there is a carrier: RAs")]
    {
        let mut interface = guest(1);
        let daemon = FromDaemon { state: Some(ServiceState::Paused), ..serves(&interface) };
        (interface.flags.carrier, interface.addresses[1].flags.tentative) = (carrier, true);
        let page = strip_str(&page::render(&findings(&[(interface, Some(daemon))]), usize::MAX)).to_string();
        assert!(page.contains(expected), "{page}");
    }
}

#[test]
fn the_page_tells_when_ras_leave() {
    let at = |seconds: u64| Duration::from_millis(seconds * 1_000 + 200);
    let page = |state, kind| {
        let daemon = FromDaemon { state: Some(state), ..serves(&guest(1)) };
        page_of(guest(1), Some(FromDaemon { last_ra: Some((kind, at(1))), next_ra_in: Some(at(11)), ..daemon }))
    };
    let (serving, not_served) = (ServiceState::Serving, ServiceState::NotServed);
    for (state, kind, expected) in [
        (serving, RaKind::Usual, ["last RA       1 s ago\n", "next RA       in 12 s\n"]),
        (serving, RaKind::FinalOfOldSource, ["final RA      1 s ago, of the source before this one\n", "next RA"]),
        (not_served, RaKind::Final, ["final RA      1 s ago: guests have dropped", "final RA      in 12 s, unless"]),
    ] {
        let page = page(state, kind);
        assert!(expected.iter().all(|words| page.contains(words)), "{expected:?}: {page}");
    }
}

/// Of an interface that was down: no final RA has left, and none is due.
#[test]
fn the_page_tells_what_guests_hold() {
    let prefix_for = Some(("2001:db8:0:11::".parse().map(Prefix64::containing).unwrap(), Duration::from_secs(86_360)));
    let held = HeldByGuests { route_for: Some(Duration::from_millis(172_900)), prefix_for };
    let page = |guests_hold| {
        let daemon = FromDaemon { guests_hold, ..serves_not(&["forwarding-off", "no-prefix"]) };
        strip_str(&page::render(&findings(&[(not_served(), Some(daemon))]), usize::MAX)).to_string()
    };
    let expected = "guests hold   the default route for up to 173 s, addresses in 2001:db8:0:11::/64 for up to \
                    86360 s, \
                    unless it is served again before\n";
    assert!(page(Some(held)).contains(expected), "{}", page(Some(held)));
    assert!(!page(None).contains("guests hold"), "the control");
}

#[test]
fn a_pattern_selects_each_interface_once() {
    let existing = [guest(10), guest(2), loopback(), Interface { name: "tap*".to_owned(), ..guest(5) }];
    for (arguments, expected, missing) in [
        (&[][..], &["tap-vm-10", "tap-vm-2", "lo", "tap*"][..], &[][..]),
        (&["tap-*"], &["tap-vm-2", "tap-vm-10"], &[]),
        (&["tap-vm-10", "tap-vm-?", "tap-*"], &["tap-vm-10", "tap-vm-2"], &[]),
        (&["eth*", "tap-vm-1", "lo"], &["lo"], &["eth*", "tap-vm-1"]),
    ] {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        let (selected, absent) = select(&arguments, &existing);
        assert_eq!(selected.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), expected);
        assert_eq!(absent.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), missing);
    }
}

/// Without names and a regular expression it is only a list.
#[test]
fn all_are_served_where_those_that_match_are() {
    let fit_alone = [(guest(1), Some(serves(&guest(1)))), (loopback(), Some(FromDaemon::default()))];
    for (what, findings, expected) in [
        ("a daemon, and one that it does not serve", one_of_each(), false),
        ("a daemon that serves all that match", findings(&fit_alone), true),
        ("neither daemon nor regular expression", findings(&[(not_served(), None)]), true),
    ] {
        assert_eq!(findings.all_served(false), expected, "{what}");
    }
}
