//! A Router Advertisement as it arrived at a guest.

use std::{fmt, net::Ipv6Addr};

use autora::wire::{ALL_NODES, ND_HOP_LIMIT, NdOption, RouterAdvert, ipv6};

const ETHERNET_HEADER: usize = 14;

/// A Router Advertisement that a guest accepts [RFC 4861 6.1.2].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ra {
    pub(crate) source: Ipv6Addr,
    pub(crate) advert: RouterAdvert,
}

impl Ra {
    /// Decodes an Ethernet frame; says what is wrong with it if a guest would drop it, or if it is not for all nodes.
    pub(crate) fn decode(frame: &[u8]) -> Result<Self, String> {
        let packet = frame.get(ETHERNET_HEADER..).unwrap_or_default();
        let packet = ipv6::decode(packet).map_err(|error| error.to_string())?;
        let is_right = [
            (packet.hop_limit == ND_HOP_LIMIT, "hop limit"),
            (packet.source.is_unicast_link_local(), "source"),
            (packet.destination == ALL_NODES, "destination"),
            (ipv6::checksum(packet.source, packet.destination, packet.message) == 0, "checksum"),
        ];
        if let Some((_, wrong)) = is_right.iter().find(|(is_right, _)| !is_right) {
            return Err(format!("wrong {wrong}, from {} to {}", packet.source, packet.destination));
        }
        let advert = RouterAdvert::decode(packet.message).map_err(|error| error.to_string())?;
        Ok(Self { source: packet.source, advert })
    }

    /// Returns whether its Router Lifetime is 0.
    pub(crate) fn is_final(&self) -> bool {
        self.advert.router_lifetime.is_zero()
    }

    /// Returns the /64s that guests may use.
    pub(crate) fn live(&self) -> Vec<Ipv6Addr> {
        let information = self.advert.options.iter().filter_map(|option| match option {
            NdOption::PrefixInformation(information) => Some(information),
            NdOption::SourceLinkLayerAddress(_) | NdOption::Mtu(_) | NdOption::Other { .. } => None,
        });
        let live = information.filter(|information| !information.valid.is_zero() && !information.preferred.is_zero());
        live.map(|information| information.prefix.network()).collect()
    }
}

/// Writes it in one line.
impl fmt::Display for Ra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advert = self.advert.to_string();
        let lines: Vec<&str> = advert.lines().map(str::trim).collect();
        write!(f, "RA from {}: {}", self.source, lines.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::ra;

    fn frame(source: &str, destination: Ipv6Addr, advert: &RouterAdvert) -> Vec<u8> {
        let mut packet = Vec::new();
        ipv6::encode(&mut packet, source.parse().unwrap(), destination, |out| advert.encode(out));
        [&[0; ETHERNET_HEADER][..], &packet].concat()
    }

    #[test]
    fn what_a_guest_would_drop_is_named() {
        let whole = ra(1, 180);
        let right = frame("fe80::1", ALL_NODES, &whole.advert);
        assert_eq!(Ra::decode(&right), Ok(whole.clone()), "the control");
        assert_eq!(whole.live(), ["2001:db8:0:1::".parse::<Ipv6Addr>().unwrap()]);
        let (mut hops, mut sum) = (right.clone(), right.clone());
        hops[ETHERNET_HEADER + 7] = 64;
        *sum.last_mut().unwrap() ^= 1;
        let unicast = frame("fe80::1", "fe80::2".parse().unwrap(), &whole.advert);
        for (frame, word) in [
            (hops, "hop limit"),
            (sum, "checksum"),
            (frame("2001:db8::1", ALL_NODES, &whole.advert), "source"),
            (unicast, "destination"),
            (right[..right.len() - 1].to_vec(), "too short"),
            (Vec::new(), "too short"),
        ] {
            let error = Ra::decode(&frame).expect_err(word);
            assert!(error.to_lowercase().contains(word), "{word}: {error}");
        }
    }
}
