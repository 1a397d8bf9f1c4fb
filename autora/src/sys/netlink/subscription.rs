//! The subscription to changes of links, IPv6 addresses and IPv6 settings.

use std::io;

use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::{
    libc::{ENOBUFS, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_IFINFO, RTNLGRP_IPV6_NETCONF, RTNLGRP_LINK, c_int},
    sys::socket::{setsockopt, sockopt},
};
use tokio::io::{Interest, unix::AsyncFd};
use tracing::warn;

use super::socket::{NetlinkOpenError, Received, receive};

/// Room for unread events, in bytes: 1,000 new veths are 6,000 messages and 9 MB of the kernel's accounting,
/// which grants twice what is asked for. It is memory only while events wait.
pub const DEFAULT_RECEIVE_BUFFER: usize = 8 << 20;

/// Larger than any event: the kernel builds them in one page, and in a few when an interface has many virtual
/// functions.
const DATAGRAM_LEN: usize = 64 << 10;

/// More datagrams than any receive buffer holds that can be had (256 MB at the 768 bytes that the smallest is
/// charged).
const MORE_THAN_QUEUED: usize = 1 << 19;

/// The socket that holds the subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    socket: AsyncFd<Socket>,
    datagram: Vec<u8>,
}

impl Subscription {
    pub(super) fn open(receive_buffer: usize) -> Result<Self, NetlinkOpenError> {
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(NetlinkOpenError::at("socket"))?;
        set_receive_buffer(&socket, receive_buffer).map_err(NetlinkOpenError::at("receive buffer"))?;
        socket.set_non_blocking(true).map_err(NetlinkOpenError::at("non-blocking"))?;
        socket.bind_auto().map_err(NetlinkOpenError::at("bind"))?;
        // IFINFO alone announces `disable_ipv6` where no usable address goes or comes with it. Nothing announces
        // it while an interface is down; coming up is an event like any other.
        for group in [RTNLGRP_LINK, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_NETCONF, RTNLGRP_IPV6_IFINFO] {
            socket.add_membership(group).map_err(NetlinkOpenError::at("subscribe"))?;
        }
        // SAFETY: the descriptor was just opened, and `Socket` owns it, keeps it unchanged and closes it in
        // its own drop.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }
            .map_err(io::Error::from)
            .map_err(NetlinkOpenError::at("register"))?;
        Ok(Self { socket, datagram: Vec::with_capacity(DATAGRAM_LEN) })
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        // The guard is dropped without clearing: only a read that finds nothing says that there is nothing.
        self.socket.readable().await.map(drop)
    }

    /// Hands at most `budget` datagrams to `each`.
    pub(super) fn drain(&mut self, budget: usize, mut each: impl FnMut(&[u8])) -> Drained {
        for _ in 0..budget {
            match self.receive() {
                Ok(Received::Messages) => each(&self.datagram),
                Ok(Received::OtherProcess) => {}
                Ok(Received::Truncated) => return self.overrun(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Drained::Empty,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.raw_os_error() != Some(ENOBUFS) {
                        warn!(%error, "cannot read the kernel's notifications: a resync follows");
                    }
                    return self.overrun();
                }
            }
        }
        Drained::BudgetSpent
    }

    fn overrun(&mut self) -> Drained {
        self.discard();
        Drained::Overrun
    }

    /// Empties the queue after an overrun. What is in it is older than the dump that has to follow. It must
    /// be emptied *before* that dump: a netlink socket that overran takes no further event until then, and
    /// does not report again what it loses meanwhile (`NETLINK_S_CONGESTED`, `net/netlink/af_netlink.c`).
    fn discard(&mut self) {
        for _ in 0..MORE_THAN_QUEUED {
            match self.receive() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(Received::Messages | Received::OtherProcess | Received::Truncated) | Err(_) => {}
            }
        }
    }

    fn receive(&mut self) -> io::Result<Received> {
        let Self { socket, datagram } = self;
        let mut tried = false;
        let received = socket.try_io(Interest::READABLE, |socket| {
            tried = true;
            receive(socket, datagram)
        });
        // The runtime may not have heard of what is there by now, and then it does not even try.
        if tried { received } else { receive(socket.get_ref(), datagram) }
    }
}

/// How far a socket was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// To the end: whatever was announced up to now was heard.
    Empty,
    /// There may be more.
    BudgetSpent,
    /// Notifications were lost, and those that waited with them: everything has to be read anew.
    Overrun,
}

/// Past the system-wide limit where that is allowed (`CAP_NET_ADMIN`), up to it where not.
fn set_receive_buffer(socket: &Socket, bytes: usize) -> io::Result<()> {
    if setsockopt(socket, sockopt::RcvBufForce, &bytes).is_ok() {
        return Ok(());
    }
    socket.set_rx_buf_sz(c_int::try_from(bytes).unwrap_or(c_int::MAX))
}
