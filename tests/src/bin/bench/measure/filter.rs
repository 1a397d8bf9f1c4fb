//! The eBPF filter: what each verdict costs, alone and on the way of a packet.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use autora::{
    addr::IfIndex,
    settings::FilterMode,
    sys::{
        filter::{CAPACITY, Filter, embedded},
        receiver::Receiver,
    },
};
use autora_common::maps::{INTERFACES, PENDING_HOLD, PROGRAM, PendingMark, SERVED};
use autora_tests::{Mac, Solicit};
use aya::{Ebpf, EbpfLoader, TestRun, TestRunOptions, maps::HashMap, programs::SocketFilter};
use nix::{
    libc,
    sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket},
};

use crate::{
    bench::Bench,
    link::Link,
    load::{Rate, Sender},
    machine,
    results::{Metric, Sample, quantile},
    site::Site,
    subject::Subject,
};

const VERDICT: Metric = Metric { label: "verdict", unit: "ns", targets: &[] };
const INSTRUCTIONS: Metric = Metric { label: "instructions after the verifier", unit: "", targets: &[] };
const PACKET: Metric = Metric { label: "a packet of a flood, all of it", unit: "ns", targets: &[] };
const RATIO: Metric = Metric { label: "beside a socket that blocks all ICMPv6", unit: "times", targets: &[(0, 1_250)] };

/// Packets of one BPF_PROG_TEST_RUN; it gives their average.
const REPEAT: u32 = 500_000;

/// Where a single run counts: how many of them.
const SINGLE: u32 = 2_000;

const SIZE: u32 = 10;
const TURN: Duration = Duration::from_millis(700);
const TURNS: u32 = 6;

pub(crate) fn filter(bench: &mut Bench) {
    for _ in 0..bench.runs(3) {
        verdicts(bench);
    }
    for size in bench.sizes(&[SIZE]) {
        bench.own_rounds(size, bench.runs(3), |bench, site| {
            let (blocked, filtered) = site.host.enter(|| end_to_end(site));
            bench.record_detail(&PACKET, size, "blocked", Subject::Autora, Sample::Is(blocked));
            bench.record_detail(&PACKET, size, "filtered", Subject::Autora, Sample::Is(filtered));
            bench.record(&RATIO, size, Subject::Autora, Sample::Is(filtered / blocked));
        });
    }
}

/// The interface that the kernel has a packet of BPF_PROG_TEST_RUN come from: the loopback.
const LOOPBACK: u32 = 1;

fn verdicts(bench: &mut Bench) {
    let mut ebpf = load();
    let mut served: HashMap<_, u32, PendingMark> =
        ebpf.take_map(SERVED).expect("the filter has it").try_into().expect("it is of this kind");
    let mut say = |detail: &str, value: f64| {
        bench.record_detail(&VERDICT, 0, detail, Subject::Autora, Sample::Is(value));
    };
    let good = Solicit::new(Mac::unique());
    say("not served", run(&ebpf, &good.frame(), REPEAT));
    served.insert(LOOPBACK, 0, 0).expect("there is room");
    for (name, frame) in refused(&good) {
        say(name, run(&ebpf, &frame, REPEAT));
    }
    // The mark of the first one holds all others back, as long as this takes less than 3.5 s.
    say("coalesced", run(&ebpf, &good.frame(), REPEAT));
    let mut passed = |mark: PendingMark| {
        let one = |_| {
            served.insert(LOOPBACK, mark, 0).expect("there is room");
            run(&ebpf, &good.frame(), 1)
        };
        quantile(&(0..SINGLE).map(one).collect::<Vec<_>>(), 0.5)
    };
    // Each spends its mark, so these are single runs, to be held against other single runs.
    say("passed, a single run", passed(0));
    say(
        "coalesced, a single run",
        passed(machine::since_boot() + u64::try_from(PENDING_HOLD.as_nanos()).expect("some seconds")),
    );
    let program: &SocketFilter = program(&ebpf);
    let bytes = program.info().ok().and_then(|info| info.size_translated());
    if let Some(bytes) = bytes {
        bench.record(&INSTRUCTIONS, 0, Subject::Autora, Sample::Is(f64::from(bytes) / 8.0));
    }
}

fn refused(good: &Solicit) -> Vec<(&'static str, Vec<u8>)> {
    let with = |options: Vec<u8>| Solicit { options, ..good.clone() }.frame();
    vec![
        ("hop limit", Solicit { hop_limit: 64, ..good.clone() }.frame()),
        ("next header", Solicit { extensions: vec![(60, vec![0, 0, 1, 4, 0, 0, 0, 0])], ..good.clone() }.frame()),
        ("code", Solicit { code: 1, ..good.clone() }.frame()),
        ("option of length 0", with(vec![1, 0, 0, 0, 0, 0, 0, 0])),
        ("17 options", with([253, 1, 0, 0, 0, 0, 0, 0].repeat(17))),
        ("an RA", Solicit { kind: 134, options: vec![0; 8], ..good.clone() }.frame()),
    ]
}

fn load() -> Ebpf {
    let object = embedded().expect("this build carries no eBPF program: `cargo xtask bench` makes one that does");
    let mut ebpf = EbpfLoader::new().btf(None).load(object).expect("maps can be made");
    let program: &mut SocketFilter = ebpf.program_mut(PROGRAM).expect("it is there").try_into().expect("it is one");
    program.load().expect("the verifier takes it");
    assert!(ebpf.map(INTERFACES).is_some(), "counted for each interface as well");
    ebpf
}

fn program(ebpf: &Ebpf) -> &SocketFilter {
    ebpf.program(PROGRAM).expect("it is there").try_into().expect("it is a socket filter")
}

/// Nanoseconds for each packet.
fn run(ebpf: &Ebpf, frame: &[u8], repeat: u32) -> f64 {
    let options = TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::default() };
    program(ebpf).test_run(options).expect("the kernel can test it").duration.as_nanos() as f64
}

/// What a packet of a flood costs the core that sends and receives it, in nanoseconds: before a raw socket
/// that wants no ICMPv6 at all, and before autora's, whose filter judges each. By turns, as machines change
/// their pace.
fn end_to_end(site: &Site) -> (f64, f64) {
    let sender = Sender::open(&site.guest);
    let (mut blocked, mut filtered) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let socket = blocking_socket();
        blocked.push(pace(&sender, site.link(1)));
        drop(socket);
        let receiver = receiver(site.link(1));
        filtered.push(pace(&sender, site.link(1)));
        drop(receiver);
    }
    (quantile(&blocked, 0.5), quantile(&filtered, 0.5))
}

/// Nanoseconds for each packet.
fn pace(sender: &Sender, link: Link) -> f64 {
    let (stop, frame) = (AtomicBool::new(false), link.solicit().frame());
    thread::scope(|scope| {
        let flood = scope.spawn(|| sender.flood(link, &frame, Rate::Full, &stop));
        thread::sleep(TURN);
        stop.store(true, Ordering::Relaxed);
        1e9 / flood.join().expect("the flood ends when told to").per_second()
    })
}

/// An ICMPv6 socket whose ICMP6_FILTER lets nothing through.
fn blocking_socket() -> OwnedFd {
    let raw = socket(AddressFamily::Inet6, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::IcmpV6)
        .expect("root may open a raw socket");
    let nothing = [u32::MAX; 8];
    // SAFETY: the option is `struct icmp6_filter`, 8 words, which live across the call.
    let result = unsafe {
        libc::setsockopt(
            raw.as_raw_fd(),
            libc::IPPROTO_ICMPV6,
            ICMP6_FILTER,
            nothing.as_ptr().cast(),
            u32::try_from(size_of_val(&nothing)).expect("small"),
        )
    };
    assert_eq!(result, 0, "ICMP6_FILTER: {}", std::io::Error::last_os_error());
    raw
}

/// include/uapi/linux/icmpv6.h
const ICMP6_FILTER: i32 = 1;

/// autora's socket behind its filter, with the link served.
fn receiver(link: Link) -> (tokio::runtime::Runtime, Receiver) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let (filter, _) = Filter::open(FilterMode::Ebpf, CAPACITY).expect("root may load it");
    let entered = runtime.enter();
    let mut receiver = Receiver::open(filter).expect("root may open it");
    drop(entered);
    let index = IfIndex::new(link.index()).expect("it has an index");
    receiver.filter_mut().serve(index).expect("there is room");
    (runtime, receiver)
}
