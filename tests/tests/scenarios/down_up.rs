//! Links that go down and come up: only what changed meanwhile is told, also to guests behind a bridge or a tap, who
//! see nothing of it.

use std::{net::Ipv6Addr, thread, time::Duration};

use autora_tests::{Advert, Daemon, Guest, Interface, Launch, Namespace, RouteMonitor, Veth};

use crate::bench::{
    FLOOR, GRACE, Line, MAX_DELAY, SLACK, SOON, expect_silence, live, on_both_paths, prefix, rarely, retired,
};

on_both_paths!(what_changed_while_a_link_was_down_is_told_when_it_is_served_again);

/// Time for the kernel to make its link-local address: duplicate address detection takes 1.1 to 2.4 s.
const DETECTION: Duration = Duration::from_secs(3);

const OTHER_SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// What an operator does after `ip link set down`.
struct Return {
    what: &'static str,
    up: fn(&Line),
    /// Adds the address of global scope; the kernel deleted the one before.
    prefix: u16,
    source: fn(&Line) -> Ipv6Addr,
    /// The time without an address of global scope.
    pause: Duration,
}

/// Line 1, 2, ...; prefix 11, 12, ... is another one.
const RETURNS: &[Return] = &[
    Return { what: "the same prefix", up, prefix: 1, source: own, pause: Duration::ZERO },
    Return { what: "another prefix", up, prefix: 12, source: own, pause: Duration::ZERO },
    Return { what: "detection, the same prefix", up: up_with_detection, prefix: 3, source: own, pause: Duration::ZERO },
    Return { what: "detection, another prefix", up: up_with_detection, prefix: 14, source: own, pause: Duration::ZERO },
    Return { what: "another prefix, long after", up, prefix: 15, source: own, pause: Duration::from_secs(2) },
    Return {
        what: "another source",
        up: up_with_other_source,
        prefix: 6,
        source: |_| OTHER_SOURCE,
        pause: Duration::ZERO,
    },
];

fn up(line: &Line) {
    line.link.host.set("up");
}

fn up_with_detection(line: &Line) {
    line.link.host.sysctl("accept_dad", 1);
    line.link.host.set("up");
}

fn up_with_other_source(line: &Line) {
    line.link.host.set("addrgenmode none");
    line.link.host.set("up");
    line.link.host.add_address(&format!("{OTHER_SOURCE}/64"));
}

fn own(line: &Line) -> Ipv6Addr {
    line.link.host.link_local()
}

/// What an RA says.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    source: Ipv6Addr,
    is_final: bool,
    live: Vec<Ipv6Addr>,
    retired: Vec<Ipv6Addr>,
}

impl Told {
    fn by(advert: &Advert) -> Self {
        Self { source: advert.source, is_final: advert.is_final(), live: live(advert), retired: retired(advert) }
    }
}

/// A guest behind a bridge of its own, whose link stays up when the host's end goes down.
struct Bridged {
    line: Line,
    guest: Guest,
    port: Veth,
}

impl Bridged {
    fn new(host: &Namespace, number: u16) -> Self {
        let (switch, guest) = (Namespace::quiet(), Guest::new());
        let line = Line::new(host, &switch, number);
        Interface::add(&switch, "br0", "bridge mcast_snooping 0").set("up");
        let port = Veth::new((&switch, "port"), (guest.namespace(), "eth0"));
        line.link.guest.set("master br0");
        port.host.set("master br0");
        Self { line, guest, port }
    }

    fn address(&self, number: u16) -> Ipv6Addr {
        self.port.guest.mac().address_in(prefix(number))
    }

    fn wait_configured(&self) {
        self.guest.wait_for_address(self.address(self.line.number), SOON);
        self.guest.wait_for_default_route_to(own(&self.line), SOON);
    }

    /// Returns the RAs after the return.
    fn expected(&self, back: &Return) -> Vec<Told> {
        let (own_prefix, own_source) = (prefix(self.line.number), own(&self.line));
        let (live, source) = (vec![prefix(back.prefix)], (back.source)(&self.line));
        let retired = if live == [own_prefix] { vec![] } else { vec![own_prefix] };
        let first = Told { source, is_final: false, live: live.clone(), retired: retired.clone() };
        // A source that went is owed a final RA.
        let last = Told { source: own_source, is_final: true, live, retired };
        if source == own_source { vec![first] } else { vec![first, last] }
    }

    fn check_guest(&self, back: &Return) {
        self.guest.wait_for_address(self.address(back.prefix), SOON);
        if back.prefix != self.line.number {
            self.guest.wait_for_deprecated(self.address(self.line.number), SOON);
        }
        self.guest.wait_for_default_route_to((back.source)(&self.line), SOON);
    }
}

fn what_changed_while_a_link_was_down_is_told_when_it_is_served_again(arguments: &[&str]) {
    let host = Namespace::host();
    let mut all: Vec<_> = (1..).zip(RETURNS).map(|(number, _)| Bridged::new(&host, number)).collect();
    let daemon = Daemon::start(&host, &rarely(arguments));
    all.iter().for_each(Bridged::wait_configured);
    let monitors: Vec<_> = all.iter().map(|bridged| RouteMonitor::start(&bridged.guest)).collect();
    thread::sleep(FLOOR);
    for bridged in &mut all {
        bridged.line.capture.clear();
        bridged.line.link.host.set("down");
        daemon.wait_for_log(&["not serving", &format!("interface={}", bridged.line.name())], SOON);
    }
    // Longer than the grace: nothing is owed because of it.
    thread::sleep(GRACE + SLACK);
    thread::scope(|scope| {
        for (back, bridged) in RETURNS.iter().zip(&all) {
            scope.spawn(|| {
                (back.up)(&bridged.line);
                thread::sleep(back.pause);
                bridged.line.link.host.add_address(&format!("{}1/64", prefix(back.prefix)));
            });
        }
    });
    thread::sleep(DETECTION + FLOOR + MAX_DELAY + SLACK);
    let seen = RETURNS.iter().zip(&mut all).map(|(back, bridged)| {
        let adverts = bridged.line.capture.adverts_within(Duration::ZERO);
        (back.what, adverts.iter().map(Told::by).collect::<Vec<_>>())
    });
    let seen: Vec<_> = seen.collect();
    let expected: Vec<_> =
        RETURNS.iter().zip(&all).map(|(back, bridged)| (back.what, bridged.expected(back))).collect();
    assert_eq!(seen, expected);
    for (back, (bridged, monitor)) in RETURNS.iter().zip(all.iter().zip(monitors)) {
        bridged.check_guest(back);
        assert_eq!(monitor.absences(), [""; 0], "{}", back.what);
        monitor.expect_deletion_seen();
    }
}

/// The /64 does not come back, and no final RA is owed for what the kernel removed: until when guests hold it is told.
#[test]
fn what_guests_hold_of_a_link_that_is_up_again_without_its_prefix_is_told() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Daemon::start(&host, &rarely(&[]));
    line.expect_served(SOON);
    let served = daemon.control().json("/v1/interfaces/vm1")["advertised_router"]["for_s"].as_f64().expect("a number");
    line.link.host.set("down");
    let hold = "guests_hold=the default route for up to";
    daemon.wait_for_log(&["not serving", "down", hold], SOON);
    line.link.host.set("up");
    line.link.host.wait_link_local();
    let told = daemon.wait_for_log(&["not serving", "reasons=no-prefix", hold], SOON);
    assert!(told.contains("addresses in 2001:db8:0:1::/64 for up to "), "{told}");
    expect_silence([&mut line], GRACE + FLOOR + SLACK);

    let shown = daemon.control().json("/v1/interfaces/vm1");
    let left = shown["advertised_router"]["for_s"].as_f64().expect("a number");
    assert!(left > 0.0 && left < served, "{left} of {served}: {shown:#}");
    assert_eq!(shown["advertised_prefix"]["prefix"], "2001:db8:0:1::/64", "{shown:#}");
    let socket = daemon.control().path().display().to_string();
    let explained = || Launch::new(&["explain", "--socket", &socket, "vm1"]).output(&host).stdout;
    assert!(explained().contains("guests hold   the default route for up to "), "{}", explained());
    // The control: of one that is served nothing runs out.
    line.add_prefix();
    line.expect_served(SOON);
    assert!(!explained().contains("guests hold"), "{}", explained());
}
