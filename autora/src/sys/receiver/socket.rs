//! Opens the raw socket so that it never yields an unfiltered packet.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    getsockopt_impl, libc, setsockopt_impl, sockopt_impl,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt},
};

use crate::{
    sys::{
        filter::{Filter, FilterKind},
        icmp6_filter::{BLOCK_ALL, Icmp6Filter, pass_only},
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
    // From here on the filter cannot be detached or replaced, even by this process.
    setsockopt(socket, LockFilter, &true)?;
    Ok(())
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
    /// Locks the attached filter (`socket(7)`).
    LockFilter,
    Both,
    libc::SOL_SOCKET,
    libc::SO_LOCK_FILTER,
    bool
);

sockopt_impl!(
    /// Adds a control message with the size of the largest fragment to every packet that was fragmented.
    Ipv6RecvFragSize,
    SetOnly,
    libc::IPPROTO_IPV6,
    libc::IPV6_RECVFRAGSIZE,
    bool
);
