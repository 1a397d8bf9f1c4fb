//! What both netlink sockets have in common: why one cannot be had, and how a datagram is received.

use std::io;

use netlink_sys::Socket;
use nix::libc::MSG_TRUNC;
use thiserror::Error;

/// A netlink socket could not be had.
#[derive(Debug, Error)]
#[error("cannot open a netlink socket ({step})")]
pub struct NetlinkOpenError {
    step: &'static str,
    source: io::Error,
}

impl NetlinkOpenError {
    /// For `map_err`: what was tried when it failed.
    pub(super) fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { step, source }
    }
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Messages of the kernel.
    Messages,
    /// A datagram of another process, which has nothing to say here.
    OtherProcess,
    /// The end of a datagram was lost.
    Truncated,
}

/// Fills `datagram`, up to its capacity, with the next one.
pub(super) fn receive(socket: &Socket, datagram: &mut Vec<u8>) -> io::Result<Received> {
    datagram.clear();
    let (len, sender) = socket.recv_from(datagram, MSG_TRUNC)?;
    Ok(match sender.port_number() {
        0 if len > datagram.len() => Received::Truncated,
        0 => Received::Messages,
        _ => Received::OtherProcess,
    })
}
