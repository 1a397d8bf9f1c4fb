//! What an RA says: the prefix, the retired ones, and what the operator asked to have said of the link.

use std::time::Duration;

use super::{
    BootInstant, action::Cause, handover::AdvertisedPrefix, interface::Interface, parameters::Parameters,
};
use crate::{
    addr::Prefix64,
    wire::{NdOption, PrefixInformation, RouterAdvert},
};

/// Returns the message of an RA with `prefix` as the current one, as it leaves at `now`. A final RA [RFC 4861
/// 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5) differs in its Router Lifetime alone.
pub(super) fn router_advert(
    cause: Cause,
    prefix: Option<Prefix64>,
    retired: &[AdvertisedPrefix],
    parameters: &Parameters,
    now: BootInstant,
) -> RouterAdvert {
    let current =
        prefix.map(|prefix| prefix_option(prefix, parameters.valid_lifetime, parameters.preferred_lifetime));
    // Lifetimes 0, for as long as hosts may hold the prefix
    // [RFC 9096 3.5](https://www.rfc-editor.org/rfc/rfc9096#section-3.5).
    let retired = retired.iter().filter(|retired| retired.is_valid(now));
    RouterAdvert {
        cur_hop_limit: 0,
        flags: 0,
        router_lifetime: match cause {
            Cause::Unsolicited | Cause::Solicited => parameters.router_lifetime,
            Cause::Final => Duration::ZERO,
        },
        reachable_time: Duration::ZERO,
        retrans_timer: Duration::ZERO,
        options: current
            .into_iter()
            .chain(retired.map(|retired| prefix_option(retired.prefix, Duration::ZERO, Duration::ZERO)))
            .collect(),
    }
}

/// L=0: guests of one hypervisor are strangers and must not look for each other on the link. A=1: SLAAC
/// [RFC 4861 4.6.2](https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2).
fn prefix_option(prefix: Prefix64, valid: Duration, preferred: Duration) -> NdOption {
    NdOption::PrefixInformation(PrefixInformation {
        prefix,
        on_link: false,
        autonomous: true,
        valid,
        preferred,
    })
}

/// Which of the link's own facts every RA says, final ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// The source link-layer address [RFC 4861 4.6.1]: a guest then need not ask for it.
    pub source_link_layer_address: bool,
    /// The MTU [RFC 4861 4.6.4].
    pub mtu: bool,
}

impl LinkOptions {
    /// The options as they are of `link` now, in the order of RFC 4861 4.2, in which the prefixes come behind them. A
    /// link without an address of six bytes says none.
    pub(super) fn of(self, link: &Interface) -> impl Iterator<Item = NdOption> {
        let address = link.link_address.filter(|_| self.source_link_layer_address);
        let mtu = self.mtu.then_some(link.mtu);
        address.map(NdOption::SourceLinkLayerAddress).into_iter().chain(mtu.map(NdOption::Mtu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{addr::IfIndex, engine::interface::LinkFlags};

    #[test]
    fn nothing_by_default_and_only_what_the_link_has() {
        let link = |link_address| Interface {
            index: IfIndex::new(7).unwrap(),
            name: "vm1".to_owned(),
            flags: LinkFlags { up: true, multicast: true, loopback: false, carrier: true },
            master: None,
            ipv6: None,
            mtu: 1400,
            link_address,
            tun: false,
            addresses: Vec::new(),
        };
        let mac = [2, 0, 0, 0, 0, 7];
        let (address, mtu) = (NdOption::SourceLinkLayerAddress(mac), NdOption::Mtu(1400));
        for (source_link_layer_address, wants_mtu, link_address, expected) in [
            (false, false, Some(mac), vec![]),
            (true, false, Some(mac), vec![address.clone()]),
            (false, true, Some(mac), vec![mtu.clone()]),
            (true, true, Some(mac), vec![address, mtu.clone()]),
            (true, true, None, vec![mtu]),
        ] {
            let options = LinkOptions { source_link_layer_address, mtu: wants_mtu };
            assert_eq!(options.of(&link(link_address)).collect::<Vec<_>>(), expected, "{options:?}");
        }
        assert_eq!(LinkOptions::default(), LinkOptions { source_link_layer_address: false, mtu: false });
    }
}
