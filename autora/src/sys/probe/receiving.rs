//! What the sockets receive, and how they get room for it.

use std::{
    io::{self, IoSliceMut},
    net::Ipv6Addr,
    os::fd::AsRawFd,
};

use nix::{
    cmsg_space, libc,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, setsockopt, sockopt},
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    addr::IfIndex,
    wire::{Echo, ND_HOP_LIMIT},
};

/// How many replies the socket has room for, at 832 bytes each. The kernel grants at most twice
/// `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 4_096 * 832;

/// Longer than any reply without data.
pub(super) const LONGEST: usize = 256;

/// An echo reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoReply {
    /// The interface on which it arrived.
    pub index: IfIndex,
    /// Its source, any address that the guest chose.
    pub source: Ipv6Addr,
    /// Its destination: the source of the request.
    pub destination: Ipv6Addr,
    /// The sequence number of the request.
    pub sequence: u16,
    /// The link-layer address that it came from, of six bytes, if the link has such and the socket tells.
    pub link_address: Option<[u8; 6]>,
}

/// Makes `socket` ready for many replies.
pub(super) fn prepare(socket: &Socket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)
}

/// Opens an ICMPv6 socket that sends to links, and tells the interface of a reply.
pub(super) fn open_icmpv6(kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, kind, Some(Protocol::ICMPV6))?;
    prepare(&socket)?;
    setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    socket.set_multicast_hops_v6(ND_HOP_LIMIT.into())?;
    // The host itself must not answer as a guest.
    socket.set_multicast_loop_v6(false)?;
    Ok(socket)
}

/// Receives a message from an ICMPv6 socket; `None` if it is no echo reply.
pub(super) fn receive(socket: &Socket) -> nix::Result<Option<(Echo, EchoReply)>> {
    let mut buffer = [0; LONGEST];
    let mut message = [IoSliceMut::new(&mut buffer)];
    let mut control = cmsg_space!(libc::in6_pktinfo);
    let received = recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut message, Some(&mut control), MsgFlags::empty())?;
    let arrival = received.cmsgs()?.find_map(|message| {
        let ControlMessageOwned::Ipv6PacketInfo(info) = message else { return None };
        Some(info)
    });
    let (source, len) = (received.address.map(|address| address.ip()), received.bytes);
    let Some((arrival, source)) = arrival.zip(source) else { return Ok(None) };
    Ok(decode(&buffer[..len], source, arrival))
}

fn decode(message: &[u8], source: Ipv6Addr, arrival: libc::in6_pktinfo) -> Option<(Echo, EchoReply)> {
    let echo = Echo::decode_reply(message).ok()?;
    let reply = EchoReply {
        index: IfIndex::new(arrival.ipi6_ifindex)?,
        source,
        destination: arrival.ipi6_addr.s6_addr.into(),
        sequence: echo.sequence,
        link_address: None,
    };
    Some((echo, reply))
}
