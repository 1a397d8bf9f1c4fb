//! One packet off the raw socket, put together again for the validator.

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

/// What the socket says of a packet beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram {
    /// Where it came in. Not the scope of the source address: that is 0 for `::` and for global ones.
    pub(super) ifindex: Option<IfIndex>,
    pub(super) source: Ipv6Addr,
    /// Whether it came in fragments, which only shows here [RFC 6980].
    pub(super) fragmented: bool,
    len: usize,
}

/// Room for the largest ICMPv6 message, behind room for an IPv6 header: the socket yields the message alone.
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

    /// Receives a packet, in place of the last one.
    pub(super) fn fill(&mut self, socket: &OwnedFd) -> nix::Result<Datagram> {
        let (header, message) = self.packet.split_at_mut(ipv6::HEADER_LEN);
        let mut message = [IoSliceMut::new(message)];
        let received = recvmsg::<SockaddrIn6>(
            socket.as_raw_fd(),
            &mut message,
            Some(&mut self.control),
            MsgFlags::empty(),
        )?;
        let source = received.address.map_or(Ipv6Addr::UNSPECIFIED, |address| address.ip());
        let mut datagram = Datagram { ifindex: None, source, fragmented: false, len: received.bytes };
        // Without the control message no packet is valid: 255 must be seen.
        let mut hop_limit = 0;
        for message in received.cmsgs()? {
            if let ControlMessageOwned::Ipv6PacketInfo(info) = message {
                datagram.ifindex = IfIndex::new(info.ipi6_ifindex);
            } else if let ControlMessageOwned::Ipv6HopLimit(limit) = message {
                hop_limit = u8::try_from(limit).unwrap_or(0);
            } else if let ControlMessageOwned::Unknown(other) = message {
                // Comes only with a packet that was fragmented (ip6_datagram_recv_specific_ctl in
                // net/ipv6/datagram.c).
                datagram.fragmented |= other.cmsg_header.cmsg_type == libc::IPV6_RECVFRAGSIZE;
            }
        }
        write_header(header, received.bytes, hop_limit, source);
        Ok(datagram)
    }

    /// The packet that the last [`fill`](Self::fill) has received.
    pub(super) fn packet(&self, datagram: &Datagram) -> &[u8] {
        &self.packet[..ipv6::HEADER_LEN + datagram.len]
    }
}

/// As much of the IPv6 header as the socket knows and the validator wants to see. The next header is ICMPv6:
/// both filters see to that.
fn write_header(header: &mut [u8], payload_len: usize, hop_limit: u8, source: Ipv6Addr) {
    let payload_len = u16::try_from(payload_len).expect("the buffer holds no more");
    header[4..6].copy_from_slice(&payload_len.to_be_bytes());
    header[6] = ipv6::ICMPV6;
    header[7] = hop_limit;
    header[8..24].copy_from_slice(&source.octets());
}
