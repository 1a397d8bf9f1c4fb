//! Echo requests to all nodes on a link, and the replies: one socket for all interfaces, where the process may have it.

mod packet;
mod pings;
mod raw;
mod receiving;

use std::{io, net::Ipv6Addr, os::fd::BorrowedFd, time::Duration};

use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use rand::{Rng, RngExt};

pub use self::receiving::EchoReply;
use self::{packet::PacketProbe, pings::PingProbe, raw::RawProbe};
use crate::{addr::IfIndex, engine::interface::GroupMapping};

/// Errors of a read that concern one interface or one request: it went down, or an ICMPv6 error came in return. Replies
/// may follow.
const PASSING: &[Errno] = &[Errno::EINTR, Errno::ENETDOWN, Errno::EHOSTUNREACH, Errno::ENETUNREACH, Errno::EACCES];

/// Sends echo requests, and receives the replies to them and nothing else.
#[derive(Debug)]
pub struct ProbeSocket(Form);

/// The kind of socket.
#[derive(Debug)]
enum Form {
    /// Takes no neighbour entry, and tells the link-layer address of a guest.
    Packet(PacketProbe),
    /// Takes an entry of the neighbour table on each interface, for ff02::1.
    Raw(RawProbe),
    /// Takes the same, and a socket for each source.
    Pings(PingProbe),
}

/// Why no socket can be opened.
#[derive(Debug, thiserror::Error)]
pub enum ProbeOpenError {
    /// No kind of socket is permitted.
    #[error("the kernel allows no socket for echo requests")]
    NotPermitted,
    /// Anything else, for example a kernel without IPv6.
    #[error("cannot open a socket for echo requests")]
    Failed(#[source] io::Error),
}

impl ProbeSocket {
    /// Opens a packet socket; where that is not permitted a raw one, or else one for pings.
    ///
    /// # Errors
    ///
    /// A [`ProbeOpenError`], usually because the process may do none of it.
    pub fn open(random: &mut impl Rng) -> Result<Self, ProbeOpenError> {
        let identifier = random.random();
        let form = PacketProbe::open(identifier).map(Form::Packet);
        let form = unless_refused(form, || RawProbe::open(identifier).map(Form::Raw));
        let form = unless_refused(form, || PingProbe::open(identifier).map(Form::Pings));
        form.map(Self).map_err(|error| {
            if error.kind() == io::ErrorKind::PermissionDenied {
                ProbeOpenError::NotPermitted
            } else {
                ProbeOpenError::Failed(error)
            }
        })
    }

    /// Returns whether each interface takes an entry of the neighbour table.
    #[must_use]
    pub const fn takes_neighbour_entries(&self) -> bool {
        match self.0 {
            Form::Packet(_) => false,
            Form::Raw(_) | Form::Pings(_) => true,
        }
    }

    /// Sends an echo request to all nodes on the interface. A link-local source may be another one of the interface.
    ///
    /// # Errors
    ///
    /// The kernel's error, as of [`Sender::send`](super::sender::Sender::send).
    pub fn send(
        &mut self,
        index: IfIndex,
        group_mapping: GroupMapping,
        source: Ipv6Addr,
        sequence: u16,
    ) -> io::Result<()> {
        match &mut self.0 {
            Form::Packet(probe) => probe.send(index, group_mapping, source, sequence),
            Form::Raw(probe) => probe.send(index, source, sequence),
            Form::Pings(probe) => probe.send(index, source, sequence),
        }
    }

    /// Waits for a packet, which may turn out to be no reply.
    ///
    /// # Errors
    ///
    /// The error of poll(2).
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        // Rounded up: waiting for less than a millisecond would be no wait.
        let timeout = PollTimeout::try_from(timeout + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut fds: Vec<_> = self.fds().into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Returns the next reply to this socket's requests, or `None` when there is none.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn receive(&mut self) -> io::Result<Option<EchoReply>> {
        loop {
            let received = match &self.0 {
                Form::Packet(probe) => probe.receive(),
                Form::Raw(probe) => probe.receive(),
                Form::Pings(probe) => probe.receive(),
            };
            match received {
                Ok(Some(reply)) => return Ok(Some(reply)),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(errno) if !PASSING.contains(&errno) => return Err(errno.into()),
                Ok(None) | Err(_) => {}
            }
        }
    }

    /// Leaves out the replies of an interface from now on, whose guest sends too many. Those of a packet socket do not
    /// reach the process any more, and take no room from other replies.
    pub fn mute(&mut self, index: IfIndex) {
        match &mut self.0 {
            Form::Packet(probe) => probe.mute(index),
            Form::Raw(_) | Form::Pings(_) => {}
        }
    }

    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        match &self.0 {
            Form::Packet(probe) => vec![probe.fd()],
            Form::Raw(probe) => vec![probe.fd()],
            Form::Pings(probe) => probe.fds().collect(),
        }
    }
}

/// Returns what `next` opens if the kernel refused what was tried before.
fn unless_refused<T>(opened: io::Result<T>, next: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let is_refused = |error: &io::Error| {
        error.kind() == io::ErrorKind::PermissionDenied || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
    };
    match opened {
        Err(error) if is_refused(&error) => next(),
        opened => opened,
    }
}
