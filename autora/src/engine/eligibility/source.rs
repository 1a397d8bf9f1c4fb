//! The source of an interface's RAs: which link-local address, and whether one may be used.

use crate::{
    addr::LinkLocal,
    engine::interface::{Address, AddressFlags, Interface},
};

/// Whether a final RA can leave from a source that guests hold as a router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Departure {
    /// It can leave. The address may have gone from the interface a moment ago.
    Now,
    /// Not before the link has carrier, or duplicate address detection has ended.
    #[default]
    Later,
    /// The kernel found the address at another node, whose route guests would then drop.
    Never,
}

/// Returns whether a final RA can leave from `source` [RFC 4861
/// 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5), after DAD on it unless that is not waited for.
#[must_use]
pub fn departure(interface: &Interface, source: LinkLocal, waits_for_dad: bool) -> Departure {
    let flags = flags_of(interface, source).unwrap_or_default();
    match () {
        () if flags.dadfailed => Departure::Never,
        () if !interface.is_alive() || !interface.flags.carrier => Departure::Later,
        () if waits_for_dad && !flags.usable() => Departure::Later,
        () => Departure::Now,
    }
}

/// Returns whether duplicate address detection runs on `source`, which must not be used meanwhile
/// [RFC 4862 5.4](https://www.rfc-editor.org/rfc/rfc4862#section-5.4).
pub(super) fn is_tentative(interface: &Interface, source: LinkLocal) -> bool {
    flags_of(interface, source).is_some_and(|flags| !flags.usable())
}

/// Returns the source of RAs: the one in use while it is there, even if the kernel detects duplicates again; but
/// not a deprecated one beside one that is not. Otherwise the lowest usable one that is not deprecated, or the
/// lowest. If the operator requires a source, that one or none.
pub(super) fn select(
    required: Option<LinkLocal>,
    interface: &Interface,
    in_use: Option<LinkLocal>,
) -> Option<LinkLocal> {
    let candidate = |address: &Address| {
        let source = LinkLocal::new(address.address).filter(|source| required.is_none_or(|only| only == *source))?;
        let is_in_use = Some(source) == in_use;
        let flags = address.flags;
        let eligible = flags.usable() || (is_in_use && !flags.dadfailed);
        eligible.then_some((flags.deprecated, !is_in_use, source))
    };
    interface.addresses.iter().filter_map(candidate).min().map(|(_, _, source)| source)
}

fn flags_of(interface: &Interface, source: LinkLocal) -> Option<AddressFlags> {
    interface.addresses.iter().find(|address| address.address == source.get()).map(|address| address.flags)
}
