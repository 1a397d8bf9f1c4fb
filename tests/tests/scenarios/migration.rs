//! A guest that moves from one host to another: what it loses, by what the hosts have in common.

use std::{net::Ipv6Addr, thread, time::Duration};

use autora_tests::{Likeness, Pings, RouteMonitor, TwoHosts};

use crate::bench::SOON;

const SECOND: Duration = Duration::from_secs(1);

/// What the handbook recommends.
const RECOMMENDED: Likeness = Likeness {
    source: Some("fe80::1"),
    same_mac: false,
    arguments: &["--source-address=fe80::1", "--source-link-layer-address"],
};

/// Returns the two hosts with a guest that is configured and gets answers through the first one.
fn configured(likeness: &Likeness) -> TwoHosts {
    let hosts = TwoHosts::new(likeness);
    hosts.guest.wait_for_address(hosts.address(), SOON);
    hosts.guest.wait_for_default_route(SOON);
    let warm = Pings::start(hosts.guest.namespace(), hosts.target());
    thread::sleep(SECOND);
    assert_eq!(warm.finish().lost, 0);
    hosts
}

/// Moves the guest; returns how many echo requests are lost of those of the first second, and of three more.
fn lost_by_a_move(hosts: &TwoHosts, to: usize) -> [usize; 2] {
    let pings = Pings::start(hosts.guest.namespace(), hosts.target());
    hosts.move_to(to);
    thread::sleep(SECOND);
    let first = pings.finish().lost;
    let later = Pings::begin(hosts.guest.namespace(), hosts.target());
    thread::sleep(3 * SECOND);
    [first, later.finish().lost]
}

fn gateways(hosts: &TwoHosts) -> Vec<Ipv6Addr> {
    hosts.guest.default_routes().iter().map(|route| route.gateway).collect()
}

#[test]
fn with_one_source_and_its_link_layer_address_a_guest_goes_on_at_once() {
    let hosts = configured(&RECOMMENDED);
    let monitor = RouteMonitor::start(&hosts.guest);
    for to in [1, 0, 1] {
        let [first, later] = lost_by_a_move(&hosts, to);
        // What leaves between the move and the first RA of the other host is lost.
        assert!(first <= 4, "{first} of the first second");
        assert_eq!(later, 0, "after a second");
        assert_eq!(gateways(&hosts), [Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)]);
    }
    assert_eq!(monitor.absences(), [""; 0]);
    monitor.expect_deletion_seen();
}

/// As libvirt makes its taps: by the guest's own link-layer address.
#[test]
fn with_the_same_link_layer_address_on_both_hosts_the_defaults_suffice() {
    let hosts = configured(&Likeness { source: None, same_mac: true, arguments: &[] });
    let [first, later] = lost_by_a_move(&hosts, 1);
    assert!(first <= 4 && later == 0, "{first}, {later}");
    assert_eq!(gateways(&hosts).len(), 1);
}

/// The controls: without either setting the guest goes on sending to the first host.
#[test]
fn without_the_link_layer_address_or_the_one_source_echo_requests_are_lost() {
    thread::scope(|scope| {
        scope.spawn(|| {
            let hosts = configured(&Likeness { arguments: &RECOMMENDED.arguments[..1], ..RECOMMENDED });
            let [_, later] = lost_by_a_move(&hosts, 1);
            assert!(later > 55, "{later} of 60 with one source");
            assert_eq!(gateways(&hosts).len(), 1);
        });
        scope.spawn(|| {
            let hosts = configured(&Likeness { source: None, arguments: &[], ..RECOMMENDED });
            let [_, later] = lost_by_a_move(&hosts, 1);
            assert!(later > 55, "{later} of 60 with two sources");
            assert_eq!(gateways(&hosts).len(), 2);
        });
    });
}
