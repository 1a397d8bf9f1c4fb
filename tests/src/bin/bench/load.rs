//! Sends solicitations: one, or as many as a core can send.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Namespace, packet};
use nix::{libc, sys::socket::SockaddrLike};

use crate::link::Link;

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
}

impl Sent {
    pub(crate) fn per_second(self) -> f64 {
        self.packets as f64 / self.time.as_secs_f64()
    }
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
        let started = Instant::now();
        let mut packets = 0;
        while !stop.load(Ordering::Relaxed) {
            let due = match rate {
                Rate::Full => u64::MAX,
                Rate::PerSecond(rate) => (f64::from(rate) * started.elapsed().as_secs_f64()) as u64,
            };
            if packets < due {
                packets += self.send_batch(link, frame, BATCH);
            } else {
                thread::sleep(Duration::from_micros(500));
            }
        }
        Sent { packets, time: started.elapsed() }
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
