//! A transmit ring of a packet socket (`PACKET_TX_RING` in `packet(7)`): memory that the kernel sends from.

use std::{
    cell::Cell,
    num::NonZeroUsize,
    os::fd::{AsRawFd, OwnedFd},
    ptr::NonNull,
};

use nix::{
    libc, setsockopt_impl, sockopt_impl,
    sys::{
        mman::{MapFlags, ProtFlags, mmap, munmap},
        socket::{MsgFlags, send, setsockopt},
    },
};

use crate::{link::Interface, packet};

/// Sends frames from an interface as a network stack in user space does. They arrive in buffers that are not
/// linear: the Ethernet header apart from the rest, which is in pages of the ring (`tpacket_fill_skb` in
/// net/packet/af_packet.c), or in copies of them at the other end of a veth (`skb_orphan_frags` in
/// include/linux/skbuff.h).
#[derive(Debug)]
pub struct Ring {
    socket: OwnedFd,
    memory: NonNull<u8>,
    /// The slot of the next frame: the kernel takes them in turn.
    next: Cell<usize>,
}

sockopt_impl!(
    /// Makes the ring (`packet(7)`, Linux 2.6.31).
    TransmitRing,
    SetOnly,
    libc::SOL_PACKET,
    libc::PACKET_TX_RING,
    libc::tpacket_req
);

/// Room for one frame and its header: a page, so that a block of the ring is one frame.
const SLOT: usize = 4096;

const SLOTS: usize = 16;

/// Where a frame begins in its slot (`TPACKET_V1`).
const FRAME: usize = libc::TPACKET_HDRLEN - size_of::<libc::sockaddr_ll>();

const LEN: NonZeroUsize = NonZeroUsize::new(SLOT * SLOTS).expect("it is not 0");

impl Ring {
    /// Opens a ring on `interface`.
    #[must_use]
    pub fn on(interface: &Interface) -> Self {
        let socket = packet::open_on(interface, 0);
        let [slot, slots] = [SLOT, SLOTS].map(|number| u32::try_from(number).expect("it is small"));
        let ring =
            libc::tpacket_req { tp_block_size: slot, tp_block_nr: slots, tp_frame_size: slot, tp_frame_nr: slots };
        setsockopt(&socket, TransmitRing, &ring).expect("a packet socket has a ring");
        // SAFETY: a new mapping at an address that the kernel chooses.
        let memory =
            unsafe { mmap(None, LEN, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED, &socket, 0) };
        Self { socket, memory: memory.expect("the ring can be mapped").cast(), next: Cell::new(0) }
    }

    /// Sends one frame, which fits into a slot.
    pub fn send(&self, frame: &[u8]) {
        assert!(FRAME + frame.len() <= SLOT, "a frame of {} bytes", frame.len());
        let slot = self.next.replace((self.next.get() + 1) % SLOTS);
        // SAFETY: within the mapping, which is aligned to pages. The kernel reads it during the call below, which
        // waits until it has done so.
        unsafe {
            let slot = self.memory.add(slot * SLOT);
            slot.add(FRAME).copy_from_nonoverlapping(NonNull::from(frame).cast(), frame.len());
            let header = slot.cast::<libc::tpacket_hdr>().as_ptr();
            (&raw mut (*header).tp_len).write_volatile(u32::try_from(frame.len()).expect("it is short"));
            (&raw mut (*header).tp_status).write_volatile(libc::TP_STATUS_SEND_REQUEST.into());
        }
        let sent = send(self.socket.as_raw_fd(), &[], MsgFlags::empty());
        assert_eq!(sent, Ok(frame.len()), "sending a frame of {} bytes", frame.len());
    }

    /// Sends several frames.
    pub fn send_all(&self, frames: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        for frame in frames {
            self.send(frame.as_ref());
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping of `on`, to which no reference exists.
        unsafe { munmap(self.memory.cast(), LEN.get()) }.expect("it is mapped");
    }
}
