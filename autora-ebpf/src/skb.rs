//! The kernel's packet as the validator reads it.

use core::mem::MaybeUninit;

use autora_common::{HEADER_LEN, Ipv6Header, Packet, Start};
use aya_ebpf::{
    bindings::bpf_hdr_start_off::BPF_HDR_START_NET,
    helpers::generated::{bpf_skb_load_bytes, bpf_skb_load_bytes_relative},
    programs::sk_buff::SkBuff,
};

/// Types for which every pattern of bytes is valid: integers without padding between them.
///
/// # Safety
///
/// Every pattern of bits must be a value, and every byte must belong to an integer.
unsafe trait Plain: Copy {}

// SAFETY: two bytes.
unsafe impl Plain for [u8; 2] {}
// SAFETY: `repr(C)`, integers alone, without padding (autora-common asserts that).
unsafe impl Plain for Ipv6Header {}
// SAFETY: as above.
unsafe impl Plain for Start {}

/// A packet in the kernel. Its message may be in several pieces of memory, its IPv6 header is in one
/// (`ip6_rcv_core` in net/ipv6/ip6_input.c).
pub(crate) struct Skb<'a>(pub(crate) &'a SkBuff);

impl Skb<'_> {
    /// Returns the index of the interface on which it arrived: for a port of a VRF the port, not the VRF, as
    /// the kernel keeps it for Neighbor Discovery.
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: the context pointer that the kernel passed to the program.
        unsafe { (*self.0.skb).ifindex }
    }

    /// Copies a `T` from offset `at` of the data; returns it and whether the packet had all of it. If not, it
    /// is zeros. The helper follows the pieces of a packet that is not in one.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "offsets into a packet of 64 KiB, and sizes of what is read there"
    )]
    fn load<T: Plain>(&self, at: usize) -> (T, bool) {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper writes all bytes of `value`, zeros on failure (`bpf_skb_load_bytes` in
        // net/core/filter.c), and every pattern of bytes is a `T`.
        unsafe {
            let failed =
                bpf_skb_load_bytes(self.0.skb.cast(), at as u32, value.as_mut_ptr().cast(), size_of::<T>() as u32);
            (value.assume_init(), failed == 0)
        }
    }
}

impl Packet for Skb<'_> {
    #[expect(clippy::cast_possible_truncation, reason = "40 bytes")]
    fn header(&self) -> Option<Ipv6Header> {
        let mut header = MaybeUninit::<Ipv6Header>::uninit();
        // SAFETY: as in `load`.
        unsafe {
            let failed = bpf_skb_load_bytes_relative(
                self.0.skb.cast(),
                0,
                header.as_mut_ptr().cast(),
                size_of::<Ipv6Header>() as u32,
                BPF_HDR_START_NET,
            );
            (failed == 0).then_some(header.assume_init())
        }
    }

    /// On a raw socket the data begins with the message, under `BPF_PROG_TEST_RUN` with the IPv6 header. Both
    /// cannot begin alike: `ICMP6_FILTER` passes types 133 and 134, the kernel version 6 (`ip6_rcv_core`).
    #[expect(clippy::cast_possible_truncation, reason = "0 or 40")]
    fn start(&self, header: &Ipv6Header) -> Option<(Start, usize)> {
        let (mut start, mut complete) = self.load::<Start>(0);
        let mut at = 0;
        if start.first == header.first {
            at = HEADER_LEN;
            (start, complete) = self.load(at);
        }
        // The verifier would check the rest of the program for each of the two offsets.
        let at = self.forget_value(at as u32) as usize;
        complete.then_some((start, at))
    }

    fn reaches(&self, end: usize) -> bool {
        // SAFETY: the context pointer.
        end <= unsafe { (*self.0.skb).len } as usize
    }

    fn pair(&self, at: usize) -> [u8; 2] {
        self.load(at).0
    }

    /// Passes it through the packet's scratch field.
    fn forget_value(&self, value: u32) -> u32 {
        // SAFETY: the context pointer; the program owns the field while it runs (`bpf_prog_run_save_cb` in
        // the kernel).
        unsafe {
            let scratch = &raw mut (*self.0.skb).cb[0];
            scratch.write_volatile(value);
            scratch.read_volatile()
        }
    }
}
