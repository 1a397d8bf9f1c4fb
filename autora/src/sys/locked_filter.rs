//! Filters that stay on a socket for good (`SO_LOCK_FILTER`, `socket(7)`): this process, too, can neither detach nor
//! replace them.

use std::{io, os::fd::AsFd};

use nix::{libc, setsockopt_impl, sockopt_impl, sys::socket::setsockopt};
use socket2::SockRef;

use super::classic_bpf::DROP;

/// Locks the filter that is attached.
pub(super) fn lock(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, LockFilter, &true)?)
}

/// Makes a socket that only sends receive nothing, whatever is done with it later.
pub(super) fn drop_all(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).attach_filter(&[DROP])?;
    lock(socket)
}

sockopt_impl!(
    /// Locks the attached filter.
    LockFilter,
    SetOnly,
    libc::SOL_SOCKET,
    libc::SO_LOCK_FILTER,
    bool
);
