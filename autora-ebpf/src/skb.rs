//! The kernel's packet as the validator reads it.

use core::mem::MaybeUninit;

use autora_common::{Packet, Start};
use aya_ebpf::{
    bindings::bpf_hdr_start_off::BPF_HDR_START_NET, helpers::generated::bpf_skb_load_bytes_relative,
    programs::sk_buff::SkBuff,
};

/// Types for which every pattern of bytes is valid: integers without padding between them.
///
/// # Safety
///
/// Every pattern of bits must be a value, and every byte must belong to an integer.
unsafe trait Plain: Copy {}

// SAFETY: a byte.
unsafe impl Plain for u8 {}
// SAFETY: two bytes.
unsafe impl Plain for [u8; 2] {}
// SAFETY: `repr(C)`, integers alone, without padding (autora-common asserts that).
unsafe impl Plain for Start {}

/// A packet in the kernel, read from its network header on.
pub(crate) struct Skb<'a>(pub(crate) &'a SkBuff);

impl Skb<'_> {
    /// Returns the index of the interface on which it arrived: for a port of a VRF the port, not the VRF, as
    /// the kernel keeps it for Neighbor Discovery.
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: the context pointer that the kernel passed to the program.
        unsafe { (*self.0.skb).ifindex }
    }

    /// Passes `value` through the packet's scratch field, so that the verifier loses track of it.
    pub(crate) fn forget_value(&self, value: u32) -> u32 {
        // SAFETY: the context pointer; the program owns the field while it runs (`bpf_prog_run_save_cb` in
        // the kernel).
        unsafe {
            let scratch = &raw mut (*self.0.skb).cb[0];
            scratch.write_volatile(value);
            scratch.read_volatile()
        }
    }

    /// Copies a `T` from offset `at`; returns it and whether the packet had all of it. If not, it is zeros.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "offsets into a packet of 64 KiB, and sizes of what is read there"
    )]
    fn load<T: Plain>(&self, at: usize) -> (T, bool) {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper writes all bytes of `value`, zeros on failure (`bpf_skb_load_bytes_relative` in
        // net/core/filter.c), and every pattern of bytes is a `T`.
        unsafe {
            let failed = bpf_skb_load_bytes_relative(
                self.0.skb.cast(),
                at as u32,
                value.as_mut_ptr().cast(),
                size_of::<T>() as u32,
                BPF_HDR_START_NET,
            );
            (value.assume_init(), failed == 0)
        }
    }
}

impl Packet for Skb<'_> {
    fn start(&self) -> Option<Start> {
        let (start, complete) = self.load(0);
        complete.then_some(start)
    }

    fn has(&self, at: usize) -> bool {
        self.load::<u8>(at).1
    }

    fn pair(&self, at: usize) -> [u8; 2] {
        self.load(at).0
    }
}
