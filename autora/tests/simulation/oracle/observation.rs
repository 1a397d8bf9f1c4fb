//! What the state of an interface says about whether an RA can leave and from where.

use autora::{addr::LinkLocal, engine::interface::Interface};

use super::judgement::link_locals;

/// The facts of one interface that the rules about sending depend on.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    pub(super) carrier: bool,
    /// Whether it is up and IPv6 runs on it.
    pub(super) alive: bool,
    /// Link-local addresses that DAD found at another node.
    duplicates: Vec<LinkLocal>,
    /// Link-local addresses on which DAD runs.
    tentative: Vec<LinkLocal>,
}

impl Observation {
    pub(super) fn of(link: &Interface) -> Self {
        let flagged = |which: fn(autora::engine::interface::AddressFlags) -> bool| {
            link_locals(link).filter(|(_, address)| which(address.flags)).map(|(source, _)| source).collect()
        };
        Self {
            carrier: link.flags.carrier,
            alive: link.flags.up && link.ipv6.is_some_and(|ipv6| !ipv6.disabled),
            duplicates: flagged(|flags| flags.dadfailed),
            tentative: flagged(|flags| flags.tentative && !flags.optimistic && !flags.dadfailed),
        }
    }

    /// Returns whether a final RA from `source` can leave and reach guests. A stop does not wait for DAD.
    pub(super) fn delivers_final_ra(&self, source: LinkLocal, stopping: bool) -> bool {
        let dad = self.tentative.contains(&source) && !stopping;
        self.alive && self.carrier && !self.is_duplicate(source) && !dad
    }

    pub(super) fn is_duplicate(&self, source: LinkLocal) -> bool {
        self.duplicates.contains(&source)
    }
}
