//! What is measured: a fleet whose actions all succeed, and messages.

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
use rand::{SeedableRng, rngs::StdRng};
use regex::Regex;

/// Numbers of interfaces at which a step of the fleet is measured.
pub(crate) const SIZES: [u32; 4] = [10, 100, 1_000, 4_000];

/// When everything begins.
pub(crate) const START: Instant = Instant::from_boot(Duration::from_secs(1_000));

/// Past the 3 s between two RAs, before the second ones are due at 16 s.
const LATER: Duration = Duration::from_secs(4);

/// A fleet whose actions all succeed.
pub(crate) struct Scene {
    pub(crate) fleet: Fleet,
    rng: StdRng,
    now: Instant,
}

impl Scene {
    pub(crate) fn empty() -> Self {
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
        Self { fleet: Fleet::new(policy, parameters), rng: StdRng::seed_from_u64(1), now: START }
    }

    /// Served, with their first RAs sent.
    pub(crate) fn with(mut self, interfaces: Vec<Interface>) -> Self {
        self.fleet.reconcile_all(interfaces, START);
        self.act(START);
        self
    }

    /// So many served, with their initial burst behind them.
    pub(crate) fn of(size: u32) -> Self {
        let mut scene = Self::empty().with((1..=size).map(interface).collect());
        for step in 1..=3 {
            scene.act(START + Duration::from_secs(20) * step);
        }
        scene
    }

    /// Carries out all that is due.
    fn act(&mut self, now: Instant) {
        loop {
            while let Some(action) = self.fleet.poll_action() {
                if let Action::Send(send) = black_box(action) {
                    self.fleet.on_sent(send.index, now, &mut self.rng);
                }
            }
            if !self.fleet.on_timeout(now) {
                return;
            }
        }
    }

    /// An interface that was not there before is served, and goes.
    pub(crate) fn one_comes_and_goes(&mut self, new: &Interface) {
        self.fleet.reconcile(new.clone(), START);
        self.act(START);
        self.fleet.forget(new.index);
        self.act(START);
    }

    /// A guest asks, and has its answer.
    pub(crate) fn one_asks_and_is_answered(&mut self) {
        self.now += LATER;
        let index = IfIndex::new(1).expect("not 0");
        self.fleet.on_solicit(index, self.now, &mut self.rng);
        self.act(self.now + Duration::from_millis(500));
    }
}

pub(crate) fn interface(number: u32) -> Interface {
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

pub(crate) fn advert() -> RouterAdvert {
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
pub(crate) fn solicitation(options: u8) -> Vec<u8> {
    let message =
        [vec![133, 0, 0, 0, 0, 0, 0, 0], [253, 1, 0, 0, 0, 0, 0, 0].repeat(usize::from(options))].concat();
    let len = u16::try_from(message.len()).expect("short").to_be_bytes();
    let link_local = |last| [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let header = [0x60, 0, 0, 0, len[0], len[1], 58, 255];
    [&header[..], &link_local(2), &link_local(1), &message].concat()
}
