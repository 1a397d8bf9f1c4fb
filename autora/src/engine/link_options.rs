//! What advertisements may say of their link, where the operator asked for it: nothing by default.

use super::interface::Interface;
use crate::wire::NdOption;

/// Which of the link's own facts ride along in every advertisement, final ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// The source link-layer address [RFC 4861 4.6.1]: a guest then need not ask for it.
    pub source_link_layer_address: bool,
    /// The MTU [RFC 4861 4.6.4].
    pub mtu: bool,
}

impl LinkOptions {
    /// The options as they are of `link` now, in the order of RFC 4861 4.2, in which the prefixes come behind them. A link
    /// without an address of six bytes says none.
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
