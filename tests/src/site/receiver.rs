//! One socket that receives every Router Advertisement at the guests' ends of all links, with the kernel's timestamps.
#![expect(clippy::cast_possible_truncation, reason = "codes of BPF have 16 bits, and no frame here has 2^32 bytes")]

use std::{
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use nix::libc;
use socket2::{SockFilter, SockRef};

use super::link::Link;
use crate::{namespace::Namespace, packet};

/// In bytes: a burst of RAs must not fill it before it is read.
const BUFFER: usize = 256 << 20;

/// Ethernet, IPv6, and the head of the message.
const ROUTER_LIFETIME: usize = 14 + 40 + 6;
const SNAPSHOT: usize = ROUTER_LIFETIME + 2;

/// Passes IPv6 with ICMPv6 134 directly behind the header (classic BPF; the offsets count from the Ethernet
/// header).
const ADVERTISEMENTS: [SockFilter; 6] = [
    statement(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 14 + 6),
    jump_unless_equal(58, 3),
    statement(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 14 + 40),
    jump_unless_equal(134, 1),
    statement(libc::BPF_RET | libc::BPF_K, packet::LARGEST_FRAME as u32),
    statement(libc::BPF_RET | libc::BPF_K, 0),
];

/// A received RA.
#[derive(Clone, Copy, Debug)]
pub struct Ra {
    /// Where it arrived.
    pub link: Link,
    /// When it arrived, in nanoseconds since the epoch.
    pub at: u64,
    /// Whether its Router Lifetime is 0.
    pub is_final: bool,
}

/// A received RA, whole.
#[derive(Clone, Debug)]
pub struct RaFrame {
    /// Where it arrived.
    pub link: Link,
    /// When it arrived, since the epoch.
    pub at: Duration,
    /// The frame, Ethernet header included.
    pub bytes: Vec<u8>,
}

/// The socket.
#[derive(Debug)]
pub struct RaReceiver(OwnedFd);

impl RaReceiver {
    /// Opens a socket that receives on every interface of `namespace`, later ones included.
    pub fn open(namespace: &Namespace) -> Self {
        // Of no protocol at first, so that nothing queues before the filter is there.
        let socket = packet::open(namespace, BUFFER);
        SockRef::from(&socket).attach_filter(&ADVERTISEMENTS).expect("the kernel takes the filter");
        packet::listen(&socket, 0, libc::ETH_P_IPV6);
        Self(socket)
    }

    /// Passes each RA to `take` until that returns true or `timeout` is over. Returns whether it returned true.
    pub fn until(&self, timeout: Duration, mut take: impl FnMut(Ra) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            while let Some(ra) = self.receive() {
                if take(ra) {
                    return true;
                }
            }
            if Instant::now() >= deadline {
                return false;
            }
            self.wait(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// Returns the RAs that arrive within `time`.
    pub fn during(&self, time: Duration) -> Vec<Ra> {
        let mut all = Vec::new();
        self.until(time, |ra| {
            all.push(ra);
            false
        });
        all
    }

    /// Drops the RAs that have arrived and were not read.
    pub fn clear(&self) {
        drop(self.during(Duration::ZERO));
    }

    /// Returns the next RA on a link that has arrived, whole, if any.
    pub fn frame(&self) -> Option<RaFrame> {
        let mut bytes = vec![0; packet::LARGEST_FRAME];
        loop {
            let received = packet::receive(&self.0, &mut bytes)?;
            if let Some(link) = Link::of_guest_index(received.index) {
                return Some(RaFrame { link, at: received.at, bytes: bytes[..received.len].to_vec() });
            }
        }
    }

    /// Waits until an RA can be read, up to `timeout`.
    pub fn wait(&self, timeout: Duration) {
        packet::wait(&self.0, Instant::now() + timeout);
    }

    /// Returns the next RA on a link that has arrived, if any.
    fn receive(&self) -> Option<Ra> {
        let mut bytes = [0; SNAPSHOT];
        loop {
            let received = packet::receive(&self.0, &mut bytes)?;
            if let Some(link) = Link::of_guest_index(received.index) {
                let at = u64::try_from(received.at.as_nanos()).expect("for 500 years");
                return Some(Ra { link, at, is_final: bytes[ROUTER_LIFETIME..] == [0, 0] });
            }
        }
    }
}

const fn statement(code: u32, k: u32) -> SockFilter {
    SockFilter::new(code as u16, 0, 0, k)
}

/// Skips `over` instructions unless the accumulator is `k`.
const fn jump_unless_equal(k: u32, over: u8) -> SockFilter {
    SockFilter::new((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, 0, over, k)
}
