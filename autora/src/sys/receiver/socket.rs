//! Opening the raw socket such that nothing unfiltered ever comes out of it.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    getsockopt_impl, libc, setsockopt_impl, sockopt_impl,
    sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, getsockopt, recv, setsockopt, socket,
        sockopt,
    },
};

use crate::{
    sys::{
        filter::{Filter, FilterKind},
        icmp6_filter::{BLOCK_ALL, Icmp6Filter, pass_only},
        privileges::HOW_TO_GRANT,
    },
    wire::{ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION},
};

/// Why there is no raw socket. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverOpenError {
    /// The kernel wants a capability that the process does not have.
    #[error("the kernel does not allow a raw socket: CAP_NET_RAW is missing; {}", HOW_TO_GRANT)]
    Permission,
    /// Anything else, for example a kernel without IPv6.
    #[error("cannot open the raw ICMPv6 socket")]
    Socket(#[from] io::Error),
}

/// A non-blocking raw ICMPv6 socket behind `filter`.
pub(super) fn open(filter: &Filter) -> Result<OwnedFd, ReceiverOpenError> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet6, SockType::Raw, flags, SockProtocol::IcmpV6).map_err(refusal)?;
    configure(&socket, filter)?;
    Ok(socket)
}

fn refusal(errno: Errno) -> ReceiverOpenError {
    if errno == Errno::EPERM {
        ReceiverOpenError::Permission
    } else {
        ReceiverOpenError::Socket(errno.into())
    }
}

/// Packets queue from the moment on at which the socket exists, and the filter does not look at queued ones:
/// so the tap is closed, the filter put in, the basin emptied (which comes to an end as the tap is closed),
/// and the tap opened.
fn configure(socket: &OwnedFd, filter: &Filter) -> io::Result<()> {
    setsockopt(socket, Icmp6Filter, &BLOCK_ALL)?;
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
    // From here on nothing can take the filter away, or put another in its place.
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

/// The kernel's counter of packets that it dropped at this socket.
pub(super) fn dropped(socket: &OwnedFd) -> io::Result<u32> {
    Ok(getsockopt(socket, MemInfo)?[SK_MEMINFO_DROPS])
}

/// Index into what `SO_MEMINFO` returns (`include/uapi/linux/sock_diag.h`).
const SK_MEMINFO_DROPS: usize = 8;

sockopt_impl!(
    /// Keep the attached filter for good (`socket(7)`).
    LockFilter,
    Both,
    libc::SOL_SOCKET,
    libc::SO_LOCK_FILTER,
    bool
);

sockopt_impl!(
    /// Tell the size of the largest fragment with every packet that was fragmented.
    Ipv6RecvFragSize,
    SetOnly,
    libc::IPPROTO_IPV6,
    libc::IPV6_RECVFRAGSIZE,
    bool
);

sockopt_impl!(
    /// The socket's memory and drop counters.
    MemInfo,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; 9]
);
