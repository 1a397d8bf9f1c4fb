//! Which interfaces are served, from which source and with which /64: every test and every reason, independent of
//! time.

mod prefix;
mod reason;
mod source;

use regex::Regex;
use serde::{Deserialize, Serialize};

pub use self::{
    prefix::{counts_for_prefix, lifetimes_of},
    reason::{MapFailure, OtherDaemon, Reason, Uncounted, WhyUncounted},
    source::{Departure, departure},
};
use super::interface::{Host, Interface, Lifetimes, Master};
use crate::addr::{LinkLocal, Prefix64};

/// The operator's choice of interfaces, and of their addresses.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Interfaces whose name matches are to be served. It matches anywhere in the name unless it is anchored.
    pub pattern: Regex,
    /// Which of an interface's addresses to use.
    pub addresses: AddressPolicy,
}

/// The operator's choice of sources and prefixes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// The only source that RAs may have, or `None` for any link-local address.
    pub source: Option<LinkLocal>,
    /// What becomes of an interface with several usable /64s.
    pub several_prefixes: SeveralPrefixes,
}

/// What becomes of an interface with several usable /64s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SeveralPrefixes {
    /// It is not served.
    #[default]
    Refuse,
    /// It is served with the /64 in use, if that is among them.
    Keep,
}

/// What guests hold from this interface, which it keeps as long as it can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// The source that guests hold as a router.
    pub source: Option<LinkLocal>,
    /// The /64 that guests hold.
    pub prefix: Option<Prefix64>,
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
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts of the interface")]
pub struct Service {
    /// The source of its RAs.
    pub source: LinkLocal,
    /// The prefix in which its guests form addresses.
    pub prefix: Prefix64,
    /// When the lifetimes of that prefix end.
    pub lifetimes: Lifetimes,
    /// Whether the link has carrier; without it the interface is paused.
    pub carrier: bool,
    /// Whether duplicate address detection runs on the source; until it ends the interface is paused.
    pub dad: bool,
    /// Whether the kernel makes a connected route for the prefix. Without it, packets to guests' addresses
    /// are lost unless the operator routes the prefix in another way.
    pub connected_route: bool,
    /// A further usable /64, which is not advertised ([`SeveralPrefixes::Keep`]).
    pub other_prefix: Option<Prefix64>,
    /// Whether the interface forwards even when `net.ipv6.conf.all.forwarding` is 0.
    pub force_forwarding: bool,
}

/// What the RAs of an interface that is served wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WaitsFor {
    /// A carrier.
    Carrier,
    /// The end of duplicate address detection on the source.
    Detection,
}

impl WaitsFor {
    /// Returns why no RA leaves, as a sentence about the interface.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::Carrier => "it has no carrier",
            Self::Detection => "duplicate address detection runs on its source",
        }
    }

    /// Returns the condition on which RAs leave.
    #[must_use]
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Carrier => "it has a carrier",
            Self::Detection => "duplicate address detection on its source is over",
        }
    }
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
                let required = subject.required_source;
                subject.source.is_none().then_some(Reason::NoLinkLocal { unopened, required })
            }
            Self::Prefix => match subject.prefixes.as_slice() {
                _ if subject.prefix.is_some() => None,
                [] => Some(Reason::NoPrefix { others: subject.uncounted() }),
                several => Some(Reason::SeveralPrefixes(several.to_vec())),
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
    /// The only source that its RAs may have, if the operator chose one.
    pub required_source: Option<LinkLocal>,
    /// The usable /64s, sorted, each once.
    pub prefixes: Vec<Prefix64>,
    /// The one of them that its RAs would have.
    pub prefix: Option<Prefix64>,
    /// The /64 that guests hold, which a tentative address keeps.
    prefix_in_use: Option<Prefix64>,
}

impl<'a> Subject<'a> {
    /// Prepares `interface` for the tests. The source and the prefix in use stay while they are usable, so that
    /// guests do not see them change.
    #[must_use]
    pub fn new(policy: AddressPolicy, interface: &'a Interface, in_use: InUse) -> Self {
        let prefixes = prefix::usable(interface, in_use.prefix);
        let kept = in_use.prefix.filter(|_| policy.several_prefixes == SeveralPrefixes::Keep);
        Self {
            interface,
            source: source::select(policy.source, interface, in_use.source),
            required_source: policy.source,
            prefix: match prefixes.as_slice() {
                [prefix] => Some(*prefix),
                several => kept.filter(|kept| several.contains(kept)),
            },
            prefixes,
            prefix_in_use: in_use.prefix,
        }
    }

    /// Returns the addresses of global scope that make no usable /64, with the reason of each.
    #[must_use]
    pub fn uncounted(&self) -> Vec<Uncounted> {
        prefix::uncounted(self.interface, &self.prefixes, self.prefix_in_use)
    }
}

/// Decides about `interface`; for `in_use` see [`Subject::new`].
#[must_use]
pub fn decide(policy: &Policy, interface: &Interface, in_use: InUse) -> Verdict {
    if !policy.pattern.is_match(&interface.name) {
        return Verdict::Ignore;
    }
    match judge(&Subject::new(policy.addresses, interface, in_use)) {
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
    let Subject { interface, source, prefix, .. } = *subject;
    let (true, Some(source), Some(prefix)) = (reasons.is_empty(), source, prefix) else {
        return Err(reasons);
    };
    Ok(Service {
        source,
        prefix,
        lifetimes: lifetimes_of(interface, prefix).unwrap_or_default(),
        carrier: interface.flags.carrier,
        dad: source::is_tentative(interface, source),
        connected_route: prefix::has_connected_route(interface, prefix),
        other_prefix: subject.prefixes.iter().copied().find(|other| *other != prefix),
        force_forwarding: interface.ipv6.is_some_and(|ipv6| ipv6.force_forwarding),
    })
}

impl Service {
    /// Returns whether RAs leave: the link has carrier, and the source may be used.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.carrier && !self.dad
    }

    /// Returns what RAs wait for, or `None` if they leave.
    #[must_use]
    pub const fn waits_for(&self) -> Option<WaitsFor> {
        match self {
            Self { carrier: false, .. } => Some(WaitsFor::Carrier),
            Self { dad: true, .. } => Some(WaitsFor::Detection),
            Self { carrier: true, dad: false, .. } => None,
        }
    }

    /// Returns whether guests hold the same from both services.
    #[must_use]
    pub fn is_same_for_guests(&self, other: &Self) -> bool {
        self.source == other.source && self.prefix == other.prefix
    }

    /// Returns whether the kernel drops packets that guests on this interface send beyond the host.
    #[must_use]
    pub const fn leads_nowhere(&self, host_forwarding: bool) -> bool {
        !host_forwarding && !self.force_forwarding
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

#[cfg(test)]
mod tests;
