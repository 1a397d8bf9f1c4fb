//! `autora explain`, as a user without any privilege: its output for interfaces in every state, and that the
//! commands that it suggests repair them.

use std::process::Command;

use autora_tests::{Daemon, HostProfile, Interface, Launch, Namespace, Output, Tap, Veth, eventually};
use serde_json::Value;

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, rarely};

/// Runs `autora explain` without privileges. Returns its exit code and output.
fn explain(host: &Namespace, arguments: &[&str]) -> Output {
    Launch::new(&[&["explain"], arguments].concat()).unprivileged(&[]).output(host)
}

/// Returns the JSON of `name`.
fn interface(host: &Namespace, name: &str) -> Value {
    let output = explain(host, &["--json", name]);
    let document: Value = serde_json::from_str(&output.stdout).expect("it prints JSON");
    assert_eq!(document["version"], 1);
    let found = document["interfaces"][0].clone();
    assert_eq!(output.code == 0, found["state"] == "serving" || found["state"] == "paused", "{found:#}");
    assert!(output.code == 0 || output.code == 3, "{output:?}");
    found
}

fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

/// Returns every suggested command, those of reasons before those of warnings.
fn commands(found: &Value) -> Vec<String> {
    let flaws = ["reasons", "warnings"].into_iter().flat_map(|list| found[list].as_array().expect("a list"));
    flaws
        .flat_map(|one| one["remedies"].as_array().expect("a list"))
        .filter_map(|remedy| remedy["command"].as_str().map(str::to_owned))
        .collect()
}

/// A flaw of an interface, and what `explain` reports.
struct Flaw {
    what: &'static str,
    /// The names of the reasons, then of the warnings.
    reported: &'static [&'static str],
    spoil: fn(&Veth),
}

const FLAWS: &[Flaw] = &[
    Flaw {
        what: "IPv6 disabled",
        reported: &["ipv6-disabled", "no-link-local", "no-prefix"],
        spoil: |link| link.host.sysctl("disable_ipv6", 1),
    },
    Flaw {
        what: "an MTU too small for IPv6",
        reported: &["ipv6-disabled", "forwarding-off", "no-link-local", "no-prefix"],
        spoil: |link| link.host.set("mtu 1200"),
    },
    Flaw { what: "down", reported: &["down", "no-link-local", "no-prefix"], spoil: |link| link.host.set("down") },
    Flaw { what: "no multicast", reported: &["no-multicast"], spoil: |link| link.host.set("multicast off") },
    Flaw {
        what: "port of a bridge",
        reported: &["enslaved"],
        spoil: |link| {
            Interface::add(link.host.namespace(), "br0", "bridge").set("up");
            link.host.set("master br0");
        },
    },
    Flaw { what: "not forwarding", reported: &["forwarding-off"], spoil: |link| link.host.sysctl("forwarding", 0) },
    Flaw {
        what: "no link-local address",
        reported: &["no-link-local"],
        spoil: |link| link.host.remove_address(&format!("{}/64", link.host.link_local())),
    },
    Flaw { what: "no address", reported: &["no-prefix"], spoil: |link| link.host.remove_address(GLOBAL) },
    Flaw {
        what: "another prefix length",
        reported: &["no-prefix"],
        spoil: |link| {
            link.host.remove_address(GLOBAL);
            link.host.add_address("2001:db8:cafe::1/48");
        },
    },
    Flaw {
        what: "three prefixes",
        reported: &["several-prefixes"],
        spoil: |link| {
            link.host.add_address("2001:db8:cafe:2::1/64");
            link.host.add_address("2001:db8:cafe:3::1/64");
        },
    },
    Flaw {
        what: "a duplicate link-local address",
        reported: &["no-link-local"],
        spoil: |link| {
            let address = format!("{}/64", link.host.link_local());
            link.guest.add_address(&address);
            link.host.remove_address(&address);
            link.host.sysctl("accept_dad", 1);
            link.host.namespace().ip(&format!("address add {address} dev {}", link.host.name()));
            let failed = format!("-6 address show dev {} dadfailed", link.host.name());
            eventually(SOON, "the duplicate", || (!link.host.namespace().ip(&failed).is_empty()).then_some(()));
        },
    },
    Flaw {
        what: "no connected route",
        reported: &["no-connected-route"],
        spoil: |link| {
            link.host.remove_address(GLOBAL);
            link.host.add_address(&format!("{GLOBAL} noprefixroute"));
        },
    },
    Flaw {
        what: "RAs of the guest are taken in",
        reported: &["accepts-ra"],
        spoil: |link| link.host.sysctl("accept_ra", 2),
    },
    Flaw {
        what: "a default route that an RA made",
        reported: &["default-route-by-ra"],
        spoil: |link| {
            let add = format!("-6 route add default via fe80::99 dev {} proto ra", link.host.name());
            link.host.namespace().ip(&add);
        },
    },
    Flaw {
        what: "a host that does not forward",
        reported: &["host-forwarding-off"],
        spoil: |link| {
            link.host.namespace().sysctl("ipv6/conf/all/forwarding", 0);
            link.host.sysctl("forwarding", 1);
        },
    },
];

const GLOBAL: &str = "2001:db8:0:1::1/64";

/// A name with characters that are special to a shell or to sysctl(8).
const ODD_NAME: &str = "vm1.7$(x);'&\"";

#[test]
fn the_suggested_commands_repair_the_interface() {
    for (flaw, name) in FLAWS.iter().flat_map(|flaw| [(flaw, "vm1"), (flaw, ODD_NAME)]) {
        // The control has no flaw at all.
        let (host, guest) = (Namespace::host_with(HostProfile::Quiet), Namespace::quiet());
        let link = Veth::new((&host, name), (&guest, "g1"));
        link.host.add_address(GLOBAL);
        let control = interface(&host, name);
        assert_eq!(control["state"], "serving", "{control:#}");
        assert!(commands(&control).is_empty(), "{control:#}");

        (flaw.spoil)(&link);
        let found = interface(&host, name);
        assert_eq!([names(&found["reasons"]), names(&found["warnings"])].concat(), flaw.reported, "{}", flaw.what);
        let commands = commands(&found);
        let only_the_operator_knows = flaw.reported.contains(&"no-prefix");
        assert_eq!(commands.is_empty(), flaw.reported == ["no-prefix"], "{}: {found:#}", flaw.what);
        for command in &commands {
            host.run(Command::new("sh").args(["-ec", command]));
        }
        // Which /64 is meant, no command may say.
        if only_the_operator_knows {
            assert!(found.to_string().contains("<your-prefix>::1/64"), "{}: {found:#}", flaw.what);
            link.host.add_address(GLOBAL);
        }
        // The kernel creates link-local addresses asynchronously.
        eventually(SOON, &format!("the end of {} after {commands:#?}", flaw.what), || {
            let found = interface(&host, name);
            let is_repaired = found["state"] == "serving" && names(&found["warnings"]).is_empty();
            is_repaired.then_some(())
        });
    }
}

#[test]
fn a_flaw_that_no_command_repairs_gets_advice() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let tap = Tap::new(&host, "vm1");
    tap.interface.add_address(GLOBAL);
    let link = Veth::new((&host, "vm2"), (&guest, "g2"));
    link.host.add_address("2001:db8:0:2::1/64");
    link.guest.set("down");
    let advice = |name: &str| {
        let found = interface(&host, name);
        let reasons = found["reasons"].as_array().expect("a list").iter();
        let mut remedies = reasons.filter_map(|reason| reason["remedies"][0]["advice"].as_str());
        (found["state"].clone(), remedies.next().map(str::to_owned))
    };
    assert!(advice("vm1").1.expect("advice").contains("opens the tap"));
    assert!(advice("lo").1.expect("advice").contains("no guest is behind it"));
    assert_eq!(advice("vm2"), ("paused".into(), None), "a paused interface has no reasons");

    // Duplicate address detection that takes a minute.
    link.guest.set("up");
    let address = format!("{}/64", link.host.link_local());
    link.host.remove_address(&address);
    link.host.sysctl("accept_dad", 1);
    link.host.sysctl("dad_transmits", 60);
    host.ip(&format!("address add {address} dev vm2"));
    let (state, advice) = advice("vm2");
    assert_eq!(state, "not-served");
    assert!(advice.expect("advice").contains("duplicate address detection runs"));
}

#[test]
fn the_exit_code_says_whether_all_are_served() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let links: Vec<_> = (1..=2)
        .map(|number| {
            let (name, other) = (format!("vm{number}"), format!("g{number}"));
            let link = Veth::new((&host, &name), (&guest, &other));
            link.host.add_address(&format!("2001:db8:0:{number}::1/64"));
            link
        })
        .collect();
    links[1].host.sysctl("forwarding", 0);
    for (arguments, code, words) in [
        (&["vm1"][..], 0, &["vm1 would be served from fe80::", "2001:db8:0:1::/64"][..]),
        (&["vm2"], 3, &["vm2 would not be served: forwarding-off", "FAIL  forwarding"]),
        (&["vm1", "vm2"], 3, &["vm1 would be served", "vm2 would not be"]),
        (&["vm*"], 3, &["vm1 would be served", "vm2 would not be"]),
        (&["vm1", "vm1*"], 0, &["vm1 would be served"]),
        (&["tap*", "vm1"], 4, &["error: no such interface in this network namespace: tap*; ", "vm1 would be served"]),
        (&["vm1", "vm3"], 4, &["vm1 would be served", "error: no such interface in this network namespace: vm3; "]),
        (&["vm2", "vm3"], 4, &["vm2 would not be served", "in this network namespace: vm3; similar: vm1, vm2\n"]),
        (&["--json", "vm3"], 4, &["\"name\": \"vm3\"", "error: no such interface in this network namespace: vm3; "]),
        (&[], 0, &["INTERFACE", "vm1        yes", "vm2        no      forwarding-off", "lo"]),
        (
            &["--interface-regex=^vm1$"],
            0,
            &["1 served", "does not match", "vm2        no      no-match, forwarding-off"],
        ),
        (&["--interface-regex=^vm[12]$"], 3, &["1 served, 0 paused, 1 not served, 1 that"]),
        (&["--interface-regex=^tap$"], 3, &["0 served, 0 paused, 0 not served, 3 that"]),
        (&["--interface-regex=^tap$", "vm1"], 3, &["vm1 would not be served: no-match"]),
        (&["--interface-regex=("], 2, &["error: --interface-regex"]),
        (&["--interface-regexp=x"], 2, &["'--interface-regex'"]),
    ] {
        let output = explain(&host, arguments);
        assert_eq!(output.code, code, "{arguments:?}: {output:?}");
        let written = format!("{}{}", output.stdout, output.stderr);
        assert!(words.iter().all(|words| written.contains(words)), "{arguments:?} {words:?}:\n{written}");
        assert!(!written.contains('\u{1b}'), "no colours without a terminal: {written:?}");
    }
}

/// A subcommand ignores variables of the daemon that it has no option for, and an empty variable counts as
/// unset.
#[test]
fn the_daemons_variables_do_not_affect_subcommands() {
    let host = Namespace::host();
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let launch = environment.iter().fold(Launch::new(arguments), |launch, (name, value)| launch.env(name, value));
        launch.unprivileged(&[]).output(&host)
    };
    let bad = [("AUTORA_FILTER", "none"), ("AUTORA_DRY_RUN", "perhaps"), ("AUTORA_MAX_RA_INTERVAL", "3s")];
    assert_eq!(run(&["--check"], &bad).code, 2, "the control");
    assert_eq!(run(&["explain"], &bad).code, 0);
    assert_eq!(run(&["explain"], &[("AUTORA_CHECK", "1"), ("AUTORA_INTERFACE_REGEX", "")]).code, 0);
    assert_eq!(run(&["explain"], &[("AUTORA_INTERFACE_REGEX", "(")]).code, 2, "a variable of the subcommand counts");
}

/// A daemon that answers and does not know the interface does not serve it: it may run in another namespace, where an
/// interface of the same name, or of the same name and index, is another one.
#[test]
fn only_a_daemon_that_knows_the_interface_serves_it() {
    let (host, other, guest) = (Namespace::host(), Namespace::host(), Namespace::quiet());
    // The interfaces of a namespace are numbered from 2.
    let add = |host: &Namespace, name: &str, number: u8| {
        let link = Veth::new((host, name), (&guest, &format!("g{number}")));
        link.host.add_address(&format!("2001:db8:0:{number}::1/64"));
        link
    };
    let _links = [add(&host, "vm1", 1), add(&host, "vm2", 2), add(&other, "vm1", 3), add(&other, "vm3", 4)];
    let daemon = Daemon::start(&host, &rarely(&[]));
    daemon.wait_serving("vm2", SOON);
    let socket = daemon.control().path().display().to_string();
    let explained = |namespace: &Namespace, name: &str| {
        let output = Launch::new(&["explain", "--socket", &socket, name]).output(namespace);
        let title = output.stdout.lines().next().expect("a title").to_owned();
        (output.code, title, output.stdout)
    };
    for (namespace, name, code, words) in [
        (&host, "vm1", 0, &["vm1 is served from"][..]),
        (&host, "vm2", 0, &["vm2 is served from"]),
        (&other, "vm3", 3, &["vm3 would be served from", "but the daemon that answers has no interface"]),
        (&other, "vm1", 3, &["vm1 would be served from", "but the daemon that answers serves it from"]),
    ] {
        let (found, title, page) = explained(namespace, name);
        assert_eq!(found, code, "{page}");
        assert!(words.iter().all(|words| page.contains(words)), "{words:?}: {page}");
        assert_eq!(title.contains(" is "), code == 0, "{title}");
    }
}

#[test]
fn a_daemon_that_is_named_and_does_not_run_is_missed() {
    let host = Namespace::host_with(HostProfile::Quiet);
    let warned = |arguments: &[&str]| explain(&host, arguments).stderr.contains("no daemon has /run/autora-nope/");
    assert!(warned(&["--instance=nope", "lo"]));
    assert!(!warned(&["lo"]), "the control: without a name, none is expected");
}

/// The address of a served interface is removed, for good.
#[test]
fn what_guests_had_is_what_is_proposed() {
    let (host, guest) = (Namespace::host_with(HostProfile::Quiet), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Daemon::start(&host, &rarely(&[]));
    let socket = daemon.control().path().display().to_string();
    let explained = |arguments: &[&str]| {
        Launch::new(&[&["explain", "vm1", "--socket", &socket], arguments].concat()).output(&host).stdout
    };
    line.expect_served(SOON);
    let served = explained(&[]);
    for words in ["filter map    has room", "daemon        agrees: serves it from fe80::", "next RA       in "] {
        assert!(served.contains(words), "{words}: {served}");
    }
    line.expect_answer();
    line.remove_prefix();
    assert_eq!(daemon.wait_not_served("vm1", SOON), ["no-prefix"]);
    // The final RA waits until 3 s have passed since the answer.
    let page = explained(&[]);
    let due = "s, unless it is served again before; guests then drop the default route";
    assert!(page.contains(due) && page.contains("agrees: does not serve it (no-prefix)"), "{page}");
    assert!(line.capture.expect_advert(SOON).is_final());
    let page = explained(&[]);
    assert!(page.contains("s ago: guests have dropped the default route") && !page.contains(due), "{page}");
    let found: Value = serde_json::from_str(&explained(&["--json"])).expect("it prints JSON");
    let commands = commands(&found["interfaces"][0]);
    assert_eq!(commands, ["ip address add 2001:db8:0:1::1/64 dev vm1"], "{found:#}");
    host.run(Command::new("sh").args(["-ec", &commands[0]]));
    line.expect_served(SOON);
}

/// What guests have stays, whichever number a further /64 has.
#[test]
fn of_two_prefixes_the_one_that_guests_have_is_kept() {
    let (host, guest) = (Namespace::host_with(HostProfile::Quiet), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Daemon::start(&host, &rarely(&[]));
    line.expect_served(SOON);
    line.link.host.add_address("2001:db8::1/64");
    assert_eq!(daemon.wait_not_served("vm1", SOON), ["several-prefixes"]);
    let socket = daemon.control().path().display().to_string();
    let output = Launch::new(&["explain", "--json", "vm1", "--socket", &socket]).output(&host);
    let found: Value = serde_json::from_str(&output.stdout).expect("it prints JSON");
    assert_eq!(commands(&found["interfaces"][0]), ["ip address delete 2001:db8::1/64 dev vm1"], "{found:#}");
}

/// The daemon's own regular expression decides, also about the exit code of the table; the variable is that of a
/// daemon.
#[test]
fn the_regular_expression_of_a_daemon_takes_precedence() {
    let (host, guest) = (Namespace::host_with(HostProfile::Quiet), Namespace::quiet());
    let _lines = [Line::new(&host, &guest, 1), Line::without_prefix(&host, &guest, "vm2", 2)];
    let daemon = Daemon::start(&host, &rarely(&[]));
    daemon.wait_serving("vm1", SOON);
    let socket = daemon.control().path().display().to_string();
    let regex = "^vm[0-9]+$";
    let ignored = |other: &str| format!("note: --interface-regex {other} is ignored: the daemon has {regex}\n");
    let not_anchored = "warning: --interface-regex vm1 is not anchored at both ends";
    for (variable, socket, code, said) in [
        ("vm1", &socket, 3, ignored("vm1")),
        ("(", &socket, 3, ignored("(")),
        (regex, &socket, 3, String::new()),
        ("vm1", &"/nowhere/control.sock".to_owned(), 0, not_anchored.to_owned()),
    ] {
        let launch = Launch::new(&["explain", "--socket", socket]).env("AUTORA_INTERFACE_REGEX", variable);
        let output = launch.output(&host);
        assert_eq!(output.code, code, "{variable}: {output:?}");
        assert!(output.stderr.starts_with(&said) && said.is_empty() == output.stderr.is_empty(), "{output:?}");
    }
    let output = Launch::new(&["explain", "--json", "--socket", &socket]).output(&host);
    let found: Value = serde_json::from_str(&output.stdout).expect("it prints JSON");
    assert_eq!(found["interface_regex"], regex);
}

/// The kernel removes the host's default route from RAs with the first interface that forwards.
#[test]
fn an_uplink_that_would_lose_its_route_is_named() {
    let (host, provider) = (Namespace::host_with(HostProfile::Quiet), Namespace::host());
    let uplink = Line::without_prefix(&host, &provider, "up0", 1);
    uplink.link.guest.add_address("2001:db8:bad::1/64");
    let link = Veth::new((&host, "vm1"), (&provider, "v1"));
    link.host.add_address(GLOBAL);
    for interface in [&link.host, &uplink.link.host] {
        interface.sysctl("forwarding", 0);
    }
    uplink.link.host.sysctl("accept_ra", 1);
    let commands = || {
        let remedies = interface(&host, "vm1")["reasons"][0]["remedies"].clone();
        let remedies = remedies.as_array().expect("a list").iter();
        remedies.filter_map(|one| one["command"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let run = |command: &str| drop(host.run(Command::new("sh").args(["-ec", command])));
    let has_route = || host.ip("-6 route show default").contains("proto ra");
    assert_eq!(commands(), [FORWARD], "the control: no such route");

    let _router = Daemon::start(&provider, &["--interface-regex=^g1$", "--max-ra-interval=4s"]);
    eventually(SOON, "a default route by RA", || has_route().then_some(()));
    assert_eq!(commands(), [ACCEPT, FORWARD]);
    // The second alone costs the host its route, until the next RA.
    run(FORWARD);
    assert!(!has_route());
    link.host.sysctl("forwarding", 0);
    eventually(SOON, "the default route again", || has_route().then_some(()));
    for command in commands() {
        run(&command);
    }
    assert!(has_route());
    link.host.sysctl("forwarding", 0);
    assert_eq!(commands(), [FORWARD], "it keeps its route");
}

/// Guests solicit to the group of all routers. The kernel joins it when it makes the IPv6 part of a link or when
/// forwarding begins there, and each time only if the link is multicast-capable.
#[test]
fn a_link_that_became_multicast_capable_takes_solicitations_after_all_of_the_commands() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::without_prefix(&host, &guest, "vm1", 1);
    // IPv6 ends with the smaller MTU, and is made anew with the larger one.
    for change in ["multicast off", "mtu 1200", "mtu 1500", "down", "up"] {
        line.link.host.set(change);
    }
    line.link.host.wait_link_local();
    line.add_prefix();
    let found = interface(&host, "vm1");
    assert_eq!(names(&found["reasons"]), ["no-multicast"]);
    let commands = commands(&found);
    let (first, rest) = commands.split_first().expect("there are some");
    let run = |command: &str| drop(host.run(Command::new("sh").args(["-ec", command])));
    run(first);
    let _daemon = Daemon::start(&host, &rarely(&[]));
    line.expect_served(SOON);
    line.solicit();
    expect_silence([&mut line], FLOOR + MAX_DELAY + SLACK);
    for command in rest {
        run(command);
    }
    // Until the daemon serves it again, its filter drops them.
    eventually(SOON, "an answer", || {
        line.solicit();
        line.capture.adverts_within(AT_ONCE).pop()
    });
}

const ACCEPT: &str = "sysctl -w net.ipv6.conf.up0.accept_ra=2";
const FORWARD: &str = "sysctl -w net.ipv6.conf.vm1.forwarding=1";

#[test]
fn with_raw_sending_the_neighbour_table_limit_is_shown() {
    // Without any other warning.
    let (host, guest) = (Namespace::host_with(HostProfile::Quiet), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    link.host.add_address(GLOBAL);
    // One interface needs one neighbour entry, which fits below the limit of every kernel.
    let output = explain(&host, &["--json", "--send=raw", "--interface-regex=^vm1$", "vm1"]);
    let document: Value = serde_json::from_str(&output.stdout).expect("it prints JSON");
    assert!(document["host"]["gc_thresh3"].as_u64().is_some_and(|limit| limit > 1), "{document:#}");
    assert!(names(&document["interfaces"][0]["warnings"]).is_empty());
}
