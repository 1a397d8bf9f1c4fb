//! Sends solicitations as the kernel's own neighbour discovery does, on links of every kind.

use std::{
    net::SocketAddrV6,
    os::fd::{AsRawFd, OwnedFd},
};

use autora::wire::{ALL_ROUTERS, ND_HOP_LIMIT, ROUTER_SOLICITATION};
use nix::{
    net::if_::if_nametoindex,
    sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn6, sendto, setsockopt, socket,
        sockopt::Ipv6MulticastHops,
    },
};

/// A raw socket.
#[derive(Debug)]
pub(crate) struct Solicitor {
    socket: OwnedFd,
    routers: SockaddrIn6,
}

impl Solicitor {
    /// Opens a socket in the namespace of this thread.
    pub(crate) fn on(interface: &str) -> Self {
        let socket = socket(AddressFamily::Inet6, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::IcmpV6)
            .expect("root may open a raw socket");
        setsockopt(&socket, Ipv6MulticastHops, &i32::from(ND_HOP_LIMIT)).expect("every IPv6 socket has hops");
        let index = if_nametoindex(interface).expect("the interface exists");
        Self { socket, routers: SockaddrIn6::from(SocketAddrV6::new(ALL_ROUTERS, 0, 0, index)) }
    }

    /// Sends a solicitation; the kernel fills in the checksum. It fails until the interface has an address, and while
    /// the queue is full.
    pub(crate) fn send(&self) -> nix::Result<()> {
        let message = [ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
        sendto(self.socket.as_raw_fd(), &message, &self.routers, MsgFlags::empty()).map(drop)
    }
}
