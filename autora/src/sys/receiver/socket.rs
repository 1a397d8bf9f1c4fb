//! Opens the raw socket so that it never yields an unfiltered packet.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    libc, setsockopt_impl, sockopt_impl,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt},
};

use crate::{
    sys::{
        filter::{Filter, FilterKind},
        icmp6_filter::{BLOCK_ALL, Icmp6Filter, pass_only},
        locked_filter,
        privileges::HOW_TO_GRANT,
        raw_socket::leave_vrf,
    },
    wire::{ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION},
};

/// Why the raw socket cannot be opened. The text names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverOpenError {
    /// CAP_NET_RAW is missing.
    #[error("the kernel does not allow a raw socket: CAP_NET_RAW is missing; {}", HOW_TO_GRANT)]
    Permission,
    /// Anything else, for example a kernel without IPv6.
    #[error("cannot open the raw ICMPv6 socket")]
    Socket(#[from] io::Error),
}

/// The receive buffer that is asked for: the kernel grants twice as much, but at most twice `net.core.rmem_max`. It
/// charges a solicitation with some 800 bytes, so Debian's default of 208 KiB holds 256 of them, and guests of a host
/// that boots solicit at once. One that finds no room is lost after the filter has marked its interface.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Opens a non-blocking raw ICMPv6 socket behind `filter`.
pub(super) fn open(filter: &Filter) -> Result<OwnedFd, ReceiverOpenError> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet6, SockType::Raw, flags, SockProtocol::IcmpV6).map_err(open_error)?;
    configure(&socket, filter)?;
    Ok(socket)
}

fn open_error(errno: Errno) -> ReceiverOpenError {
    if errno == Errno::EPERM { ReceiverOpenError::Permission } else { ReceiverOpenError::Socket(errno.into()) }
}

/// Sets the options and attaches the filter. Packets queue as soon as the socket exists, and the filter does
/// not see queued ones. So `ICMP6_FILTER` first blocks every type, the filter is attached, the queue is
/// drained (which ends, as every type is blocked), and then the types are admitted.
fn configure(socket: &OwnedFd, filter: &Filter) -> io::Result<()> {
    setsockopt(socket, Icmp6Filter, &BLOCK_ALL)?;
    setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
    leave_vrf(socket)?;
    filter.attach(socket)?;
    setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true)?;
    setsockopt(socket, Ipv6RecvFragSize, &true)?;
    drain(socket)?;
    let pass = match filter.kind() {
        FilterKind::Ebpf => pass_only(&[ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT]),
        FilterKind::Classic => pass_only(&[ROUTER_SOLICITATION]),
    };
    setsockopt(socket, Icmp6Filter, &pass)?;
    locked_filter::lock(socket)
}

fn drain(socket: &OwnedFd) -> io::Result<()> {
    loop {
        match recv(socket.as_raw_fd(), &mut [], MsgFlags::MSG_TRUNC) {
            Ok(_) => {}
            Err(Errno::EAGAIN) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

sockopt_impl!(
    /// Adds a control message with the size of the largest fragment to every packet that was fragmented.
    Ipv6RecvFragSize,
    SetOnly,
    libc::IPPROTO_IPV6,
    libc::IPV6_RECVFRAGSIZE,
    bool
);
