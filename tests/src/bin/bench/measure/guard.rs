//! Floods of multicast on one interface, without and with the guard of `contrib/nftables`: how many packets one core
//! sends and receives, and to whom the kernel charges that.
//!
//! A veth's packets are received in a softirq. The kernel charges it to the sender while it runs at the end of the
//! sender's system call, and to `ksoftirqd` when it has moved there. A tap's packets are received within the `write` of
//! the program that holds it open.

use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use autora::wire::ALL_NODES;
use autora_tests::{Mac, Solicit, Tap, workspace};

use crate::{
    bench::Bench,
    link::{Link, prefix},
    load::{self, Rate, Sender, Sent},
    machine,
    results::{Metric, Sample},
    running::Launch,
    site::Site,
    subject::Subject,
};

const SIZES: [u32; 3] = [10, 1_000, 4_000];

/// The length of a flood.
const TURN: Duration = Duration::from_secs(1);

/// [RFC 4443 4.1](https://www.rfc-editor.org/rfc/rfc4443#section-4.1).
const ECHO_REQUEST: u8 = 128;

const PACKETS: Metric = Metric { label: "multicast packets per second", unit: "", targets: &[] };
const SENDER: Metric = Metric { label: "CPU for each, charged to the sender", unit: "ns", targets: &[] };
const KERNEL: Metric = Metric { label: "CPU for each, charged to ksoftirqd", unit: "ns", targets: &[] };

pub(crate) fn guard(bench: &mut Bench) {
    for size in bench.sizes(&SIZES) {
        if !is_nft_here() {
            bench.record(&PACKETS, size, Subject::Autora, Sample::Not("nft is not here".to_owned()));
            continue;
        }
        bench.own_rounds(size, bench.runs(3), round);
    }
}

fn is_nft_here() -> bool {
    Command::new("nft").arg("--version").output().is_ok()
}

fn round(bench: &mut Bench, site: &Site) {
    let (_running, _) = bench.up(&Launch::default(), Subject::Autora, site);
    let floods = Floods::prepare(site);
    for guard in ["no guard", "guard"] {
        if guard == "guard" {
            load_guard(site);
        }
        for (packets, frame) in [("RS", solicitation as Frame), ("echo requests", echo_request)] {
            record(bench, site, &format!("veth, {packets}, {guard}"), |stop| floods.of_veth(frame, stop));
            record(bench, site, &format!("tap, {packets}, {guard}"), |stop| floods.of_tap(frame, stop));
        }
    }
    floods.end(site);
    site.host.run(Command::new("nft").arg("delete table ip6 autora-guard"));
}

/// Floods for a while, and records what came of it.
fn record(bench: &mut Bench, site: &Site, detail: &str, flood: impl Fn(&AtomicBool) -> Sent + Sync) {
    let receiving = || machine::receiving_thread().and_then(machine::cpu).unwrap_or_default();
    let before = receiving();
    let sent = during(TURN, flood);
    let kernel = receiving().saturating_sub(before);
    let mut say = |metric, value| bench.record_detail(metric, site.size(), detail, Subject::Autora, Sample::Is(value));
    say(&PACKETS, sent.per_second());
    say(&SENDER, sent.own_cpu());
    say(&KERNEL, sent.each(kernel));
}

fn during(time: Duration, flood: impl Fn(&AtomicBool) -> Sent + Sync) -> Sent {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| flood(&stop));
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        sender.join().expect("the flood ends when told to")
    })
}

/// Loads the file as it is shipped, for the interfaces of the site.
fn load_guard(site: &Site) {
    let file = workspace().join("contrib/nftables/autora-guard.nft");
    let text = fs::read_to_string(file).expect("the checkout has it");
    site.host.run(Command::new("nft").arg(text.replace("\"tap-vm-*\"", "\"vm*\"")));
}

/// A packet of a flood, from the guest behind a link.
type Frame = fn(Link) -> Vec<u8>;

fn solicitation(link: Link) -> Vec<u8> {
    link.solicit().frame()
}

fn echo_request(link: Link) -> Vec<u8> {
    let (kind, options) = (ECHO_REQUEST, Vec::new());
    let (destination, link_destination) = (ALL_NODES, Mac::ALL_NODES);
    Solicit { kind, options, destination, link_destination, ..link.solicit() }.frame()
}

/// The two guests that flood, one behind a veth and one behind a tap.
struct Floods {
    sender: Sender,
    veth: Link,
    tap: Tap,
    behind_tap: Link,
}

impl Floods {
    fn prepare(site: &Site) -> Self {
        let behind_tap = site.link(site.more(1).start);
        let number = behind_tap.number;
        let mut tap = Tap::new(&site.host, &format!("vm{number}"));
        tap.open();
        tap.interface.wait_link_local();
        tap.interface.add_address(&format!("{}1/64", prefix(number)));
        let floods = Self { sender: Sender::open(&site.guest), veth: site.link(1), tap, behind_tap };
        // Answers to a guest that the host does not find would wait, and with them its further ones.
        for link in [floods.veth, floods.behind_tap] {
            neighbor(site, "replace", link);
        }
        floods
    }

    fn of_veth(&self, frame: Frame, stop: &AtomicBool) -> Sent {
        self.sender.flood(self.veth, &frame(self.veth), Rate::Full, stop)
    }

    fn of_tap(&self, frame: Frame, stop: &AtomicBool) -> Sent {
        load::write(&self.tap, &frame(self.behind_tap), stop)
    }

    fn end(self, site: &Site) {
        neighbor(site, "delete", self.veth);
        self.tap.interface.delete();
    }
}

/// Tells the host the link-layer address of the guest behind `link`, or forgets it.
fn neighbor(site: &Site, action: &str, link: Link) {
    let mac = link.solicit().link_source;
    let (address, name) = (mac.link_local(), format!("vm{}", link.number));
    site.host.ip(&format!("-6 neigh {action} {address} lladdr {mac} dev {name}"));
}
