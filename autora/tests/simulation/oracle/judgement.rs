//! Whether an interface is served, and with which pair: decided from its state by the list of tests in the
//! README, independently of the engine.

use std::collections::{BTreeMap, BTreeSet};

use autora::{
    addr::{LinkLocal, Prefix64},
    engine::{
        eligibility::{Reason, Verdict},
        interface::{Address, AddressScope, Interface},
    },
};

use super::lifetimes::Bounds;

/// What the operator chooses, apart from the pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The only source.
    pub(crate) source: Option<LinkLocal>,
    /// Whether an interface with several prefixes goes on with the one that it has.
    pub(crate) keep: bool,
}

/// What guests were told, as far as it decides what is selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) source: Option<LinkLocal>,
    pub(super) prefix: Option<Prefix64>,
}

/// The verdict that the rules require.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// The name does not match.
    Ignored,
    NotServed,
    Served {
        source: LinkLocal,
        prefix: Prefix64,
        carrier: bool,
        /// Whether DAD runs on the source.
        dad: bool,
    },
}

/// The verdict and its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) expected: Expected,
    /// The names of the reasons of all failed tests.
    pub(super) reasons: Vec<&'static str>,
}

/// What keeps an interface that is fit from being served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The map had no room at the last try.
    MapFull,
    /// Another daemon served it at the last try, or may have.
    OtherDaemon,
}

impl Obstacle {
    /// Returns whether it is the one reason.
    fn is_reason(self, reasons: &[Reason]) -> bool {
        match self {
            Self::MapFull => matches!(reasons, [Reason::FilterFull]),
            Self::OtherDaemon => matches!(reasons, [Reason::ServedByAnother(_)]),
        }
    }
}

impl Judgement {
    pub(super) fn of(link: &Interface, told: Told, choice: Choice) -> Self {
        let source = select_source(link, told.source, choice);
        let mut prefixes = selectable(link, told.prefix);
        if let Some(kept) = told.prefix.filter(|told| choice.keep && prefixes.contains(told)) {
            prefixes = BTreeSet::from([kept]);
        }
        let reasons = reasons(link, source.is_some(), prefixes.len());
        let expected = match (source, prefixes.first()) {
            _ if !matches(&link.name) => Expected::Ignored,
            (Some(source), Some(&prefix)) if reasons.is_empty() => Expected::Served {
                source: source.0,
                prefix,
                carrier: link.flags.carrier,
                dad: source.1.flags.tentative && !source.1.flags.optimistic,
            },
            _ => Expected::NotServed,
        };
        Self { expected, reasons }
    }

    /// Returns whether the fleet's verdict is this one, with what keeps the interface from being served.
    pub(super) fn agrees(&self, verdict: Option<&Verdict>, obstacle: Option<Obstacle>) -> bool {
        match (verdict, self.expected) {
            (None | Some(Verdict::Ignore), expected) => expected == Expected::Ignored,
            (Some(Verdict::Serve(service)), Expected::Served { source, prefix, carrier, dad }) => {
                let served = (service.source, service.prefix, service.carrier, service.dad);
                obstacle.is_none() && served == (source, prefix, carrier, dad)
            }
            (Some(Verdict::NotServed(reasons)), Expected::Served { .. }) => {
                obstacle.is_some_and(|obstacle| obstacle.is_reason(reasons))
            }
            (Some(Verdict::NotServed(reasons)), Expected::NotServed) => {
                reasons.iter().map(Reason::name).eq(self.reasons.iter().copied())
            }
            (Some(Verdict::Serve(_)), _) | (Some(Verdict::NotServed(_)), Expected::Ignored) => false,
        }
    }
}

/// Matches the pattern of the simulation, `^vm[0-9]+$`.
pub(super) fn matches(name: &str) -> bool {
    name.strip_prefix("vm").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns the link-local addresses of the interface.
pub(super) fn link_locals(link: &Interface) -> impl Iterator<Item = (LinkLocal, &Address)> {
    link.addresses.iter().filter_map(|address| Some((LinkLocal::new(address.address)?, address)))
}

/// Returns the source: the one in use, unless it is deprecated beside one that is not, else the lowest that is
/// not deprecated, else the lowest.
fn select_source(link: &Interface, in_use: Option<LinkLocal>, choice: Choice) -> Option<(LinkLocal, &Address)> {
    let there = || link_locals(link).filter(|(source, _)| choice.source.is_none_or(|only| only == *source));
    let usable = || there().filter(|(_, address)| is_usable(address));
    let fresh = || usable().filter(|(_, address)| !address.flags.deprecated).min_by_key(|(source, _)| *source);
    let second_choice = |address: &Address| address.flags.deprecated && fresh().is_some();
    there()
        .find(|(source, address)| Some(*source) == in_use && !address.flags.dadfailed && !second_choice(address))
        .or_else(fresh)
        .or_else(|| usable().min_by_key(|(source, _)| *source))
}

fn is_usable(address: &Address) -> bool {
    !address.flags.dadfailed && (!address.flags.tentative || address.flags.optimistic)
}

/// Returns the addresses that make the /64s, by /64; a tentative one only the /64 that guests were told.
pub(super) fn makers(link: &Interface, told: Option<Prefix64>) -> BTreeMap<Prefix64, Vec<&Address>> {
    let mut makers = BTreeMap::<_, Vec<_>>::new();
    for address in link.addresses.iter().filter(|address| may_make_prefix(address)) {
        let prefix = Prefix64::containing(address.address);
        if is_usable(address) || Some(prefix) == told {
            makers.entry(prefix).or_default().push(address);
        }
    }
    makers
}

fn may_make_prefix(address: &Address) -> bool {
    let flags = address.flags;
    let ruled_out = flags.dadfailed || flags.temporary || flags.learned || flags.mngtmpaddr;
    address.scope == AddressScope::Global && address.prefix_len == 64 && is_unicast(address) && !ruled_out
}

/// Returns whether the address is not in ::/8, fe80::/10, fec0::/10 or ff00::/8.
fn is_unicast(address: &Address) -> bool {
    let [first, second, ..] = address.address.octets();
    !matches!((first, second), (0 | 0xff, _) | (0xfe, 0x80..))
}

/// Returns the /64s to choose from: those that are not deprecated, or all if all are.
pub(super) fn selectable(link: &Interface, told: Option<Prefix64>) -> BTreeSet<Prefix64> {
    let makers = makers(link, told);
    let live = |addresses: &[&Address]| addresses.iter().any(|address| !address.flags.deprecated);
    let preferred: BTreeSet<_> = makers.iter().filter(|(_, of)| live(of)).map(|(prefix, _)| *prefix).collect();
    if preferred.is_empty() { makers.into_keys().collect() } else { preferred }
}

/// Returns the bounds of the lifetimes of a /64, if the interface has it.
pub(super) fn bounds_of(link: &Interface, prefix: Prefix64, told: Option<Prefix64>) -> Option<Bounds> {
    makers(link, told).get(&prefix).map(|addresses| Bounds::of(addresses))
}

fn reasons(link: &Interface, has_source: bool, prefixes: usize) -> Vec<&'static str> {
    let vrf = |kind: Option<&str>| kind == Some("vrf");
    [
        ("ipv6-disabled", link.ipv6.is_none_or(|ipv6| ipv6.disabled)),
        ("down", !link.flags.up),
        ("no-multicast", !link.flags.multicast),
        ("loopback", link.flags.loopback),
        ("enslaved", link.master.as_ref().is_some_and(|master| !vrf(master.kind.as_deref()))),
        ("forwarding-off", link.ipv6.is_none_or(|ipv6| !ipv6.forwarding)),
        ("no-link-local", !has_source),
        ("no-prefix", prefixes == 0),
        ("several-prefixes", prefixes > 1),
    ]
    .into_iter()
    .filter_map(|(reason, holds)| holds.then_some(reason))
    .collect()
}
