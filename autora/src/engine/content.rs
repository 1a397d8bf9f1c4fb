//! The content of an RA: the prefix, the retired prefixes, and the options about the link.

use std::time::Duration;

use super::{BootInstant, action::Cause, handover::AdvertisedPrefix, interface::Interface, parameters::Parameters};
use crate::{
    addr::Prefix64,
    wire::{NdOption, PrefixInformation, RouterAdvert},
};

/// Returns the message of an RA that leaves at `now`, with `prefix` as the current one. A final RA differs
/// only in its Router Lifetime [RFC 4861 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5).
pub(super) fn router_advert(
    cause: Cause,
    prefix: Option<Prefix64>,
    retired: &[AdvertisedPrefix],
    parameters: &Parameters,
    now: BootInstant,
) -> RouterAdvert {
    let current = prefix.map(|prefix| prefix_option(prefix, parameters.valid_lifetime, parameters.preferred_lifetime));
    // Lifetimes 0, for as long as guests may hold the prefix
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
mod tests {
    use super::*;
    use crate::{addr::IfIndex, engine::interface::LinkFlags};

    #[test]
    fn link_options_are_off_by_default_and_need_a_six_byte_address() {
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
