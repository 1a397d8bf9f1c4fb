//! `autora explain`, as a user without any privilege: what it says of interfaces in every state, and that what it tells to
//! do helps.

use std::process::Command;

use autora_tests::{Interface, Launch, Namespace, Output, Tap, Veth, eventually};
use serde_json::Value;

use crate::bench::SOON;

/// Runs it as nobody; returns its exit code and what it wrote.
fn explain(host: &Namespace, arguments: &[&str]) -> Output {
    Launch::new(&[&["explain"], arguments].concat()).unprivileged(&[]).output(host)
}

/// What it says of `name` in JSON.
fn interface(host: &Namespace, name: &str) -> Value {
    let output = explain(host, &["--json", name]);
    let document: Value = serde_json::from_str(&output.stdout).expect("it prints JSON");
    assert_eq!(document["version"], 1);
    let found = document["interfaces"][0].clone();
    assert_eq!(output.code == 0, found["state"] == "served" || found["state"] == "paused", "{found:#}");
    assert!(output.code == 0 || output.code == 3, "{output:?}");
    found
}

fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

/// Every command that is told against the reasons and in the warnings, in order.
fn commands(found: &Value) -> Vec<String> {
    let told = ["reasons", "warnings"].into_iter().flat_map(|list| found[list].as_array().expect("a list"));
    told.flat_map(|one| one["remedies"].as_array().expect("a list"))
        .filter_map(|remedy| remedy["command"].as_str().map(str::to_owned))
        .collect()
}

/// An interface that is not as it should be, and what has to be said of it.
struct Flaw {
    what: &'static str,
    /// Reasons, and warnings after them.
    told: &'static [&'static str],
    spoil: fn(&Veth),
}

const FLAWS: &[Flaw] = &[
    Flaw {
        what: "IPv6 disabled",
        told: &["ipv6-disabled", "no-link-local", "no-prefix"],
        spoil: |link| link.host.sysctl("disable_ipv6", 1),
    },
    Flaw {
        what: "an MTU too small for IPv6",
        told: &["ipv6-disabled", "forwarding-off", "no-link-local", "no-prefix"],
        spoil: |link| link.host.set("mtu 1200"),
    },
    Flaw { what: "down", told: &["down", "no-link-local", "no-prefix"], spoil: |link| link.host.set("down") },
    Flaw { what: "no multicast", told: &["no-multicast"], spoil: |link| link.host.set("multicast off") },
    Flaw {
        what: "port of a bridge",
        told: &["enslaved"],
        spoil: |link| {
            Interface::add(link.host.namespace(), "br0", "bridge").set("up");
            link.host.set("master br0");
        },
    },
    Flaw {
        what: "not forwarding",
        told: &["forwarding-off"],
        spoil: |link| link.host.sysctl("forwarding", 0),
    },
    Flaw {
        what: "no link-local address",
        told: &["no-link-local"],
        spoil: |link| link.host.remove_address(&format!("{}/64", link.host.link_local())),
    },
    Flaw { what: "no address", told: &["no-prefix"], spoil: |link| link.host.remove_address(GLOBAL) },
    Flaw {
        what: "another prefix length",
        told: &["no-prefix"],
        spoil: |link| {
            link.host.remove_address(GLOBAL);
            link.host.add_address("2001:db8:cafe::1/48");
        },
    },
    Flaw {
        what: "a deprecated address",
        told: &["no-prefix"],
        spoil: |link| {
            link.host.remove_address(GLOBAL);
            link.host.add_address(&format!("{GLOBAL} preferred_lft 0"));
        },
    },
    Flaw {
        what: "three prefixes",
        told: &["several-prefixes"],
        spoil: |link| {
            link.host.add_address("2001:db8:cafe:2::1/64");
            link.host.add_address("2001:db8:cafe:3::1/64");
        },
    },
    Flaw {
        what: "a duplicate link-local address",
        told: &["no-link-local"],
        spoil: |link| {
            let address = format!("{}/64", link.host.link_local());
            link.guest.add_address(&address);
            link.host.remove_address(&address);
            link.host.sysctl("accept_dad", 1);
            link.host.namespace().ip(&format!("address add {address} dev {}", link.host.name()));
            let failed = format!("-6 address show dev {} dadfailed", link.host.name());
            eventually(SOON, "the duplicate", || {
                (!link.host.namespace().ip(&failed).is_empty()).then_some(())
            });
        },
    },
    Flaw {
        what: "no connected route",
        told: &["no-connected-route"],
        spoil: |link| {
            link.host.remove_address(GLOBAL);
            link.host.add_address(&format!("{GLOBAL} noprefixroute"));
        },
    },
    Flaw {
        what: "a host that does not forward",
        told: &["host-forwarding-off"],
        spoil: |link| {
            link.host.namespace().sysctl("ipv6/conf/all/forwarding", 0);
            link.host.sysctl("forwarding", 1);
        },
    },
];

const GLOBAL: &str = "2001:db8:0:1::1/64";

/// A name with everything in it that a shell or sysctl(8) could take for something else.
const ODD_NAME: &str = "vm1.7$(x);'&\"";

#[test]
fn what_it_tells_to_do_helps() {
    for (flaw, name) in FLAWS.iter().flat_map(|flaw| [(flaw, "vm1"), (flaw, ODD_NAME)]) {
        let (host, guest) = (Namespace::host(), Namespace::quiet());
        let link = Veth::new((&host, name), (&guest, "g1"));
        link.host.add_address(GLOBAL);
        let control = interface(&host, name);
        assert_eq!(control["state"], "served", "{control:#}");
        assert!(commands(&control).is_empty(), "{control:#}");

        (flaw.spoil)(&link);
        let found = interface(&host, name);
        assert_eq!(
            [names(&found["reasons"]), names(&found["warnings"])].concat(),
            flaw.told,
            "{}",
            flaw.what
        );
        let commands = commands(&found);
        assert!(!commands.is_empty(), "{}: {found:#}", flaw.what);
        for command in &commands {
            host.run(Command::new("sh").args(["-ec", command]));
        }
        // The kernel makes link-local addresses in its own time.
        eventually(SOON, &format!("the end of {} after {commands:#?}", flaw.what), || {
            let found = interface(&host, name);
            let is_well = found["state"] == "served" && names(&found["warnings"]).is_empty();
            is_well.then_some(())
        });
    }
}

#[test]
fn what_no_command_helps_against_is_told_in_words() {
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
    assert_eq!(advice("vm2"), ("paused".into(), None), "no carrier is no reason");

    // Duplicate address detection that takes its time.
    link.guest.set("up");
    let address = format!("{}/64", link.host.link_local());
    link.host.remove_address(&address);
    link.host.sysctl("accept_dad", 1);
    link.host.sysctl("dad_transmits", 60);
    host.ip(&format!("address add {address} dev vm2"));
    let (state, told) = advice("vm2");
    assert_eq!(state, "not-served");
    assert!(told.expect("advice").contains("duplicate address detection runs"));
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
        (&["vm1", "vm3"], 3, &["vm1 would be served", "vm3 does not exist"]),
        (&["vm3"], 3, &["vm3 does not exist", "similar: vm1, vm2"]),
        (&[], 0, &["INTERFACE", "vm1        yes", "vm2        no      forwarding-off", "lo"]),
        (&["--interface-regex=^vm1$"], 0, &["1 served", "does not match"]),
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
        assert!(!written.contains('\u{1b}'), "no colours but on a terminal: {written:?}");
    }
}

/// The daemon's own variables are none of a subcommand's business, and an empty one counts as unset everywhere.
#[test]
fn the_environment_of_the_daemon_does_not_matter_to_commands() {
    let host = Namespace::host();
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let launch =
            environment.iter().fold(Launch::new(arguments), |launch, (name, value)| launch.env(name, value));
        launch.unprivileged(&[]).output(&host)
    };
    let bad = [("AUTORA_FILTER", "none"), ("AUTORA_DRY_RUN", "perhaps"), ("AUTORA_MAX_RA_INTERVAL", "3s")];
    assert_eq!(run(&["--check"], &bad).code, 2, "the control");
    assert_eq!(run(&["explain"], &bad).code, 0);
    assert_eq!(run(&["explain"], &[("AUTORA_CHECK", "1"), ("AUTORA_INTERFACE_REGEX", "")]).code, 0);
    assert_eq!(run(&["explain"], &[("AUTORA_INTERFACE_REGEX", "(")]).code, 2, "its own variable counts");
}

#[test]
fn with_raw_sending_it_knows_the_neighbour_table() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    link.host.add_address(GLOBAL);
    // One interface needs one neighbour, and every kernel has room for that.
    let output = explain(&host, &["--json", "--send=raw", "--interface-regex=^vm1$", "vm1"]);
    let document: Value = serde_json::from_str(&output.stdout).expect("it prints JSON");
    assert!(document["host"]["gc_thresh3"].as_u64().is_some_and(|limit| limit > 1), "{document:#}");
    assert!(names(&document["interfaces"][0]["warnings"]).is_empty());
}
