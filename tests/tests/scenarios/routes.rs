//! The host's routes: what the daemon and `explain` say where they and the addresses do not fit together.

use autora_tests::{Daemon, HostProfile, Launch, Namespace, Veth, eventually};
use serde_json::Value;

use crate::bench::{SOON, rarely};

const PREFIX: &str = "2001:db8:0:1::/64";
const ADDRESS: &str = "2001:db8:0:1::1/64";

/// Makes a fit link but for its address. The host has no other warning.
fn link(host: &Namespace, guest: &Namespace, number: u8) -> Veth {
    let link = Veth::new((host, &format!("vm{number}")), (guest, &format!("g{number}")));
    link.host.wait_link_local();
    link
}

fn host() -> (Namespace, Namespace) {
    (Namespace::host_with(HostProfile::Quiet), Namespace::quiet())
}

/// Returns what `explain --json` says of an interface.
fn explained(host: &Namespace, name: &str) -> Value {
    let output = Launch::new(&["explain", "--json", name]).unprivileged(&[]).output(host);
    let document: Value = serde_json::from_str(&output.stdout).expect("it prints JSON");
    document["interfaces"][0].clone()
}

fn warnings(found: &Value) -> Vec<&str> {
    found["warnings"].as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect()
}

/// A manager such as NetworkManager or an SDN adds addresses with `noprefixroute`, and the route itself.
#[test]
fn a_prefix_without_a_connected_route_is_fine_with_another_one() {
    const SAID: &str = "the prefix has no connected route";
    for (route, is_enough) in [
        (None, false),
        (Some("2001:db8:0:1::/64 dev vm1"), true),
        (Some("2001:db8:0:1::/64 dev vm1 table 100"), true),
        (Some("2001:db8::/32 via fe80::2 dev vm1"), true),
        (Some("default via fe80::2 dev vm1"), false),
        (Some("2001:db8:0:1::/64 dev vm2"), false),
        (Some("unreachable 2001:db8:0:1::/64"), false),
    ] {
        let (host, guest) = host();
        let links = [link(&host, &guest, 1), link(&host, &guest, 2)];
        links[0].host.add_address(&format!("{ADDRESS} noprefixroute"));
        host.ip("-6 rule add table 100 priority 100");
        if let Some(route) = route {
            host.ip(&format!("-6 route add {route}"));
        }
        let found = explained(&host, "vm1");
        assert_eq!(found["state"], "serving", "{found:#}");
        let expected = if is_enough { vec![] } else { vec!["no-connected-route"] };
        assert_eq!(warnings(&found), expected, "{route:?}: {found:#}");

        let daemon = Daemon::start(&host, &rarely(&[]));
        daemon.wait_for_log(&["INFO", "started"], SOON);
        assert_eq!(daemon.lines_with(&["WARN", SAID, "vm1"]).len(), usize::from(!is_enough), "{route:?}");
    }
}

#[test]
fn a_routed_prefix_without_an_address_is_shown() {
    let (host, guest) = host();
    let link = link(&host, &guest, 1);
    let remedies = || explained(&host, "vm1")["reasons"][0]["remedies"].clone();
    let advice = remedies()[0]["advice"].as_str().expect("advice").to_owned();
    assert!(!advice.contains("2001:db8:"), "the control: no prefix is known, {advice}");
    host.ip(&format!("-6 route add {PREFIX} dev vm1"));
    let found = remedies();
    let advice = found[0]["advice"].as_str().expect("advice");
    assert!(advice.contains(PREFIX) && advice.contains("a route alone"), "{found:#}");
    assert_eq!(found[1]["command"], format!("ip address add {ADDRESS} dev vm1"));
    link.host.add_address(ADDRESS);
    assert_eq!(explained(&host, "vm1")["state"], "serving");
}

#[test]
fn the_same_prefix_on_several_interfaces_is_a_warning() {
    let (host, guest) = host();
    let links = [1, 2, 3].map(|number| link(&host, &guest, number));
    links[0].host.add_address(ADDRESS);
    links[2].host.add_address("2001:db8:0:3::1/64");
    let resync = rarely(&["--forwarding-resync-interval=1s"]);
    let daemon = Daemon::start(&host, &resync);
    daemon.wait_serving("vm1", SOON);
    let explained = |name: &str| {
        let mut command = daemon.control().command(&["explain", "--json", name]);
        let output = host.enter(|| command.output()).expect("the daemon can be run");
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        document["interfaces"][0].clone()
    };
    assert!(warnings(&explained("vm1")).is_empty(), "the control");

    links[1].host.add_address("2001:db8:0:1::2/64");
    daemon.wait_for_log(&["WARN", "several served interfaces have the same /64", "vm1,vm2", PREFIX], SOON);
    for (name, other) in [("vm1", "vm2 is served with"), ("vm2", "vm1 is served with")] {
        let found = explained(name);
        assert_eq!(warnings(&found), ["same-prefix"], "{found:#}");
        assert!(found["warnings"][0]["sentence"].as_str().expect("text").starts_with(other), "{found:#}");
    }
    assert!(warnings(&explained("vm3")).is_empty(), "it has a prefix of its own");
    // Once, however many resyncs follow.
    let resyncs = || daemon.control().json("/v1/status")["netlink"]["resyncs"].as_u64().expect("a number");
    let after = resyncs() + 2;
    eventually(SOON, "two resyncs", || (resyncs() >= after).then_some(()));
    assert_eq!(daemon.lines_with(&["several served interfaces"]).len(), 1);
}
