//! Decodes entries of the kernel's neighbour table.

use std::{fmt, net::Ipv6Addr};

use super::frame::{Malformed, find, number};
use crate::addr::IfIndex;

/// The size of `struct ndmsg` of
/// [linux/neighbour.h](https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/neighbour.h):
/// family and padding, the index, the state, flags and type.
const HEADER_LEN: usize = 12;

/// Attributes and states of the same header.
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NUD_INCOMPLETE: u16 = 0x01;
const NUD_REACHABLE: u16 = 0x02;
const NUD_STALE: u16 = 0x04;
const NUD_DELAY: u16 = 0x08;
const NUD_PROBE: u16 = 0x10;
const NUD_FAILED: u16 = 0x20;
const NUD_PERMANENT: u16 = 0x80;

/// A neighbour, as the kernel holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The interface that it is behind.
    pub index: IfIndex,
    /// Its address.
    pub address: Ipv6Addr,
    /// Its link-layer address, if the kernel knows one of six bytes.
    pub link_address: Option<[u8; 6]>,
    /// What the kernel knows of it.
    pub state: NeighbourState,
}

/// The state of an entry [RFC 4861 7.3.2](https://www.rfc-editor.org/rfc/rfc4861#section-7.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighbourState {
    /// The link-layer address is being resolved.
    Incomplete,
    /// It was reachable within the last half minute or so.
    Reachable,
    /// It was reachable at some time before.
    Stale,
    /// A packet was sent to it, and whether it is reachable will show.
    Delay,
    /// Solicitations are being sent to it.
    Probe,
    /// It did not reply.
    Failed,
    /// The operator set the entry.
    Permanent,
}

impl fmt::Display for NeighbourState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Incomplete => "incomplete",
            Self::Reachable => "reachable",
            Self::Stale => "stale",
            Self::Delay => "delay",
            Self::Probe => "probe",
            Self::Failed => "failed",
            Self::Permanent => "permanent",
        })
    }
}

/// Decodes an `RTM_NEWNEIGH`; `None` for an entry that the kernel makes without outstanding a neighbour, as for
/// multicast groups (`NUD_NOARP`).
pub(super) fn neighbour(payload: &[u8]) -> Result<Option<Neighbour>, Malformed> {
    let (header, attributes) = payload.split_at_checked(HEADER_LEN).ok_or(Malformed)?;
    let &[_, _, _, _, ref rest @ ..] = header else { return Err(Malformed) };
    let index = number(rest).and_then(IfIndex::new).ok_or(Malformed)?;
    let Some(state) = state(u16::from_ne_bytes([header[8], header[9]])) else { return Ok(None) };
    let address: [u8; 16] = find(attributes, NDA_DST).and_then(|octets| octets.try_into().ok()).ok_or(Malformed)?;
    let link_address = find(attributes, NDA_LLADDR).and_then(|octets| octets.try_into().ok());
    Ok(Some(Neighbour { index, address: address.into(), link_address, state }))
}

const fn state(bits: u16) -> Option<NeighbourState> {
    match bits {
        NUD_INCOMPLETE => Some(NeighbourState::Incomplete),
        NUD_REACHABLE => Some(NeighbourState::Reachable),
        NUD_STALE => Some(NeighbourState::Stale),
        NUD_DELAY => Some(NeighbourState::Delay),
        NUD_PROBE => Some(NeighbourState::Probe),
        NUD_FAILED => Some(NeighbourState::Failed),
        NUD_PERMANENT => Some(NeighbourState::Permanent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netlink::bytes::attribute;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn message(index: u32, state: u16, attributes: &[Vec<u8>]) -> Vec<u8> {
        let header = [[10, 0, 0, 0], index.to_ne_bytes()].concat();
        [header, state.to_ne_bytes().to_vec(), vec![0, 1], attributes.concat()].concat()
    }

    fn address() -> Vec<u8> {
        attribute(NDA_DST, &"2001:db8::5".parse::<Ipv6Addr>().unwrap().octets())
    }

    #[test]
    fn a_neighbour_has_address_and_state() {
        let index = IfIndex::new(7).unwrap();
        let expected = Neighbour {
            index,
            address: "2001:db8::5".parse().unwrap(),
            link_address: Some(MAC),
            state: NeighbourState::Stale,
        };
        assert_eq!(neighbour(&message(7, NUD_STALE, &[address(), attribute(NDA_LLADDR, &MAC)])), Ok(Some(expected)));
        let failed = Neighbour { link_address: None, state: NeighbourState::Failed, ..expected };
        assert_eq!(neighbour(&message(7, NUD_FAILED, &[address()])), Ok(Some(failed)));
    }

    #[test]
    fn entries_without_a_neighbour_are_left_out() {
        for state in [0x40, 0] {
            assert_eq!(neighbour(&message(7, state, &[address()])), Ok(None), "{state:#x}");
        }
    }

    #[test]
    fn what_is_no_neighbour_is_malformed() {
        assert_eq!(neighbour(&message(0, NUD_STALE, &[address()])), Err(Malformed));
        assert_eq!(neighbour(&message(7, NUD_STALE, &[])), Err(Malformed));
        assert_eq!(neighbour(&message(7, NUD_STALE, &[attribute(NDA_DST, &[1; 4])])), Err(Malformed));
        assert_eq!(neighbour(&[0; HEADER_LEN - 1]), Err(Malformed));
    }
}
