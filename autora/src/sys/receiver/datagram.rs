//! Reads one packet from the raw socket and rebuilds its IPv6 header for the validator.

use std::{
    io::IoSliceMut,
    net::Ipv6Addr,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    cmsg_space, libc,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg},
};

use crate::{addr::IfIndex, wire::ipv6};

/// The socket's information about a packet, beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram {
    /// The interface on which it arrived, from `IPV6_PKTINFO`: the scope of the source address is 0 for `::`
    /// and for global addresses.
    pub(super) ifindex: Option<IfIndex>,
    pub(super) source: Ipv6Addr,
    /// Whether it arrived in fragments; the filter sees it reassembled.
    pub(super) fragmented: bool,
    len: usize,
}

/// Room for an IPv6 header and the largest ICMPv6 message behind it: the socket yields the message alone.
#[derive(Debug)]
pub(super) struct Buffer {
    packet: Box<[u8]>,
    control: Vec<u8>,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self {
            packet: vec![0; ipv6::HEADER_LEN + usize::from(u16::MAX)].into(),
            control: cmsg_space!(libc::in6_pktinfo, libc::c_int, libc::c_int),
        }
    }

    /// Receives a packet, which replaces the previous one.
    pub(super) fn fill(&mut self, socket: &OwnedFd) -> nix::Result<Datagram> {
        let (header, message) = self.packet.split_at_mut(ipv6::HEADER_LEN);
        let mut message = [IoSliceMut::new(message)];
        let received =
            recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut message, Some(&mut self.control), MsgFlags::empty())?;
        let source = received.address.map_or(Ipv6Addr::UNSPECIFIED, |address| address.ip());
        let mut datagram = Datagram { ifindex: None, source, fragmented: false, len: received.bytes };
        // Without its control message the packet is invalid: the hop limit has to be 255.
        let mut hop_limit = 0;
        for message in received.cmsgs()? {
            if let ControlMessageOwned::Ipv6PacketInfo(info) = message {
                datagram.ifindex = IfIndex::new(info.ipi6_ifindex);
            } else if let ControlMessageOwned::Ipv6HopLimit(limit) = message {
                hop_limit = u8::try_from(limit).unwrap_or(0);
            } else if let ControlMessageOwned::Unknown(other) = message {
                // Only a packet that was fragmented has it (`ip6_datagram_recv_specific_ctl` in
                // net/ipv6/datagram.c).
                datagram.fragmented |= other.cmsg_header.cmsg_type == libc::IPV6_RECVFRAGSIZE;
            }
        }
        write_header(header, received.bytes, hop_limit, source);
        Ok(datagram)
    }

    /// Returns the packet that the last [`fill`](Self::fill) received.
    pub(super) fn packet(&self, datagram: &Datagram) -> &[u8] {
        &self.packet[..ipv6::HEADER_LEN + datagram.len]
    }
}

/// Writes the fields of the IPv6 header that the validator reads. The next header is ICMPv6: both filters
/// drop other packets.
fn write_header(header: &mut [u8], payload_len: usize, hop_limit: u8, source: Ipv6Addr) {
    let payload_len = u16::try_from(payload_len).expect("the buffer holds no more");
    header[4..6].copy_from_slice(&payload_len.to_be_bytes());
    header[6] = ipv6::ICMPV6;
    header[7] = hop_limit;
    header[8..24].copy_from_slice(&source.octets());
}
