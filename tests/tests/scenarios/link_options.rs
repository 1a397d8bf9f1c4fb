//! The options for MTU and source link-layer address, and their effect on a guest's kernel.

use std::{
    fs,
    net::Ipv6Addr,
    thread,
    time::{Duration, SystemTime},
};

use autora::wire::NdOption;
use autora_tests::{Advert, Capture, Daemon, Guest, Interface, Mac, Namespace, Pings, Veth, eventually};
use nix::sys::signal::Signal;

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, on_both_paths, prefix, rarely};

const BOTH: &[&str] = &["--source-link-layer-address", "--mtu"];
const OFTEN: &[&str] = &["--interface-regex=^vm[0-9]+$", "--min-ra-interval=3s", "--max-ra-interval=4s"];

on_both_paths!(
    link_options_follow_the_link_and_reach_the_guest,
    a_change_of_the_link_is_told_at_once,
    a_bridge_whose_address_changes_tells_its_guest,
);

/// Returns the options before the prefixes.
fn link_options(advert: &Advert) -> Vec<NdOption> {
    let is_prefix = |option: &&NdOption| matches!(option, NdOption::PrefixInformation(_));
    let options = &advert.advert.options;
    let front: Vec<_> = options.iter().take_while(|option| !is_prefix(option)).cloned().collect();
    assert!(options[front.len()..].iter().all(|option| is_prefix(&option)), "the prefixes come last: {options:?}");
    assert_eq!(advert.prefixes().len(), 1);
    front
}

fn both(address: Mac, mtu: u32) -> Vec<NdOption> {
    vec![NdOption::SourceLinkLayerAddress(address.0), NdOption::Mtu(mtu)]
}

fn link_options_follow_the_link_and_reach_the_guest(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Guest::new());
    let link = Veth::new((&host, "vm1"), (guest.namespace(), "eth0"));
    link.host.add_address("2001:db8:0:1::1/64");
    link.host.set("mtu 1400");
    let mut capture = Capture::on(&link.guest);
    let mtu = || {
        let path = "/proc/sys/net/ipv6/conf/eth0/mtu";
        let text = guest.namespace().enter(|| fs::read_to_string(path)).expect("the guest has the interface");
        text.trim().parse::<u32>().expect("a number")
    };
    let neighbour = |mac: Mac| {
        let known = guest.namespace().ip("-6 neighbour show dev eth0");
        known.contains(&format!("{} lladdr {mac} router", link.host.link_local()))
    };
    assert!(mtu() == 1500 && !neighbour(link.host.mac()), "no RA has been sent yet");

    let mut daemon = Daemon::start(&host, &[OFTEN, BOTH, arguments].concat());
    assert_eq!(link_options(&capture.expect_advert(SOON)), both(link.host.mac(), 1400));
    eventually(SOON, "the guest's MTU", || (mtu() == 1400).then_some(()));
    eventually(SOON, "the guest's neighbour", || neighbour(link.host.mac()).then_some(()));

    // After a change the next RA has the new values.
    let other = Mac::unique();
    link.host.set("mtu 1300");
    link.host.set(&format!("address {other}"));
    let next = capture.expect_advert(Duration::from_secs(4) + SLACK);
    assert_eq!(link_options(&next), both(other, 1300));
    eventually(SOON, "the guest's other MTU", || (mtu() == 1300).then_some(()));
    eventually(SOON, "the guest's other neighbour", || neighbour(other).then_some(()));

    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
    let last = capture.adverts_within(Duration::ZERO).pop().expect("a final RA");
    assert!(last.is_final());
    assert_eq!(link_options(&last), both(other, 1300));
}

#[test]
fn each_link_option_is_enabled_by_itself() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    link.host.add_address("2001:db8:0:1::1/64");
    let mac = link.host.mac();
    for (arguments, expected) in [
        (&[][..], vec![]),
        (&["--mtu"], vec![NdOption::Mtu(1500)]),
        (&["--source-link-layer-address"], vec![NdOption::SourceLinkLayerAddress(mac.0)]),
    ] {
        let mut capture = Capture::on(&link.guest);
        let _daemon = Daemon::start(&host, &[&["--on-exit=keep"], OFTEN, arguments].concat());
        assert_eq!(link_options(&capture.expect_advert(SOON)), expected, "{arguments:?}");
    }
}

/// The link-layer address of a tunnel has four bytes, or none.
#[test]
fn a_tunnel_sends_no_source_link_layer_address() {
    let host = Namespace::host();
    host.ip("tuntap add dev vm1 mode tun");
    host.ip("link set vm1 up");
    let _device = autora_tests::open_tun(&host, "vm1");
    host.ip("address add fe80::1/64 dev vm1 nodad");
    host.ip("address add 2001:db8:0:1::1/64 dev vm1 nodad");
    let daemon = Daemon::start(&host, &[&["--dry-run"], OFTEN, BOTH].concat());
    daemon.wait_for_log(&["mtu 1500"], SOON);
    daemon.wait_for_log(&["prefix 2001:db8:0:1::/64"], FLOOR + MAX_DELAY);
    assert!(daemon.lines_with(&["source link-layer address"]).is_empty(), "{:#?}", daemon.log());

    // The control: a veth has an address of six bytes.
    let guest = Namespace::quiet();
    let link = Veth::new((&host, "vm2"), (&guest, "g2"));
    link.host.add_address("2001:db8:0:2::1/64");
    daemon.wait_for_log(&["source link-layer address", &link.host.mac().to_string()], SOON);
}

/// Without a change, the next RA of the initial burst would leave after 16 s.
fn a_change_of_the_link_is_told_at_once(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 3);
    let _daemon = Daemon::start(&host, &rarely(&[BOTH, arguments].concat()));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    let macs = [0, 1, 2].map(|at: usize| lines[at].link.host.mac());
    thread::sleep(FLOOR);

    let (other, began) = (Mac::unique(), SystemTime::now());
    lines[0].link.host.set("mtu 1400");
    lines[1].link.host.set(&format!("address {other}"));
    let [mtu, mac] = [0, 1].map(|at: usize| lines[at].expect_served(AT_ONCE));
    assert_eq!((link_options(&mtu), link_options(&mac)), (both(macs[0], 1400), both(other, 1500)));
    for advert in [&mtu, &mac] {
        assert!(advert.since(began) < SLACK, "{:?}", advert.since(began));
    }
    // A further change waits for the floor, and the burst begins anew.
    lines[0].link.host.set("mtu 1300");
    let again = lines[0].expect_served(FLOOR + SLACK);
    assert_eq!(link_options(&again), both(macs[0], 1300));
    assert!(again.since(mtu.at) >= FLOOR, "{:?}", again.since(mtu.at));
    // The control is a link without a change.
    expect_silence(&mut lines[1..], FLOOR);
    assert_eq!(link_options(&first[2]), link_options(&lines[2].expect_answer()));
}

/// A bridge without an address of its own takes the lowest of its ports, and another one's when that port goes.
fn a_bridge_whose_address_changes_tells_its_guest(arguments: &[&str]) {
    const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
    let (host, guest) = (Namespace::host(), Guest::new());
    Interface::existing(&host, "lo").add_address(&format!("{FAR}/128"));
    let link = Veth::new((&host, "port1"), (guest.namespace(), "eth0"));
    host.ip("link add vm1 type bridge");
    host.ip("link add port0 address 02:00:00:00:00:01 type veth peer name other0");
    for port in ["port0", "port1"] {
        host.ip(&format!("link set {port} up master vm1"));
    }
    let bridge = Interface::existing(&host, "vm1");
    bridge.set("up");
    bridge.wait_link_local();
    bridge.add_address("2001:db8:0:1::1/64");
    let mut capture = Capture::on(&link.guest);
    let _daemon = Daemon::start(&host, &rarely(&[BOTH, arguments].concat()));
    assert_eq!(link_options(&capture.expect_advert(SOON)), both(bridge.mac(), 1500));
    guest.wait_for_address(link.guest.mac().address_in(prefix(1)), SOON);
    thread::sleep(FLOOR);

    let pings = Pings::start(guest.namespace(), FAR);
    host.ip("link delete port0");
    let advert = capture.expect_advert(AT_ONCE);
    assert_eq!(link_options(&advert), both(Interface::existing(&host, "vm1").mac(), 1500));
    assert_ne!(bridge.mac(), Interface::existing(&host, "vm1").mac(), "the address changed");
    thread::sleep(Duration::from_secs(2));
    let lost = pings.finish();
    // As many as it sends before the RA arrives.
    assert!(lost.lost < 10, "{lost:?}");
}
