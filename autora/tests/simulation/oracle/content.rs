//! What an RA says, apart from which prefixes guests hold.

use std::{collections::BTreeSet, time::Duration};

use autora::{
    addr::Prefix64,
    engine::{content::LinkOptions, interface::Interface, parameters::Parameters},
    wire::{NdOption, PrefixInformation, RouterAdvert, RouterPreference},
};

use super::{
    bounds::RETIRED,
    broken::{Broken, rule},
};

/// Checks the fixed part.
pub(super) fn check_fixed(advert: &RouterAdvert, is_final: bool, by: &Parameters) -> Result<(), Broken> {
    let lifetime = if is_final { Duration::ZERO } else { by.router_lifetime };
    let flags = if lifetime.is_zero() { 0 } else { preference(by.preference) };
    let zeros = advert.cur_hop_limit == 0 && advert.reachable_time.is_zero() && advert.retrans_timer.is_zero();
    rule(advert.router_lifetime == lifetime && zeros, "the fixed part has the configured values", || {
        advert.to_string()
    })?;
    rule(advert.flags == flags, "the flags are the preference, and 0 with Router Lifetime 0 [RFC 4191 2.2]", || {
        format!("{:#04x} instead of {flags:#04x}", advert.flags)
    })
}

/// Returns the bits of the preference [RFC 4191 2.1](https://www.rfc-editor.org/rfc/rfc4191#section-2.1).
fn preference(preference: RouterPreference) -> u8 {
    match preference {
        RouterPreference::High => 0b0000_1000,
        RouterPreference::Medium => 0,
        RouterPreference::Low => 0b0001_1000,
    }
}

/// Returns the options about the link that every RA carries.
pub(super) fn link_options(link: &Interface, which: LinkOptions) -> Vec<NdOption> {
    let address = link.link_address.filter(|_| which.source_link_layer_address);
    let mtu = which.mtu.then_some(NdOption::Mtu(link.mtu));
    address.map(NdOption::SourceLinkLayerAddress).into_iter().chain(mtu).collect()
}

/// Returns the prefixes that an RA carries after the options about its link.
pub(super) fn prefixes_after(
    advert: &RouterAdvert,
    link_options: &[NdOption],
) -> Result<Vec<PrefixInformation>, Broken> {
    let Some(prefixes) = advert.options.strip_prefix(link_options) else {
        return Err(Broken {
            rule: "an RA begins with the options about its link as it is",
            detail: format!("{link_options:?} expected in\n{advert}"),
        });
    };
    let prefixes: Vec<_> = prefixes.iter().filter_map(prefix_of).collect();
    let each: BTreeSet<_> = prefixes.iter().map(|information| information.prefix).collect();
    let good = prefixes.len() + link_options.len() == advert.options.len()
        && each.len() == prefixes.len()
        && prefixes.iter().all(|information| !information.on_link && information.autonomous);
    rule(good, "the other options are prefixes, each once, L=0 A=1", || advert.to_string())?;
    Ok(prefixes)
}

fn prefix_of(option: &NdOption) -> Option<PrefixInformation> {
    match option {
        NdOption::PrefixInformation(information) => Some(*information),
        NdOption::SourceLinkLayerAddress(_) | NdOption::Mtu(_) | NdOption::Other { .. } => None,
    }
}

/// Checks retired prefixes.
pub(super) fn check_retired(retired: &[PrefixInformation]) -> Result<(), Broken> {
    rule(
        retired.iter().all(|information| lifetimes(information) == (Duration::ZERO, Duration::ZERO)),
        "retired prefixes come first, with lifetimes 0, the live one comes last",
        || format!("{retired:?}"),
    )?;
    rule(retired.len() <= RETIRED, "an RA has at most 8 retired prefixes", || format!("{}", retired.len()))
}

/// Returns the Valid and the Preferred Lifetime.
pub(super) const fn lifetimes(information: &PrefixInformation) -> (Duration, Duration) {
    (information.valid, information.preferred)
}

/// Returns the last prefix of an RA and its number of others, for the trace.
pub(crate) fn prefixes(advert: &RouterAdvert) -> (Option<(Prefix64, Duration, Duration)>, usize) {
    let mut prefixes: Vec<_> = advert.options.iter().filter_map(prefix_of).collect();
    let last = prefixes.pop();
    (last.map(|last| (last.prefix, last.valid, last.preferred)), prefixes.len())
}
