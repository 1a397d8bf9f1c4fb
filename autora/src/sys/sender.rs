//! Sends RAs through the packet socket or, with `--send raw`, through a raw ICMPv6 socket.

use std::{
    io,
    mem::size_of,
    net::{Ipv6Addr, SocketAddrV6},
    os::fd::AsRawFd,
};

use nix::{
    libc,
    sys::socket::{ControlMessage, MsgFlags, SockaddrIn6, sendmsg, setsockopt, sockopt},
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tracing::debug;

use super::{
    icmp6_filter::{BLOCK_ALL, Icmp6Filter},
    privileges::HOW_TO_GRANT,
};
use crate::{
    addr::{IfIndex, LinkLocal},
    engine::action::Cause,
    settings::SendPath,
    wire::{ALL_NODES, ND_HOP_LIMIT, RouterAdvert, ipv6},
};

/// The socket that sends RAs.
#[derive(Debug)]
pub struct Sender {
    path: SendPath,
    socket: Socket,
    /// The packet to send; reused, so that sending allocates nothing.
    buffer: Vec<u8>,
}

/// Why the socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SenderOpenError {
    /// CAP_NET_RAW is missing.
    #[error(
        "the kernel does not allow a {0} socket: CAP_NET_RAW is missing; {hint}",
        hint = HOW_TO_GRANT
    )]
    NotPermitted(SendPath),
    /// Anything else.
    #[error("cannot open a {path} socket for sending")]
    Failed {
        /// The kind of socket.
        path: SendPath,
        /// The kernel's error.
        source: io::Error,
    },
}

impl Sender {
    /// Opens the socket, which receives no packets.
    ///
    /// # Errors
    ///
    /// A [`SenderOpenError`], usually because CAP_NET_RAW is missing.
    pub fn open(path: SendPath) -> Result<Self, SenderOpenError> {
        let opened = match path {
            SendPath::Packet => open_packet(),
            SendPath::Raw => open_raw(),
        };
        let socket = opened.map_err(|source| {
            if source.kind() == io::ErrorKind::PermissionDenied {
                SenderOpenError::NotPermitted(path)
            } else {
                SenderOpenError::Failed { path, source }
            }
        })?;
        Ok(Self { path, socket, buffer: Vec::with_capacity(256) })
    }

    /// Sends `advert` to all nodes on the interface, without blocking.
    ///
    /// # Errors
    ///
    /// The kernel's error, which is a transient state of this one interface: `ENETDOWN`, `ENXIO`, `ENODEV`,
    /// `ENOBUFS` and `EMSGSIZE` through the packet socket; `EINVAL`, `EADDRNOTAVAIL`, `ENODEV`,
    /// `ENETUNREACH`, `EPERM` and `ENOBUFS` through the raw one.
    pub fn send(&mut self, index: IfIndex, source: LinkLocal, cause: Cause, advert: &RouterAdvert) -> io::Result<()> {
        match self.path {
            SendPath::Packet => self.send_packet(index, source, advert),
            SendPath::Raw => self.send_raw(index, source, cause, advert),
        }
    }

    fn send_packet(&mut self, index: IfIndex, source: LinkLocal, advert: &RouterAdvert) -> io::Result<()> {
        ipv6::encode(&mut self.buffer, source.get(), ALL_NODES, |out| advert.encode(out));
        self.socket.send_to(&self.buffer, &all_nodes_on_link(index)?).map(drop)
    }

    /// Sends through the raw socket: the kernel adds the IPv6 header and the checksum
    /// [RFC 3542 3.1](https://www.rfc-editor.org/rfc/rfc3542#section-3.1).
    fn send_raw(&mut self, index: IfIndex, source: LinkLocal, cause: Cause, advert: &RouterAdvert) -> io::Result<()> {
        self.buffer.clear();
        advert.encode(&mut self.buffer);
        let pinned = libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr { s6_addr: source.get().octets() },
            ipi6_ifindex: index.get(),
        };
        let destination = SockaddrIn6::from(SocketAddrV6::new(ALL_NODES, 0, 0, index.get()));
        // Only a final RA may have a source that the kernel no longer has.
        let may_be_gone = cause == Cause::Final;
        if may_be_gone {
            self.socket.set_freebind_v6(true)?;
        }
        let sent = sendmsg(
            self.socket.as_raw_fd(),
            &[io::IoSlice::new(&self.buffer)],
            &[ControlMessage::Ipv6PacketInfo(&pinned)],
            MsgFlags::empty(),
            Some(&destination),
        );
        if may_be_gone && let Err(error) = self.socket.set_freebind_v6(false) {
            debug!(%error, "IPV6_FREEBIND stays on");
        }
        sent.map(drop).map_err(io::Error::from)
    }
}

/// Opens the packet socket: `SOCK_DGRAM`, so that the kernel builds the link header, and protocol 0, so that
/// it receives no packet.
fn open_packet() -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn open_raw() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    // The socket only sends.
    setsockopt(&socket, Icmp6Filter, &BLOCK_ALL)?;
    socket.set_nonblocking(true)?;
    socket.set_multicast_hops_v6(ND_HOP_LIMIT.into())?;
    // The daemon's own RAs must not reach its receiver as those of another router.
    socket.set_multicast_loop_v6(false)?;
    // Guests discard a fragmented RA [RFC 6980 5](https://www.rfc-editor.org/rfc/rfc6980#section-5), so
    // sending one fails.
    setsockopt(&socket, sockopt::Ipv6DontFrag, &true)?;
    Ok(socket)
}

/// Returns the link-layer address of all nodes on the interface: 33:33 and the last four bytes of the group
/// [RFC 2464 7](https://www.rfc-editor.org/rfc/rfc2464#section-7).
fn all_nodes_on_link(index: IfIndex) -> io::Result<SockAddr> {
    // SAFETY: `sockaddr_ll` is plain data that fits into the storage, all of it is written, and the length is
    // that of the type.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, len| {
            let mut hardware = [0; 8];
            hardware[..6].copy_from_slice(&multicast_hardware_address(ALL_NODES));
            storage.cast::<libc::sockaddr_ll>().write(libc::sockaddr_ll {
                sll_family: u16::try_from(libc::AF_PACKET).expect("17"),
                sll_protocol: u16::try_from(libc::ETH_P_IPV6).expect("0x86dd").to_be(),
                sll_ifindex: i32::try_from(index.get()).map_err(|_| io::ErrorKind::InvalidInput)?,
                sll_hatype: 0,
                sll_pkttype: 0,
                sll_halen: 6,
                sll_addr: hardware,
            });
            *len = u32::try_from(size_of::<libc::sockaddr_ll>()).expect("20");
            Ok(())
        })
    }?;
    Ok(address)
}

fn multicast_hardware_address(group: Ipv6Addr) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_all_nodes_maps_to_a_link_layer_address() {
        assert_eq!(multicast_hardware_address(ALL_NODES), [0x33, 0x33, 0, 0, 0, 1]);
    }
}
