//! `SO_MEMINFO` (Linux 4.12): how much of its buffers a socket uses, and how many packets were dropped at it.

use std::{io, os::fd::AsFd};

use nix::{getsockopt_impl, libc, sockopt_impl, sys::socket::getsockopt};

/// Indices into the array that `SO_MEMINFO` returns (include/uapi/linux/sock_diag.h).
const SK_MEMINFO_WMEM_ALLOC: usize = 2;
const SK_MEMINFO_SNDBUF: usize = 3;
const SK_MEMINFO_DROPS: usize = 8;

/// Returns the kernel's counter of packets dropped at this socket.
pub(super) fn dropped(socket: impl AsFd) -> io::Result<u32> {
    read(socket, SK_MEMINFO_DROPS)
}

/// Returns how many bytes the packets that were sent and have not left yet take of the send buffer.
pub(super) fn charged(socket: impl AsFd) -> io::Result<u32> {
    read(socket, SK_MEMINFO_WMEM_ALLOC)
}

/// Returns the size of the send buffer.
pub(super) fn send_buffer(socket: impl AsFd) -> io::Result<u32> {
    read(socket, SK_MEMINFO_SNDBUF)
}

fn read(socket: impl AsFd, index: usize) -> io::Result<u32> {
    Ok(getsockopt(&socket, MemInfo)?[index])
}

sockopt_impl!(
    /// Reads the socket's memory and drop counters.
    MemInfo,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; 9]
);
