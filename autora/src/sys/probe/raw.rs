//! The raw ICMPv6 socket. The kernel makes the IPv6 header and verifies checksums; of the link layer it tells nothing.

use std::{
    io,
    net::Ipv6Addr,
    os::fd::{AsFd, BorrowedFd},
};

use nix::sys::socket::setsockopt;
use socket2::{Socket, Type};

use super::receiving::{EchoReply, open_icmpv6, receive};
use crate::{
    addr::IfIndex,
    sys::{
        icmp6_filter::{BLOCK_ALL, Icmp6Filter, Icmp6FilterBits, pass_only},
        raw_socket,
    },
    wire::{ECHO_REPLY, Echo},
};

/// A raw socket.
#[derive(Debug)]
pub(super) struct RawProbe {
    socket: Socket,
    identifier: u16,
}

impl RawProbe {
    pub(super) fn open(identifier: u16) -> io::Result<Self> {
        Self::open_with(&pass_only(&[ECHO_REPLY]), identifier)
    }

    /// Opens a socket that receives nothing.
    pub(super) fn open_to_send(identifier: u16) -> io::Result<Self> {
        Self::open_with(&BLOCK_ALL, identifier)
    }

    fn open_with(filter: &Icmp6FilterBits, identifier: u16) -> io::Result<Self> {
        let socket = open_icmpv6(Type::RAW)?;
        setsockopt(&socket, Icmp6Filter, filter)?;
        Ok(Self { socket, identifier })
    }

    pub(super) fn send(&self, index: IfIndex, source: Ipv6Addr, sequence: u16) -> io::Result<()> {
        let mut message = Vec::new();
        Echo { identifier: self.identifier, sequence }.encode_request(&mut message);
        raw_socket::send_to_all_nodes(&self.socket, index, source, &message)
    }

    /// Receives a message; `None` if it is no reply to this socket's requests.
    pub(super) fn receive(&self) -> nix::Result<Option<EchoReply>> {
        let received = receive(&self.socket)?.filter(|(echo, _)| echo.identifier == self.identifier);
        Ok(received.map(|(_, reply)| reply))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
