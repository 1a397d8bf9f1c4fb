use std::time::Duration;

use regex::Regex;

use super::*;
use crate::{
    addr::IfIndex,
    engine::{
        eligibility::{Verdict, decide},
        interface::{self, AddressFlags, Master, address},
    },
};

const HOST: Host = Host { forwarding: true, neighbour_limit: Some(1024) };

const PLAIN: Evidence<'_> =
    Evidence { policy: None, host: &HOST, master: None, served_raw: None, daemon: None };

/// One that is served: the control of each row below.
fn fit() -> Interface {
    Interface { name: "vm1".to_owned(), tun: false, ..interface::fit() }
}

fn explained(change: impl FnOnce(&mut Interface), context: Evidence<'_>) -> Explanation {
    let mut interface = fit();
    change(&mut interface);
    explain(&interface, context)
}

fn lines(remedies: &[Remedy]) -> Vec<String> {
    let line = |remedy: &Remedy| match remedy {
        Remedy::Run(command) => format!("$ {command}"),
        Remedy::Advice(advice) => advice.clone(),
    };
    remedies.iter().map(line).collect()
}

/// The changed interface fails one test, for `reason`; these are the lines that help.
#[track_caller]
fn check(reason: &str, expected: &[&str], change: impl FnOnce(&mut Interface)) {
    let found = explained(change, Evidence { master: Some("br0"), ..PLAIN });
    assert_eq!(found.conclusion, Conclusion::NotServed);
    let failure = found.failures().find(|failure| failure.problem.name() == reason).expect(reason);
    assert_eq!(lines(&failure.remedies), expected, "{reason}");
}

#[test]
fn one_that_is_served_shows_what_it_was_found_to_have() {
    let found = explained(|_| (), PLAIN);
    let values: Vec<_> = found.checks.iter().map(|check| (check.name, check.found.as_str())).collect();
    assert_eq!(
        values,
        [
            ("ipv6", "enabled, MTU 1500"),
            ("up", "yes"),
            ("multicast", "yes"),
            ("not loopback", "yes"),
            ("not a port", "yes"),
            ("forwarding", "on"),
            ("link-local", "fe80::1"),
            ("one /64", "2001:db8:1::/64"),
        ]
    );
    assert!(found.is_served() && found.failures().next().is_none() && found.warnings.is_empty());
}

#[test]
fn every_reason_comes_with_what_helps() {
    check("ipv6-disabled", &["$ sysctl -w net.ipv6.conf.vm1.disable_ipv6=0"], |i| {
        i.ipv6.as_mut().unwrap().disabled = true;
    });
    check(
        "ipv6-disabled",
        &[
            "$ ip link set dev vm1 mtu 1500",
            "the kernel then starts with its default settings there, and with no address of yours",
        ],
        |i| (i.mtu, i.ipv6) = (1200, None),
    );
    check("down", &["$ ip link set dev vm1 up"], |i| i.flags.up = false);
    check("no-multicast", &["$ ip link set dev vm1 multicast on"], |i| i.flags.multicast = false);
    check("loopback", &["no guest is behind it: serve another interface"], |i| i.flags.loopback = true);
    check(
        "enslaved",
        &["serve br0 instead; or, if it should be no port:", "$ ip link set dev vm1 nomaster"],
        |i| {
            let index = IfIndex::new(3).unwrap();
            i.master = Some(Master { index, kind: Some("bridge".to_owned()) }.into());
        },
    );
    check("forwarding-off", &["$ sysctl -w net.ipv6.conf.vm1.forwarding=1"], |i| {
        i.ipv6.as_mut().unwrap().forwarding = false;
    });
    check(
        "several-prefixes",
        &[
            "remove all but one; to keep 2001:db8:1::/64:",
            "$ ip address delete 2001:db8:2::1/64 dev vm1",
            "$ ip address delete 2001:db8:2::2/64 dev vm1",
        ],
        |i| i.addresses.extend([address("2001:db8:2::1", 64), address("2001:db8:2::2", 64)]),
    );
}

#[test]
fn what_helps_to_a_link_local_address_depends_on_why_there_is_none() {
    let flagged = |flags: fn(&mut AddressFlags)| move |i: &mut Interface| flags(&mut i.addresses[1].flags);
    let wait = "duplicate address detection runs: wait a second or two";
    check("no-link-local", &[wait], flagged(|flags| flags.tentative = true));
    check(
        "no-link-local",
        &[
            "another node of the link claims it; take one without asking:",
            "$ ip address add fe80::2/64 dev vm1 nodad",
        ],
        flagged(|flags| (flags.tentative, flags.dadfailed) = (true, true)),
    );
    check("no-link-local", &["duplicate address detection goes on when the link has a carrier"], |i| {
        (i.addresses[1].flags.tentative, i.flags.carrier) = (true, false);
    });
    check("no-link-local", &["$ ip address add fe80::1/64 dev vm1"], |i| i.addresses.truncate(1));
    check("no-link-local", &["it comes when a program opens the tap: start the guest"], |i| {
        i.addresses.truncate(1);
        (i.tun, i.flags.carrier) = (true, false);
    });
    check("no-link-local", &["it comes with the carrier: start what is at the other end"], |i| {
        i.addresses.truncate(1);
        i.flags.carrier = false;
    });
    check("no-link-local", &["the kernel makes one when the interface is up, with IPv6 enabled"], |i| {
        i.addresses.truncate(1);
        i.flags.up = false;
    });
}

#[test]
fn what_helps_to_a_prefix_depends_on_what_is_there() {
    let like = "give it an address of a /64 that is routed to this host, like";
    let add = "$ ip address add 2001:db8:0:7::1/64 dev vm1";
    check("no-prefix", &[like, add], |i| _ = i.addresses.remove(0));
    check("no-prefix", &[like, add], |i| i.addresses[0].prefix_len = 48);
    check("no-prefix", &["duplicate address detection runs: wait until it is over"], |i| {
        i.addresses[0].flags.tentative = true;
    });
    check(
        "no-prefix",
        &["$ ip address change 2001:db8:1::1/64 dev vm1 valid_lft forever preferred_lft forever"],
        |i| i.addresses[0].flags.deprecated = true,
    );
}

#[test]
fn what_does_not_count_is_mentioned() {
    for (reason, found, change) in [
        (None, "2001:db8:1::/64; does not count: 2001:db8:9::1/48 (not a /64)", 48),
        (Some("several-prefixes"), "2001:db8:1::/64, 2001:db8:9::/64", 64),
    ] {
        let explanation = explained(|i| i.addresses.push(address("2001:db8:9::1", change)), PLAIN);
        assert_eq!(explanation.failures().next().map(|failure| failure.problem.name()), reason);
        assert_eq!(explanation.checks.last().unwrap().found, found);
    }
    let explanation = explained(|i| i.addresses[1].flags.dadfailed = true, PLAIN);
    assert_eq!(explanation.checks[6].found, "fe80::1 (a duplicate: dadfailed)");
}

#[test]
fn without_a_carrier_it_pauses_and_is_served_all_the_same() {
    let found = explained(|i| i.flags.carrier = false, PLAIN);
    assert!(matches!(found.conclusion, Conclusion::Paused(_)) && found.is_served(), "{found:?}");
}

#[test]
fn the_name_is_tested_where_there_is_something_to_test_it_with() {
    let policy = |pattern| Policy { pattern: Regex::new(pattern).unwrap() };
    for (pattern, expected) in [("^vm[0-9]+$", true), ("^tap[0-9]+$", false)] {
        let policy = policy(pattern);
        let found = explained(|_| (), Evidence { policy: Some(&policy), ..PLAIN });
        assert_eq!(found.is_served(), expected, "{pattern}");
        assert_eq!(found.conclusion == Conclusion::NoMatch, !expected);
        assert_eq!(found.checks[0].name, "name");
        // The same as the daemon would decide.
        assert_eq!(decide(&policy, &fit(), None) == Verdict::Ignore, !expected);
    }
}

#[test]
fn warnings_come_with_what_helps_and_stop_nothing() {
    let check = |expected: &[(&str, &[&str])], found: &Explanation| {
        assert!(found.is_served(), "{found:?}");
        let told: Vec<_> = found.warnings.iter().map(|w| (w.problem.name(), lines(&w.remedies))).collect();
        let expected: Vec<_> =
            expected.iter().map(|(n, l)| (*n, l.iter().map(ToString::to_string).collect())).collect();
        assert_eq!(told, expected);
    };
    let off = Host { forwarding: false, ..HOST };
    let hole: (&str, &[&str]) = (
        "host-forwarding-off",
        &[
            "$ sysctl -w net.ipv6.conf.all.forwarding=1",
            "this host's other interfaces then forward, too, and take no more routes from RAs by default",
        ],
    );
    check(&[hole], &explained(|_| (), Evidence { host: &off, ..PLAIN }));
    let forced = |i: &mut Interface| i.ipv6.as_mut().unwrap().force_forwarding = true;
    check(&[], &explained(forced, Evidence { host: &off, ..PLAIN }));
    let no_route: (&str, &[&str]) = ("no-connected-route", &["$ ip address change 2001:db8:1::1/64 dev vm1"]);
    check(&[no_route], &explained(|i| i.addresses[0].flags.noprefixroute = true, PLAIN));
    let small: (&str, &[&str]) = (
        "neighbour-table-small",
        &[
            "$ sysctl -w net.ipv6.neigh.default.gc_thresh3=4100",
            "one for the whole machine; or use --send packet, which needs no neighbour",
        ],
    );
    check(&[], &explained(|_| (), Evidence { served_raw: Some(1024), ..PLAIN }));
    check(&[small], &explained(|_| (), Evidence { served_raw: Some(1025), ..PLAIN }));
}

#[test]
fn a_running_daemon_adds_what_only_it_knows() {
    let calm = FromDaemon { matches: true, ..FromDaemon::default() };
    let found = explained(|_| (), Evidence { daemon: Some(&calm), ..PLAIN });
    assert!(found.is_served() && found.is_live && found.warnings.is_empty());

    for (failure, expected) in [
        (MapFailure::Full, ["filter-full", "start the daemon with a larger --max-interfaces"]),
        (
            MapFailure::Error { errno: 1 },
            [
                "filter-error",
                "the daemon tries again at each resync; if it stays, look for what forbids it bpf(2)",
            ],
        ),
    ] {
        let without_entry = FromDaemon { map_failure: Some(failure), ..calm.clone() };
        let found = explained(|_| (), Evidence { daemon: Some(&without_entry), ..PLAIN });
        assert_eq!(found.conclusion, Conclusion::NotServed);
        let told: Vec<_> = found
            .failures()
            .flat_map(|one| [vec![one.problem.name().to_owned()], lines(&one.remedies)].concat())
            .collect();
        assert_eq!(told, expected);
    }

    let router = ("fe80::bad".parse().unwrap(), Duration::from_secs(9));
    let crowded = FromDaemon { other_router: Some(router), ..calm.clone() };
    let found = explained(|_| (), Evidence { daemon: Some(&crowded), ..PLAIN });
    assert_eq!(found.warnings[0].problem.name(), "other-router");
    assert!(found.is_served());

    // Its word on the name counts for more than what the command was told.
    let policy = Policy { pattern: Regex::new("^vm1$").unwrap() };
    let deaf = FromDaemon { matches: false, ..calm };
    let found = explained(|_| (), Evidence { policy: Some(&policy), daemon: Some(&deaf), ..PLAIN });
    assert_eq!(found.conclusion, Conclusion::NoMatch);
}
