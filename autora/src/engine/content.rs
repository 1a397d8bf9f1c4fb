//! The content of an RA: the retired prefixes, the prefix, and the options about the link.

use std::time::Duration;

use super::{
    BootInstant,
    action::Cause,
    eligibility::Service,
    handover::AdvertisedPrefix,
    interface::{Interface, Lifetimes, Preferred},
    parameters::Parameters,
};
use crate::{
    addr::Prefix64,
    wire::{NdOption, PrefixInformation, RouterAdvert, RouterPreference},
};

/// The current prefix of an RA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CurrentPrefix {
    /// The prefix.
    pub(super) prefix: Prefix64,
    /// When its lifetimes end on the host, or `None` if the host has it no more.
    pub(super) lifetimes: Option<Lifetimes>,
}

impl CurrentPrefix {
    /// Returns the prefix of `service`.
    pub(super) const fn of(service: &Service) -> Self {
        Self { prefix: service.prefix, lifetimes: Some(service.lifetimes) }
    }

    /// Returns the Valid and the Preferred Lifetime in an RA that leaves at `now`, in whole seconds: what is left on
    /// the host, at most the configured ones. Both are 0 for a prefix that the host has no more.
    pub(super) fn advertised(&self, parameters: &Parameters, now: BootInstant) -> (Duration, Duration) {
        let Some(Lifetimes { valid, preferred }) = self.lifetimes else { return (Duration::ZERO, Duration::ZERO) };
        let left = |end: BootInstant| Duration::from_secs(end.saturating_since(now).as_secs());
        let valid = valid.map_or(parameters.valid_lifetime, |end| left(end).min(parameters.valid_lifetime));
        let preferred = match preferred {
            Preferred::ForEver => parameters.preferred_lifetime,
            Preferred::Until(end) => left(end).min(parameters.preferred_lifetime),
            Preferred::Zero => Duration::ZERO,
        };
        (valid, preferred.min(valid))
    }
}

/// Returns the message of an RA that leaves at `now`. A final RA differs only in its Router Lifetime [RFC 4861
/// 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5), and in its preference, which is medium then [RFC 4191
/// 2.2](https://www.rfc-editor.org/rfc/rfc4191#section-2.2).
pub(super) fn router_advert(
    cause: Cause,
    current: Option<CurrentPrefix>,
    retired: &[AdvertisedPrefix],
    parameters: &Parameters,
    now: BootInstant,
) -> RouterAdvert {
    // Lifetimes 0, for as long as guests may hold the prefix
    // [RFC 9096 3.5](https://www.rfc-editor.org/rfc/rfc9096#section-3.5).
    let retired = retired.iter().filter(|retired| retired.is_valid(now));
    let retired = retired.map(|retired| prefix_option(retired.prefix, Duration::ZERO, Duration::ZERO));
    let current = current.map(|current| {
        let (valid, preferred) = current.advertised(parameters, now);
        prefix_option(current.prefix, valid, preferred)
    });
    let router_lifetime = match cause {
        Cause::Unsolicited | Cause::Solicited => parameters.router_lifetime,
        Cause::Final => Duration::ZERO,
    };
    let preference = if router_lifetime.is_zero() { RouterPreference::Medium } else { parameters.preference };
    RouterAdvert {
        cur_hop_limit: 0,
        flags: preference.bits(),
        router_lifetime,
        reachable_time: Duration::ZERO,
        retrans_timer: Duration::ZERO,
        // A guest with room for one prefix keeps the last one.
        options: retired.chain(current).collect(),
    }
}

/// Returns a Prefix Information option with L=0 and A=1 [RFC 4861
/// 4.6.2](https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2): guests of one hypervisor reach each other
/// through the host, not on the link, and form addresses with SLAAC.
fn prefix_option(prefix: Prefix64, valid: Duration, preferred: Duration) -> NdOption {
    NdOption::PrefixInformation(PrefixInformation { prefix, on_link: false, autonomous: true, valid, preferred })
}

/// Which options about the link every RA carries, final RAs included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// Source Link-Layer Address [RFC 4861 4.6.1](https://www.rfc-editor.org/rfc/rfc4861#section-4.6.1): it
    /// saves guests an address resolution.
    pub source_link_layer_address: bool,
    /// MTU [RFC 4861 4.6.4](https://www.rfc-editor.org/rfc/rfc4861#section-4.6.4).
    pub mtu: bool,
}

impl LinkOptions {
    /// Returns the options for `link`, in the order of RFC 4861 4.2, in which prefixes follow them. A link
    /// without a six-byte address has no Source Link-Layer Address option.
    pub(super) fn of(self, link: &Interface) -> impl Iterator<Item = NdOption> {
        let address = link.link_address.filter(|_| self.source_link_layer_address);
        let mtu = self.mtu.then_some(link.mtu);
        address.map(NdOption::SourceLinkLayerAddress).into_iter().chain(mtu.map(NdOption::Mtu))
    }
}

#[cfg(test)]
mod tests;
