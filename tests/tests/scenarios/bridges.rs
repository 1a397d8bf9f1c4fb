//! A bridge as served interface: guests on isolated ports, which reach each other through the host alone.

use std::{fs, net::Ipv6Addr, process::Command, thread, time::Duration};

use autora_tests::{
    Capture, Daemon, Direction, Frame, Guest, Interface, Namespace, Pings, Veth, eventually, workspace,
};

use crate::bench::{SOON, prefix};

/// The bridge in the handbook's rule.
const BRIDGE: &str = "br-guests";

/// [RFC 4443 4.2](https://www.rfc-editor.org/rfc/rfc4443#section-4.2).
const ECHO_REPLY: u8 = 129;

/// [RFC 4861 4.5](https://www.rfc-editor.org/rfc/rfc4861#section-4.5).
const REDIRECT: u8 = 137;

/// Long enough for 100 echo requests.
const A_WHILE: Duration = Duration::from_secs(5);

/// The time after which no guest sends to a neighbour that does not answer. Linux (`net/core/neighbour.c`, 6.18) waits
/// for 5 s, then solicits three times by unicast and three times by multicast, once a second: 11 s for one guest, and
/// as long again for the other one, whose answers have been lost since.
const RECOVERY: Duration = Duration::from_secs(30);

/// A guest on an isolated port of the bridge.
struct Isolated {
    guest: Guest,
    link: Veth,
    capture: Capture,
    /// What has arrived at the guest.
    frames: Vec<Frame>,
}

impl Isolated {
    fn new(host: &Namespace, port: &str) -> Self {
        let guest = Guest::new();
        let link = Veth::new((host, port), (guest.namespace(), "eth0"));
        link.host.set(&format!("master {BRIDGE}"));
        host.run(Command::new("bridge").args(["link", "set", "dev", port, "isolated", "on"]));
        let capture = Capture::on(&link.guest);
        Self { guest, link, capture, frames: Vec::new() }
    }

    fn address(&self) -> Ipv6Addr {
        self.link.guest.mac().address_in(prefix(1))
    }

    fn wait_configured(&self) {
        self.guest.wait_for_address(self.address(), SOON);
        self.guest.wait_for_default_route(SOON);
        assert!(!self.guest.has_route("2001:db8:0:1::/64"), "the prefix is not on-link for the guest");
    }

    /// Returns the ICMPv6 messages of type `kind` that have arrived.
    fn arrived(&mut self, kind: u8) -> Vec<&Frame> {
        let new = self.capture.frames_within(Duration::ZERO);
        self.frames.extend(new.into_iter().filter(|frame| frame.direction == Direction::Incoming));
        self.frames.iter().filter(|frame| frame.is_icmpv6(kind)).collect()
    }

    fn wait_arrived(&mut self, kind: u8, timeout: Duration) {
        let what = format!("an ICMPv6 message of type {kind} at {}", self.guest.namespace().name());
        eventually(timeout, &what, || (!self.arrived(kind).is_empty()).then_some(()));
    }

    fn forget(&mut self) {
        self.capture.clear();
        self.frames.clear();
    }
}

/// Returns the rule of the handbook, word for word.
fn rule() -> String {
    let page = workspace().join("contrib/docs/src/recipes/bridge.md");
    let page = fs::read_to_string(page).expect("the handbook has the page");
    let mut blocks = page.split("```").skip(1).step_by(2);
    let found = blocks.find_map(|block| block.strip_prefix("text\n").filter(|text| text.contains("nd-redirect")));
    found.expect("the page has the rule").to_owned()
}

#[test]
fn guests_of_a_bridge_reach_each_other_through_the_host_if_it_sends_no_redirects() {
    let host = Namespace::host();
    let bridge = Interface::add(&host, BRIDGE, "bridge");
    bridge.set("up");
    let [mut first, mut second] = ["port1", "port2"].map(|port| Isolated::new(&host, port));
    bridge.wait_link_local();
    bridge.add_address("2001:db8:0:1::1/64");
    let _daemon = Daemon::start(&host, &["--interface-regex=^br-guests$"]);
    [&first, &second].into_iter().for_each(Isolated::wait_configured);

    // The control: after the first answer each guest sends to the other one directly.
    let pings = Pings::start(first.guest.namespace(), second.address());
    for guest in [&mut first, &mut second] {
        guest.wait_arrived(REDIRECT, SOON);
    }
    thread::sleep(A_WHILE);
    host.run(Command::new("nft").arg(rule()));
    [&mut first, &mut second].into_iter().for_each(Isolated::forget);
    first.wait_arrived(ECHO_REPLY, RECOVERY);
    let without = pings.finish();
    assert!(without.lost > without.sent / 10 * 9, "{without:?}");

    let pings = Pings::start(first.guest.namespace(), second.address());
    thread::sleep(A_WHILE);
    let with = pings.finish();
    assert_eq!(with.lost, 0, "{with:?}, and {without:?} without the rule");
    assert!([&mut first, &mut second].into_iter().all(|guest| guest.arrived(REDIRECT).is_empty()));
    let answers = first.arrived(ECHO_REPLY);
    assert!(answers.len() >= with.sent && answers.iter().all(|answer| answer.bytes[6..12] == bridge.mac().0));
}
