//! Sends RAs through packet sockets or, with `--send raw`, through raw ICMPv6 sockets.

mod batch;
mod lane;
mod lanes;

use std::io;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tracing::debug;

use self::{
    batch::{BATCH, Batch},
    lane::Lane,
    lanes::Lanes,
};
use super::{
    icmp6_filter::{BLOCK_ALL, Icmp6Filter},
    locked_filter, packet_socket,
    privileges::HOW_TO_GRANT,
    raw_socket, socket_memory,
};
use crate::{
    addr::IfIndex,
    engine::{
        BootInstant,
        action::{Cause, Transmission},
        interface::GroupMapping,
    },
    settings::SendPath,
    wire::ND_HOP_LIMIT,
};

/// How many RAs [`Sender::send`] takes.
pub const MOST_AT_ONCE: usize = BATCH;

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
    /// Raw sockets for links on which the group does not map as on Ethernet: there the kernel maps it, also to an
    /// address that is longer than `sockaddr_ll` has room for. `None` if all RAs go through raw sockets.
    mapped: Option<Lanes>,
    batch: Batch,
    /// The message to send through a raw socket; its memory is reused.
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
        let lanes = Lanes::new(first, second);
        Ok(Self { path, lanes, mapped, batch: Batch::default(), buffer: Vec::with_capacity(256) })
    }

    /// Returns whether there is room for `count` RAs. If there is none for one, so many RAs wait in the queues of so
    /// many interfaces that nothing can be sent on any interface.
    pub fn has_room(&mut self, count: usize) -> bool {
        self.lanes.has_room(count)
    }

    /// Forgets what is known of an interface that is gone.
    pub fn forget(&mut self, index: IfIndex) {
        self.lanes.forget(index);
        if let Some(mapped) = &mut self.mapped {
            mapped.forget(index);
        }
    }

    /// Sends RAs to all nodes, each on its interface, without blocking; of one interface only one, and at most
    /// [`MOST_AT_ONCE`]. Returns each with its outcome, in any order.
    ///
    /// An error is the kernel's, and a transient state of that one interface: `ENETDOWN`, `ENXIO`, `ENODEV`, `ENOBUFS`
    /// and `EMSGSIZE` through a packet socket; `EINVAL`, `EADDRNOTAVAIL`, `ENODEV`, `ENETUNREACH`, `EPERM` and
    /// `ENOBUFS` through a raw one. [`io::ErrorKind::ResourceBusy`] if an earlier RA has not left the interface's
    /// queue. [`io::ErrorKind::WouldBlock`] without [`Sender::has_room`].
    pub fn send(&mut self, transmissions: Vec<Transmission>, now: BootInstant) -> Vec<(Transmission, io::Result<()>)> {
        if self.path == SendPath::Raw {
            return self.send_each(transmissions, now, Self::send_raw);
        }
        let (mapped, others): (Vec<_>, Vec<_>) =
            transmissions.into_iter().partition(|transmission| transmission.group_mapping == GroupMapping::Other);
        let (suspects, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|transmission| self.lanes.suspects(transmission.index));
        let mut done = self.send_packets(others);
        done.extend(self.send_each(suspects, now, Self::send_packet));
        done.extend(self.send_each(mapped, now, Self::send_raw));
        done
    }

    fn send_each(
        &mut self,
        transmissions: Vec<Transmission>,
        now: BootInstant,
        send: impl Fn(&mut Self, &Transmission, BootInstant) -> io::Result<()>,
    ) -> Vec<(Transmission, io::Result<()>)> {
        let done = transmissions.into_iter().map(|transmission| {
            let outcome = send(self, &transmission, now);
            (transmission, outcome)
        });
        done.collect()
    }

    /// Sends RAs of interfaces that are no suspects.
    fn send_packets(&mut self, transmissions: Vec<Transmission>) -> Vec<(Transmission, io::Result<()>)> {
        if transmissions.is_empty() {
            return Vec::new();
        }
        let Self { lanes, batch, .. } = self;
        batch.fill(&transmissions);
        let outcomes = lanes.send_all(transmissions.iter().map(|one| one.index), |socket| batch.send(socket));
        transmissions.into_iter().zip(outcomes).collect()
    }

    /// Sends the RA of a suspect.
    fn send_packet(&mut self, transmission: &Transmission, now: BootInstant) -> io::Result<()> {
        let Self { lanes, batch, .. } = self;
        batch.fill(std::slice::from_ref(transmission));
        lanes.send(transmission.index, now, |socket| batch.send(socket).pop().expect("one outcome for one packet"))
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
    // Only a final RA may have a source that the kernel no longer has.
    let may_be_gone = *cause == Cause::Final;
    if may_be_gone {
        socket.set_freebind_v6(true)?;
    }
    let sent = raw_socket::send_to_all_nodes(socket, *index, source.get(), message);
    if may_be_gone && let Err(error) = socket.set_freebind_v6(false) {
        debug!(%error, "IPV6_FREEBIND stays on");
    }
    sent
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
        SendPath::Packet => (packet_socket::open()?, 1),
        // `__ip6_append_data` in [net/ipv6/ip6_output.c, Linux
        // 6.12](https://elixir.bootlin.com/linux/v6.12/source/net/ipv6/ip6_output.c#L1676) accepts packets up to
        // twice the buffer, and then returns ENOBUFS, as the queue of one interface does.
        SendPath::Raw => (open_raw()?, 2),
    };
    locked_filter::drop_all(&socket)?;
    socket.set_nonblocking(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    let limit = socket_memory::send_buffer(&socket)? * buffers;
    Ok(Lane::new(socket, limit))
}

fn open_raw() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    // The socket only sends.
    setsockopt(&socket, Icmp6Filter, &BLOCK_ALL)?;
    raw_socket::leave_vrf(&socket)?;
    socket.set_multicast_hops_v6(ND_HOP_LIMIT.into())?;
    // The daemon's own RAs must not reach its receiver as those of another router.
    socket.set_multicast_loop_v6(false)?;
    // Guests discard a fragmented RA [RFC 6980 5](https://www.rfc-editor.org/rfc/rfc6980#section-5), so
    // sending one fails.
    setsockopt(&socket, sockopt::Ipv6DontFrag, &true)?;
    Ok(socket)
}
