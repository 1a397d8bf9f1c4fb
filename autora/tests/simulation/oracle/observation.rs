//! Whether an interface is fit, decided from its state by the list of tests in the README, independently of
//! the engine.

use autora::{
    addr::{LinkLocal, Prefix64},
    engine::interface::{Address, AddressScope, Interface},
};

/// The facts of one interface that the rules depend on.
#[derive(Debug)]
pub(super) struct Observation {
    pub(super) matches: bool,
    /// The names of the reasons of all failed tests.
    pub(super) reasons: Vec<&'static str>,
    /// The usable link-local addresses, the lowest first.
    pub(super) sources: Vec<LinkLocal>,
    /// Link-local addresses that DAD found at another node.
    duplicates: Vec<LinkLocal>,
    /// The usable /64s, each once.
    pub(super) prefixes: Vec<Prefix64>,
    pub(super) carrier: bool,
    /// Whether it is up and IPv6 runs on it.
    pub(super) alive: bool,
}

impl Observation {
    pub(super) fn of(link: &Interface) -> Self {
        let (sources, prefixes) = (sources(link), prefixes(link));
        Self {
            matches: matches(&link.name),
            reasons: reasons(link, &sources, &prefixes),
            sources,
            duplicates: link_locals(link, |address| address.flags.dadfailed),
            prefixes,
            carrier: link.flags.carrier,
            alive: link.flags.up && link.ipv6.is_some_and(|ipv6| !ipv6.disabled),
        }
    }

    /// Returns whether a final RA from `source` can leave and reach guests.
    pub(super) fn delivers_final_ra(&self, source: LinkLocal) -> bool {
        self.alive && self.carrier && !self.is_duplicate(source)
    }

    pub(super) fn is_duplicate(&self, source: LinkLocal) -> bool {
        self.duplicates.contains(&source)
    }
}

/// Matches the pattern of the simulation, `^vm[0-9]+$`.
fn matches(name: &str) -> bool {
    name.strip_prefix("vm").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn sources(link: &Interface) -> Vec<LinkLocal> {
    link_locals(link, |a| !a.flags.dadfailed && (!a.flags.tentative || a.flags.optimistic))
}

fn link_locals(link: &Interface, which: impl Fn(&Address) -> bool) -> Vec<LinkLocal> {
    let addresses = link.addresses.iter().filter(|address| which(address));
    let mut found: Vec<_> = addresses.filter_map(|address| LinkLocal::new(address.address)).collect();
    found.sort();
    found
}

fn prefixes(link: &Interface) -> Vec<Prefix64> {
    let usable = |address: &&Address| {
        let bad =
            address.flags.tentative || address.flags.dadfailed || address.flags.deprecated || address.flags.temporary;
        address.scope == AddressScope::Global && address.prefix_len == 64 && !bad
    };
    let addresses = link.addresses.iter().filter(usable);
    let mut found: Vec<_> = addresses.map(|address| Prefix64::containing(address.address)).collect();
    found.sort();
    found.dedup();
    found
}

fn reasons(link: &Interface, sources: &[LinkLocal], prefixes: &[Prefix64]) -> Vec<&'static str> {
    let vrf = |kind: Option<&str>| kind == Some("vrf");
    [
        ("ipv6-disabled", link.ipv6.is_none_or(|ipv6| ipv6.disabled)),
        ("down", !link.flags.up),
        ("no-multicast", !link.flags.multicast),
        ("loopback", link.flags.loopback),
        ("enslaved", link.master.as_ref().is_some_and(|master| !vrf(master.kind.as_deref()))),
        ("forwarding-off", link.ipv6.is_none_or(|ipv6| !ipv6.forwarding)),
        ("no-link-local", sources.is_empty()),
        ("no-prefix", prefixes.is_empty()),
        ("several-prefixes", prefixes.len() > 1),
    ]
    .into_iter()
    .filter_map(|(reason, holds)| holds.then_some(reason))
    .collect()
}
