//! One sending socket, and how much of its send buffer is taken.

use std::io;

use socket2::Socket;

use crate::sys::socket_memory;

/// More than the kernel charges for one RA: 832 bytes for one with a single prefix (Linux 6.18), and less than
/// twice that for one with all the retired prefixes.
const MORE_THAN_AN_RA: u32 = 4_096;

/// A sending socket. The kernel charges a packet to its socket until the packet has left, and a queueing
/// discipline (qdisc) may hold it for ever.
#[derive(Debug)]
pub(super) struct Lane {
    socket: Socket,
    /// The charge from which on the kernel accepts no packet.
    limit: u32,
    /// The charge when it was last read.
    charged: u32,
    departures: DepartedCount,
}

/// Changes whenever a packet that had waited is gone: it left, or its queue was emptied. Which packet it was,
/// the kernel does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DepartedCount(u64);

/// What became of a packet that the kernel accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It left before the system call returned.
    Left,
    /// It waits in a queue.
    Waits,
}

impl Lane {
    /// Returns a lane whose socket accepts packets up to `limit` bytes.
    pub(super) const fn new(socket: Socket, limit: u32) -> Self {
        Self { socket, limit, charged: 0, departures: DepartedCount(0) }
    }

    /// Returns whether the socket has room for `count` more RAs.
    pub(super) fn has_room(&mut self, count: usize) -> bool {
        self.departures();
        let needed = u32::try_from(count).unwrap_or(u32::MAX).saturating_mul(MORE_THAN_AN_RA);
        self.charged.saturating_add(needed) <= self.limit
    }

    /// Returns the present value of the departures. Makes a system call only while packets wait.
    pub(super) fn departures(&mut self) -> DepartedCount {
        if self.charged > 0 {
            let charged = self.read();
            self.departures.0 += u64::from(charged < self.charged);
            self.charged = charged;
        }
        self.departures
    }

    /// Sends one packet, and finds out whether it left.
    pub(super) fn send(&mut self, send: impl FnOnce(&Socket) -> io::Result<()>) -> io::Result<Outcome> {
        let (done, outcome) = self.send_all(send);
        done.map(|()| outcome)
    }

    /// Sends several packets, and finds out whether all that the kernel accepted left.
    pub(super) fn send_all<T>(&mut self, send: impl FnOnce(&Socket) -> T) -> (T, Outcome) {
        self.departures();
        let before = self.charged;
        let done = send(&self.socket);
        self.charged = self.read();
        (done, if self.charged > before { Outcome::Waits } else { Outcome::Left })
    }

    /// Returns the present charge. If it could not be read, every packet would count as having left.
    fn read(&self) -> u32 {
        socket_memory::charged(&self.socket).unwrap_or(0)
    }
}
