//! A request and its reply.

use std::{io, ops::ControlFlow};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::{
    libc::ENOBUFS,
    sys::{
        socket::{setsockopt, sockopt},
        time::{TimeVal, TimeValLike},
    },
};

use thiserror::Error;
use tracing::warn;

use crate::sys::netlink::{
    frame::{
        Malformed, Message, NLM_F_ACK_TLVS, NLM_F_DUMP_INTR, NLM_F_MULTI, NLMSG_DONE, NLMSG_ERROR, find, messages,
        number, text,
    },
    request::Request,
    socket::{NetlinkOpenError, Received, receive},
};

/// The kernel has replied when `send` returns, so that waiting at all means that a reply was lost.
const REPLY_TIMEOUT_MS: i64 = 1_000;

/// Longer than any datagram of a reply: the kernel fills at most 32 KiB (`netlink_dump()`, `net/netlink/af_netlink.c`).
const REPLY_LEN: usize = 64 << 10;

/// `linux/netlink.h`: the attribute with the kernel's error message, and the size of what stands before it in
/// `NLMSG_ERROR` (the error number and the header of the request) and in `NLMSG_DONE` (the error number).
const NLMSGERR_ATTR_MSG: u16 = 1;
const ERROR_HEADER_LEN: usize = 20;
const DONE_HEADER_LEN: usize = 4;

/// A request had no usable reply.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The socket failed; the next request is sent on a new one.
    #[error("the netlink request for {request} failed")]
    Socket {
        /// What was requested.
        request: &'static str,
        /// The socket's error; `WouldBlock` when no reply came in time.
        source: io::Error,
    },
    /// The kernel replied with an error.
    #[error(
        "the kernel refuses the request for {request}{}",
        reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
    )]
    Refused {
        /// What was requested.
        request: &'static str,
        /// The kernel's error message, if there is one.
        reason: Option<String>,
        /// The error.
        source: io::Error,
    },
    /// The reply cannot be parsed.
    #[error("the kernel's reply to the request for {request} is malformed")]
    Malformed {
        /// What was requested.
        request: &'static str,
    },
}

/// Whether a reply has everything that was requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sys::netlink) enum Completeness {
    Complete,
    /// A change interrupted the dump (`NLM_F_DUMP_INTR`), or a part of the reply was lost.
    Interrupted,
}

impl Completeness {
    /// Returns the completeness of two replies together.
    pub(in crate::sys::netlink) fn and(self, other: Self) -> Self {
        if self == Self::Complete { other } else { self }
    }
}

/// The socket for requests, one at a time.
#[derive(Debug)]
pub(super) struct QueryClient {
    socket: Socket,
    /// The sequence number of the last request.
    sequence: u32,
    /// The datagram of a reply that was read last.
    datagram: Vec<u8>,
}

impl QueryClient {
    pub(super) fn open() -> Result<Self, NetlinkOpenError> {
        Ok(Self { socket: open_socket()?, sequence: 0, datagram: Vec::with_capacity(REPLY_LEN) })
    }

    /// Sends `request`, and passes the payload of every message of the reply to `each`.
    pub(super) fn query(
        &mut self,
        request: Request<'_>,
        mut each: impl FnMut(&[u8]),
    ) -> Result<Completeness, QueryError> {
        let outcome = self.exchange(request, |payload| {
            each(payload);
            ControlFlow::Continue(())
        });
        match outcome {
            Ok(_) | Err(QueryError::Refused { .. }) => outcome,
            Err(QueryError::Socket { .. } | QueryError::Malformed { .. }) => {
                self.reopen();
                match outcome {
                    Err(QueryError::Socket { source, .. }) if source.raw_os_error() == Some(ENOBUFS) => {
                        Ok(Completeness::Interrupted)
                    }
                    outcome => outcome,
                }
            }
        }
    }

    /// Sends `request`, and returns what `pick` finds in the first message of the reply that has it. Consumes the
    /// socket, because the rest of the reply is left unread.
    pub(super) fn first<T>(
        mut self,
        request: Request<'_>,
        mut pick: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, QueryError> {
        let mut found = None;
        self.exchange(request, |payload| {
            found = pick(payload);
            if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    /// Sends `request`, and reads the reply until its end or until `each` breaks.
    fn exchange(
        &mut self,
        request: Request<'_>,
        mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Completeness, QueryError> {
        let mut reply = self.send(request)?;
        loop {
            let from_kernel = self.receive(request)?;
            if from_kernel && reply.parse(&self.datagram, &mut each)?.is_break() {
                return Ok(reply.completeness);
            }
        }
    }

    /// Sends `request`. The reply is then read a datagram at a time with [`Self::read`].
    pub(super) fn begin<'q>(&mut self, request: Request<'q>) -> Result<Reply<'q>, QueryError> {
        self.send(request).inspect_err(|_| self.reopen())
    }

    /// Reads the next datagram of a reply; of a dump the kernel writes it only now.
    pub(super) fn read(&mut self, reply: &Reply<'_>) -> Result<(), QueryError> {
        loop {
            match self.receive(reply.request) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    self.reopen();
                    return Err(error);
                }
            }
        }
    }

    /// Passes the payload of every message in the datagram that was read last to `each`, with the completeness of the
    /// reply up to there. Breaks at the end of the reply.
    pub(super) fn parse(
        &mut self,
        reply: &mut Reply<'_>,
        mut each: impl FnMut(&[u8], Completeness),
    ) -> Result<ControlFlow<()>, QueryError> {
        let parsed = reply.parse_so_far(&self.datagram, |payload, so_far| {
            each(payload, so_far);
            ControlFlow::Continue(())
        });
        parsed.inspect_err(|error| {
            if !matches!(error, QueryError::Refused { .. }) {
                self.reopen();
            }
        })
    }

    fn send<'q>(&mut self, request: Request<'q>) -> Result<Reply<'q>, QueryError> {
        self.sequence = self.sequence.wrapping_add(1);
        let datagram = request.datagram(self.sequence);
        let sent = self.socket.send_to(&datagram, &SocketAddr::new(0, 0), 0);
        sent.map_err(|source| QueryError::Socket { request: request.name(), source })?;
        Ok(Reply::new(request, self.sequence))
    }

    /// Receives a datagram. Returns whether it is the kernel's.
    fn receive(&mut self, request: Request<'_>) -> Result<bool, QueryError> {
        receive_whole(&self.socket, &mut self.datagram)
            .map_err(|source| QueryError::Socket { request: request.name(), source })
    }

    /// Opens a new socket, so that nothing of a failed reply is left to read. If none can be opened, the old one stays.
    fn reopen(&mut self) {
        if let Ok(socket) = open_socket() {
            self.socket = socket;
        }
    }
}

/// A reply as far as it was parsed: a pure machine over datagrams.
#[derive(Debug)]
pub(in crate::sys::netlink) struct Reply<'q> {
    request: Request<'q>,
    /// The sequence number of the request.
    sequence: u32,
    pub(in crate::sys::netlink) completeness: Completeness,
}

impl<'q> Reply<'q> {
    /// Returns the reply to `request`, of which nothing was parsed yet. The request was sent with the number
    /// `sequence`.
    pub(in crate::sys::netlink) fn new(request: Request<'q>, sequence: u32) -> Self {
        Self { request, sequence, completeness: Completeness::Complete }
    }

    /// Passes the payload of every message in `datagram` that belongs to the reply to `each`. Breaks at the end of the
    /// reply, or when `each` breaks.
    pub(in crate::sys::netlink) fn parse(
        &mut self,
        datagram: &[u8],
        mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, QueryError> {
        self.parse_so_far(datagram, |payload, _| each(payload))
    }

    /// Does what [`Self::parse`] does, and passes also the completeness of the reply up to the message.
    fn parse_so_far(
        &mut self,
        datagram: &[u8],
        mut each: impl FnMut(&[u8], Completeness) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, QueryError> {
        let request = self.request;
        for message in messages(datagram) {
            let message = message.map_err(|Malformed| QueryError::Malformed { request: request.name() })?;
            if message.sequence != self.sequence {
                continue;
            }
            if message.flags & NLM_F_DUMP_INTR != 0 {
                self.completeness = Completeness::Interrupted;
            }
            match message.kind {
                NLMSG_ERROR => {
                    return error_of(request, message, ERROR_HEADER_LEN).map(ControlFlow::Break);
                }
                NLMSG_DONE => return error_of(request, message, DONE_HEADER_LEN).map(ControlFlow::Break),
                kind if kind == request.reply_type() => {
                    let is_enough = each(message.payload, self.completeness).is_break();
                    if is_enough || message.flags & NLM_F_MULTI == 0 {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                _ => {}
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Opens a socket that gets short replies, and errors with a message.
fn open_socket() -> Result<Socket, NetlinkOpenError> {
    let mut socket = Socket::new(NETLINK_ROUTE).map_err(NetlinkOpenError::at("socket"))?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(REPLY_TIMEOUT_MS))
        .map_err(io::Error::from)
        .map_err(NetlinkOpenError::at("receive timeout"))?;
    socket.bind_auto().map_err(NetlinkOpenError::at("bind"))?;
    // An older kernel lacks the options (4.20, 4.12): its replies are longer, and its errors have no message.
    _ = socket.set_netlink_get_strict_chk(true);
    _ = socket.set_ext_ack(true);
    _ = socket.set_cap_ack(true);
    Ok(socket)
}

/// Receives the next datagram. Returns whether it is the kernel's.
fn receive_whole(socket: &Socket, datagram: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        match receive(socket, datagram) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            received => {
                return match received? {
                    Received::Messages => Ok(true),
                    Received::OtherProcess => Ok(false),
                    Received::Truncated => Err(io::Error::from_raw_os_error(ENOBUFS)),
                };
            }
        }
    }
}

/// Returns the error in `message`, unless it is 0: then the message is an acknowledgement or the end of a dump.
fn error_of(request: Request<'_>, message: Message<'_>, header_len: usize) -> Result<(), QueryError> {
    let name = request.name();
    let code = number(message.payload).ok_or(QueryError::Malformed { request: name })?.cast_signed();
    if code == 0 {
        return Ok(());
    }
    let explained = message.flags & NLM_F_ACK_TLVS != 0;
    let reason = message.payload.get(header_len..).filter(|_| explained);
    Err(QueryError::Refused {
        request: name,
        reason: reason.and_then(|attributes| find(attributes, NLMSGERR_ATTR_MSG)).map(text),
        source: io::Error::from_raw_os_error(code.wrapping_neg()),
    })
}

/// Logs that a malformed part of the reply to `request` was skipped.
pub(in crate::sys::netlink) fn warn_skipped(request: Request<'_>) {
    warn!(request = request.name(), "skipped a malformed part of the kernel's reply");
}

#[cfg(test)]
mod tests;
