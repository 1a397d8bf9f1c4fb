//! Sockets for pings (`icmp(7)`, `ping_group_range`), for processes without any capability.
//!
//! Such a socket sends from the address that it is bound to: it ignores `IPV6_PKTINFO` (`ping_v6_sendmsg()`,
//! `net/ipv6/ping.c`, Linux 6.18). So there is one for each global source, and one that is not bound, from which the
//! kernel sends to a link with a link-local address of that link.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io, iter,
    net::{Ipv6Addr, SocketAddrV6},
    os::fd::{AsFd, BorrowedFd},
};

use nix::errno::Errno;
use socket2::{Socket, Type};

use super::receiving::{EchoReply, open_icmpv6, receive};
use crate::{
    addr::{IfIndex, LinkLocal},
    wire::{ALL_NODES, Echo},
};

/// Sockets for pings, by their source.
#[derive(Debug)]
pub(super) struct PingProbe {
    link_local: Socket,
    global: BTreeMap<Ipv6Addr, Socket>,
    /// The identifier that the next socket asks for.
    next_identifier: u16,
}

impl PingProbe {
    pub(super) fn open(identifier: u16) -> io::Result<Self> {
        let link_local = open(Ipv6Addr::UNSPECIFIED, identifier)?;
        Ok(Self { link_local, global: BTreeMap::new(), next_identifier: identifier.wrapping_add(1) })
    }

    pub(super) fn send(&mut self, index: IfIndex, source: Ipv6Addr, sequence: u16) -> io::Result<()> {
        let mut message = Vec::new();
        // The kernel puts the socket's own identifier in its place.
        Echo { identifier: 0, sequence }.encode_request(&mut message);
        let destination = SocketAddrV6::new(ALL_NODES, 0, 0, index.get());
        self.socket_from(source)?.send_to(&message, &destination.into()).map(drop)
    }

    fn socket_from(&mut self, source: Ipv6Addr) -> io::Result<&Socket> {
        if LinkLocal::new(source).is_some() {
            return Ok(&self.link_local);
        }
        match self.global.entry(source) {
            Entry::Occupied(socket) => Ok(socket.into_mut()),
            Entry::Vacant(place) => {
                let socket = open(source, self.next_identifier)?;
                self.next_identifier = self.next_identifier.wrapping_add(1);
                Ok(place.insert(socket))
            }
        }
    }

    /// Receives a message from any of the sockets, each of which gets replies to its own requests alone.
    pub(super) fn receive(&self) -> nix::Result<Option<EchoReply>> {
        let received = self.sockets().map(receive).find(|received| !matches!(received, Err(Errno::EAGAIN)));
        received.unwrap_or(Err(Errno::EAGAIN)).map(|received| received.map(|(_, reply)| reply))
    }

    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets().map(AsFd::as_fd)
    }

    fn sockets(&self) -> impl Iterator<Item = &Socket> {
        iter::once(&self.link_local).chain(self.global.values())
    }
}

/// Opens a socket that sends from `source`. The identifier is its port: another process may have `wanted`, and then the
/// kernel chooses.
fn open(source: Ipv6Addr, wanted: u16) -> io::Result<Socket> {
    let socket = open_icmpv6(Type::DGRAM)?;
    let bind = |port| socket.bind(&SocketAddrV6::new(source, port, 0, 0).into());
    bind(wanted).or_else(|_taken| bind(0))?;
    Ok(socket)
}
