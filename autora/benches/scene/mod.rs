//! The measured objects: a fleet whose actions all succeed, and messages.

use std::{hint::black_box, time::Duration};

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant, Fleet,
        action::Action,
        eligibility::{AddressPolicy, Policy},
        interface::{Address, AddressFlags, AddressScope, GroupMapping, Interface, Ipv6Settings, Lifetimes, LinkFlags},
        parameters::Parameters,
    },
    wire::{RouterAdvert, RouterPreference},
};
use rand::{SeedableRng, rngs::StdRng};
use regex::Regex;

/// The start of virtual time.
pub(crate) const START: BootInstant = BootInstant::from_boot(Duration::from_secs(1_000));

/// A time longer than the 3 s floor plus the longest delay of a solicited RA.
const LATER: Duration = Duration::from_secs(4);

/// A fleet whose actions all succeed.
pub(crate) struct Scene {
    pub(crate) fleet: Fleet,
    rng: StdRng,
    now: BootInstant,
    size: u32,
    /// The interface of the last solicitation, counted from 0.
    asking: u32,
}

impl Scene {
    pub(crate) fn empty() -> Self {
        let pattern = Regex::new("^vm[0-9]+$").expect("a regular expression");
        let policy = Policy { pattern, addresses: AddressPolicy::default() };
        // Intervals so long that only solicited RAs are due in these benchmarks.
        let parameters = Parameters {
            min_interval: Duration::from_secs(1 << 29),
            max_interval: Duration::from_secs(1 << 30),
            router_lifetime: Duration::from_secs(180),
            valid_lifetime: Duration::from_secs(86_400),
            preferred_lifetime: Duration::from_secs(14_400),
            preference: RouterPreference::Medium,
        };
        let fleet = Fleet::new(policy, parameters);
        Self { fleet, rng: StdRng::seed_from_u64(1), now: START, size: 0, asking: 0 }
    }

    /// Serves `interfaces` and sends their first RAs.
    pub(crate) fn with(mut self, interfaces: Vec<Interface>) -> Self {
        self.size = u32::try_from(interfaces.len()).expect("thousands");
        self.fleet.reconcile_all(interfaces, self.now);
        self.act();
        self
    }

    /// Returns a scene with `size` served interfaces whose initial burst is over.
    pub(crate) fn of(size: u32) -> Self {
        let mut scene = Self::empty().with((1..=size).map(interface).collect());
        for _ in 0..3 {
            scene.now += Duration::from_secs(20);
            scene.act();
        }
        scene
    }

    /// Carries out all due actions.
    fn act(&mut self) {
        loop {
            while let Some(action) = self.fleet.poll_action() {
                if let Action::Send(send) = black_box(action) {
                    self.fleet.on_sent(send.index, self.now, &mut self.rng);
                }
            }
            if !self.fleet.on_timeout(self.now) {
                black_box(self.fleet.take_unsaved());
                return;
            }
        }
    }

    /// Serves a new interface and removes it.
    pub(crate) fn one_comes_and_goes(&mut self, new: &Interface) {
        self.fleet.reconcile(new.clone(), self.now);
        self.act();
        self.fleet.forget(new.index, self.now);
        self.act();
    }

    /// Handles a solicitation, on another interface each time, and sends the RA.
    pub(crate) fn one_asks_and_is_answered(&mut self) {
        // A prime step visits every interface.
        self.asking = (self.asking + 7_919) % self.size;
        let index = IfIndex::new(self.asking + 1).expect("not 0");
        assert!(self.fleet.on_solicit(index, self.now, &mut self.rng).is_some(), "it schedules an RA");
        self.now += LATER;
        self.act();
    }
}

pub(crate) fn interface(number: u32) -> Interface {
    let address = |text: String, scope| Address {
        address: text.parse().expect("an address"),
        prefix_len: 64,
        scope,
        flags: AddressFlags::default(),
        lifetimes: Lifetimes::default(),
    };
    Interface {
        index: IfIndex::new(number).expect("not 0"),
        name: format!("vm{number}"),
        flags: LinkFlags { up: true, multicast: true, loopback: false, carrier: true },
        master: None,
        ipv6: Some(Ipv6Settings { disabled: false, forwarding: true, force_forwarding: false, accepts_ra: false }),
        mtu: 1500,
        link_address: None,
        group_mapping: GroupMapping::Ethernet,
        tun: true,
        addresses: vec![
            address(format!("2001:db8:{number:x}::1"), AddressScope::Global),
            address(format!("fe80::{number:x}"), AddressScope::Link),
        ],
    }
}

/// Returns the first RA of a fleet.
pub(crate) fn advert() -> RouterAdvert {
    let mut fleet = Scene::empty().fleet;
    fleet.reconcile(interface(1), START);
    assert!(fleet.on_timeout(START), "it is due at once");
    let mut actions = std::iter::from_fn(|| fleet.poll_action());
    let advert = actions.find_map(|action| if let Action::Send(send) = action { Some(send.advert) } else { None });
    advert.expect("it is served")
}

/// Returns an IPv6 packet with a valid solicitation that has `options` options of 8 bytes.
pub(crate) fn solicitation(options: u8) -> Vec<u8> {
    let message = [vec![133, 0, 0, 0, 0, 0, 0, 0], [253, 1, 0, 0, 0, 0, 0, 0].repeat(usize::from(options))].concat();
    let len = u16::try_from(message.len()).expect("short").to_be_bytes();
    let link_local = |last| [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let header = [0x60, 0, 0, 0, len[0], len[1], 58, 255];
    [&header[..], &link_local(2), &link_local(1), &message].concat()
}
