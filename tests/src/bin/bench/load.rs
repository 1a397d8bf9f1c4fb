//! Sends solicitations: one, or as many as a core can send.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Namespace, Tap, packet};
use nix::{libc, sys::socket::SockaddrLike};

use crate::{link::Link, machine};

/// How many frames one system call sends.
const BATCH: usize = 64;

/// Sends frames from the guests' ends, on any of them.
#[derive(Debug)]
pub(crate) struct Sender(OwnedFd);

/// The rate of a flood.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rate {
    /// As fast as one core can send.
    Full,
    /// This many packets a second.
    PerSecond(u32),
}

/// The outcome of a flood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    pub(crate) time: Duration,
    /// The CPU time that the kernel charged to the sender.
    pub(crate) cpu: Duration,
}

impl Sent {
    pub(crate) fn per_second(self) -> f64 {
        self.packets as f64 / self.time.as_secs_f64()
    }

    /// Returns the sender's CPU time for each packet, in nanoseconds.
    pub(crate) fn own_cpu(self) -> f64 {
        self.each(self.cpu)
    }

    /// Returns a part of a time for each packet, in nanoseconds.
    pub(crate) fn each(self, time: Duration) -> f64 {
        1e9 * time.as_secs_f64() / self.packets.max(1) as f64
    }
}

/// Writes one frame to a tap again and again until `stop`, as a hypervisor does: one system call for each.
pub(crate) fn write(tap: &Tap, frame: &[u8], stop: &AtomicBool) -> Sent {
    until(stop, |_, _| {
        (0..BATCH).for_each(|_| tap.send(frame));
        BATCH as u64
    })
}

/// Calls `send` until `stop`, with the number of packets sent so far and the time. It returns how many it sent.
fn until(stop: &AtomicBool, mut send: impl FnMut(u64, Duration) -> u64) -> Sent {
    let (started, before) = (Instant::now(), machine::own_cpu());
    let mut packets = 0;
    while !stop.load(Ordering::Relaxed) {
        packets += send(packets, started.elapsed());
    }
    Sent { packets, time: started.elapsed(), cpu: machine::own_cpu().saturating_sub(before) }
}

impl Sender {
    pub(crate) fn open(namespace: &Namespace) -> Self {
        // It does not receive, so it needs no buffer.
        Self(packet::open(namespace, 0))
    }

    /// Sends one frame.
    pub(crate) fn send(&self, link: Link, frame: &[u8]) {
        assert_eq!(self.send_batch(link, frame, 1), 1, "a single frame always finds room");
    }

    /// Sends one frame again and again until `stop`.
    pub(crate) fn flood(&self, link: Link, frame: &[u8], rate: Rate, stop: &AtomicBool) -> Sent {
        until(stop, |sent, elapsed| {
            let due = match rate {
                Rate::Full => u64::MAX,
                Rate::PerSecond(rate) => (f64::from(rate) * elapsed.as_secs_f64()) as u64,
            };
            if sent < due {
                return self.send_batch(link, frame, BATCH);
            }
            thread::sleep(Duration::from_micros(500));
            0
        })
    }

    /// Sends a frame up to `count` times; returns how often the kernel took it.
    fn send_batch(&self, link: Link, frame: &[u8], count: usize) -> u64 {
        let address = packet::address(link.guest_index(), libc::ETH_P_IPV6);
        let mut vector = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
        // SAFETY: `mmsghdr` is plain data for which all zeroes is a value.
        let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
        message.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
        message.msg_hdr.msg_namelen = address.len();
        message.msg_hdr.msg_iov = &raw mut vector;
        message.msg_hdr.msg_iovlen = 1;
        let mut messages = [message; BATCH];
        let count = u32::try_from(count.min(BATCH)).expect("small");
        // SAFETY: the messages and what they point to live across the call, which does not write to frame or
        // address.
        let sent = unsafe { libc::sendmmsg(self.0.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        // A full queue is no error of a flood: the next try finds room.
        u64::try_from(sent).unwrap_or(0)
    }
}
