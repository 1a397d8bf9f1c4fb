//! What the two netlink sockets have in common: why one cannot be opened, and how a datagram is received.

use std::io;

use netlink_sys::Socket;
use nix::libc::MSG_TRUNC;
use thiserror::Error;

/// A netlink socket could not be opened.
#[derive(Debug, Error)]
#[error("cannot open a netlink socket ({step})")]
pub struct NetlinkOpenError {
    step: &'static str,
    source: io::Error,
}

impl NetlinkOpenError {
    /// Returns the error of `step`, for `map_err`.
    pub(super) fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { step, source }
    }
}

/// What was read from a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// A datagram of the kernel.
    Messages,
    /// A datagram of another process, which is ignored.
    OtherProcess,
    /// A datagram that was too long, so that its end was lost.
    Truncated,
}

/// Receives the next datagram into `datagram`, up to its capacity.
pub(super) fn receive(socket: &Socket, datagram: &mut Vec<u8>) -> io::Result<Received> {
    datagram.clear();
    let (len, sender) = socket.recv_from(datagram, MSG_TRUNC)?;
    Ok(match sender.port_number() {
        0 if len > datagram.len() => Received::Truncated,
        0 => Received::Messages,
        _ => Received::OtherProcess,
    })
}
