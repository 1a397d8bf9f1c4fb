use std::time::Duration;

use regex::Regex;

use super::*;
use crate::{
    addr::{IfIndex, LinkLocal, Prefix64},
    engine::{
        eligibility::{AddressPolicy, InUse, OtherDaemon, Policy, Reason, SeveralPrefixes, Verdict, WaitsFor, decide},
        fleet::ServiceState,
        interface::{self, AddressFlags, Host, Master, address},
    },
};

const HOST: Host = Host { forwarding: true, neighbour_limit: Some(1024) };

const NO_ROUTES: Routes = Routes::NONE;

const PLAIN: Evidence<'_> =
    Evidence { policy: None, host: &HOST, master: None, served_raw: None, routes: &NO_ROUTES, daemon: None };

/// Returns an interface that passes every test: the control of each row below.
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

/// Checks that the changed interface fails a test for `reason`, and that its remedies are the lines
/// `expected`.
#[track_caller]
fn check(reason: &str, expected: &[&str], change: impl FnOnce(&mut Interface)) {
    let found = explained(change, Evidence { master: Some("br0"), ..PLAIN });
    assert_eq!(found.conclusion, Conclusion::NotServed);
    let failure = found.failures().find(|failure| failure.problem.name() == reason).expect(reason);
    assert_eq!(lines(&failure.remedies), expected, "{reason}");
}

#[test]
fn a_served_interface_shows_the_value_of_each_test() {
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
fn a_test_shows_the_value_that_it_found() {
    let forwarding: fn(&mut Interface) = |i| i.ipv6.as_mut().unwrap().forwarding = false;
    let disabled: fn(&mut Interface) = |i| i.ipv6.as_mut().unwrap().disabled = true;
    let tentative: fn(&mut Interface) = |i| i.addresses[1].flags.tentative = true;
    let further: fn(&mut Interface) = |i| i.addresses.push(address("fe80::2", 64));
    for (name, expected, change) in [
        ("forwarding", "off", forwarding),
        ("ipv6", "disabled (disable_ipv6 is 1)", disabled),
        ("link-local", "fe80::1 (tentative)", tentative),
        ("link-local", "fe80::1, fe80::2 (usable, not needed)", further),
    ] {
        let found = explained(change, PLAIN);
        assert_eq!(found.checks.iter().find(|check| check.name == name).unwrap().found, expected);
    }
}

#[test]
fn every_reason_has_a_remedy() {
    check("ipv6-disabled", &["$ sysctl -w net.ipv6.conf.vm1.disable_ipv6=0"], |i| {
        i.ipv6.as_mut().unwrap().disabled = true;
    });
    check(
        "ipv6-disabled",
        &[
            "$ ip link set dev vm1 mtu 1500",
            "the kernel then enables IPv6 there with its default settings and without the addresses it had",
        ],
        |i| (i.mtu, i.ipv6) = (1200, None),
    );
    check("ipv6-disabled", &["$ sysctl -w net.ipv6.conf.vm1.disable_ipv6=0"], |i| (i.mtu, i.ipv6) = (1280, None));
    check("down", &["$ ip link set dev vm1 up"], |i| i.flags.up = false);
    check("down", &[], |i| (i.flags.up, i.flags.loopback) = (false, true));
    check(
        "no-multicast",
        &[
            "$ ip link set dev vm1 multicast on",
            "the kernel takes solicitations there once forwarding begins after that, so let it begin again:",
            "$ sysctl -w net.ipv6.conf.vm1.forwarding=0",
            "$ sysctl -w net.ipv6.conf.vm1.forwarding=1",
        ],
        |i| i.flags.multicast = false,
    );
    check("loopback", &["no guest is behind it: serve another interface"], |i| i.flags.loopback = true);
    check("enslaved", &["serve br0 instead, or detach it:", "$ ip link set dev vm1 nomaster"], |i| {
        let index = IfIndex::new(3).unwrap();
        i.master = Some(Master { index, kind: Some("bridge".to_owned()) }.into());
    });
    check("forwarding-off", &["$ sysctl -w net.ipv6.conf.vm1.forwarding=1"], |i| {
        i.ipv6.as_mut().unwrap().forwarding = false;
    });
    check(
        "several-prefixes",
        &[
            "keep one prefix and remove the others, or park them (ip address change, preferred_lft 0); to keep \
             2001:db8:1::/64:",
            "$ ip address delete 2001:db8:2::1/64 dev vm1",
            "$ ip address delete 2001:db8:2::2/64 dev vm1",
        ],
        |i| i.addresses.extend([address("2001:db8:2::1", 64), address("2001:db8:2::2", 64)]),
    );
}

#[test]
fn the_remedy_against_no_link_local_depends_on_its_cause() {
    let flagged = |flags: fn(&mut AddressFlags)| move |i: &mut Interface| flags(&mut i.addresses[1].flags);
    let wait = "duplicate address detection runs: wait a second or two";
    check("no-link-local", &[wait], flagged(|flags| flags.tentative = true));
    check(
        "no-link-local",
        &[
            "another node on the link uses it; add one without duplicate address detection:",
            "$ ip address add fe80::2/64 dev vm1 nodad",
        ],
        flagged(|flags| (flags.tentative, flags.dadfailed) = (true, true)),
    );
    check("no-link-local", &["duplicate address detection continues when the link has a carrier"], |i| {
        (i.addresses[1].flags.tentative, i.flags.carrier) = (true, false);
    });
    check("no-link-local", &["$ ip address add fe80::1/64 dev vm1"], |i| i.addresses.truncate(1));
    check("no-link-local", &["the kernel adds one when a program opens the tap: start the guest"], |i| {
        i.addresses.truncate(1);
        (i.tun, i.flags.carrier) = (true, false);
    });
    check("no-link-local", &["the kernel adds one when the link has a carrier: start the other end"], |i| {
        i.addresses.truncate(1);
        i.flags.carrier = false;
    });
    check("no-link-local", &["the kernel adds one when the interface is up and IPv6 is enabled"], |i| {
        i.addresses.truncate(1);
        i.flags.up = false;
    });
}

#[test]
fn the_remedy_against_no_prefix_depends_on_the_addresses() {
    // No command: an example that can be pasted would be taken for an answer.
    let own = "give it an address of a /64 that is routed to this host: ip address add <your-prefix>::1/64 dev vm1";
    check("no-prefix", &[own], |i| _ = i.addresses.remove(0));
    check("no-prefix", &[own], |i| i.addresses[0].prefix_len = 48);
    let routed = Routes { routed: vec![Prefix64::containing("2001:db8:2::".parse().unwrap())], ..NO_ROUTES };
    let found = explained(|i| _ = i.addresses.remove(0), Evidence { routes: &routed, ..PLAIN });
    assert_eq!(
        lines(&found.failures().next().unwrap().remedies),
        [
            "2001:db8:2::/64 is routed to it; a route alone does not say that guests are to form addresses there, an \
             address of the interface does:",
            "$ ip address add 2001:db8:2::1/64 dev vm1",
        ]
    );
    check("no-prefix", &["duplicate address detection runs: wait a second or two"], |i| {
        i.addresses[0].flags.tentative = true;
    });
}

fn prefix(text: &str) -> Prefix64 {
    Prefix64::containing(text.parse().unwrap())
}

/// The one that guests were told last, with an address that is free.
#[test]
fn the_prefix_that_guests_hold_is_the_one_to_add() {
    let [a, b, c] = ["2001:db8:a::", "2001:db8:b::", "2001:db8:c::"].map(prefix);
    let routed = Routes { routed: vec![prefix("2001:db8:d::")], ..NO_ROUTES };
    let no_address = |i: &mut Interface| _ = i.addresses.remove(0);
    let taken = |i: &mut Interface| i.addresses[0] = address("2001:db8:b::1", 48);
    for (advertised, retired, change, expected) in [
        (Some(b), vec![a], &no_address as &dyn Fn(&mut Interface), "2001:db8:b::1"),
        (None, vec![a, c], &no_address, "2001:db8:c::1"),
        (Some(b), vec![], &taken, "2001:db8:b::2"),
        (None, vec![], &no_address, "2001:db8:d::1"),
    ] {
        let state = Some(ServiceState::NotServed);
        let daemon = FromDaemon { matches: true, state, advertised, retired, ..FromDaemon::default() };
        let found = explained(change, Evidence { daemon: Some(&daemon), routes: &routed, ..PLAIN });
        let remedies = lines(&found.failures().find(|one| one.problem.name() == "no-prefix").unwrap().remedies);
        assert_eq!(remedies[1], format!("$ ip address add {expected}/64 dev vm1"));
        assert_eq!(remedies[0].starts_with("its guests have "), expected != "2001:db8:d::1", "{remedies:?}");
    }
}

/// Detection on a link that is down has not begun.
#[test]
fn detection_waits_for_the_link() {
    for (up, carrier, expected) in [
        (false, false, "duplicate address detection begins when the interface is up"),
        (true, false, "duplicate address detection continues when the link has a carrier"),
        (true, true, "duplicate address detection runs: wait a second or two"),
    ] {
        let found = explained(
            |i| {
                (i.flags.up, i.flags.carrier) = (up, carrier);
                i.addresses.iter_mut().for_each(|address| address.flags.tentative = true);
            },
            PLAIN,
        );
        let of =
            |name| found.failures().find(|one| one.problem.name() == name).map(|one| lines(&one.remedies)).unwrap();
        assert_eq!([of("no-link-local"), of("no-prefix")], [[expected], [expected]]);
    }
}

/// The /64 in use stays while detection runs on its address.
#[test]
fn a_tentative_address_that_counts_is_not_listed_as_one_that_does_not() {
    let (state, advertised) = (Some(ServiceState::NotServed), Some(prefix("2001:db8:1::")));
    let known = FromDaemon { state, advertised, in_use: InUse::default(), ..calm() };
    let shown = |daemon| {
        let found = explained(|i| i.addresses[0].flags.tentative = true, Evidence { daemon, ..PLAIN });
        found.checks.iter().find(|check| check.name == "one /64").unwrap().found.clone()
    };
    assert_eq!(shown(Some(&known)), "2001:db8:1::/64");
    assert_eq!(shown(None), "none; does not count: 2001:db8:1::1/64 (tentative)", "the control");
}

#[test]
fn an_address_that_does_not_count_is_shown() {
    for (reason, found, change) in [
        (None, "2001:db8:1::/64; does not count: 2001:db8:9::1/48 (not a /64)", 48),
        (Some("several-prefixes"), "2001:db8:1::/64, 2001:db8:9::/64", 64),
    ] {
        let explanation = explained(|i| i.addresses.push(address("2001:db8:9::1", change)), PLAIN);
        assert_eq!(explanation.failures().next().map(|failure| failure.problem.name()), reason);
        assert_eq!(explanation.checks.last().unwrap().found, found);
    }
    let parked = |i: &mut Interface| {
        i.addresses.push(address("2001:db8:9::1", 64));
        i.addresses[2].flags.deprecated = true;
    };
    let explanation = explained(parked, PLAIN);
    assert!(explanation.is_served());
    let shown = "2001:db8:1::/64; does not count: 2001:db8:9::1/64 (deprecated)";
    assert_eq!(explanation.checks.last().unwrap().found, shown);
    let explanation = explained(|i| i.addresses[1].flags.dadfailed = true, PLAIN);
    assert_eq!(explanation.checks[6].found, "fe80::1 (a duplicate: dadfailed)");
}

#[test]
fn an_interface_without_carrier_is_paused_and_counts_as_served() {
    let found = explained(|i| i.flags.carrier = false, PLAIN);
    assert!(matches!(found.conclusion, Conclusion::Paused(_)) && found.is_served(), "{found:?}");
}

/// Detection on the source in use pauses it, as the lost carrier does.
#[test]
fn an_interface_whose_source_is_probed_is_paused() {
    for (tentative, until) in [(true, Some("duplicate address detection on its source is over")), (false, None)] {
        let state = Some(if tentative { ServiceState::Paused } else { ServiceState::Serving });
        let daemon = FromDaemon { state, ..calm() };
        let found =
            explained(|i| i.addresses[1].flags.tentative = tentative, Evidence { daemon: Some(&daemon), ..PLAIN });
        assert!(found.is_served() && found.is_live, "{found:?}");
        assert_eq!(found.service().and_then(Service::waits_for).map(WaitsFor::condition), until);
        assert_eq!(matches!(found.conclusion, Conclusion::Paused(_)), tentative);
    }
}

/// A /64 that is parked is in no one's way.
#[test]
fn a_parked_prefix_is_not_to_be_deleted() {
    let forever = "keep one prefix and remove the others, or park them (ip address change, preferred_lft 0); to \
                   keep 2001:db8:1::/64:";
    check("several-prefixes", &[forever, "$ ip address delete 2001:db8:2::1/64 dev vm1"], |i| {
        i.addresses.extend([address("2001:db8:2::1", 64), address("2001:db8:3::1", 64)]);
        i.addresses[3].flags.deprecated = true;
    });
}

#[test]
fn the_remedy_against_a_required_source_depends_on_its_cause() {
    let addresses = AddressPolicy { source: LinkLocal::new("fe80::1".parse().unwrap()), ..AddressPolicy::default() };
    let daemon = FromDaemon { matches: true, state: Some(ServiceState::NotServed), addresses, ..FromDaemon::default() };
    let remedies = |change: &dyn Fn(&mut Interface)| {
        let found = explained(change, Evidence { daemon: Some(&daemon), ..PLAIN });
        found.failures().find(|one| one.problem.name() == "no-link-local").map(|one| lines(&one.remedies)).unwrap()
    };
    let add = "$ ip address add fe80::1/64 dev vm1".to_owned();
    assert_eq!(remedies(&|i| _ = i.addresses.remove(1)), [add.as_str()]);
    let wait = remedies(&|i| i.addresses[1].flags.tentative = true);
    assert_eq!(wait, ["duplicate address detection runs: wait a second or two"]);
    let again = remedies(&|i| (i.addresses[1].flags.tentative, i.addresses[1].flags.dadfailed) = (true, true));
    assert_eq!(again[1..], ["$ ip address delete fe80::1/64 dev vm1".to_owned(), format!("{add} nodad")]);
}

#[test]
fn the_name_is_tested_if_there_is_a_regular_expression() {
    let policy = |pattern| Policy { pattern: Regex::new(pattern).unwrap(), addresses: AddressPolicy::default() };
    for (pattern, expected) in [("^vm[0-9]+$", true), ("^tap[0-9]+$", false)] {
        let policy = policy(pattern);
        let found = explained(|_| (), Evidence { policy: Some(&policy), ..PLAIN });
        assert_eq!(found.is_served(), expected, "{pattern}");
        assert_eq!(found.conclusion == Conclusion::NoMatch, !expected);
        assert_eq!(found.checks[0].name, "name");
        // The daemon decides the same.
        assert_eq!(decide(&policy, &fit(), InUse::default()) == Verdict::Ignore, !expected);
    }
}

#[test]
fn warnings_have_remedies_and_do_not_prevent_serving() {
    let check = |expected: &[(&str, &[&str])], found: &Explanation| {
        assert!(found.is_served(), "{found:?}");
        let warnings: Vec<_> = found.warnings.iter().map(|w| (w.problem.name(), lines(&w.remedies))).collect();
        let expected: Vec<_> =
            expected.iter().map(|(n, l)| (*n, l.iter().map(ToString::to_string).collect())).collect();
        assert_eq!(warnings, expected);
    };
    let off = Host { forwarding: false, ..HOST };
    let hole: (&str, &[&str]) = (
        "host-forwarding-off",
        &[
            "where an uplink of this host is configured by RAs, set its accept_ra to 2 first, or the host loses its \
             default route; then:",
            "$ sysctl -w net.ipv6.conf.all.forwarding=1",
            "all interfaces of this host then forward, until the next boot: a file in /etc/sysctl.d keeps such \
             settings",
        ],
    );
    check(&[hole], &explained(|_| (), Evidence { host: &off, ..PLAIN }));
    let forced = |i: &mut Interface| i.ipv6.as_mut().unwrap().force_forwarding = true;
    check(&[], &explained(forced, Evidence { host: &off, ..PLAIN }));
    let no_route: (&str, &[&str]) = ("no-connected-route", &["$ ip address change 2001:db8:1::1/64 dev vm1"]);
    let no_prefix_route = |i: &mut Interface| i.addresses[0].flags.noprefixroute = true;
    check(&[no_route], &explained(no_prefix_route, PLAIN));
    let managed = Routes { lead_to_prefix: true, ..NO_ROUTES };
    check(&[], &explained(no_prefix_route, Evidence { routes: &managed, ..PLAIN }));
    let same: (&str, &[&str]) = ("same-prefix", &["give each interface an address of a /64 of its own"]);
    let shared = Routes { same_prefix_on: Some("vm2".to_owned()), ..NO_ROUTES };
    check(&[same], &explained(|_| (), Evidence { routes: &shared, ..PLAIN }));
    let small: (&str, &[&str]) = (
        "neighbour-table-small",
        &[
            "$ sysctl -w net.ipv6.neigh.default.gc_thresh3=4100",
            "the limit is for the whole machine, and lasts until the next boot unless a file in /etc/sysctl.d has it; \
             or start the daemon with --send packet, which needs no entries",
        ],
    );
    check(&[], &explained(|_| (), Evidence { served_raw: Some(1024), ..PLAIN }));
    check(&[small], &explained(|_| (), Evidence { served_raw: Some(1025), ..PLAIN }));
}

/// A temporary address makes no /64, and another /64 needs no change.
#[test]
fn a_command_about_a_prefix_names_an_address_that_makes_it() {
    let temporary = |text| {
        let mut temporary = address(text, 64);
        temporary.flags.temporary = true;
        temporary
    };
    let remedies = |change: &dyn Fn(&mut Interface), daemon| {
        let found = explained(change, Evidence { daemon, ..PLAIN });
        let [warning] = &found.warnings[..] else { panic!("{found:?}") };
        (warning.problem.name(), lines(&warning.remedies))
    };
    let no_route = |i: &mut Interface| {
        i.addresses[0].flags.noprefixroute = true;
        i.addresses.insert(0, temporary("2001:db8:1::9"));
    };
    let expected = vec!["$ ip address change 2001:db8:1::1/64 dev vm1".to_owned()];
    assert_eq!(remedies(&no_route, None), ("no-connected-route", expected));
    let another = |i: &mut Interface| i.addresses.extend([temporary("2001:db8:2::9"), address("2001:db8:2::1", 64)]);
    let expected = vec!["$ ip address change 2001:db8:2::1/64 dev vm1 preferred_lft 0".to_owned()];
    let addresses = AddressPolicy { several_prefixes: SeveralPrefixes::Keep, ..AddressPolicy::default() };
    let keeps = FromDaemon { addresses, ..calm() };
    assert_eq!(remedies(&another, Some(&keeps)), ("another-prefix", expected));
}

/// The command alone would cost the host its own default route.
#[test]
fn an_uplink_that_would_lose_its_route_is_named_before_the_command() {
    let uplinks = Routes { uplinks_by_ra: vec!["eth0.7".to_owned(), "eth1".to_owned()], ..NO_ROUTES };
    let off = Host { forwarding: false, ..HOST };
    let found =
        explained(|i| i.ipv6.as_mut().unwrap().forwarding = false, Evidence { host: &off, routes: &uplinks, ..PLAIN });
    let failure = lines(&found.failures().next().unwrap().remedies);
    assert!(failure[0].contains("a default route from RAs (eth0.7, eth1)"), "{failure:?}");
    let accept =
        ["$ sysctl -w net/ipv6/conf/eth0.7/accept_ra=2", "$ sysctl -w net.ipv6.conf.eth1.accept_ra=2", "then:"];
    assert_eq!(failure[1..4], accept);
    assert_eq!(failure[4], "$ sysctl -w net.ipv6.conf.all.forwarding=1");
    let [hole] = &found.warnings[..] else { panic!("{:?}", found.warnings) };
    let once = vec!["what to do about forwarding-off ends this, too".to_owned()];
    assert_eq!((hole.problem.name(), lines(&hole.remedies)), ("host-forwarding-off", once));
}

/// While the host does not forward, the interface's own setting would have guests' packets dropped.
#[test]
fn forwarding_of_one_interface_is_proposed_where_it_is_enough() {
    let commands = |host: bool, force: bool| {
        let host = Host { forwarding: host, ..HOST };
        let off = |i: &mut Interface| {
            let ipv6 = i.ipv6.as_mut().unwrap();
            (ipv6.forwarding, ipv6.force_forwarding) = (false, force);
        };
        let found = explained(off, Evidence { host: &host, ..PLAIN });
        let lines = lines(&found.failures().next().unwrap().remedies);
        lines.into_iter().filter(|line| line.starts_with('$')).collect::<Vec<_>>()
    };
    let [own, all] = ["vm1", "all"].map(|name| vec![format!("$ sysctl -w net.ipv6.conf.{name}.forwarding=1")]);
    assert_eq!([commands(true, false), commands(false, true)], [own.clone(), own]);
    assert_eq!(commands(false, false), all);
}

#[test]
fn the_daemon_that_serves_it_is_to_be_asked() {
    let other = |pid| OtherDaemon { directory: "/run/autora-b".to_owned(), pid };
    let remedies = |other| {
        let served_by_another = Some(Reason::ServedByAnother(other));
        let state = Some(ServiceState::NotServed);
        let daemon = FromDaemon { matches: true, state, served_by_another, ..FromDaemon::default() };
        let found = explained(|_| (), Evidence { daemon: Some(&daemon), ..PLAIN });
        lines(&found.failures().next().unwrap().remedies)
    };
    let [about, ask, take_over] = &remedies(Some(other(Some(7))))[..] else { panic!("three lines") };
    assert_eq!(ask, "$ autora status --socket /run/autora-b/control.sock vm1");
    assert!(about.contains("the guest gets its RAs from that one") && take_over.contains("up to 35 s"), "{take_over}");
    // One that is gone answers nothing.
    for other in [Some(other(None)), None] {
        let [advice] = &remedies(other)[..] else { panic!("one line") };
        assert!(advice.ends_with("run this again"), "{advice}");
    }
}

/// What is not to be served has no routes to guests, and needs none.
#[test]
fn a_name_that_does_not_match_has_no_warnings() {
    let off = Host { forwarding: false, ..HOST };
    let routes = Routes { default_by_ra: true, ..NO_ROUTES };
    let policy = |pattern| Policy { pattern: Regex::new(pattern).unwrap(), addresses: AddressPolicy::default() };
    for (pattern, expected) in [("^eth", 0), ("^vm", 2)] {
        let policy = policy(pattern);
        let found = explained(|_| (), Evidence { policy: Some(&policy), host: &off, routes: &routes, ..PLAIN });
        assert_eq!(found.warnings.len(), expected, "{:?}", found.warnings);
    }
}

/// The uplink has to take RAs: advice that stops it would cut the host off.
#[test]
fn an_interface_that_takes_ras_is_warned_about_where_it_is_to_be_served() {
    let accepts = |i: &mut Interface| i.ipv6.as_mut().unwrap().accepts_ra = true;
    let accepts_without_prefix = |i: &mut Interface| {
        accepts(i);
        i.addresses.remove(0);
    };
    let named = |found: &Explanation| found.warnings.iter().map(|one| one.problem.name()).collect::<Vec<_>>();
    let policy = |pattern| Policy { pattern: Regex::new(pattern).unwrap(), addresses: AddressPolicy::default() };
    let (matches, does_not) = (policy("^vm1$"), policy("^tap$"));
    for (what, policy, change, expected) in [
        ("served, no name tested", None, &accepts as &dyn Fn(&mut Interface), true),
        ("served", Some(&matches), &accepts, true),
        ("matches, not served", Some(&matches), &accepts_without_prefix, true),
        ("not served, no name tested", None, &accepts_without_prefix, false),
        ("does not match", Some(&does_not), &accepts, false),
        ("the control", Some(&matches), &|_: &mut Interface| (), false),
    ] {
        let found = explained(change, Evidence { policy, ..PLAIN });
        assert_eq!(named(&found), if expected { vec!["accepts-ra"] } else { vec![] }, "{what}");
    }
    let found = explained(accepts, PLAIN);
    assert_eq!(lines(&found.warnings[0].remedies), ["$ sysctl -w net.ipv6.conf.vm1.accept_ra=0"]);
    let by_ra = Routes { default_by_ra: true, ..NO_ROUTES };
    let with_route = Evidence { routes: &by_ra, ..PLAIN };
    let found = explained(|_| (), with_route);
    assert!(found.is_served(), "a guest must not be able to silence its host");
    assert_eq!(named(&found), ["default-route-by-ra"]);
    assert_eq!(
        lines(&found.warnings[0].remedies)[1..],
        ["$ sysctl -w net.ipv6.conf.vm1.accept_ra=0", "$ ip -6 route delete default dev vm1 proto ra"]
    );
    assert_eq!(named(&explained(|i| i.flags.up = false, with_route)), [""; 0], "not served");
}

/// Returns what a daemon says that serves `fit()`.
fn calm() -> FromDaemon {
    let service = *explained(|_| (), PLAIN).service().unwrap();
    let in_use = InUse { source: Some(service.source), prefix: Some(service.prefix) };
    FromDaemon { matches: true, state: Some(ServiceState::Serving), in_use, ..FromDaemon::default() }
}

/// A passed check reads as passed.
#[test]
fn the_checks_of_the_daemon_are_in_plain_words() {
    let refused = FromDaemon { reasons: vec!["down".to_owned()], state: Some(ServiceState::NotServed), ..calm() };
    let full = FromDaemon { map_failure: Some(MapFailure::Full), ..refused.clone() };
    let down = |i: &mut Interface| i.flags.up = false;
    let none = |_: &mut Interface| ();
    let room = Some("has room (--max-interfaces)");
    for (change, daemon, map, said) in [
        (&none as &dyn Fn(&mut Interface), calm(), room, "agrees: serves it from fe80::1 with 2001:db8:1::/64"),
        (&down, refused.clone(), None, "agrees: does not serve it (down)"),
        (&none, full, Some("full (--max-interfaces)"), "agrees: does not serve it (down)"),
        (&none, refused, None, "does not serve it (down)"),
        (&none, FromDaemon { state: None, ..calm() }, None, "does not know it"),
    ] {
        let found = explained(change, Evidence { daemon: Some(&daemon), ..PLAIN });
        let of = |name| found.checks.iter().find(|check| check.name == name);
        assert_eq!(of("filter map").map(|check| check.found.as_str()), map);
        let daemon = of("daemon").unwrap();
        assert_eq!((daemon.found.as_str(), daemon.failure.is_none()), (said, said.starts_with("agrees")));
    }
}

/// Where it does not serve, what is due is a final RA.
#[test]
fn the_daemon_tells_what_left_last_and_what_leaves_next() {
    let (ago, after) = (Duration::from_secs(1), Duration::from_secs(12));
    for (state, is_final) in [(ServiceState::Serving, false), (ServiceState::NotServed, true)] {
        let last_ra = Some((RaKind::Final, ago));
        let daemon = FromDaemon { state: Some(state), last_ra, next_ra_in: Some(after), ..calm() };
        let found = explained(|_| (), Evidence { daemon: Some(&daemon), ..PLAIN });
        assert_eq!((found.last_ra, found.next_ra), (last_ra, Some(DueRa { due_in: after, is_final })));
    }
}

/// "Is served" rests on the daemon's word, not on that a daemon answers.
#[test]
fn a_daemon_that_says_something_else_is_believed() {
    let other = InUse { prefix: Some("2001:db8:2::".parse().map(Prefix64::containing).unwrap()), ..calm().in_use };
    let unfit = |i: &mut Interface| i.flags.multicast = false;
    let none = |_: &mut Interface| ();
    let in_state = |state| FromDaemon { state: Some(state), ..calm() };
    let refuses = FromDaemon { reasons: vec!["no-prefix".to_owned()], ..in_state(ServiceState::NotServed) };
    let silent = |i: &mut Interface| i.flags.carrier = false;
    for (what, change, daemon, is_live, expected) in [
        ("the control", &none as &dyn Fn(&mut Interface), calm(), true, vec![]),
        ("not known", &none, FromDaemon { state: None, ..calm() }, false, vec!["unknown-to-daemon"]),
        ("not served", &none, refuses.clone(), false, vec!["daemon-disagrees"]),
        ("another prefix", &none, FromDaemon { in_use: other, ..calm() }, false, vec!["daemon-disagrees"]),
        ("about to stop", &none, in_state(ServiceState::Ceasing), false, vec!["daemon-disagrees"]),
        ("paused", &none, in_state(ServiceState::Paused), false, vec!["daemon-disagrees"]),
        ("both paused", &silent, in_state(ServiceState::Paused), true, vec![]),
        ("both not", &unfit, refuses, true, vec!["no-multicast"]),
        (
            "not here, and not known",
            &unfit,
            FromDaemon { state: None, ..calm() },
            false,
            vec!["no-multicast", "unknown-to-daemon"],
        ),
        ("served by it alone", &unfit, calm(), false, vec!["no-multicast", "daemon-disagrees"]),
        ("another name", &none, FromDaemon { matches: false, ..FromDaemon::default() }, true, vec!["no-match"]),
    ] {
        let found = explained(change, Evidence { daemon: Some(&daemon), ..PLAIN });
        let failures: Vec<_> = found.failures().map(|failure| failure.problem.name()).collect();
        assert_eq!((found.is_live, found.is_served(), failures), (is_live, expected.is_empty(), expected), "{what}");
        assert_eq!(found.is_ceasing, what == "about to stop", "{what}");
        let by_daemon_alone = found.failures().all(|failure| failure.problem.name().contains("daemon"));
        let is_doubtful = matches!(found.conclusion, Conclusion::Doubtful(_));
        assert_eq!(is_doubtful, !is_live && by_daemon_alone, "{what}");
    }
}

#[test]
fn a_running_daemon_adds_what_only_it_knows() {
    let calm = calm();
    let found = explained(|_| (), Evidence { daemon: Some(&calm), ..PLAIN });
    assert!(found.is_served() && found.is_live && found.warnings.is_empty() && !found.fails_to_send());

    for (failure, expected) in [
        (MapFailure::Full, ["filter-full", "start the daemon with a larger --max-interfaces"]),
        (
            MapFailure::Error { errno: 1 },
            ["filter-error", "the daemon tries again at each resync; if the error stays, check what denies it bpf(2)"],
        ),
    ] {
        let state = Some(ServiceState::NotServed);
        let without_entry = FromDaemon { map_failure: Some(failure), state, ..calm.clone() };
        let found = explained(|_| (), Evidence { daemon: Some(&without_entry), ..PLAIN });
        assert_eq!(found.conclusion, Conclusion::NotServed);
        let failures: Vec<_> = found
            .failures()
            .flat_map(|one| [vec![one.problem.name().to_owned()], lines(&one.remedies)].concat())
            .collect();
        assert_eq!(failures, expected);
    }

    let router = ("fe80::bad".parse().unwrap(), Duration::from_secs(9));
    let crowded = FromDaemon { other_router: Some(router), ..calm.clone() };
    let found = explained(|_| (), Evidence { daemon: Some(&crowded), ..PLAIN });
    assert_eq!(found.warnings[0].problem.name(), "other-router");
    assert!(found.is_served());

    for (last_sent_ago, expected) in [
        (Some(Duration::from_secs(9)), "the last RA did not leave: queue full; the one before it was sent 9 s ago"),
        (None, "no RA has left yet: queue full"),
    ] {
        let last_ra = last_sent_ago.map(|ago| (RaKind::Usual, ago));
        let stuck = FromDaemon { send_error: Some("queue full".to_owned()), last_ra, ..calm.clone() };
        let found = explained(|_| (), Evidence { daemon: Some(&stuck), ..PLAIN });
        assert!(found.is_served() && found.fails_to_send());
        let [warning] = &found.warnings[..] else { panic!("{found:?}") };
        assert_eq!((warning.problem.name(), warning.problem.to_string().as_str()), ("ra-not-sent", expected));
        assert_eq!(lines(&warning.remedies)[1..], ["$ tc -s qdisc show dev vm1"]);
    }

    // The daemon's regular expression takes precedence over the command's.
    let policy = Policy { pattern: Regex::new("^vm1$").unwrap(), addresses: AddressPolicy::default() };
    let other = FromDaemon { matches: false, ..calm };
    let found = explained(|_| (), Evidence { policy: Some(&policy), daemon: Some(&other), ..PLAIN });
    assert_eq!(found.conclusion, Conclusion::NoMatch);
}

#[test]
fn a_link_without_ipv6_shows_an_mtu_that_is_too_small() {
    for (mtu, expected) in [(1279, "none: MTU 1279, and IPv6 needs 1280"), (1280, "none")] {
        let found = explained(|interface| (interface.ipv6, interface.mtu) = (None, mtu), PLAIN);
        assert_eq!(found.checks.iter().find(|check| check.name == "ipv6").unwrap().found, expected);
    }
}

/// What guests have is kept: a new /64 with a lower number is the one to remove.
#[test]
fn of_several_prefixes_the_one_in_use_is_to_be_kept() {
    let advertised = Some(prefix("2001:db8:1::"));
    let state = Some(ServiceState::NotServed);
    let daemon = FromDaemon { matches: true, state, advertised, ..FromDaemon::default() };
    for (daemon, kept, whose, removed) in [(Some(&daemon), "1", ", which guests have", "0:9"), (None, "0:9", "", "1")] {
        let change = |i: &mut Interface| i.addresses.push(address("2001:db8:0:9::1", 64));
        let found = explained(change, Evidence { daemon, ..PLAIN });
        let failure = found.failures().find(|failure| failure.problem.name() == "several-prefixes").unwrap();
        let expected = [
            format!(
                "keep one prefix and remove the others, or park them (ip address change, preferred_lft 0); to keep \
                 2001:db8:{kept}::/64{whose}:"
            ),
            format!("$ ip address delete 2001:db8:{removed}::1/64 dev vm1"),
        ];
        assert_eq!(lines(&failure.remedies), expected);
    }
}
