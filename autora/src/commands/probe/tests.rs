use std::{io, net::Ipv6Addr};

use serde_json::Value;

use super::{round::SendError, table, target::Sources, *};
use crate::{
    addr::{IfIndex, LinkLocal, Prefix64},
    control::model,
    diagnosis::guest::{EchoSource, GuestReply},
    engine::interface::{GroupMapping, Interface, fit},
    sys::netlink::{Neighbour, NeighbourState},
};

fn target(number: u16) -> Target {
    let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 0);
    let link_local = LinkLocal::new("fe80::1".parse().unwrap()).unwrap();
    Target {
        name: format!("vm{number}"),
        index: IfIndex::new(number.into()).unwrap(),
        group_mapping: GroupMapping::Ethernet,
        prefixes: vec![Prefix64::containing(prefix)],
        sources: Ok(Sources { link_local, global: "2001:db8:ffff::1".parse().unwrap(), is_on_link: false }),
        has_ports: false,
    }
}

/// What came of the requests if the guest with this number answers from these addresses.
fn outcome(guest: u8, to_global: Option<&str>, to_link_local: Option<&str>) -> Outcome {
    let mut outcome = Outcome { is_asked: true, ..Outcome::default() };
    let link_address = Some([2, 0, 0, 0, 0, guest]);
    for (to, source) in [(EchoSource::Global, to_global), (EchoSource::LinkLocal, to_link_local)] {
        if let Some(source) = source {
            outcome.replies.add(GuestReply { to, source: source.parse().unwrap(), link_address });
        }
    }
    outcome
}

fn failed() -> Outcome {
    let error = SendError(io::Error::from_raw_os_error(nix::libc::ENOBUFS));
    Outcome { error: Some(error), ..outcome(1, None, Some("fe80::5")) }
}

fn report<'a>(target: &'a Target, outcome: &Outcome) -> Report<'a> {
    Report::new(target, outcome, Served::Unknown)
}

#[test]
fn failures_come_first_and_silence_is_explained() {
    let mut targets: Vec<_> = (1..=6).map(target).collect();
    targets[0].sources.as_mut().unwrap().is_on_link = true;
    targets[5].sources = Err("it is down");
    let outcomes = [
        outcome(1, Some("2001:db8:0:1::5"), Some("fe80::5")),
        outcome(2, None, Some("fe80::6")),
        outcome(3, Some("2001:db8:9::7"), Some("fe80::7")),
        outcome(4, None, None),
        failed(),
        Outcome::default(),
    ];
    let mut reports: Vec<_> = targets.iter().zip(&outcomes).map(|(target, outcome)| report(target, outcome)).collect();
    let neighbour = |last: u16| Neighbour {
        index: IfIndex::new(4).unwrap(),
        address: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last),
        link_address: (last == 1).then_some([2, 0, 0, 0, 0, 4]),
        state: NeighbourState::Stale,
    };
    let neighbours: Vec<_> = (1..=6).map(neighbour).collect();
    let mut explained = [(IfIndex::new(4).unwrap(), "would not be served: down".to_owned())].into();
    for report in reports.iter_mut().filter(|report| report.why.is_some()) {
        report.complete(&neighbours, &mut explained);
    }
    let expected = "\
INTERFACE  VERDICT       MAC                LINK-LOCAL  ADDRESS
vm2        no-route      02:00:00:00:00:02  fe80::6
vm3        wrong-prefix  02:00:00:00:00:03  fe80::7     2001:db8:9::7 is not in 2001:db8:0:3::/64
vm4        unknown       no answer; neighbours: fe80::1 (02:00:00:00:00:04 stale), fe80::2 (stale), fe80::3 (stale), \
                             fe80::4 (stale) and 2 more; explain: would not be served: down
vm5        unknown       one of two requests did not leave: sending failed: No buffer space available; no neighbour \
                             known
vm6        unknown       nothing was asked: it is down; no neighbour known
vm1        works         02:00:00:00:00:01  fe80::5     2001:db8:0:1::5

1 no-route, 1 wrong-prefix, 3 unknown (1 not asked), 1 works
note: a guest without a route (vm2) took no RA, or lost the route: the next RA may repair it; the handbook's page \
                             Troubleshooting, \"It is served, and the guest has no address\", has the causes
note: this host has no global address outside of the guest's /64 (vm1): a route of the guest's own to that /64 would \
                             hide that it has no default route
note: each guest that answers takes an entry of this host's neighbour table, which has room for 8 (gc_thresh3): a \
                             guest may be unknown for want of room
note: 7 paused, which were not probed
2 matching interfaces are not served: vm7, vm8; `autora status` says why
";
    let skipped = Skipped { paused: 7, ..skipped(&["vm7", "vm8"]) };
    let shown = anstream::adapter::strip_str(&table::render(&reports, &skipped, 8, usize::MAX)).to_string();
    assert_eq!(shown, expected);
    assert!(!table::render(&reports, &skipped, 12, usize::MAX).contains("gc_thresh3"), "there is room");
    reports.retain(|report| !matches!(report.target.name.as_str(), "vm4" | "vm5"));
    assert!(!table::render(&reports, &skipped, 1, usize::MAX).contains("gc_thresh3"), "nothing was asked");
}

/// Whether the requests of an interface left: both, none for its state, none for an error, one.
#[test]
fn what_was_not_asked_is_told() {
    let error = || Some(SendError(io::Error::from_raw_os_error(nix::libc::ENETDOWN)));
    let down = Target { sources: Err("it is down"), ..target(1) };
    for (target, outcome, is_asked, expected) in [
        (target(1), outcome(1, None, None), true, "  no answer; "),
        (down, Outcome::default(), false, "  nothing was asked: it is down; "),
        (
            target(1),
            Outcome { error: error(), ..Outcome::default() },
            false,
            "  nothing was asked: sending failed: Net",
        ),
        (
            target(1),
            Outcome { error: error(), ..outcome(1, None, None) },
            true,
            "  one of two requests did not leave: ",
        ),
    ] {
        let reports = [report(&target, &outcome)];
        let table = table::render(&reports, &Skipped::default(), 8, usize::MAX);
        assert!(table.contains(expected) && table.contains("not asked") != is_asked, "{table}");
        let document: Value = serde_json::from_str(&json::render(&reports, &Skipped::default(), &[])).unwrap();
        assert_eq!(document["interfaces"][0]["asked"], is_asked);
    }
}

#[test]
fn a_guest_that_works_without_the_daemon_is_told_so() {
    let (target, works) = (target(1), outcome(1, Some("2001:db8:0:1::5"), Some("fe80::5")));
    let shown = |served: Served| {
        let reports = [Report::new(&target, &works, served)];
        let document: Value = serde_json::from_str(&json::render(&reports, &Skipped::default(), &[])).unwrap();
        let interface = document["interfaces"][0].clone();
        (
            table::render(&reports, &Skipped::default(), 8, usize::MAX),
            interface["served"].clone(),
            interface["reasons"].clone(),
        )
    };
    for (served, expected) in [(Served::Unknown, Value::Null), (Served::Yes, true.into())] {
        let (table, served, reasons) = shown(served);
        assert!(table.contains("works") && !table.contains("not serve"), "{table}");
        assert_eq!((served, reasons), (expected, Value::Array(Vec::new())));
    }
    let (table, served, reasons) = shown(Served::No(vec!["no-prefix".to_owned()]));
    assert!(table.contains("2001:db8:0:1::5; not served\n"), "{table}");
    assert!(table.contains("\nnote: the daemon that answers does not serve vm1 (no-prefix): "), "{table}");
    assert_eq!((served, reasons), (false.into(), Value::from(vec!["no-prefix"])));
}

/// Interfaces that match and are not served.
fn skipped(names: &[&str]) -> Skipped {
    let interface = |name: &&str| -> model::Interface {
        let interface = serde_json::json!({
            "name": name, "ifindex": 7, "state": "not-served", "prefix": null, "source": null, "advertised": false,
            "reasons": [{ "name": "no-prefix", "text": "it has no usable /64" }], "retired_prefixes": [],
            "last_ra": null, "next_ra_in_s": null, "overdue": false, "rs": null, "other_router": null,
            "ra_sent": { "unsolicited": 0, "solicited": 0, "final": 0 },
            "send_failures": { "total": 0, "in_a_row": 0, "error": null },
        });
        serde_json::from_value(interface).unwrap()
    };
    Skipped { says_why: "autora status".to_owned(), ..Skipped::of(names.iter().map(interface).collect()) }
}

/// The guests of what another daemon serves have a router.
#[test]
fn what_another_daemon_serves_is_told_apart() {
    let by = |name: &str, pid: Option<u32>| {
        let reason = serde_json::json!({
            "name": "served-by-another", "text": "", "other_daemon": { "runtime_directory": "/run/b", "pid": pid },
        });
        let reasons = vec![serde_json::from_value(reason).unwrap()];
        model::Interface { reasons, ..skipped(&[name]).not_served.remove(0) }
    };
    let served = Skipped::of(vec![by("vm10", Some(31)), by("vm2", Some(31)), by("vm3", Some(40))]);
    let expected = "the daemon that answers serves no interface, and 0 are paused\n\
                    note: 2 matching interfaces are served by another daemon (process 31): vm2, vm10\n\
                    note: 1 matching interface is served by another daemon (process 40): vm3\n";
    assert_eq!(table::render(&[], &served, 8, usize::MAX), expected);
    assert_eq!(exit_code(&[], &served), ExitCode::from(EXIT_SILENT));
    let document: Value = serde_json::from_str(&json::render(&[], &served, &[])).unwrap();
    assert_eq!(document["served_by_others"][2], serde_json::json!({ "name": "vm3", "ifindex": 7, "pid": 40 }));
    // The other one has ended, and this one has not taken over yet.
    let gone = Skipped::of(vec![by("vm1", None)]);
    assert_eq!(exit_code(&[], &gone), ExitCode::from(EXIT_FAILS));
}

#[test]
fn a_host_that_does_not_forward_is_warned_about_where_a_guest_is_probed() {
    let dropped = |forwarding, force_forwarding, targets: &[Target]| {
        let mut interface = Interface { index: target(1).index, ..fit() };
        interface.ipv6.as_mut().unwrap().force_forwarding = force_forwarding;
        let snapshot = Snapshot { forwarding, interfaces: vec![interface], complete: true };
        let (targets, skipped) = (targets.to_vec(), Skipped::default());
        Selection { snapshot, targets, skipped, missing: Vec::new() }.is_dropped()
    };
    assert!(dropped(false, false, &[target(1)]));
    assert!(!dropped(true, false, &[target(1)]) && !dropped(false, true, &[target(1)]), "it forwards");
    assert!(!dropped(false, false, &[target(2)]), "another interface is probed");
}

#[test]
fn interfaces_that_match_and_are_not_served_are_named() {
    let none = |skipped: &Skipped| table::render(&[], skipped, 8, usize::MAX);
    assert_eq!(
        none(&Skipped { paused: 2, ..Skipped::default() }),
        "the daemon that answers serves no interface, and 2 are paused\n"
    );
    let vm1 = skipped(&["vm1"]);
    let expected = "the daemon that answers serves no interface, and 0 are paused\n\
                    1 matching interface is not served: vm1; `autora status` says why\n";
    assert_eq!(none(&vm1), expected);
    assert!(none(&skipped(&["x"; 22])).contains("22 matching interfaces are not served: x, "));
    assert!(none(&skipped(&["x"; 22])).contains("x and 2 more; "));
    let document: Value = serde_json::from_str(&json::render(&[], &vm1, &[])).unwrap();
    let expected = serde_json::json!([{ "name": "vm1", "ifindex": 7, "reasons": ["no-prefix"] }]);
    assert_eq!(document["not_served"], expected);
}

#[test]
fn a_guest_that_fails_decides_the_exit_code_before_a_silent_one() {
    let target = target(1);
    let works = outcome(1, Some("2001:db8:0:1::5"), Some("fe80::5"));
    let (no_route, no_address) = (outcome(1, None, Some("fe80::5")), outcome(1, Some("fe80::5"), Some("fe80::5")));
    let wrong_prefix = outcome(1, Some("2001:db8:9::5"), None);
    let silent = outcome(1, None, None);
    for (outcomes, expected) in [
        (&[&works, &works][..], 0),
        (&[&works, &no_route], EXIT_FAILS),
        (&[&no_address], EXIT_FAILS),
        (&[&silent, &wrong_prefix], EXIT_FAILS),
        (&[&works, &silent], EXIT_SILENT),
        (&[], EXIT_SILENT),
    ] {
        let reports: Vec<_> = outcomes.iter().map(|outcome| report(&target, outcome)).collect();
        let code = |skipped: &Skipped| exit_code(&reports, skipped);
        assert_eq!(code(&Skipped { paused: 1, ..Skipped::default() }), ExitCode::from(expected), "{outcomes:?}");
        assert_eq!(code(&skipped(&["vm1"])), ExitCode::from(EXIT_FAILS), "not all are served, {outcomes:?}");
    }
}

#[test]
fn after_a_failed_request_silence_means_nothing() {
    let (target, failed) = (target(1), failed());
    let report = report(&target, &failed);
    assert_eq!((report.verdict, report.guests.len()), (GuestVerdict::Unknown, 0));
}
