//! Which interfaces are served: every test, every reason, and no notion of time.

use std::{fmt, net::Ipv6Addr};

use regex::Regex;

use super::interface::{Address, Interface, Scope};
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
    Refuse(Vec<Reason>),
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

/// A test that an interface failed.
///
/// [`Reason::name`] is stable and meant for scripts; [`fmt::Display`] is a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// IPv6 is disabled, or the link has no IPv6 part because its MTU is too small for one.
    Ipv6Disabled {
        /// The link's MTU in bytes.
        mtu: u32,
    },
    /// Administratively down.
    Down,
    /// Not capable of multicast.
    NoMulticast,
    /// The loopback device.
    Loopback,
    /// A port of a bridge, bond, team or Open vSwitch: IPv6 lives on the master, not here.
    Enslaved {
        /// The kind of the master, where the kernel says.
        kind: Option<String>,
    },
    /// The interface does not forward, so a guest's packets would end here.
    ForwardingOff,
    /// No link-local address that could be the source.
    NoLinkLocal {
        /// It is a tun or tap device that no program has open: without a carrier it never gets one.
        unopened: bool,
    },
    /// No usable /64.
    NoPrefix {
        /// The addresses of global scope that there are, and why they do not count.
        others: Vec<Uncounted>,
    },
    /// More than one usable /64, and no way to tell which is meant.
    SeveralPrefixes(Vec<Prefix64>),
    /// The filter's map of served interfaces has no room left.
    FilterFull,
}

/// An address of global scope that does not make a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncounted {
    /// The address.
    pub address: Ipv6Addr,
    /// Its prefix length in bits.
    pub prefix_len: u8,
    /// Why it does not count, in a word or two.
    pub why: &'static str,
}

impl fmt::Display for Uncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({})", self.address, self.prefix_len, self.why)
    }
}

impl Reason {
    /// The reason's stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ipv6Disabled { .. } => "ipv6-disabled",
            Self::Down => "down",
            Self::NoMulticast => "no-multicast",
            Self::Loopback => "loopback",
            Self::Enslaved { .. } => "enslaved",
            Self::ForwardingOff => "forwarding-off",
            Self::NoLinkLocal { .. } => "no-link-local",
            Self::NoPrefix { .. } => "no-prefix",
            Self::SeveralPrefixes(_) => "several-prefixes",
            Self::FilterFull => "filter-full",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv6Disabled { mtu } if *mtu < MIN_MTU => {
                write!(f, "its MTU of {mtu} is below {MIN_MTU}, so the kernel runs no IPv6 on it")
            }
            Self::Ipv6Disabled { .. } => f.write_str("IPv6 is disabled on it (disable_ipv6)"),
            Self::Down => f.write_str("it is down"),
            Self::NoMulticast => f.write_str("it is not capable of multicast"),
            Self::Loopback => f.write_str("it is the loopback device"),
            Self::Enslaved { kind: Some(kind) } => write!(f, "it is a port of a {kind}"),
            Self::Enslaved { kind: None } => f.write_str("it is a port of another device"),
            Self::ForwardingOff => f.write_str("it does not forward IPv6 (forwarding is 0)"),
            Self::NoLinkLocal { unopened: true } => {
                f.write_str("it has no link-local address yet: no program has the tap open")
            }
            Self::NoLinkLocal { unopened: false } => {
                f.write_str("it has no usable link-local address (none, tentative, or a duplicate)")
            }
            Self::NoPrefix { others } if others.is_empty() => f.write_str("it has no usable /64"),
            Self::NoPrefix { others } => {
                f.write_str("it has no usable /64, only ")?;
                write_list(f, others)
            }
            Self::SeveralPrefixes(prefixes) => {
                f.write_str("it has more than one /64: ")?;
                write_list(f, prefixes)
            }
            Self::FilterFull => {
                f.write_str("the filter's map of served interfaces is full (--max-interfaces)")
            }
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, items: impl IntoIterator<Item = impl fmt::Display>) -> fmt::Result {
    for (position, item) in items.into_iter().enumerate() {
        if position > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// The smallest MTU with which Linux runs IPv6 on a link [RFC 8200 5].
const MIN_MTU: u32 = 1280;

/// Judges `interface`. `in_use` is the link-local address that it is served from now, if it is: as long as that one
/// stays usable it stays the source, so that guests never see their router's address flap.
#[must_use]
pub fn decide(policy: &Policy, interface: &Interface, in_use: Option<LinkLocal>) -> Verdict {
    if !policy.pattern.is_match(&interface.name) {
        return Verdict::Ignore;
    }
    let mut reasons = link_reasons(interface);
    let source = select_source(interface, in_use);
    if source.is_none() {
        reasons.push(Reason::NoLinkLocal { unopened: interface.tun && !interface.flags.carrier });
    }
    let prefixes = usable_prefixes(interface);
    match (source, prefixes.as_slice()) {
        (Some(source), &[prefix]) if reasons.is_empty() => {
            return Verdict::Serve(Service {
                source,
                prefix,
                carrier: interface.flags.carrier,
                connected_route: has_connected_route(interface, prefix),
                force_forwarding: interface.ipv6.is_some_and(|ipv6| ipv6.force_forwarding),
            });
        }
        (_, [_]) => {}
        (_, []) => reasons.push(Reason::NoPrefix { others: uncounted(interface) }),
        (_, [_, _, ..]) => reasons.push(Reason::SeveralPrefixes(prefixes)),
    }
    Verdict::Refuse(reasons)
}

/// Whether a final advertisement from `source` can still leave and be heard. The address itself may be gone, but it
/// must not be one that duplicate address detection gave to somebody else.
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

/// The tests that concern the link and its settings.
fn link_reasons(interface: &Interface) -> Vec<Reason> {
    let enslaved = match &interface.master {
        // A VRF only chooses a routing table: its ports keep addresses and neighbour discovery of their own.
        Some(master) if master.kind.as_deref() != Some("vrf") => Some(master.kind.clone()),
        Some(_) | None => None,
    };
    let ipv6_off = interface.ipv6.is_none_or(|ipv6| ipv6.disabled);
    let forwarding_off = interface.ipv6.is_none_or(|ipv6| !ipv6.forwarding);
    [
        ipv6_off.then_some(Reason::Ipv6Disabled { mtu: interface.mtu }),
        (!interface.flags.up).then_some(Reason::Down),
        (!interface.flags.multicast).then_some(Reason::NoMulticast),
        interface.flags.loopback.then_some(Reason::Loopback),
        enslaved.map(|kind| Reason::Enslaved { kind }),
        forwarding_off.then_some(Reason::ForwardingOff),
    ]
    .into_iter()
    .flatten()
    .collect()
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

fn counts_for_prefix(address: &Address) -> bool {
    address.scope == Scope::Global && why_uncounted(address).is_none()
}

/// Why an address of global scope does not make a prefix, if it does not.
fn why_uncounted(address: &Address) -> Option<&'static str> {
    let flags = address.flags;
    match () {
        () if address.prefix_len != 64 => Some("not a /64"),
        () if flags.dadfailed => Some("a duplicate"),
        () if !flags.usable() => Some("tentative"),
        () if flags.deprecated => Some("deprecated"),
        () if flags.temporary => Some("temporary"),
        () => None,
    }
}

fn uncounted(interface: &Interface) -> Vec<Uncounted> {
    let globals = interface.addresses.iter().filter(|address| address.scope == Scope::Global);
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
#[path = "eligibility_tests.rs"]
mod tests;
