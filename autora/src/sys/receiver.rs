//! The raw ICMPv6 socket behind the filter: solicitations in.
//!
//! One socket, bound to nothing and a member of no group, serves all interfaces: the kernel itself is a
//! member of `ff02::2` wherever `forwarding` is on.

mod datagram;
mod socket;

use std::{io, net::Ipv6Addr, os::fd::OwnedFd};

use autora_common::{Message, Reason, validate};
use tokio::io::{Interest, unix::AsyncFd};
use tracing::trace;

use self::datagram::{Buffer, Datagram};
pub use self::socket::ReceiverOpenError;
use super::filter::{Filter, KernelLog, KernelLogStream};
use crate::{addr::IfIndex, engine::BootInstant};

/// A valid Router Solicitation on a served interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solicitation {
    /// Where it came in.
    pub ifindex: IfIndex,
    /// Who asks; may be `::`.
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
    /// Opens the socket behind `filter`. From its first packet on, everything that comes out has passed the
    /// filter.
    ///
    /// Must be called within the runtime; needs `CAP_NET_RAW`.
    ///
    /// # Errors
    ///
    /// An [`ReceiverOpenError`] that says what is missing.
    pub fn open(mut filter: Filter) -> Result<Self, ReceiverOpenError> {
        let log = filter.take_log().map(KernelLog::into_stream).transpose()?;
        let socket = socket::open(&filter)?;
        // SAFETY: an `OwnedFd` is open until it is dropped, and the `AsyncFd` drops it.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }
            .map_err(io::Error::from)?;
        Ok(Self { socket, filter, log, buffer: Buffer::new() })
    }

    /// The filter in front of the socket.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The same, to serve and to cease.
    pub const fn filter_mut(&mut self) -> &mut Filter {
        &mut self.filter
    }

    /// How many packets the kernel has dropped because they found no room in the socket's buffer, or because
    /// their checksum was wrong: it counts both in one.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn dropped(&self) -> io::Result<u32> {
        socket::dropped(self.socket.get_ref())
    }

    /// Waits until there is something to [`receive`](Self::receive). Log records of the filter are passed on
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
    /// Whatever is left keeps the socket readable, so a flood does not keep the caller from its other duties.
    pub fn receive(&mut self, now: BootInstant, budget: usize, out: &mut Vec<Solicitation>) {
        for _ in 0..budget {
            let buffer = &mut self.buffer;
            match self.socket.try_io(Interest::READABLE, |socket| Ok(buffer.fill(socket)?)) {
                Ok(datagram) => out.extend(self.judge(datagram, now)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Reading the error has cleared it: the next packet is none the worse for it.
                Err(error) => trace!(%error, "receiving"),
            }
        }
    }

    /// Holds the packet in the buffer against the rules of the filter once more, since it may have been the
    /// classic one, and against those that only show here.
    fn judge(&mut self, datagram: Datagram, now: BootInstant) -> Option<Solicitation> {
        let Datagram { ifindex, source, .. } = datagram;
        let ifindex = ifindex?;
        match self.check(ifindex, &datagram) {
            Ok(()) => {
                self.filter.accepted(ifindex);
                Some(Solicitation { ifindex, source })
            }
            Err(reason) => {
                trace!(%ifindex, %source, reason = reason.name(), "not-served");
                if let Err(error) = self.filter.refused(ifindex, reason, now) {
                    trace!(%ifindex, %error, "cannot give back a pending mark");
                }
                None
            }
        }
    }

    fn check(&self, ifindex: IfIndex, datagram: &Datagram) -> Result<(), Reason> {
        if !self.filter.is_served(ifindex) {
            return Err(Reason::NotServed);
        }
        // RFC 6980 5: fragmented neighbour discovery is silently ignored.
        if datagram.fragmented {
            return Err(Reason::Fragment);
        }
        match validate(self.buffer.packet(datagram))? {
            Message::Solicitation => Ok(()),
            // `ICMP6_FILTER` or the eBPF filter has kept them; none is left to answer.
            Message::Advertisement(_) => Err(Reason::OtherRouterAdvertisement),
        }
    }
}
