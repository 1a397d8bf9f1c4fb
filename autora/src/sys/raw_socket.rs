//! ICMPv6 sockets, raw ones and those for pings, that send to all nodes on a link.

use std::{
    io::{self, IoSlice},
    net::{Ipv6Addr, SocketAddrV6},
    os::fd::AsRawFd,
};

use nix::{
    libc,
    sys::socket::{ControlMessage, MsgFlags, SockaddrIn6, sendmsg},
};
use socket2::Socket;

use crate::{addr::IfIndex, wire::ALL_NODES};

/// Sends an ICMPv6 message from `source` to all nodes on the interface; the kernel adds the IPv6 header and the
/// checksum [RFC 3542 3.1](https://www.rfc-editor.org/rfc/rfc3542#section-3.1).
pub(super) fn send_to_all_nodes(socket: &Socket, index: IfIndex, source: Ipv6Addr, message: &[u8]) -> io::Result<()> {
    let pinned =
        libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: source.octets() }, ipi6_ifindex: index.get() };
    let destination = SockaddrIn6::from(SocketAddrV6::new(ALL_NODES, 0, 0, index.get()));
    let control = [ControlMessage::Ipv6PacketInfo(&pinned)];
    let sent = sendmsg(socket.as_raw_fd(), &[IoSlice::new(message)], &control, MsgFlags::empty(), Some(&destination));
    sent.map(drop).map_err(io::Error::from)
}
