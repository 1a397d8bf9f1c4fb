//! Which interfaces are served: every test and every reason, independent of time.

mod reason;

use regex::Regex;

pub use self::reason::{MapFailure, Reason, Uncounted, WhyUncounted};
use super::interface::{Address, AddressScope, Host, Interface, Master};
use crate::addr::{LinkLocal, Prefix64};

/// The operator's choice of interfaces.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Interfaces whose name matches are to be served. It matches anywhere in the name unless it is anchored.
    pub pattern: Regex,
}

/// What eligibility decides about one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its name does not match.
    Ignore,
    /// It matches and passes every test.
    Serve(Service),
    /// It matches and fails at least one test: every failed test, in the order of [`Test::ALL`].
    NotServed(Vec<Reason>),
}

/// How one interface is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The source of its RAs.
    pub source: LinkLocal,
    /// The prefix in which its guests form addresses.
    pub prefix: Prefix64,
    /// Whether the link has carrier; without it the interface is paused.
    pub carrier: bool,
    /// Whether the kernel makes a connected route for the prefix. Without it, packets to guests' addresses
    /// are lost unless the operator routes the prefix in another way.
    pub connected_route: bool,
    /// Whether the interface forwards even when `net.ipv6.conf.all.forwarding` is 0.
    pub force_forwarding: bool,
}

/// A test that an interface has to pass. Verdict and explanation share this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// IPv6 is enabled, and the link has an IPv6 part.
    Ipv6,
    /// It is administratively up.
    Up,
    /// It is capable of multicast.
    Multicast,
    /// It is not the loopback device.
    NotLoopback,
    /// It is not a port of another device, other than a VRF.
    NotEnslaved,
    /// The kernel forwards on it.
    Forwarding,
    /// It has a usable link-local address, which every RA needs as its source
    /// [RFC 4861 4.2](https://www.rfc-editor.org/rfc/rfc4861#section-4.2).
    LinkLocal,
    /// It has exactly one usable /64.
    Prefix,
}

impl Test {
    /// All tests, in the order in which reasons are shown.
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

    /// Returns why the interface fails this test, or `None` if it passes.
    #[must_use]
    pub fn failure(self, subject: &Subject<'_>) -> Option<Reason> {
        let interface = subject.interface;
        let ipv6 = interface.ipv6;
        match self {
            Self::Ipv6 => ipv6.is_none_or(|ipv6| ipv6.disabled).then_some(Reason::Ipv6Disabled { mtu: interface.mtu }),
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

/// An interface under test, with values that several tests need.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The interface.
    pub interface: &'a Interface,
    /// The source that its RAs would have.
    pub source: Option<LinkLocal>,
    /// The usable /64s, sorted, each once.
    pub prefixes: Vec<Prefix64>,
}

impl<'a> Subject<'a> {
    /// Prepares `interface` for the tests. `in_use` is the source in use, if the interface is served: it
    /// stays the source while it is usable, so that guests do not see their router's address change.
    #[must_use]
    pub fn new(interface: &'a Interface, in_use: Option<LinkLocal>) -> Self {
        let source = select_source(interface, in_use);
        Self { interface, source, prefixes: usable_prefixes(interface) }
    }
}

/// Decides about `interface`; for `in_use` see [`Subject::new`].
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

/// Returns how the interface is served if its name matches.
///
/// # Errors
///
/// Every failed test, in the order of [`Test::ALL`].
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
    /// Returns whether the kernel drops packets that guests on this interface send beyond the host.
    #[must_use]
    pub const fn leads_nowhere(&self, host: &Host) -> bool {
        !host.forwarding && !self.force_forwarding
    }
}

/// Returns whether the kernel's neighbour table is too small for `served` interfaces: RAs sent through a raw
/// socket take an entry on each.
#[must_use]
pub fn too_few_neighbours(host: &Host, served: usize) -> bool {
    host.neighbour_limit.is_some_and(|limit| usize::try_from(limit).unwrap_or(usize::MAX) < served)
}

/// Returns whether `master` is a VRF. A VRF only selects a routing table: its ports keep their own addresses
/// and neighbour discovery.
#[must_use]
pub fn is_vrf(master: &Master) -> bool {
    master.kind.as_deref() == Some("vrf")
}

/// Returns whether a final RA from `source` can leave and reach guests [RFC 4861
/// 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5). The address may be gone from the interface,
/// but must not be one that DAD found at another node.
#[must_use]
pub fn can_withdraw(interface: &Interface, source: LinkLocal) -> bool {
    interface.flags.up
        && interface.flags.carrier
        && interface.ipv6.is_some_and(|ipv6| !ipv6.disabled)
        && !interface.addresses.iter().any(|a| a.address == source.get() && a.flags.dadfailed)
}

/// Returns whether `prefix` is a usable /64 of the interface, the only one or not.
#[must_use]
pub fn has_prefix(interface: &Interface, prefix: Prefix64) -> bool {
    usable_prefixes(interface).contains(&prefix)
}

/// Returns the source in use while it is usable, else the lowest usable link-local address.
fn select_source(interface: &Interface, in_use: Option<LinkLocal>) -> Option<LinkLocal> {
    let usable = || interface.addresses.iter().filter(|a| a.flags.usable()).filter_map(|a| LinkLocal::new(a.address));
    usable().find(|&source| Some(source) == in_use).or_else(|| usable().min())
}

/// Returns the usable /64s, sorted, each once.
fn usable_prefixes(interface: &Interface) -> Vec<Prefix64> {
    let mut prefixes: Vec<_> =
        interface.addresses.iter().filter(|a| counts_for_prefix(a)).map(|a| Prefix64::containing(a.address)).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

/// Returns whether an address makes a usable /64.
#[must_use]
pub fn counts_for_prefix(address: &Address) -> bool {
    address.scope == AddressScope::Global && why_uncounted(address).is_none()
}

/// Returns why an address of global scope makes no usable /64, or `None` if it makes one.
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

/// Returns the addresses of global scope that make no usable /64, with the reason of each.
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
