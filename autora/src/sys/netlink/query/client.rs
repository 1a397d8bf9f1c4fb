//! One question and its answer.

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

/// The kernel answers before `send` returns, so that waiting at all means that an answer was lost.
const REPLY_TIMEOUT_MS: i64 = 1_000;

/// The kernel fills at most 32 KiB at a time.
const REPLY_LEN: usize = 64 << 10;

/// `linux/netlink.h`: the reason for a refusal in words, and what stands before it in `NLMSG_ERROR` (the
/// error number and the header of the question) and in `NLMSG_DONE` (the error number).
const NLMSGERR_ATTR_MSG: u16 = 1;
const ERROR_HEADER_LEN: usize = 20;
const DONE_HEADER_LEN: usize = 4;

/// A question was not answered.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The socket failed; the next question goes out on a new one.
    #[error("the netlink request for {request} failed")]
    Socket {
        /// What was asked for.
        request: &'static str,
        /// The socket's error; `WouldBlock` when no answer came in time.
        source: io::Error,
    },
    /// The kernel refused.
    #[error("the kernel refuses {request}{}", reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default())]
    Refused {
        /// What was asked for.
        request: &'static str,
        /// Why, in the kernel's words, where it says.
        reason: Option<String>,
        /// The error that it gave.
        source: io::Error,
    },
    /// The answer makes no sense.
    #[error("the kernel's reply to the request for {request} is malformed")]
    Malformed {
        /// What was asked for.
        request: &'static str,
    },
}

/// Whether an answer left nothing out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sys::netlink) enum Completeness {
    Complete,
    /// A change interrupted the kernel while it listed (`NLM_F_DUMP_INTR`), or a part was lost.
    Interrupted,
}

impl Completeness {
    /// Of both together.
    pub(in crate::sys::netlink) fn and(self, other: Self) -> Self {
        if self == Self::Complete { other } else { self }
    }
}

/// The socket that asks, one question at a time.
#[derive(Debug)]
pub(super) struct QueryClient {
    socket: Socket,
    /// Number of the last question.
    sequence: u32,
    reply: Vec<u8>,
}

impl QueryClient {
    pub(super) fn open() -> Result<Self, NetlinkOpenError> {
        Ok(Self { socket: open_socket()?, sequence: 0, reply: Vec::with_capacity(REPLY_LEN) })
    }

    /// Hands the payload of every message that answers `question` to `each`.
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

    /// The first message that answers `question` and has what `pick` looks for. Takes the socket with it,
    /// because the rest of the answer is left unread.
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

    fn exchange(
        &mut self,
        request: Request<'_>,
        mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Completeness, QueryError> {
        let mut reply = self.send(request)?;
        loop {
            let from_kernel = self.receive(request)?;
            if from_kernel && reply.parse(&self.reply, &mut each)?.is_break() {
                return Ok(reply.completeness);
            }
        }
    }

    /// Asks, and leaves the answer to be fetched, a datagram at a time.
    pub(super) fn begin<'q>(&mut self, request: Request<'q>) -> Result<Reply<'q>, QueryError> {
        self.send(request).inspect_err(|_| self.reopen())
    }

    /// Fetches the next datagram of an answer. The kernel makes it here and now.
    pub(super) fn fetch(&mut self, reply: &Reply<'_>) -> Result<(), QueryError> {
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

    /// Hands the payload of every message in the datagram that was fetched last to `each`. Breaks at the end.
    pub(super) fn parse(
        &mut self,
        reply: &mut Reply<'_>,
        mut each: impl FnMut(&[u8], Completeness),
    ) -> Result<ControlFlow<()>, QueryError> {
        let taken = reply.parse_so_far(&self.reply, |payload, so_far| {
            each(payload, so_far);
            ControlFlow::Continue(())
        });
        taken.inspect_err(|error| {
            if !matches!(error, QueryError::Refused { .. }) {
                self.reopen();
            }
        })
    }

    /// Leaves an answer that is not at its end.
    pub(super) fn leave(&mut self) {
        self.reopen();
    }

    fn send<'q>(&mut self, request: Request<'q>) -> Result<Reply<'q>, QueryError> {
        self.sequence = self.sequence.wrapping_add(1);
        let datagram = request.datagram(self.sequence);
        let sent = self.socket.send_to(&datagram, &SocketAddr::new(0, 0), 0);
        sent.map_err(|source| QueryError::Socket { request: request.name(), source })?;
        Ok(Reply::new(request, self.sequence))
    }

    fn receive(&mut self, request: Request<'_>) -> Result<bool, QueryError> {
        receive_whole(&self.socket, &mut self.reply)
            .map_err(|source| QueryError::Socket { request: request.name(), source })
    }

    /// Whatever is left of a failed answer is gone with the old socket. Without a new one the old has to do.
    fn reopen(&mut self) {
        if let Ok(socket) = open_socket() {
            self.socket = socket;
        }
    }
}

/// An answer as far as it has come: a pure machine over datagrams.
#[derive(Debug)]
pub(in crate::sys::netlink) struct Reply<'q> {
    request: Request<'q>,
    /// The number of the question.
    sequence: u32,
    pub(in crate::sys::netlink) completeness: Completeness,
}

impl<'q> Reply<'q> {
    /// Nothing of the answer to `question`, which was asked as number `sequence`.
    pub(in crate::sys::netlink) fn new(request: Request<'q>, sequence: u32) -> Self {
        Self { request, sequence, completeness: Completeness::Complete }
    }

    /// Hands the payload of every message in `datagram` that belongs to the answer to `each`. Breaks when the
    /// answer is at its end, or `each` has enough of it.
    pub(in crate::sys::netlink) fn parse(
        &mut self,
        datagram: &[u8],
        mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, QueryError> {
        self.parse_so_far(datagram, |payload, _| each(payload))
    }

    /// The same, and whether the answer is complete up to there.
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
                    return refusal(request, message, ERROR_HEADER_LEN).map(ControlFlow::Break);
                }
                NLMSG_DONE => return refusal(request, message, DONE_HEADER_LEN).map(ControlFlow::Break),
                kind if kind == request.reply_type() => {
                    let enough = each(message.payload, self.completeness).is_break();
                    if enough || message.flags & NLM_F_MULTI == 0 {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                _ => {}
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn open_socket() -> Result<Socket, NetlinkOpenError> {
    let mut socket = Socket::new(NETLINK_ROUTE).map_err(NetlinkOpenError::at("socket"))?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(REPLY_TIMEOUT_MS))
        .map_err(io::Error::from)
        .map_err(NetlinkOpenError::at("receive timeout"))?;
    socket.bind_auto().map_err(NetlinkOpenError::at("bind"))?;
    // What a kernel does not know (4.20, 4.12) it does without: more to read in an answer, less in a refusal.
    _ = socket.set_netlink_get_strict_chk(true);
    _ = socket.set_ext_ack(true);
    _ = socket.set_cap_ack(true);
    Ok(socket)
}

/// Fills `answer` with the next datagram; `false` if it is not the kernel's.
fn receive_whole(socket: &Socket, reply: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        match receive(socket, reply) {
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

/// The error in `message`, unless it is 0: then it ends an answer that was given.
fn refusal(request: Request<'_>, message: Message<'_>, header_len: usize) -> Result<(), QueryError> {
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

/// Logs that a part of the answer to `question` was left out.
pub(in crate::sys::netlink) fn warn_skipped(request: Request<'_>) {
    warn!(request = request.name(), "skipped a malformed part of the kernel's reply");
}

#[cfg(test)]
mod tests;
