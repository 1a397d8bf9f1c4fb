//! RAs for packet sockets: several with one system call, each with an outcome of its own.

use std::{
    io, iter,
    os::fd::{AsFd, AsRawFd},
    ptr,
};

use nix::{errno::Errno, libc};
use socket2::SockAddr;

use crate::{
    engine::action::Transmission,
    sys::packet_socket,
    wire::{ALL_NODES, ipv6},
};

/// How many RAs one system call sends.
pub(super) const BATCH: usize = 32;

/// Packets, and where each goes. Their memory is reused.
#[derive(Debug, Default)]
pub(super) struct Batch {
    packets: Vec<Vec<u8>>,
    addresses: Vec<SockAddr>,
}

impl Batch {
    /// Replaces the packets with `transmissions`, of which there may be [`BATCH`].
    pub(super) fn fill(&mut self, transmissions: &[Transmission]) {
        assert!(transmissions.len() <= BATCH, "more than one system call sends");
        self.packets.resize_with(self.packets.len().max(transmissions.len()), || Vec::with_capacity(256));
        self.addresses.clear();
        for (Transmission { index, source, advert, .. }, packet) in transmissions.iter().zip(&mut self.packets) {
            ipv6::encode(packet, source.get(), ALL_NODES, |out| advert.encode(out));
            self.addresses.push(packet_socket::all_nodes(*index));
        }
    }

    /// Sends the packets without blocking. Returns the outcome of each.
    pub(super) fn send(&mut self, socket: impl AsFd) -> Vec<io::Result<()>> {
        let count = self.addresses.len();
        let mut parts = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH];
        // SAFETY: plain data, for which zeros are valid.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        for (((packet, address), part), message) in
            self.packets.iter_mut().zip(&self.addresses).zip(&mut parts).zip(&mut messages)
        {
            *part = libc::iovec { iov_base: packet.as_mut_ptr().cast(), iov_len: packet.len() };
            // The kernel reads it alone.
            message.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
            message.msg_hdr.msg_namelen = address.len();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
        }
        let mut outcomes = Vec::with_capacity(count);
        while outcomes.len() < count {
            // SAFETY: each message leads to an address and to a part with a packet, all of which outlive the call.
            match unsafe { send_some(socket.as_fd().as_raw_fd(), &mut messages[outcomes.len()..count]) } {
                // The next one failed, and the next call says why (`sendmmsg(2)`).
                Ok(sent) => outcomes.extend(iter::repeat_with(|| Ok(())).take(sent)),
                Err(Errno::EINTR) => {}
                Err(error) => outcomes.push(Err(error.into())),
            }
        }
        outcomes
    }
}

/// Sends the first of `messages`, and those after it up to one that fails. Returns how many were sent, at least one.
///
/// # Safety
///
/// Every pointer in `messages` must be valid until the call returns.
unsafe fn send_some(socket: i32, messages: &mut [libc::mmsghdr]) -> Result<usize, Errno> {
    let count = u32::try_from(messages.len()).expect("as many as a batch has");
    // SAFETY: the caller guarantees the pointers in as many messages.
    let sent = unsafe { libc::sendmmsg(socket, messages.as_mut_ptr(), count, libc::MSG_DONTWAIT) };
    Errno::result(sent).map(|sent| usize::try_from(sent).expect("no error"))
}
