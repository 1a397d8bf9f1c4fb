//! The subscription to notifications of links, IPv6 addresses and IPv6 settings.

use std::{io, mem};

use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::{
    libc::{ENOBUFS, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_IFINFO, RTNLGRP_IPV6_NETCONF, RTNLGRP_LINK, c_int},
    sys::socket::{setsockopt, sockopt},
};
use tokio::io::{Interest, unix::AsyncFd};
use tracing::warn;

use super::socket::{NetlinkOpenError, Received, receive};

/// The size of the receive buffer in bytes, of which the kernel grants twice as much: 1,000 new veths cause 6,000
/// notifications, for which it counts 9 MB. It takes memory only while notifications wait.
pub const DEFAULT_RECEIVE_BUFFER: usize = 8 << 20;

/// Longer than any notification: the kernel builds one in a page, or in a few pages if the interface has many virtual
/// functions.
const DATAGRAM_LEN: usize = 64 << 10;

/// The socket that is a member of the multicast groups of these notifications.
#[derive(Debug)]
pub(super) struct Subscription {
    socket: AsyncFd<Socket>,
    datagram: Vec<u8>,
    overruns: u64,
    /// The error of a read that was logged last.
    logged: Option<i32>,
}

impl Subscription {
    /// Opens the socket in the network namespace of the calling thread.
    pub(super) fn open(receive_buffer: usize) -> Result<Self, NetlinkOpenError> {
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(NetlinkOpenError::at("socket"))?;
        set_receive_buffer(&socket, receive_buffer).map_err(NetlinkOpenError::at("receive buffer"))?;
        socket.set_non_blocking(true).map_err(NetlinkOpenError::at("non-blocking"))?;
        socket.bind_auto().map_err(NetlinkOpenError::at("bind"))?;
        // Only the group IFINFO has notifications of `disable_ipv6` where no usable address is deleted or added with
        // it. While an interface is down there are none; there is one when it comes up.
        for group in [RTNLGRP_LINK, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_NETCONF, RTNLGRP_IPV6_IFINFO] {
            socket.add_membership(group).map_err(NetlinkOpenError::at("subscribe"))?;
        }
        // SAFETY: the descriptor was just opened, and `Socket` owns it, keeps it unchanged and closes it in
        // its own drop.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }
            .map_err(io::Error::from)
            .map_err(NetlinkOpenError::at("register"))?;
        Ok(Self { socket, datagram: Vec::with_capacity(DATAGRAM_LEN), overruns: 0, logged: None })
    }

    /// Waits until notifications may have come.
    pub(super) async fn readable(&self) -> io::Result<()> {
        // The readiness is not cleared here: only a read that finds nothing clears it.
        self.socket.readable().await.map(drop)
    }

    /// Receives at most `budget` datagrams, and passes them to `each`.
    ///
    /// What waits after an overrun is older than what was lost, and is passed on like the rest. Until all of it has
    /// been received the kernel adds nothing more, and does not report again what it drops (`NETLINK_S_CONGESTED`,
    /// `net/netlink/af_netlink.c`). So a dump that makes up for the loss must not begin before [`Drained::Empty`].
    pub(super) fn drain(&mut self, budget: usize, mut each: impl FnMut(&[u8])) -> Drained {
        for _ in 0..budget {
            match self.receive() {
                Ok(Received::Messages) => each(&self.datagram),
                Ok(Received::OtherProcess) => {}
                Ok(Received::Truncated) => self.overruns += 1,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Drained::Empty,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(ENOBUFS) => self.overruns += 1,
                Err(error) => return self.fail(&error),
            }
        }
        Drained::BudgetSpent
    }

    /// Returns how often notifications were lost.
    pub(super) const fn overruns(&self) -> u64 {
        self.overruns
    }

    /// Notes that a read failed, which may have lost notifications. Logs the error, but not the same one twice in a
    /// row, as each read may fail.
    fn fail(&mut self, error: &io::Error) -> Drained {
        self.overruns += 1;
        let errno = error.raw_os_error();
        if mem::replace(&mut self.logged, errno) != errno {
            warn!(%error, "cannot read the kernel's notifications: a resync follows");
        }
        Drained::BudgetSpent
    }

    fn receive(&mut self) -> io::Result<Received> {
        let Self { socket, datagram, .. } = self;
        let mut tried = false;
        let received = socket.try_io(Interest::READABLE, |socket| {
            tried = true;
            receive(socket, datagram)
        });
        // The runtime does not try if it has not yet seen that the socket is readable.
        if tried { received } else { receive(socket.get_ref(), datagram) }
    }
}

/// How far the queue of notifications was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// To its end: every notification up to now was received.
    Empty,
    /// As far as the budget went, or to an error: more may wait.
    BudgetSpent,
}

/// Sets the size of the receive buffer: past `net.core.rmem_max` with `CAP_NET_ADMIN`, else up to it.
fn set_receive_buffer(socket: &Socket, bytes: usize) -> io::Result<()> {
    if setsockopt(socket, sockopt::RcvBufForce, &bytes).is_ok() {
        return Ok(());
    }
    socket.set_rx_buf_sz(c_int::try_from(bytes).unwrap_or(c_int::MAX))
}
