//! Which interfaces are served: every test, every reason, and no notion of time.

mod reason;

use regex::Regex;

pub use self::reason::{MapFailure, Reason, Uncounted, WhyUncounted};
use super::interface::{Address, AddressScope, Host, Interface, Master};
use crate::addr::{LinkLocal, Prefix64};

/// What the operator asked for.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Interfaces whose name this matches, anywhere in the name unless it is anchored, are meant to be served.
    pub pattern: Regex,
}

/// What becomes of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its name does not match: it is none of our business.
    Ignore,
    /// It passed every test.
    Serve(Service),
    /// It matches and failed at least one test: all the tests that it failed, in the order of the tests.
    NotServed(Vec<Reason>),
}

/// How an interface is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The source of its advertisements.
    pub source: LinkLocal,
    /// The prefix that its guest makes addresses in.
    pub prefix: Prefix64,
    /// Whether the link has a carrier: without one serving pauses, and nothing is withdrawn.
    pub carrier: bool,
    /// Whether the kernel was left to make a connected route for the prefix. Without one, answers to the guest's
    /// new address have nowhere to go unless the operator routed the prefix in another way.
    pub connected_route: bool,
    /// Whether the interface forwards even when `net.ipv6.conf.all.forwarding` is 0.
    pub force_forwarding: bool,
}

/// The smallest MTU with which Linux runs IPv6 on a link [RFC 8200
/// 5](https://www.rfc-editor.org/rfc/rfc8200#section-5): below it `addrconf_notify()` takes the IPv6 part away
/// (`net/ipv6/addrconf.c`, Linux 6.12).
pub const MIN_MTU: u32 = 1280;

/// A test that an interface has to pass. This is the one list of them, for the verdict and for its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// IPv6 is enabled, and the link has an IPv6 part at all.
    Ipv6,
    /// It is up.
    Up,
    /// It is capable of multicast.
    Multicast,
    /// It is not the loopback device.
    NotLoopback,
    /// It is not a port of another device, a VRF aside.
    NotEnslaved,
    /// It forwards.
    Forwarding,
    /// It has a link-local address that can be the source.
    LinkLocal,
    /// It has exactly one usable /64.
    Prefix,
}

impl Test {
    /// All of them, in the order in which reasons are shown.
    pub const ALL: [Self; 8] = [
        Self::Ipv6,
        Self::Up,
        Self::Multicast,
        Self::NotLoopback,
        Self::NotEnslaved,
        Self::Forwarding,
        Self::LinkLocal,
        Self::Prefix,
    ];

    /// Why the interface fails it, if it does.
    #[must_use]
    pub fn failure(self, subject: &Subject<'_>) -> Option<Reason> {
        let interface = subject.interface;
        let ipv6 = interface.ipv6;
        match self {
            Self::Ipv6 => {
                ipv6.is_none_or(|ipv6| ipv6.disabled).then_some(Reason::Ipv6Disabled { mtu: interface.mtu })
            }
            Self::Up => (!interface.flags.up).then_some(Reason::Down),
            Self::Multicast => (!interface.flags.multicast).then_some(Reason::NoMulticast),
            Self::NotLoopback => interface.flags.loopback.then_some(Reason::Loopback),
            Self::NotEnslaved => {
                let master = interface.master.as_ref().filter(|master| !is_vrf(master));
                master.map(|master| Reason::Enslaved { kind: master.kind.clone() })
            }
            Self::Forwarding => ipv6.is_none_or(|ipv6| !ipv6.forwarding).then_some(Reason::ForwardingOff),
            Self::LinkLocal => {
                let unopened = interface.tun && !interface.flags.carrier;
                subject.source.is_none().then_some(Reason::NoLinkLocal { unopened })
            }
            Self::Prefix => match subject.prefixes.as_slice() {
                [_] => None,
                [] => Some(Reason::NoPrefix { others: uncounted(interface) }),
                several @ [_, _, ..] => Some(Reason::SeveralPrefixes(several.to_vec())),
            },
        }
    }
}

/// An interface under test, with what has to be worked out once for several tests.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The interface.
    pub interface: &'a Interface,
    /// The source that its advertisements would have.
    pub source: Option<LinkLocal>,
    /// The /64s that guests could use, each once, in order.
    pub prefixes: Vec<Prefix64>,
}

impl<'a> Subject<'a> {
    /// `in_use` is the link-local address that the interface is served from now, if it is: as long as that one stays
    /// usable it stays the source, so that guests never see their router's address flap.
    #[must_use]
    pub fn new(interface: &'a Interface, in_use: Option<LinkLocal>) -> Self {
        let source = select_source(interface, in_use);
        Self { interface, source, prefixes: usable_prefixes(interface) }
    }
}

/// Judges `interface`; for `in_use` see [`Subject::new`].
#[must_use]
pub fn decide(policy: &Policy, interface: &Interface, in_use: Option<LinkLocal>) -> Verdict {
    if !policy.pattern.is_match(&interface.name) {
        return Verdict::Ignore;
    }
    match judge(&Subject::new(interface, in_use)) {
        Ok(service) => Verdict::Serve(service),
        Err(reasons) => Verdict::NotServed(reasons),
    }
}

/// How the interface can be served, whatever its name.
///
/// # Errors
///
/// All the tests that it failed, in their order.
pub fn judge(subject: &Subject<'_>) -> Result<Service, Vec<Reason>> {
    let reasons: Vec<_> = Test::ALL.iter().filter_map(|test| test.failure(subject)).collect();
    let Subject { interface, source, ref prefixes } = *subject;
    let (true, Some(source), &[prefix]) = (reasons.is_empty(), source, prefixes.as_slice()) else {
        return Err(reasons);
    };
    Ok(Service {
        source,
        prefix,
        carrier: interface.flags.carrier,
        connected_route: has_connected_route(interface, prefix),
        force_forwarding: interface.ipv6.is_some_and(|ipv6| ipv6.force_forwarding),
    })
}

impl Service {
    /// Whether the host drops what guests send here, so that their default route ends in a hole.
    #[must_use]
    pub const fn leads_nowhere(&self, host: &Host) -> bool {
        !host.forwarding && !self.force_forwarding
    }
}

/// Whether the kernel's table of neighbours is too small for `served` interfaces: a raw socket takes an entry on each.
#[must_use]
pub fn too_few_neighbours(host: &Host, served: usize) -> bool {
    host.neighbour_limit.is_some_and(|limit| usize::try_from(limit).unwrap_or(usize::MAX) < served)
}

/// A VRF only chooses a routing table: its ports keep addresses and neighbour discovery of their own.
#[must_use]
pub fn is_vrf(master: &Master) -> bool {
    master.kind.as_deref() == Some("vrf")
}

/// Returns whether a final RA from `source` can still leave and be heard
/// [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5). The address itself may be gone, but it must
/// not be one that duplicate address detection found at another node.
#[must_use]
pub fn can_withdraw(interface: &Interface, source: LinkLocal) -> bool {
    interface.flags.up
        && interface.flags.carrier
        && interface.ipv6.is_some_and(|ipv6| !ipv6.disabled)
        && !interface.addresses.iter().any(|a| a.address == source.get() && a.flags.dadfailed)
}

/// Whether `prefix` is one of those that guests could use there, be it the only one or not.
#[must_use]
pub fn has_prefix(interface: &Interface, prefix: Prefix64) -> bool {
    usable_prefixes(interface).contains(&prefix)
}

/// The link-local address in use if it is still usable, else the lowest that is.
fn select_source(interface: &Interface, in_use: Option<LinkLocal>) -> Option<LinkLocal> {
    let usable =
        || interface.addresses.iter().filter(|a| a.flags.usable()).filter_map(|a| LinkLocal::new(a.address));
    usable().find(|&source| Some(source) == in_use).or_else(|| usable().min())
}

/// The /64s that guests could use, each once, in order.
fn usable_prefixes(interface: &Interface) -> Vec<Prefix64> {
    let mut prefixes: Vec<_> = interface
        .addresses
        .iter()
        .filter(|a| counts_for_prefix(a))
        .map(|a| Prefix64::containing(a.address))
        .collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

/// Whether an address makes a prefix that guests could use.
#[must_use]
pub fn counts_for_prefix(address: &Address) -> bool {
    address.scope == AddressScope::Global && why_uncounted(address).is_none()
}

/// Returns why an address of global scope does not make a prefix, if it does not.
fn why_uncounted(address: &Address) -> Option<WhyUncounted> {
    let flags = address.flags;
    match () {
        () if address.prefix_len != 64 => Some(WhyUncounted::NotA64),
        () if flags.dadfailed => Some(WhyUncounted::Duplicate),
        () if !flags.usable() => Some(WhyUncounted::Tentative),
        () if flags.deprecated => Some(WhyUncounted::Deprecated),
        () if flags.temporary => Some(WhyUncounted::Temporary),
        () => None,
    }
}

/// The addresses of global scope that make no prefix.
#[must_use]
pub fn uncounted(interface: &Interface) -> Vec<Uncounted> {
    let globals = interface.addresses.iter().filter(|address| address.scope == AddressScope::Global);
    globals
        .filter_map(|address| {
            let Address { address: ip, prefix_len, .. } = *address;
            why_uncounted(address).map(|why| Uncounted { address: ip, prefix_len, why })
        })
        .collect()
}

fn has_connected_route(interface: &Interface, prefix: Prefix64) -> bool {
    interface
        .addresses
        .iter()
        .filter(|a| counts_for_prefix(a) && Prefix64::containing(a.address) == prefix)
        .any(|a| !a.flags.noprefixroute)
}

#[cfg(test)]
mod tests;
