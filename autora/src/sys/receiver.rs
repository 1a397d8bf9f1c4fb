//! Receives Router Solicitations through the raw ICMPv6 socket behind the filter.
//!
//! One socket, unbound and without group membership, serves all interfaces: the kernel itself is a member of
//! `ff02::2` on every interface with `forwarding` on.

mod datagram;
mod socket;

use std::{io, net::Ipv6Addr, os::fd::OwnedFd};

use autora_common::{Message, Reason, validate};
use tokio::io::{Interest, unix::AsyncFd};
use tracing::trace;

use self::datagram::{Buffer, Datagram};
pub use self::socket::ReceiverOpenError;
use super::{
    filter::{Filter, KernelLog, KernelLogStream},
    socket_memory,
};
use crate::{addr::IfIndex, engine::BootInstant};

/// A valid Router Solicitation on a served interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solicitation {
    /// The interface on which it arrived.
    pub ifindex: IfIndex,
    /// Its source; may be `::`.
    pub source: Ipv6Addr,
}

/// The socket with its filter.
#[derive(Debug)]
pub struct Receiver {
    socket: AsyncFd<OwnedFd>,
    filter: Filter,
    log: Option<KernelLogStream>,
    buffer: Buffer,
}

impl Receiver {
    /// Opens the socket behind `filter`. From its first packet on, the socket yields only packets that passed
    /// the filter.
    ///
    /// Must be called within the runtime; needs `CAP_NET_RAW`.
    ///
    /// # Errors
    ///
    /// A [`ReceiverOpenError`] that says what is missing.
    pub fn open(mut filter: Filter) -> Result<Self, ReceiverOpenError> {
        let log = filter.take_log().map(KernelLog::into_stream).transpose()?;
        let socket = socket::open(&filter)?;
        // SAFETY: an `OwnedFd` is open until it is dropped, and the `AsyncFd` drops it.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }.map_err(io::Error::from)?;
        Ok(Self { socket, filter, log, buffer: Buffer::new() })
    }

    /// Returns the filter of the socket.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Returns the filter of the socket, to change the served interfaces.
    pub const fn filter_mut(&mut self) -> &mut Filter {
        &mut self.filter
    }

    /// Returns the number of packets that the kernel dropped at the socket, because its buffer was full or
    /// because their checksum was wrong: it has one counter for both.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn dropped(&self) -> io::Result<u32> {
        socket_memory::dropped(self.socket.get_ref())
    }

    /// Waits until there are packets to [`receive`](Self::receive), and forwards the filter's log records
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// Only if the runtime shuts down.
    pub async fn readable(&mut self) -> io::Result<()> {
        let Self { socket, log, .. } = self;
        if let Some(log) = log {
            loop {
                tokio::select! {
                    biased;
                    ready = socket.readable() => return ready.map(|_| ()),
                    forwarded = log.forward() => forwarded?,
                }
            }
        }
        socket.readable().await.map(|_| ())
    }

    /// Reads at most `budget` packets and appends the solicitations among them to `out`. `now` is
    /// `CLOCK_BOOTTIME`.
    ///
    /// Packets beyond that keep the socket readable, so a flood does not starve the caller's other work.
    pub fn receive(&mut self, now: BootInstant, budget: usize, out: &mut Vec<Solicitation>) {
        for _ in 0..budget {
            let buffer = &mut self.buffer;
            match self.socket.try_io(Interest::READABLE, |socket| Ok(buffer.fill(socket)?)) {
                Ok(datagram) => out.extend(self.judge(datagram, now)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Reading a socket's pending error clears it: the next call returns a packet again.
                Err(error) => trace!(%error, "receiving"),
            }
        }
    }

    /// Validates the packet in the buffer: again, since the filter may be the classic one, and against the
    /// rules that only the daemon can check.
    fn judge(&mut self, datagram: Datagram, now: BootInstant) -> Option<Solicitation> {
        let Datagram { ifindex, source, .. } = datagram;
        let ifindex = ifindex?;
        match self.check(ifindex, &datagram) {
            Ok(()) => {
                self.filter.count_accepted(ifindex);
                Some(Solicitation { ifindex, source })
            }
            Err(reason) => {
                trace!(%ifindex, %source, reason = reason.name(), "dropped a solicitation");
                if let Err(error) = self.filter.count_dropped(ifindex, reason, now) {
                    trace!(%ifindex, %error, "cannot clear the pending mark of a dropped solicitation");
                }
                None
            }
        }
    }

    fn check(&self, ifindex: IfIndex, datagram: &Datagram) -> Result<(), Reason> {
        if !self.filter.is_served(ifindex) {
            return Err(Reason::NotServed);
        }
        // Fragmented Neighbor Discovery messages are silently ignored
        // [RFC 6980 5](https://www.rfc-editor.org/rfc/rfc6980#section-5).
        if datagram.fragmented {
            return Err(Reason::Fragment);
        }
        match validate(self.buffer.packet(datagram))? {
            Message::Solicitation => Ok(()),
            // Does not occur: `ICMP6_FILTER` (classic form) or the eBPF filter has dropped them.
            Message::Advertisement(_) => Err(Reason::OtherRouterAdvertisement),
        }
    }
}
