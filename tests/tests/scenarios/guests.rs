//! The main purpose: a guest's own kernel gets an address and a default route, and loses the route when the
//! daemon stops.

use std::{net::UdpSocket, time::Duration};

use autora_tests::{Guest, Launch, Namespace, Veth};
use nix::sys::signal::Signal;

use crate::bench::{SOON, prefix};

/// Checks a guest from its first RA to the daemon's stop.
fn a_guest_gets_and_loses_its_route(launch: &Launch) {
    let (host, guest) = (Namespace::host(), Guest::new());
    let link = Veth::new((&host, "vm1"), (guest.namespace(), "eth0"));
    link.host.add_address("2001:db8:0:1::1/64");
    let address = link.guest.mac().address_in(prefix(1));
    assert!(!guest.addresses().contains(&address) && guest.default_routes().is_empty(), "no RA has been sent yet");

    let mut daemon = launch.start(&host);
    guest.wait_for_address(address, SOON);
    let route = guest.wait_for_default_route(SOON);
    assert_eq!((route.gateway, route.device.as_str()), (link.host.link_local(), "eth0"));
    assert!(route.expires.is_some_and(|seconds| (150..=180).contains(&seconds)), "{route:?}");
    assert!(!guest.has_route("2001:db8:0:1::/64"), "the prefix is not on-link for the guest");
    daemon.wait_serving("vm1", SOON);
    packets_pass(&host, &guest);

    daemon.signal(Signal::SIGTERM);
    guest.wait_for_no_default_route(SOON);
    assert_eq!(daemon.wait_exit(SOON), 0);
    assert!(guest.addresses().contains(&address), "a stop withdraws the route, not the address");
}

/// Sends a packet from the guest's new address to the host, and an answer back.
fn packets_pass(host: &Namespace, guest: &Guest) {
    let on = |namespace: &Namespace, address: &str| {
        let socket = namespace.enter(|| UdpSocket::bind(address)).expect("the address is there");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("five seconds are a timeout");
        socket
    };
    let (there, here) = (on(host, "[2001:db8:0:1::1]:4000"), on(guest.namespace(), "[::]:0"));
    here.send_to(b"hello", "[2001:db8:0:1::1]:4000").expect("there is a route");
    let mut buffer = [0; 8];
    let (len, from) = there.recv_from(&mut buffer).expect("it arrives");
    assert_eq!(&buffer[..len], b"hello");
    there.send_to(b"you", from).expect("there is a way back");
    assert_eq!(here.recv(&mut buffer).expect("it arrives, too"), 3);
}

const MATCHING: &str = "--interface-regex=^vm[0-9]+$";

#[test]
fn with_the_defaults() {
    a_guest_gets_and_loses_its_route(&Launch::new(&[MATCHING]));
}

#[test]
fn with_settings_from_the_environment() {
    a_guest_gets_and_loses_its_route(
        &Launch::new(&[]).env("AUTORA_INTERFACE_REGEX", "^vm[0-9]+$").env("AUTORA_MAX_RA_INTERVAL", ""),
    );
}

#[test]
fn with_the_ebpf_filter() {
    a_guest_gets_and_loses_its_route(&Launch::new(&[MATCHING, "--filter=ebpf"]));
}

#[test]
fn with_the_classic_filter() {
    a_guest_gets_and_loses_its_route(&Launch::new(&[MATCHING, "--filter=classic"]));
}

#[test]
fn through_the_raw_socket() {
    a_guest_gets_and_loses_its_route(&Launch::new(&[MATCHING, "--send=raw"]));
}

#[test]
fn unprivileged_with_two_capabilities() {
    a_guest_gets_and_loses_its_route(&Launch::new(&[MATCHING, "--filter=ebpf"]).unprivileged(&["net_raw", "bpf"]));
}

#[test]
fn unprivileged_through_the_raw_socket() {
    a_guest_gets_and_loses_its_route(
        &Launch::new(&[MATCHING, "--filter=ebpf", "--send=raw"]).unprivileged(&["net_raw", "bpf"]),
    );
}
