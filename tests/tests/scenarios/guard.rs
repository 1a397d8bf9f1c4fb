//! The guard of `contrib/nftables`: what passes, what is dropped, and whose packets.

use std::{
    fs,
    net::Ipv6Addr,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use autora::wire::ALL_NODES;
use autora_tests::{Daemon, Guest, Interface, Mac, Namespace, Pings, Sender, Solicit, Tap, Veth, workspace};
use serde_json::Value;

use crate::bench::{AT_ONCE, FLOOR, MAX_DELAY, SLACK, SOON, live, prefix};

/// What the file allows an interface: a second, and at once.
const RATE: u32 = 100;
const BURST: u64 = 200;

/// As many packets as no interface may send within the time of a test.
const FLOOD: u64 = 20_000;

/// What a processor's queue of received packets has room for on a busy machine, too (`net.core.netdev_max_backlog`,
/// 1,000): where it is full, the kernel drops a ping before any rule sees it.
const PORTION: u64 = 200;

/// [RFC 4443 4.1](https://www.rfc-editor.org/rfc/rfc4443#section-4.1).
const ECHO_REQUEST: u8 = 128;

/// [RFC 4861 4.3](https://www.rfc-editor.org/rfc/rfc4861#section-4.3).
const NEIGHBOR_SOLICITATION: u8 = 135;

/// [RFC 9777 5.2](https://www.rfc-editor.org/rfc/rfc9777#section-5.2).
const MLD_REPORT: u8 = 143;

/// A hop-by-hop header with the Router Alert option that an MLD message has [RFC 9777 5].
const ROUTER_ALERT: [u8; 8] = [0, 0, 5, 2, 0, 0, 1, 0];

/// Serves what the file names.
const REGEX: &str = "--interface-regex=^tap-vm-[0-9]+$";

/// A host that has loaded the file as it is shipped.
///
/// It answers no multicast echo request: replies to guests that no neighbour discovery finds would wait for three
/// seconds, and with them the one socket per processor from which the kernel sends ICMPv6 in all namespaces, so that
/// other scenarios lose pings (`icmpv6_xmit_lock()`, net/ipv6/icmp.c, Linux 6.18).
fn guarded_host() -> Namespace {
    let host = Namespace::host();
    host.sysctl("ipv6/icmp/echo_ignore_multicast", 1);
    nft(&host, &["-f", &file().to_string_lossy()]);
    host
}

fn file() -> PathBuf {
    workspace().join("contrib/nftables/autora-guard.nft")
}

fn nft(host: &Namespace, arguments: &[&str]) -> String {
    host.run(Command::new("nft").args(arguments))
}

/// What was dropped in all.
fn dropped(host: &Namespace) -> u64 {
    let rules =
        table(host).into_iter().filter_map(|mut entry| entry["rule"]["expr"].as_array_mut().map(std::mem::take));
    let counters: Vec<_> = rules.flatten().filter_map(|part| part["counter"]["packets"].as_u64()).collect();
    assert_eq!(counters.len(), 1, "the file has one counter: {counters:?}");
    counters[0]
}

/// What was dropped of each interface that has lost a packet.
fn dropped_by_interface(host: &Namespace) -> Vec<(String, u64)> {
    let sets = table(host).into_iter().map(|entry| entry["set"].clone());
    let set = sets.into_iter().find(|set| set["name"] == "dropped").expect("the file has this set");
    let elements = set["elem"].as_array().cloned().unwrap_or_default();
    let named = |element: &Value| {
        let packets = element["elem"]["counter"]["packets"].as_u64().expect("an element counts");
        (element["elem"]["val"].as_str().expect("an interface that exists has a name").to_owned(), packets)
    };
    elements.iter().map(named).collect()
}

fn table(host: &Namespace) -> Vec<Value> {
    let text = nft(host, &["-j", "list", "table", "ip6", "autora-guard"]);
    let value: Value = serde_json::from_str(&text).expect("nft prints JSON");
    value["nftables"].as_array().expect("a list").clone()
}

/// The number of multicast packets for which the host looked up a route: `ip6_mc_input()` in `net/ipv6/ip6_input.c`
/// counts them, behind the hook.
fn passed(interface: &Interface) -> u64 {
    let file = format!("/proc/thread-self/net/dev_snmp6/{}", interface.name());
    let text = interface.namespace().enter(|| fs::read_to_string(&file)).expect("an interface with IPv6 has counters");
    let line = text.lines().find_map(|line| line.strip_prefix("Ip6InMcastPkts")).expect("this one, too");
    line.trim().parse().expect("a number")
}

/// A guest that holds its tap open, and of which the host knows the link-layer address.
fn guest(host: &Namespace, number: u16) -> Tap {
    let mut tap = Tap::new(host, &format!("tap-vm-{number}"));
    tap.open();
    tap.interface.wait_link_local();
    tap.interface.add_address(&format!("{}1/64", prefix(number)));
    tap
}

fn echo_request() -> Solicit {
    let (kind, options) = (ECHO_REQUEST, Vec::new());
    Solicit { kind, options, destination: ALL_NODES, link_destination: Mac::ALL_NODES, ..Solicit::new(Mac::unique()) }
}

/// Sends a frame `count` times, as fast as a core can; returns how many of them passed, and the time that it took.
fn flood(tap: &Tap, frame: &[u8], count: u64) -> (u64, Duration) {
    let (before, begun) = (passed(&tap.interface), Instant::now());
    (0..count).for_each(|_| tap.send(frame));
    // A tap's packet is in the host's kernel, or dropped there, before `write` returns.
    (passed(&tap.interface) - before, begun.elapsed())
}

/// The most packets that may pass within `time`.
fn allowed(time: Duration) -> u64 {
    BURST + (time * RATE).as_secs() + 1
}

/// One packet of each kind that a host sends by multicast.
fn kinds() -> [(&'static str, Solicit); 5] {
    let good = Solicit::new(Mac::unique());
    let target = [0xfe80_u16, 0, 0, 0, 0, 0, 0, 1].map(u16::to_be_bytes).concat();
    let solicited_node = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1);
    let neighbor =
        Solicit { kind: NEIGHBOR_SOLICITATION, destination: solicited_node, options: target, ..good.clone() };
    let detection = Solicit { source: Ipv6Addr::UNSPECIFIED, ..neighbor.clone() };
    let report = Solicit {
        kind: MLD_REPORT,
        destination: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16),
        hop_limit: 1,
        extensions: vec![(0, ROUTER_ALERT.to_vec())],
        ..good.clone()
    };
    [
        ("a Router Solicitation", good),
        ("a Neighbor Solicitation", neighbor),
        ("duplicate address detection", detection),
        ("an MLD report", report),
        ("an echo request to all nodes", echo_request()),
    ]
}

#[test]
fn each_kind_of_multicast_passes_and_is_dropped_over_the_limit() {
    let host = guarded_host();
    let guests = [1, 2, 3, 4, 5].map(|number| guest(&host, number));
    for ((kind, solicit), tap) in kinds().iter().zip(&guests) {
        let frame = solicit.frame();
        assert_eq!(flood(tap, &frame, 100).0, 100, "{kind}");
        assert!(!dropped_by_interface(&host).iter().any(|(name, _)| name == tap.interface.name()), "{kind}");
        let (passed, time) = flood(tap, &frame, FLOOD);
        assert!((BURST - 100..=allowed(time)).contains(&passed), "{kind}: {passed} passed in {time:?}");
        let of_this = dropped_by_interface(&host).into_iter().find(|(name, _)| name == tap.interface.name());
        assert_eq!(of_this.expect("it is counted").1, FLOOD - passed, "{kind}");
    }
    let sum: u64 = dropped_by_interface(&host).iter().map(|(_, packets)| packets).sum();
    assert_eq!(dropped(&host), sum);
}

/// A hundred packets a second pass for as long as they come, twice what a burst has room for.
#[test]
fn a_busy_guest_loses_nothing() {
    let host = guarded_host();
    let busy = guest(&host, 1);
    let (frame, before, begun) = (echo_request().frame(), passed(&busy.interface), Instant::now());
    let count = 4 * RATE;
    for number in 0..count {
        thread::sleep((Duration::from_secs(1) * number / RATE).saturating_sub(begun.elapsed()));
        busy.send(&frame);
    }
    assert_eq!(passed(&busy.interface) - before, u64::from(count));
    assert_eq!((dropped(&host), dropped_by_interface(&host)), (0, vec![]));
    // The control: this one is dropped.
    flood(&busy, &frame, FLOOD);
    assert!(dropped(&host) > 0);
}

#[test]
fn a_flood_touches_no_neighbour_and_no_interface_without_a_guest() {
    let host = guarded_host();
    let [hostile, quiet] = [1, 2].map(|number| guest(&host, number));
    let mut other = Tap::new(&host, "uplink");
    other.open();
    other.interface.wait_link_local();
    let daemon = Daemon::start(&host, &[REGEX, "--min-ra-interval=1000s", "--max-ra-interval=1400s"]);
    let mut capture = quiet.capture();
    daemon.wait_serving("tap-vm-2", SOON);
    assert_eq!(live(&capture.expect_advert(AT_ONCE)), [prefix(2)]);
    thread::sleep(FLOOR);

    let frame = echo_request().frame();
    let (passed, time) = flood(&hostile, &frame, FLOOD);
    assert!(passed <= allowed(time), "{passed} passed in {time:?}");
    quiet.send(&Solicit::new(Mac::unique()).frame());
    assert_eq!(live(&capture.expect_advert(MAX_DELAY + SLACK)), [prefix(2)]);
    assert_eq!(flood(&quiet, &frame, 100).0, 100);
    assert_eq!(flood(&other, &frame, FLOOD).0, FLOOD, "an interface that the file does not name has no limit");
    let names: Vec<_> = dropped_by_interface(&host).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["tap-vm-1"]);
}

/// A guest's own kernel, with duplicate address detection, MLD and its solicitations.
#[test]
fn a_guest_is_configured_and_keeps_its_connections_while_it_floods() {
    let (host, guest) = (guarded_host(), Guest::new());
    guest.namespace().default_sysctls(&[("accept_dad", 1)]);
    let link = Veth::new((&host, "tap-vm-1"), (guest.namespace(), "eth0"));
    link.host.add_address("2001:db8:0:1::1/64");
    let _daemon = Daemon::start(&host, &[REGEX]);
    guest.wait_for_address(link.guest.mac().address_in(prefix(1)), SOON);
    guest.wait_for_default_route(SOON);
    assert_eq!(dropped(&host), 0);

    let pings = Pings::start(guest.namespace(), "2001:db8:0:1::1".parse().expect("an address"));
    let (sender, frame) = (Sender::on(&link.guest), Solicit::from(&link.guest).frame());
    for _ in 0..FLOOD / PORTION {
        (0..PORTION).for_each(|_| sender.send(&frame));
        thread::sleep(Duration::from_millis(5));
    }
    let lost = pings.finish();
    assert_eq!(lost.lost, 0, "{lost:?}");
    assert!(dropped(&host) > FLOOD / 2, "{}", dropped(&host));
}

#[test]
fn it_is_loaded_again_and_removed() {
    let host = guarded_host();
    let hostile = guest(&host, 1);
    let frame = echo_request().frame();
    flood(&hostile, &frame, FLOOD);
    assert!(dropped(&host) > 0);
    nft(&host, &["-f", &file().to_string_lossy()]);
    assert_eq!((dropped(&host), dropped_by_interface(&host)), (0, vec![]));
    assert!(flood(&hostile, &frame, FLOOD).0 < FLOOD);

    let unit = fs::read_to_string(workspace().join("contrib/nftables/autora-guard.service")).expect("the unit");
    let stop =
        unit.lines().find_map(|line| line.strip_prefix("ExecStop=-/usr/sbin/nft ")).expect("it removes the table");
    nft(&host, &stop.split(' ').collect::<Vec<_>>());
    assert_eq!(flood(&hostile, &frame, FLOOD).0, FLOOD);
    assert_eq!(nft(&host, &["list", "tables"]), "");
}
