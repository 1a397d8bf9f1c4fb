//! Sends RAs through packet sockets or, with `--send raw`, through raw ICMPv6 sockets.

mod lane;
mod lanes;

use std::{
    io,
    mem::size_of,
    net::{Ipv6Addr, SocketAddrV6},
    os::fd::AsRawFd,
};

use nix::{
    libc, setsockopt_impl, sockopt_impl,
    sys::socket::{ControlMessage, MsgFlags, SockaddrIn6, sendmsg, setsockopt, sockopt},
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tracing::debug;

use self::{lane::Lane, lanes::Lanes};
use super::{
    icmp6_filter::{BLOCK_ALL, Icmp6Filter},
    privileges::HOW_TO_GRANT,
    socket_memory,
};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        action::{Cause, Transmission},
    },
    settings::SendPath,
    wire::{ALL_NODES, ND_HOP_LIMIT, ipv6},
};

/// How many sockets there are for RAs of interfaces whose RAs leave at once, and as many for the others. With
/// Debian's `wmem_max` one holds 512 RAs that do not leave, a raw one 1,024.
const LANES: usize = 4;

/// The send buffer that is asked for. The kernel grants twice as much, but at most twice
/// `net.core.wmem_max`.
const SEND_BUFFER: usize = 1 << 20;

/// The sockets that send RAs.
#[derive(Debug)]
pub struct Sender {
    path: SendPath,
    lanes: Lanes,
    /// Raw sockets for links whose link-layer addresses are longer than `sockaddr_ll` has room for: there the kernel
    /// maps the group to an address. `None` if all RAs go through raw sockets.
    mapped: Option<Lanes>,
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
    /// Opens the sockets, which receive no packets.
    ///
    /// # Errors
    ///
    /// A [`SenderOpenError`], usually because CAP_NET_RAW is missing.
    pub fn open(path: SendPath) -> Result<Self, SenderOpenError> {
        let first = open_lanes(path, LANES)?;
        let second = open_lanes(path, LANES)?;
        let mapped = match path {
            SendPath::Packet => Some(Lanes::new(open_lanes(SendPath::Raw, 1)?, open_lanes(SendPath::Raw, 1)?)),
            SendPath::Raw => None,
        };
        Ok(Self { path, lanes: Lanes::new(first, second), mapped, buffer: Vec::with_capacity(256) })
    }

    /// Returns whether there is room for an RA. If not, so many RAs wait in the queues of so many interfaces
    /// that nothing can be sent on any interface.
    pub fn has_room(&mut self) -> bool {
        self.lanes.has_room()
    }

    /// Forgets what is known of an interface that is gone.
    pub fn forget(&mut self, index: IfIndex) {
        self.lanes.forget(index);
        if let Some(mapped) = &mut self.mapped {
            mapped.forget(index);
        }
    }

    /// Sends an RA to all nodes on the interface, without blocking.
    ///
    /// # Errors
    ///
    /// The kernel's error, which is a transient state of this one interface: `ENETDOWN`, `ENXIO`, `ENODEV`,
    /// `ENOBUFS` and `EMSGSIZE` through a packet socket; `EINVAL`, `EADDRNOTAVAIL`, `ENODEV`,
    /// `ENETUNREACH`, `EPERM` and `ENOBUFS` through a raw one. [`io::ErrorKind::ResourceBusy`] if an earlier
    /// RA has not left the interface's queue. [`io::ErrorKind::WouldBlock`] without [`Sender::has_room`].
    pub fn send(&mut self, transmission: &Transmission, now: BootInstant) -> io::Result<()> {
        match self.path {
            SendPath::Packet => match self.send_packet(transmission, now) {
                // `packet_snd()` (net/packet/af_packet.c, Linux 6.12): the link's address is longer than the one given.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => self.send_raw(transmission, now),
                sent => sent,
            },
            SendPath::Raw => self.send_raw(transmission, now),
        }
    }

    fn send_packet(
        &mut self,
        Transmission { index, source, advert, .. }: &Transmission,
        now: BootInstant,
    ) -> io::Result<()> {
        let Self { lanes, buffer, .. } = self;
        ipv6::encode(buffer, source.get(), ALL_NODES, |out| advert.encode(out));
        let destination = all_nodes_on_link(*index)?;
        lanes.send(*index, now, |socket| socket.send_to(buffer, &destination).map(drop))
    }

    /// Sends through the raw socket: the kernel adds the IPv6 header and the checksum
    /// [RFC 3542 3.1](https://www.rfc-editor.org/rfc/rfc3542#section-3.1).
    fn send_raw(&mut self, transmission: &Transmission, now: BootInstant) -> io::Result<()> {
        let Self { lanes, mapped, buffer, .. } = self;
        let lanes = mapped.as_mut().unwrap_or(lanes);
        buffer.clear();
        transmission.advert.encode(buffer);
        lanes.send(transmission.index, now, |socket| send_raw(socket, transmission, buffer))
    }
}

fn send_raw(
    socket: &Socket,
    Transmission { index, source, cause, .. }: &Transmission,
    message: &[u8],
) -> io::Result<()> {
    let pinned =
        libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: source.get().octets() }, ipi6_ifindex: index.get() };
    let destination = SockaddrIn6::from(SocketAddrV6::new(ALL_NODES, 0, 0, index.get()));
    // Only a final RA may have a source that the kernel no longer has.
    let may_be_gone = *cause == Cause::Final;
    if may_be_gone {
        socket.set_freebind_v6(true)?;
    }
    let sent = sendmsg(
        socket.as_raw_fd(),
        &[io::IoSlice::new(message)],
        &[ControlMessage::Ipv6PacketInfo(&pinned)],
        MsgFlags::empty(),
        Some(&destination),
    );
    if may_be_gone && let Err(error) = socket.set_freebind_v6(false) {
        debug!(%error, "IPV6_FREEBIND stays on");
    }
    sent.map(drop).map_err(io::Error::from)
}

fn open_lanes(path: SendPath, count: usize) -> Result<Vec<Lane>, SenderOpenError> {
    let lanes = (0..count).map(|_| open_lane(path));
    lanes.collect::<io::Result<_>>().map_err(|source| {
        if source.kind() == io::ErrorKind::PermissionDenied {
            SenderOpenError::NotPermitted(path)
        } else {
            SenderOpenError::Failed { path, source }
        }
    })
}

fn open_lane(path: SendPath) -> io::Result<Lane> {
    let (socket, buffers) = match path {
        SendPath::Packet => (open_packet()?, 1),
        // `__ip6_append_data` in [net/ipv6/ip6_output.c, Linux
        // 6.12](https://elixir.bootlin.com/linux/v6.12/source/net/ipv6/ip6_output.c#L1676) accepts packets up to
        // twice the buffer, and then returns ENOBUFS, as the queue of one interface does.
        SendPath::Raw => (open_raw()?, 2),
    };
    socket.set_nonblocking(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    let limit = socket_memory::send_buffer(&socket)? * buffers;
    Ok(Lane::new(socket, limit))
}

/// Opens a packet socket: `SOCK_DGRAM`, so that the kernel builds the link header, and protocol 0, so that it
/// receives no packet. `PACKET_QDISC_BYPASS` (Linux 3.14, `packet(7)`) hands its packets to the driver: no
/// queue of the interface holds one, and a driver that cannot take it at once returns ENOBUFS.
fn open_packet() -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, None)?;
    setsockopt(&socket, QdiscBypass, &true)?;
    Ok(socket)
}

sockopt_impl!(
    /// Makes the socket's packets pass by the queueing discipline.
    QdiscBypass,
    SetOnly,
    libc::SOL_PACKET,
    libc::PACKET_QDISC_BYPASS,
    bool
);

fn open_raw() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    // The socket only sends.
    setsockopt(&socket, Icmp6Filter, &BLOCK_ALL)?;
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
