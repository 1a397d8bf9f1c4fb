//! The packet socket: whole IPv6 packets, with the link-layer address of their sender.

use std::{
    io,
    net::Ipv6Addr,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use nix::{
    libc,
    sys::socket::{LinkAddr, recvfrom},
};
use socket2::Socket;

use super::{
    raw::RawProbe,
    receiving::{EchoReply, LONGEST, prepare},
};
use crate::{
    addr::IfIndex,
    engine::interface::GroupMapping,
    sys::{
        classic_bpf::{
            DROP, KEEP, load_byte, load_interface_index, load_two_bytes, return_if_equal, return_unless_equal,
        },
        packet_socket,
    },
    wire::{ALL_NODES, ECHO_REPLY, Echo, ipv6},
};

/// Offsets from the network header: ICMPv6 follows the IPv6 header directly.
const NEXT_HEADER: u32 = 6;
const ICMPV6_TYPE: u32 = 40;
const ECHO_IDENTIFIER: u32 = 44;

/// How many interfaces the filter leaves out at most: each takes two of its instructions.
const MAX_MUTED: usize = 256;

/// A packet socket that receives from all interfaces.
#[derive(Debug)]
pub(super) struct PacketProbe {
    socket: Socket,
    identifier: u16,
    /// For links on which the group does not map as on Ethernet; it only sends. Without it they fail alone.
    mapped: Option<RawProbe>,
    muted: Vec<IfIndex>,
    /// The packet to send; reused.
    buffer: Vec<u8>,
}

impl PacketProbe {
    /// Opens the socket. No packet is received before the filter is attached: until it is bound, the socket has no
    /// protocol.
    pub(super) fn open(identifier: u16) -> io::Result<Self> {
        let socket = packet_socket::open()?;
        prepare(&socket)?;
        attach_filter(&socket, identifier, &[])?;
        socket.bind(&packet_socket::every_interface())?;
        let mapped = RawProbe::open_to_send(identifier).ok();
        Ok(Self { socket, identifier, mapped, muted: Vec::new(), buffer: Vec::new() })
    }

    pub(super) fn send(
        &mut self,
        index: IfIndex,
        group_mapping: GroupMapping,
        source: Ipv6Addr,
        sequence: u16,
    ) -> io::Result<()> {
        let Self { socket, identifier, mapped, buffer, .. } = self;
        if group_mapping == GroupMapping::Other {
            let mapped = mapped.as_ref().ok_or(io::ErrorKind::PermissionDenied)?;
            return mapped.send(index, source, sequence);
        }
        ipv6::encode(buffer, source, ALL_NODES, |out| Echo { identifier: *identifier, sequence }.encode_request(out));
        socket.send_to(buffer, &packet_socket::all_nodes(index)).map(drop)
    }

    /// Receives a packet; `None` if it is no valid reply to this host.
    pub(super) fn receive(&self) -> nix::Result<Option<EchoReply>> {
        let mut buffer = [0; LONGEST];
        let (len, from) = recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut buffer)?;
        Ok(from.and_then(|from| decode(&buffer[..len], &from, self.identifier)))
    }

    /// Makes the filter leave out an interface.
    pub(super) fn mute(&mut self, index: IfIndex) {
        if self.muted.len() < MAX_MUTED && !self.muted.contains(&index) {
            self.muted.push(index);
            // If the kernel has no room for a longer filter, the previous one stays.
            _ = attach_filter(&self.socket, self.identifier, &self.muted);
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Attaches a filter that keeps echo replies to `identifier`, but for those from `muted` interfaces. It takes the place
/// of an earlier one.
fn attach_filter(socket: &Socket, identifier: u16, muted: &[IfIndex]) -> io::Result<()> {
    let mut program = vec![
        load_byte(NEXT_HEADER),
        return_unless_equal(ipv6::ICMPV6.into()),
        DROP,
        load_byte(ICMPV6_TYPE),
        return_unless_equal(ECHO_REPLY.into()),
        DROP,
        load_two_bytes(ECHO_IDENTIFIER),
        return_unless_equal(identifier.into()),
        DROP,
        load_interface_index(),
    ];
    program.extend(muted.iter().flat_map(|index| [return_if_equal(index.get()), DROP]));
    program.push(KEEP);
    socket.attach_filter(&program)
}

fn decode(bytes: &[u8], from: &LinkAddr, identifier: u16) -> Option<EchoReply> {
    let packet = ipv6::decode(bytes).ok()?;
    let echo = Echo::decode_reply(packet.message).ok()?;
    let is_intact = ipv6::checksum(packet.source, packet.destination, packet.message) == 0;
    let is_ours = echo.identifier == identifier && from.pkttype() == libc::PACKET_HOST;
    let reply = EchoReply {
        index: u32::try_from(from.ifindex()).ok().and_then(IfIndex::new)?,
        source: packet.source,
        destination: packet.destination,
        sequence: echo.sequence,
        link_address: from.addr().filter(|_| from.halen() == 6),
    };
    (is_intact && is_ours).then_some(reply)
}
