//! ICMPv6 sockets, raw ones and those for pings, that send to all nodes on a link.

use std::{
    ffi::OsString,
    io::{self, IoSlice},
    net::{Ipv6Addr, SocketAddrV6},
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    libc,
    sys::socket::{ControlMessage, MsgFlags, SockaddrIn6, sendmsg, setsockopt, sockopt},
};
use socket2::Socket;

use crate::{addr::IfIndex, wire::ALL_NODES};

/// Takes a new socket out of the VRF in which `ip vrf exec` started this process: such a socket is bound to the VRF.
/// But Neighbor Discovery arrives from the port and not from the VRF (`vrf_ip6_rcv()`, `drivers/net/vrf.c`, Linux
/// 6.12), and interfaces outside are served as well.
pub(super) fn leave_vrf(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::BindToDevice, &OsString::new())?)
}

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
