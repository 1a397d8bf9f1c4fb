//! Packet sockets that send to all nodes on a link.

use std::{io, mem::size_of, net::Ipv6Addr};

use nix::{libc, setsockopt_impl, sockopt_impl, sys::socket::setsockopt};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::{addr::IfIndex, wire::ALL_NODES};

/// Opens a packet socket: `SOCK_DGRAM`, so that the kernel builds the link header, and protocol 0, so that it
/// receives no packet. `PACKET_QDISC_BYPASS` (Linux 3.14, `packet(7)`) hands its packets to the driver: no
/// queue of the interface holds one, and a driver that cannot take it at once returns ENOBUFS.
pub(super) fn open() -> io::Result<Socket> {
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

/// Returns the link-layer address of all nodes on the interface: 33:33 and the last four bytes of the group
/// [RFC 2464 7](https://www.rfc-editor.org/rfc/rfc2464#section-7).
pub(super) fn all_nodes(index: IfIndex) -> SockAddr {
    address(index.get().cast_signed(), &multicast_hardware_address(ALL_NODES))
}

/// Returns the address to which a socket is bound that receives IPv6 packets of all interfaces.
pub(super) fn every_interface() -> SockAddr {
    address(0, &[])
}

fn address(index: i32, link_address: &[u8]) -> SockAddr {
    let mut hardware = [0; 8];
    hardware[..link_address.len()].copy_from_slice(link_address);
    // SAFETY: `sockaddr_ll` is plain data that fits into the storage, all of it is written, and the length is
    // that of the type.
    let initialized = unsafe {
        SockAddr::try_init(|storage, len| {
            storage.cast::<libc::sockaddr_ll>().write(libc::sockaddr_ll {
                sll_family: u16::try_from(libc::AF_PACKET).expect("17"),
                sll_protocol: u16::try_from(libc::ETH_P_IPV6).expect("0x86dd").to_be(),
                sll_ifindex: index,
                sll_hatype: 0,
                sll_pkttype: 0,
                sll_halen: u8::try_from(link_address.len()).expect("at most 8"),
                sll_addr: hardware,
            });
            *len = u32::try_from(size_of::<libc::sockaddr_ll>()).expect("20");
            Ok(())
        })
    };
    let ((), address) = initialized.expect("nothing in it can fail");
    address
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
