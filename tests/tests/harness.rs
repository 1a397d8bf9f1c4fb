//! Tests of the harness: it makes namespaces and links, captures frames, and deletes what it made.

use std::{
    fs,
    net::Ipv6Addr,
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use autora::{
    addr::Prefix64,
    wire::{ALL_NODES, NdOption, PrefixInformation, RouterAdvert, ipv6},
};
use autora_tests::{
    Capture, Checksum, Direction, Fragments, Frame, Guest, Interface, Mac, Namespace, Pings, RouteMonitor, Sender,
    Solicit, Tap, Veth, eventually,
};

const SOON: Duration = Duration::from_secs(10);
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);

/// Returns a frame with a valid RA, made without the daemon.
fn advertisement(from: &Interface, router_lifetime: Duration) -> Vec<u8> {
    let prefix = PrefixInformation {
        prefix: Prefix64::containing(PREFIX),
        on_link: false,
        autonomous: true,
        valid: Duration::from_mins(10),
        preferred: Duration::from_mins(5),
    };
    let advert = RouterAdvert {
        cur_hop_limit: 0,
        flags: 0,
        router_lifetime,
        reachable_time: Duration::ZERO,
        retrans_timer: Duration::ZERO,
        options: vec![NdOption::PrefixInformation(prefix)],
    };
    let mut packet = Vec::new();
    ipv6::encode(&mut packet, from.link_local(), ALL_NODES, |out| advert.encode(out));
    [&Mac::ALL_NODES.0[..], &from.mac().0, &[0x86, 0xdd], &packet].concat()
}

#[test]
fn a_guest_uses_a_valid_ra_and_the_capture_shows_it() {
    let (host, guest) = (Namespace::host(), Guest::new());
    let link = Veth::new((&host, "vm1"), (guest.namespace(), "eth0"));
    let mut arriving = Capture::on(&link.guest);
    arriving.expect_silence(Duration::from_millis(300));
    assert!(guest.default_routes().is_empty(), "no RA was sent yet");

    let router = Sender::on(&link.host);
    let frame = advertisement(&link.host, Duration::from_mins(3));
    router.send(&frame);
    let seen = arriving.expect_advert(SOON);
    assert_eq!(seen.frame, frame);
    assert_eq!((seen.source, seen.prefixes().len(), seen.is_final()), (link.host.link_local(), 1, false));

    guest.wait_for_address(link.guest.mac().address_in(PREFIX), SOON);
    let route = guest.wait_for_default_route(SOON);
    assert_eq!((route.gateway, route.device.as_str()), (link.host.link_local(), "eth0"));
    assert!(route.expires.is_some_and(|seconds| (170..=180).contains(&seconds)), "{route:?}");
    assert!(!guest.has_route("2001:db8::/64"), "the prefix is not on the link");

    router.send(&advertisement(&link.host, Duration::ZERO));
    assert!(arriving.expect_advert(SOON).is_final());
    guest.wait_for_no_default_route(SOON);
}

#[test]
fn a_guests_lost_pings_and_absent_routes_are_seen() {
    const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
    let (host, guest) = (Namespace::host(), Guest::new());
    let link = Veth::new((&host, "vm1"), (guest.namespace(), "eth0"));
    Interface::existing(&host, "lo").add_address(&format!("{FAR}/128"));
    link.host.add_address("2001:db8::1/64");
    let router = Sender::on(&link.host);
    let advertise = |lifetime| router.send(&advertisement(&link.host, lifetime));
    advertise(Duration::from_mins(3));
    guest.wait_for_address(link.guest.mac().address_in(PREFIX), SOON);
    guest.wait_for_default_route(SOON);

    let ping = || Pings::start(guest.namespace(), FAR);
    let (monitor, pings) = (RouteMonitor::start(&guest), ping());
    thread::sleep(Duration::from_secs(1));
    assert_eq!((monitor.absences(), pings.finish().lost), (vec![], 0));

    let pings = ping();
    advertise(Duration::ZERO);
    guest.wait_for_no_default_route(SOON);
    thread::sleep(Duration::from_secs(1));
    advertise(Duration::from_mins(3));
    guest.wait_for_default_route(SOON);
    thread::sleep(Duration::from_millis(200));
    let (absences, lost) = (monitor.absences(), pings.finish());
    assert_eq!(absences.len(), 1, "{absences:?}");
    assert!(lost.lost >= 19 && lost.sent > lost.lost, "{lost:?}");
    monitor.expect_deletion_seen();
}

#[test]
#[should_panic(expected = "no RA was expected")]
fn expect_silence_panics_on_an_ra() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "eth0"));
    let mut capture = Capture::on(&link.guest);
    Sender::on(&link.host).send(&advertisement(&link.host, Duration::ZERO));
    capture.expect_silence(Duration::from_millis(100));
}

#[test]
fn a_quiet_guest_sends_no_solicitation_of_its_own() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "eth0"));
    let mut capture = Capture::on(&link.guest);
    link.guest.set("down");
    link.guest.set("up");
    let before = SystemTime::now();
    // Long enough for a kernel that solicits.
    let others = capture.frames_within(Duration::from_secs(2));
    assert!(!others.iter().any(Frame::is_solicit), "{others:?}");

    let frame = Solicit::from(&link.guest).frame();
    Sender::on(&link.guest).send(&frame);
    let frames = capture.frames_within(Duration::from_millis(100));
    let solicits: Vec<_> = frames.iter().filter(|frame| frame.is_solicit()).collect();
    let [only] = &solicits[..] else { panic!("one solicitation expected: {solicits:?}") };
    assert_eq!((&only.bytes, only.direction), (&frame, Direction::Outgoing));
    assert!(only.at > before);
}

#[test]
fn solicitations_have_golden_bytes() {
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    assert_eq!(mac.to_string(), "02:00:00:00:00:01");
    assert_eq!(mac.link_local().to_string(), "fe80::ff:fe00:1");
    #[rustfmt::skip]
    let golden = [
        0x33, 0x33, 0, 0, 0, 2,  2, 0, 0, 0, 0, 1,  0x86, 0xdd,
        0x60, 0, 0, 0,  0, 16, 58, 255,
        0xfe, 0x80, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0xff, 0xfe, 0, 0, 1,
        0xff, 2, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 2,
        133, 0, 0x7b, 0x2c, 0, 0, 0, 0,
        1, 1, 2, 0, 0, 0, 0, 1,
    ];
    let good = Solicit::new(mac);
    assert_eq!(good.frame(), golden);
    assert_eq!(Solicit { checksum: Checksum::Wrong, ..good.clone() }.frame()[56..58], [0x7b, 0x2d]);
    assert_eq!(Solicit { truncate: Some(7), ..good.clone() }.frame().len(), 14 + 40 + 7);
    assert_eq!(Solicit::unspecified(mac).frame().len(), 14 + 40 + 8);

    let destination_options = (60, vec![0, 0, 1, 4, 0, 0, 0, 0]);
    let extended = Solicit { extensions: vec![destination_options], ..good.clone() }.frame();
    assert_eq!((extended[20], extended[54], extended[19]), (60, 58, 24));

    let [first, second] = Solicit { fragments: Fragments::Two, ..good }.frames().try_into().expect("two");
    assert_eq!((first[20], &first[54..62]), (44, &[58, 0, 0, 1, 0, 0, 0, 1][..]));
    assert_eq!((second[20], &second[54..62]), (44, &[58, 0, 0, 8, 0, 0, 0, 1][..]));
    assert_eq!([&first[62..], &second[62..]].concat(), golden[54..]);
}

#[test]
fn a_tap_has_carrier_while_it_is_open() {
    let host = Namespace::host();
    let mut tap = Tap::new(&host, "tap1");
    let flags = || host.ip("link show dev tap1");
    assert!(flags().contains("NO-CARRIER"), "{}", flags());
    tap.open();
    tap.interface.wait_link_local();
    let mut capture = Capture::on(&tap.interface);
    let frame = Solicit::new(Mac::unique()).frame();
    tap.send(&frame);
    let frames = capture.frames_within(Duration::from_millis(200));
    assert!(frames.iter().any(|seen| seen.bytes == frame && seen.direction == Direction::Incoming));
    tap.close();
    eventually(SOON, "the loss of the tap's carrier", || flags().contains("NO-CARRIER").then_some(()));
}

#[test]
fn a_namespace_is_deleted_with_its_last_clone() {
    let namespace = Namespace::new("short");
    let file = Path::new("/run/netns").join(namespace.name());
    let other = namespace.clone();
    drop(namespace);
    assert!(file.exists(), "a clone is left");
    let addresses = other.enter(|| fs::read_to_string("/proc/thread-self/net/if_inet6")).expect("readable");
    assert_eq!(addresses.lines().count(), 1, "the loopback alone, none of this machine's: {addresses}");
    drop(other);
    assert!(!file.exists());
}

#[test]
#[should_panic(expected = "Cannot find device")]
fn a_failing_command_panics_with_its_error() {
    Namespace::new("failing").ip("link set nothing up");
}
