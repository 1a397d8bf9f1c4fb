//! What guests send: a solicitation, or a flood.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Mac, Namespace, Solicit, packet, site::link::Link};
use nix::{
    libc,
    sys::socket::{MsgFlags, sendto},
};

use crate::agenda::{FLOOD, Frames};

/// Packets of a flood in a burst, and the time between two bursts: 10,000 a second, of which the queue on the receiving
/// side (`net.core.netdev_max_backlog`, 1,000) loses none, nor any RA beside them.
const BURST: u32 = 50;
const PAUSE: Duration = Duration::from_millis(5);

/// A socket that sends from the guests' ends of all links.
#[derive(Clone, Debug)]
pub(crate) struct Guests {
    socket: Arc<OwnedFd>,
    flooded: Arc<AtomicU64>,
}

impl Guests {
    pub(crate) fn open(namespace: &Namespace) -> Self {
        // It does not receive, so it needs no buffer.
        Self { socket: Arc::new(packet::open(namespace, 0)), flooded: Arc::default() }
    }

    /// Sends one solicitation behind a link.
    pub(crate) fn solicit(&self, link: Link) {
        self.send(link, &link.solicit().frame());
    }

    /// Begins a flood behind a link, which ends by itself.
    pub(crate) fn flood(&self, link: Link, frames: Frames) {
        let (guests, frame) = (self.clone(), frame(link, frames));
        thread::spawn(move || {
            let begun = Instant::now();
            while begun.elapsed() < FLOOD {
                let taken = (0..BURST).filter(|_| guests.send(link, &frame)).count();
                guests.flooded.fetch_add(u64::try_from(taken).expect("a burst"), Ordering::Relaxed);
                thread::sleep(PAUSE);
            }
        });
    }

    /// Returns the number of packets in floods that the kernel took so far.
    pub(crate) fn flooded(&self) -> u64 {
        self.flooded.load(Ordering::Relaxed)
    }

    /// Returns whether the kernel took it: a queue may be full.
    fn send(&self, link: Link, frame: &[u8]) -> bool {
        let address = packet::address(link.guest_index(), libc::ETH_P_IPV6);
        sendto(self.socket.as_raw_fd(), frame, &address, MsgFlags::empty()).is_ok()
    }
}

fn frame(link: Link, frames: Frames) -> Vec<u8> {
    let good = link.solicit();
    let mac: Mac = good.link_source;
    let solicit = match frames {
        Frames::Solicitations => good,
        Frames::Unspecified => Solicit::unspecified(mac),
        Frames::WrongHopLimit => Solicit { hop_limit: 64, ..good },
        Frames::WrongOption => Solicit { options: vec![1, 0, 0, 0, 0, 0, 0, 0], ..good },
    };
    solicit.frame()
}
