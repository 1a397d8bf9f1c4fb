//! The pure code: what an RA, a verdict on a packet and a step of the fleet cost. `cargo xtask bench micro`.
//!
//! One step of the fleet must cost the same at 10 and at 4,000 members, but for what a larger tree and colder caches
//! make of it.

use std::{hint::black_box, net::Ipv6Addr, time::Duration};

use autora::{
    addr::{IfIndex, Prefix64},
    engine::{
        Fleet, Instant,
        advertiser::Parameters,
        eligibility::Policy,
        fleet::Action,
        interface::{Address, AddressFlags, Interface, Ipv6Settings, LinkFlags, Scope},
    },
    wire::{NdOption, PrefixInformation, RouterAdvert},
};
use autora_common::validate;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::StdRng};
use regex::Regex;

const SIZES: [u32; 4] = [10, 100, 1_000, 4_000];

const START: Instant = Instant::from_boot(Duration::from_secs(1_000));

/// Past the 3 s between two RAs, before the second ones are due at 16 s.
const LATER: Duration = Duration::from_secs(4);

fn encode(c: &mut Criterion) {
    let advert = advert();
    let mut out = Vec::with_capacity(128);
    c.bench_function("RA encode", |b| {
        b.iter(|| {
            out.clear();
            black_box(&advert).encode(&mut out);
            black_box(out.len())
        });
    });
}

fn validation(c: &mut Criterion) {
    let mut group = c.benchmark_group("validate");
    for options in [0, 1, 16] {
        let packet = solicitation(options);
        assert!(validate(&packet[..]).is_ok(), "a good one");
        group.bench_with_input(BenchmarkId::new("options", options), &packet, |b, packet| {
            b.iter(|| validate(black_box(&packet[..])));
        });
    }
    group.finish();
}

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("fleet");
    for size in SIZES {
        group.bench_function(BenchmarkId::new("first look", size), |b| {
            let all: Vec<_> = (1..=size).map(interface).collect();
            b.iter_batched(
                || (all.clone(), Scene::empty()),
                |(all, scene)| scene.with(all),
                BatchSize::LargeInput,
            );
        });
        group.bench_function(BenchmarkId::new("resync, nothing new", size), |b| {
            let all: Vec<_> = (1..=size).map(interface).collect();
            let mut scene = Scene::empty().with(all.clone());
            b.iter_batched(
                || all.clone(),
                |all| scene.fleet.reconcile_all(all, START),
                BatchSize::LargeInput,
            );
        });
        group.bench_function(BenchmarkId::new("one comes and goes", size), |b| {
            let mut scene = Scene::of(size);
            let new = interface(size + 1);
            b.iter(|| {
                scene.fleet.reconcile(new.clone(), START);
                scene.act(START);
                scene.fleet.forget(new.index);
                scene.act(START);
            });
        });
        group.bench_function(BenchmarkId::new("one asks and is answered", size), |b| {
            let mut scene = Scene::of(size);
            let mut now = START;
            b.iter(|| {
                now += LATER;
                scene.answer(now);
            });
        });
    }
    group.finish();
}

/// A fleet whose actions all succeed.
struct Scene {
    fleet: Fleet,
    rng: StdRng,
}

impl Scene {
    fn empty() -> Self {
        let policy = Policy { pattern: Regex::new("^vm[0-9]+$").expect("a regular expression") };
        // So long that nothing but answers is due in these benchmarks.
        let long = Duration::from_secs(1 << 40);
        let parameters = Parameters {
            min_interval: long,
            max_interval: long,
            router_lifetime: Duration::from_secs(180),
            valid_lifetime: Duration::from_secs(86_400),
            preferred_lifetime: Duration::from_secs(14_400),
        };
        Self { fleet: Fleet::new(policy, parameters), rng: StdRng::seed_from_u64(1) }
    }

    /// Served, with their first RAs sent.
    fn with(mut self, interfaces: Vec<Interface>) -> Self {
        self.fleet.reconcile_all(interfaces, START);
        self.act(START);
        self
    }

    /// So many served, with their initial burst behind them.
    fn of(size: u32) -> Self {
        let mut scene = Self::empty().with((1..=size).map(interface).collect());
        for step in 1..=3 {
            scene.act(START + Duration::from_secs(20) * step);
        }
        scene
    }

    /// Carries out all that is due.
    fn act(&mut self, now: Instant) {
        self.fleet.on_timeout(now);
        while let Some(action) = self.fleet.poll_action() {
            if let Action::Send(send) = black_box(action) {
                self.fleet.on_sent(send.index, now, &mut self.rng);
            }
        }
    }

    fn answer(&mut self, now: Instant) {
        let index = IfIndex::new(1).expect("not 0");
        self.fleet.on_solicit(index, now, &mut self.rng);
        self.act(now + Duration::from_millis(500));
    }
}

fn interface(number: u32) -> Interface {
    let address = |text: String, scope| Address {
        address: text.parse().expect("an address"),
        prefix_len: 64,
        scope,
        flags: AddressFlags::default(),
    };
    Interface {
        index: IfIndex::new(number).expect("not 0"),
        name: format!("vm{number}"),
        flags: LinkFlags { up: true, multicast: true, loopback: false, carrier: true },
        master: None,
        ipv6: Some(Ipv6Settings { disabled: false, forwarding: true, force_forwarding: false }),
        mtu: 1500,
        link_address: None,
        tun: true,
        addresses: vec![
            address(format!("2001:db8:{number:x}::1"), Scope::Global),
            address(format!("fe80::{number:x}"), Scope::Link),
        ],
    }
}

fn advert() -> RouterAdvert {
    RouterAdvert {
        cur_hop_limit: 0,
        flags: 0,
        router_lifetime: Duration::from_secs(180),
        reachable_time: Duration::ZERO,
        retrans_timer: Duration::ZERO,
        options: vec![NdOption::PrefixInformation(PrefixInformation {
            prefix: Prefix64::containing(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0)),
            on_link: false,
            autonomous: true,
            valid: Duration::from_secs(86_400),
            preferred: Duration::from_secs(14_400),
        })],
    }
}

/// An IPv6 packet with a good solicitation in it, with so many options of 8 bytes.
fn solicitation(options: u8) -> Vec<u8> {
    let message =
        [vec![133, 0, 0, 0, 0, 0, 0, 0], [253, 1, 0, 0, 0, 0, 0, 0].repeat(usize::from(options))].concat();
    let len = u16::try_from(message.len()).expect("short").to_be_bytes();
    let link_local = |last| [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let header = [0x60, 0, 0, 0, len[0], len[1], 58, 255];
    [&header[..], &link_local(2), &link_local(1), &message].concat()
}

criterion_group!(pure, encode, validation, steps);
criterion_main!(pure);
