//! `autora probe` and `status --guests`: what real guests answer from each state that they can be in, and what hostile
//! ones send.

use std::{
    net::Ipv6Addr,
    thread,
    time::{Duration, Instant},
};

use autora::wire::{ALL_NODES, ECHO_REPLY, ECHO_REQUEST, ipv6};
use autora_tests::{Daemon, Frame, Guest, Interface, Launch, Mac, Namespace, Output, Refusal, Veth, eventually};
use nix::{errno::Errno, libc};
use serde_json::Value;

use crate::bench::{Line, SLACK, SOON, prefix, rarely};

/// An address of the host that no guest shares a /64 with.
const UPLINK: &str = "2001:db8:ffff::1/128";

const ETHERNET_HEADER: usize = 14;

/// The timeout of a probe, unless another is given, and what starting and ending it takes.
const LONGEST: Duration = Duration::from_secs(5);

/// A guest that got its address and its default route, and takes no further RA.
struct Configured {
    guest: Guest,
    link: Veth,
    number: u16,
}

impl Configured {
    fn address(&self) -> Ipv6Addr {
        self.link.guest.mac().address_in(prefix(self.number))
    }

    fn ip(&self, arguments: &str) {
        self.guest.namespace().ip(arguments);
    }

    fn lose_route(&self) {
        self.ip("-6 route delete default");
    }

    fn lose_address(&self) {
        self.ip(&format!("-6 address delete {}/64 dev eth0", self.address()));
    }

    fn take_address(&self, address: &str) {
        self.lose_address();
        self.ip(&format!("-6 address add {address} dev eth0 nodad"));
    }

    fn fall_silent(&self) {
        self.guest.namespace().sysctl("ipv6/icmp/echo_ignore_all", 1);
    }
}

/// A host with an address of its own, and guests behind `vm1`, `vm2`, ...
fn scene(count: u16) -> (Namespace, Daemon, Vec<Configured>) {
    let host = Namespace::host();
    host.ip(&format!("address add {UPLINK} dev lo"));
    let (daemon, guests) = guests(&host, count);
    (host, daemon, guests)
}

fn guests(host: &Namespace, count: u16) -> (Daemon, Vec<Configured>) {
    let connected = (1..=count).map(|number| {
        let guest = Guest::new();
        let link = Veth::new((host, &format!("vm{number}")), (guest.namespace(), "eth0"));
        link.host.add_address(&format!("{}1/64", prefix(number)));
        Configured { guest, link, number }
    });
    let guests: Vec<_> = connected.collect();
    let daemon = Daemon::start(host, &rarely(&[]));
    for one in &guests {
        one.guest.wait_for_address(one.address(), SOON);
        one.guest.wait_for_default_route(SOON);
        one.link.guest.sysctl("accept_ra", 0);
    }
    (daemon, guests)
}

/// Runs `autora probe` as root.
fn probe(host: &Namespace, arguments: &[&str]) -> Output {
    Launch::new(&[&["probe"], arguments].concat()).output(host)
}

/// Returns the exit code and the JSON of each interface.
fn found(host: &Namespace, arguments: &[&str]) -> (i32, Vec<Value>) {
    let output = probe(host, &[&["--json"], arguments].concat());
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(document["version"], 1);
    (output.code, document["interfaces"].as_array().expect("a list").clone())
}

/// Returns the same of one interface.
fn found_on(host: &Namespace, name: &str) -> (i32, Value) {
    let (code, mut interfaces) = found(host, &[name]);
    assert_eq!(interfaces.len(), 1, "{interfaces:#?}");
    (code, interfaces.remove(0))
}

fn verdict_after(spoil: impl Fn(&Configured)) -> (i32, Value) {
    let (host, _daemon, guests) = scene(1);
    assert_eq!(found_on(&host, "vm1").1["verdict"], "works", "the control");
    spoil(&guests[0]);
    found_on(&host, "vm1")
}

#[test]
fn a_guest_with_address_and_route_works() {
    let (host, _daemon, guests) = scene(1);
    let (code, vm1) = found_on(&host, "vm1");
    assert_eq!((code, &vm1["verdict"]), (0, &"works".into()), "{vm1:#}");
    let guest = &vm1["guests"][0];
    assert_eq!(guest["addresses"], Value::from(vec![guests[0].address().to_string()]));
    assert_eq!(guest["link_local"], guests[0].link.guest.link_local().to_string());
    assert_eq!(guest["link_address"], guests[0].link.guest.mac().to_string());
    assert_eq!((&vm1["source"], &vm1["source_on_link"]), (&"2001:db8:ffff::1".into(), &false.into()));
    assert_eq!(vm1["prefixes"], Value::from(vec!["2001:db8:0:1::/64"]));
}

#[test]
fn a_pattern_names_several_interfaces() {
    let (host, _daemon, _guests) = scene(2);
    let names = |arguments: &[&str]| {
        let output = Launch::new(&[&["probe", "--json"], arguments].concat()).output(&host);
        let found: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
        let interfaces = found["interfaces"].as_array().cloned().unwrap_or_default();
        (output.code, interfaces.iter().map(|one| one["name"].clone()).collect::<Vec<_>>(), output.stderr)
    };
    assert_eq!(names(&["vm?", "vm1"]), (0, vec!["vm1".into(), "vm2".into()], String::new()));
    let (code, found, said) = names(&["tap*", "vm1"]);
    assert_eq!((code, found), (4, vec!["vm1".into()]), "what there is, is probed: {said}");
    assert!(said.starts_with("error: no such interface in this network namespace: tap*; "), "{said}");
}

#[test]
fn a_guest_without_default_route_is_told() {
    let (code, vm1) = verdict_after(Configured::lose_route);
    assert_eq!((code, &vm1["verdict"]), (3, &"no-route".into()), "{vm1:#}");
}

#[test]
fn a_guest_without_address_is_told() {
    let (code, vm1) = verdict_after(Configured::lose_address);
    assert_eq!((code, &vm1["verdict"]), (3, &"no-address".into()), "{vm1:#}");
}

#[test]
fn a_guest_with_an_address_outside_of_the_prefix_is_told() {
    let (code, vm1) = verdict_after(|guest| guest.take_address("2001:db8:bad::5/64"));
    assert_eq!((code, &vm1["verdict"]), (3, &"wrong-prefix".into()), "{vm1:#}");
    assert_eq!(vm1["guests"][0]["addresses"], Value::from(vec!["2001:db8:bad::5"]));
}

#[test]
fn of_a_silent_guest_what_the_host_knows_is_told() {
    let (code, vm1) = verdict_after(Configured::fall_silent);
    assert_eq!((code, &vm1["verdict"], &vm1["why"]), (5, &"unknown".into(), &"no answer".into()), "{vm1:#}");
    let neighbours = vm1["neighbours"].as_array().expect("a list");
    assert!(neighbours.iter().any(|one| one["state"] == "reachable" || one["state"] == "delay"), "{vm1:#}");
    // The command looks for the daemon at the default path, where none is.
    assert!(vm1["explain"].as_str().is_some_and(|said| said.starts_with("would be served from fe80:")), "{vm1:#}");
}

#[test]
fn all_served_interfaces_are_shown_with_the_failures_first() {
    let (host, daemon, guests) = scene(3);
    let down = Veth::new((&host, "vm4"), (guests[0].guest.namespace(), "other"));
    down.host.add_address("2001:db8:0:4::1/64");
    daemon.wait_serving("vm4", SOON);
    down.guest.set("down");
    let socket = daemon.control().path().display().to_string();
    eventually(SOON, "vm4 to be paused", || {
        (daemon.control().json("/v1/interfaces/vm4")["state"] == "paused").then_some(())
    });
    let all = || probe(&host, &["--all", "--socket", &socket]);

    let output = all();
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stdout.contains("\n3 works\n"), "{output:?}");
    assert!(output.stdout.contains("1 paused"), "{output:?}");
    guests[2].fall_silent();
    let output = all();
    assert_eq!(output.code, 5, "{output:?}");
    guests[1].lose_route();
    let output = all();
    assert_eq!(output.code, 3, "{output:?}");
    let lines: Vec<_> = output.stdout.lines().collect();
    let begins: Vec<_> = lines[1..4].iter().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>()).collect();
    assert_eq!(begins, [["vm2", "no-route"], ["vm3", "unknown"], ["vm1", "works"]], "{output:?}");
    assert!(lines[2].contains("explain: is served from"), "{output:?}");
}

#[test]
fn interfaces_that_match_and_are_not_served_are_named() {
    let (host, daemon, guests) = scene(1);
    let socket = daemon.control().path().display().to_string();
    let all = |more: &[&str]| probe(&host, &[&["--all", "--socket", &socket], more].concat());
    let output = all(&[]);
    assert_eq!(output.code, 0, "the control: {output:?}");
    let other = |name: &str| Veth::new((&host, name), (guests[0].guest.namespace(), &format!("{name}-guest")));
    let _not_served = ["vm2", "vm10"].map(other);
    for name in ["vm2", "vm10"] {
        daemon.wait_for_log(&["not serving", &format!("interface={name}"), "reasons=no-prefix"], SOON);
    }
    let output = all(&[]);
    assert_eq!(output.code, 3, "{output:?}");
    let expected = format!(
        "\n1 works\n2 matching interfaces are not served: vm2, vm10; `autora status --socket {socket} --state \
         not-served` says why\n"
    );
    assert!(output.stdout.ends_with(&expected), "{output:?}");
    let document: Value = serde_json::from_str(&all(&["--json"]).stdout).expect("JSON");
    let [vm2, vm10] = &document["not_served"].as_array().expect("a list")[..] else { panic!("two: {document:#}") };
    assert_eq!((&vm2["name"], &vm10["name"]), (&"vm2".into(), &"vm10".into()));
    assert_eq!(vm2["reasons"], Value::from(vec!["no-prefix"]));
    // What is renamed away is the daemon's no more.
    host.ip("link set vm10 name other");
    eventually(SOON, "vm10 to be forgotten", || {
        all(&[]).stdout.contains("\n1 matching interface is not served: vm2; ").then_some(())
    });
}

/// The guest keeps what the last RA gave it.
#[test]
fn a_guest_that_works_on_an_interface_that_is_not_served_is_told_so() {
    let (host, daemon, guests) = scene(1);
    let socket = daemon.control().path().display().to_string();
    let of_daemon = || {
        let document = probe(&host, &["vm1", "--socket", &socket, "--json"]);
        let document: Value = serde_json::from_str(&document.stdout).expect("JSON");
        let vm1 = document["interfaces"][0].clone();
        assert_eq!(vm1["verdict"], "works", "{vm1:#}");
        (probe(&host, &["vm1", "--socket", &socket]), vm1["served"].clone(), vm1["reasons"].clone())
    };
    let (output, served, reasons) = of_daemon();
    assert_eq!((output.code, served, reasons), (0, true.into(), Value::Array(Vec::new())), "the control");
    assert!(!output.stdout.contains("not serve"), "the control: {output:?}");

    guests[0].link.host.sysctl("forwarding", 0);
    daemon.wait_for_log(&["not serving", "interface=vm1", "reasons=forwarding-off"], SOON);
    let (output, served, reasons) = of_daemon();
    assert_eq!((output.code, served), (0, false.into()), "{output:?}");
    assert_eq!(reasons, Value::from(vec!["forwarding-off"]));
    assert!(output.stdout.contains("; not served\n"), "{output:?}");
    let note =
        "note: the daemon that answers does not serve vm1 (forwarding-off): what a guest has there is from an older";
    assert!(output.stdout.contains(note), "{output:?}");
    // Without a daemon that answers, nothing is known.
    let (_, vm1) = found_on(&host, "vm1");
    assert_eq!((&vm1["verdict"], &vm1["served"]), (&"works".into(), &Value::Null), "{vm1:#}");
}

#[test]
fn each_guest_of_a_bridge_is_named() {
    let host = Namespace::host();
    host.ip(&format!("address add {UPLINK} dev lo"));
    let bridge = Interface::add(&host, "br0", "bridge");
    bridge.set("up");
    let ports = ["port1", "port2"].map(|port| {
        let guest = Guest::new();
        let link = Veth::new((&host, port), (guest.namespace(), "eth0"));
        link.host.set("master br0");
        Configured { guest, link, number: 1 }
    });
    bridge.wait_link_local();
    bridge.add_address("2001:db8:0:1::1/64");
    let _daemon = Daemon::start(&host, &["--interface-regex=^br0$"]);
    for one in &ports {
        one.guest.wait_for_address(one.address(), SOON);
        one.guest.wait_for_default_route(SOON);
        one.link.guest.sysctl("accept_ra", 0);
    }
    let (code, br0) = found_on(&host, "br0");
    assert_eq!((code, br0["guests"].as_array().map(Vec::len)), (0, Some(2)), "{br0:#}");

    ports[1].lose_route();
    let (code, br0) = found_on(&host, "br0");
    assert_eq!((code, &br0["verdict"]), (3, &"no-route".into()), "{br0:#}");
    let named = |number: usize, verdict: &str| {
        let guest = &br0["guests"][usize::from(verdict == "works")];
        assert_eq!(guest["verdict"], verdict, "{br0:#}");
        assert_eq!(guest["link_address"], ports[number].link.guest.mac().to_string(), "{br0:#}");
        assert_eq!(guest["link_local"], ports[number].link.guest.link_local().to_string(), "{br0:#}");
    };
    named(0, "works");
    named(1, "no-route");
}

#[test]
fn an_on_link_source_is_told_with_what_it_may_hide() {
    let host = Namespace::host();
    let (_daemon, guests) = guests(&host, 1);
    guests[0].lose_route();
    let (code, vm1) = found_on(&host, "vm1");
    assert_eq!((code, &vm1["source_on_link"]), (3, &true.into()), "{vm1:#}");
    let on_link = |output: &Output| output.stdout.contains("note: this host has no global address outside");
    // What the note warns of.
    guests[0].ip("-6 route add 2001:db8:0:1::/64 dev eth0");
    let output = probe(&host, &["vm1"]);
    assert!(output.code == 0 && on_link(&output), "{output:?}");

    host.ip(&format!("address add {UPLINK} dev lo"));
    let output = probe(&host, &["vm1"]);
    assert!(output.code == 3 && !on_link(&output), "{output:?}");
}

#[test]
fn what_cannot_be_probed_is_told() {
    let (host, _daemon, guests) = scene(1);
    assert_eq!(found_on(&host, "vm1").1["asked"], true, "the control");
    for (expected, spoil) in [("it has no carrier", "eth0 down"), ("it is down", "vm1 down")] {
        let namespace = if spoil.starts_with("vm1") { &host } else { guests[0].guest.namespace() };
        namespace.ip(&format!("link set {spoil}"));
        let (code, vm1) = found_on(&host, "vm1");
        assert_eq!((code, &vm1["why"], &vm1["asked"]), (5, &expected.into(), &false.into()), "{vm1:#}");
        let shown = probe(&host, &["vm1"]).stdout;
        assert!(shown.contains(&format!("nothing was asked: {expected}; ")), "{shown}");
    }
    for (arguments, code, words) in [
        (&["vm1", "vm9"][..], 4, "no such interface in this network namespace: vm9; similar: vm1\n"),
        (&["vm9"], 4, "no such interface in this network namespace: vm9; similar: vm1\n"),
        (&["--all", "--socket=/nowhere/control.sock"], 1, "no daemon answers"),
        (&["--all", "vm1"], 2, "cannot be used with"),
        (&["vm1", "--timeout=61s"], 2, "not between 1s and 60s"),
        (&[], 2, "IFACE"),
    ] {
        let output = probe(&host, arguments);
        assert_eq!(output.code, code, "{output:?}");
        assert!(output.stderr.contains(words), "{output:?}");
    }
}

#[test]
fn a_daemon_that_does_not_run_is_not_needed() {
    let (host, _daemon, _guests) = scene(1);
    let output = probe(&host, &["vm1", "--instance=customers"]);
    let said = "warning: no daemon has /run/autora-customers/control.sock: what it does with these interfaces is not \
                known; the guests were probed all the same, which needs no daemon\n";
    assert_eq!((output.code, output.stderr.as_str()), (0, said), "{}", output.stdout);
    let output = Launch::new(&["explain", "vm1", "--instance=customers"]).output(&host);
    let said = "warning: no daemon has /run/autora-customers/control.sock: this is explained without the daemon\n";
    assert_eq!((output.code, output.stderr.as_str()), (0, said), "{}", output.stdout);
}

/// Returns whether the neighbour table has an entry for all nodes on `vm1`.
fn has_multicast_entry(host: &Namespace) -> bool {
    host.ip("-6 neighbour show nud all dev vm1").lines().any(|line| line.starts_with("ff02::1 "))
}

#[test]
fn privileges_decide_which_socket_is_used() {
    let (host, _daemon, guests) = scene(2);
    let without = |capabilities: &[&str], interfaces: &[&str]| {
        Launch::new(&[&["probe", "--json"], interfaces].concat()).unprivileged(capabilities).output(&host)
    };
    // The kernel's default: no group may.
    host.sysctl("ipv4/ping_group_range", "1 0");
    let refused = without(&[], &["vm1"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{refused:?}");
    assert!(refused.stderr.lines().count() == 1 && refused.stderr.contains("CAP_NET_RAW"), "{refused:?}");

    let verdict = |output: &Output| -> (Value, Value) {
        let document: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let interface = &document["interfaces"][0];
        (interface["verdict"].clone(), interface["guests"][0]["link_address"].clone())
    };
    let mac = guests[0].link.guest.mac().to_string();
    let packet = without(&["net_raw"], &["vm1"]);
    assert_eq!(verdict(&packet), ("works".into(), mac.into()), "{packet:?}");
    assert!(!has_multicast_entry(&host));

    // A sandbox without packet sockets.
    let refusal = Refusal {
        call: libc::SYS_socket,
        argument: Some((0, u64::try_from(libc::AF_PACKET).expect("17"))),
        errno: Errno::EAFNOSUPPORT,
    };
    let raw = Launch::new(&["probe", "--json", "vm1"]).refuse(refusal).output(&host);
    assert_eq!(verdict(&raw), ("works".into(), Value::Null), "{raw:?}");
    assert!(has_multicast_entry(&host), "the control: the others take one");

    host.sysctl("ipv4/ping_group_range", "65534 65534");
    let pings = without(&[], &["vm2"]);
    assert_eq!(verdict(&pings), ("works".into(), Value::Null), "{pings:?}");
    guests[1].lose_route();
    assert_eq!(verdict(&without(&[], &["vm2"])), ("no-route".into(), Value::Null));

    // gc_thresh3 belongs to the whole machine; an eighth of it may be taken.
    let explained = Launch::new(&["explain", "--json"]).output(&host).stdout;
    let explained: Value = serde_json::from_str(&explained).expect("JSON");
    let limit = explained["host"]["gc_thresh3"].as_u64().expect("the kernel has a limit");
    let names: Vec<_> = (0..=limit / 16).flat_map(|pair| [format!("a{pair}"), format!("b{pair}")]).collect();
    let add = |pair: &[String]| format!("link add {} type veth peer name {}", pair[0], pair[1]);
    host.ip_batch(&names.chunks(2).map(add).collect::<Vec<_>>());
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let many = without(&[], &names);
    assert!(many.code == 1 && many.stderr.contains("entries of the neighbour table"), "{many:?}");
}

/// A reply that a guest sends to a request that it received, with any field forged.
struct Forged {
    mac: Mac,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    identifier: u16,
    sequence: u16,
    checksum_flip: u8,
}

impl Forged {
    fn answering(line: &Line, request: &Frame) -> Self {
        let packet = ipv6::decode(&request.bytes[ETHERNET_HEADER..]).expect("an echo request");
        let number = |at: usize| u16::from_be_bytes([packet.message[at], packet.message[at + 1]]);
        let interface = &line.link.guest;
        let source = if packet.source.is_unicast_link_local() {
            interface.link_local()
        } else {
            interface.mac().address_in(prefix(line.number))
        };
        let (identifier, sequence) = (number(4), number(6));
        Self { mac: interface.mac(), source, destination: packet.source, identifier, sequence, checksum_flip: 0 }
    }

    fn frame(&self, line: &Line) -> Vec<u8> {
        let mut packet = Vec::new();
        ipv6::encode(&mut packet, self.source, self.destination, |out| {
            out.extend([ECHO_REPLY, 0, 0, 0]);
            out.extend(self.identifier.to_be_bytes());
            out.extend(self.sequence.to_be_bytes());
        });
        packet[ipv6::HEADER_LEN + 2] ^= self.checksum_flip;
        [&line.link.host.mac().0[..], &self.mac.0, &[0x86, 0xdd], &packet].concat()
    }
}

/// Waits for both requests on a line.
fn requests(line: &mut Line) -> [Frame; 2] {
    let mut requests = Vec::new();
    eventually(SOON, "two echo requests", || {
        let frames = line.capture.frames_within(Duration::ZERO);
        requests.extend(frames.into_iter().filter(|frame| frame.is_icmpv6(ECHO_REQUEST)));
        (requests.len() == 2).then_some(())
    });
    requests.try_into().expect("two")
}

/// Probes a line whose guest answers both requests with what `forge` makes of a valid reply.
fn found_with_forged(forge: impl Fn(&mut Forged)) -> Value {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    guest.sysctl("ipv6/icmp/echo_ignore_all", 1);
    host.ip(&format!("address add {UPLINK} dev lo"));
    let mut line = Line::new(&host, &guest, 1);
    thread::scope(|scope| {
        let probing = scope.spawn(|| found_on(&host, "vm1").1);
        for request in requests(&mut line) {
            let mut reply = Forged::answering(&line, &request);
            forge(&mut reply);
            line.sender.send(&reply.frame(&line));
        }
        probing.join().expect("it ends")
    })
}

#[test]
fn replies_to_no_request_count_for_nothing() {
    let check = |forge: fn(&mut Forged), expected: &str| {
        let vm1 = found_with_forged(forge);
        assert_eq!(vm1["verdict"], expected, "{vm1:#}");
    };
    check(|_| {}, "works");
    check(|reply| reply.identifier ^= 1, "unknown");
    check(|reply| reply.sequence = reply.sequence.wrapping_add(0x1234), "unknown");
    check(|reply| reply.checksum_flip = 1, "unknown");
    check(|reply| reply.source = ALL_NODES, "unknown");
    check(|reply| reply.destination = "2001:db8:0:1::1".parse().expect("an address"), "unknown");
}

#[test]
fn a_guest_that_floods_costs_no_other_its_verdict() {
    let (host, _daemon, guests) = scene(2);
    let guest = Namespace::quiet();
    guest.sysctl("ipv6/icmp/echo_ignore_all", 1);
    let mut line = Line::new(&host, &guest, 3);
    guests[1].lose_route();
    let (took, (code, interfaces)) = thread::scope(|scope| {
        let probing = scope.spawn(|| {
            let began = Instant::now();
            let found = found(&host, &["vm3", "vm2", "vm1"]);
            (began.elapsed(), found)
        });
        let request = &requests(&mut line)[0];
        let mut number = 0_u32;
        while !probing.is_finished() {
            number += 1;
            let mut reply = Forged::answering(&line, request);
            reply.source = Ipv6Addr::from_bits(prefix(3).to_bits() | u128::from(number));
            reply.mac.0[2..].copy_from_slice(&number.to_be_bytes());
            line.sender.send(&reply.frame(&line));
        }
        probing.join().expect("it ends")
    });
    assert!(took < LONGEST + SLACK, "{took:?}");
    let of = |name: &str| interfaces.iter().find(|one| one["name"] == name).expect("it was asked for");
    assert_eq!((code, &of("vm3")["cut_off"]), (3, &true.into()), "{:#}", of("vm3"));
    assert_eq!((&of("vm1")["verdict"], &of("vm2")["verdict"]), (&"works".into(), &"no-route".into()));
}

#[test]
fn status_shows_the_addresses_that_the_neighbour_table_has() {
    let (host, daemon, guests) = scene(2);
    let address = guests[0].address().to_string();
    let control = daemon.control();
    let status = |more: &[&str]| {
        let socket = control.path().display().to_string();
        let output = Launch::new(&[&["status", "--socket", &socket], more].concat()).output(&host);
        assert_eq!(output.code, 0, "{output:?}");
        output.stdout
    };
    assert!(!status(&["--guests"]).contains(&address), "no packet came from it yet");
    assert_eq!(found_on(&host, "vm1").0, 0);
    let page = status(&["--guests"]);
    let line = page.lines().skip_while(|line| !line.starts_with("vm1")).nth(1).expect("a line below vm1");
    let expected = format!("guests: {address} ({} ", guests[0].link.guest.mac());
    assert!(line.trim_start().starts_with(&expected), "{page}");
    assert!(!status(&[]).contains(&address), "without the option");
    let json: Value = serde_json::from_str(&status(&["--guests", "--json"])).expect("JSON");
    assert_eq!(json["interfaces"][0]["guests"][0]["address"], address, "{json:#}");
    assert_eq!(json["interfaces"][1]["guests"], Value::Array(Vec::new()), "{json:#}");
}
