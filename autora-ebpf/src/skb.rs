//! The kernel's packet as the validator reads it.

use core::mem::MaybeUninit;

use autora_common::{Packet, Start};
use aya_ebpf::{
    bindings::bpf_hdr_start_off::BPF_HDR_START_NET, helpers::generated::bpf_skb_load_bytes_relative,
    programs::sk_buff::SkBuff,
};

/// What any bytes make: integers, with no padding between them.
///
/// # Safety
///
/// Every pattern of bits is a value, and all bytes belong to one of the integers.
unsafe trait Plain: Copy {}

// SAFETY: bytes.
unsafe impl Plain for u8 {}
// SAFETY: bytes.
unsafe impl Plain for [u8; 2] {}
// SAFETY: `repr(C)`, integers alone, which fill it (the crate asserts that).
unsafe impl Plain for Start {}

/// A packet in the kernel, read from its network header on.
pub(crate) struct Skb<'a>(pub(crate) &'a SkBuff);

impl Skb<'_> {
    /// The interface that it came in on; a port of a VRF, not the VRF, as the kernel keeps it for neighbour
    /// discovery.
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: the context pointer that the kernel called the program with.
        unsafe { (*self.0.skb).ifindex }
    }

    /// Passes `value` through the packet's scratch field, so that the verifier knows nothing of it any more.
    pub(crate) fn forget_value(&self, value: u32) -> u32 {
        // SAFETY: the context pointer; the field is ours while the program runs (bpf_prog_run_save_cb in the
        // kernel).
        unsafe {
            let scratch = &raw mut (*self.0.skb).cb[0];
            scratch.write_volatile(value);
            scratch.read_volatile()
        }
    }

    /// Copies a `T` from offset `at` and says whether all of it was there. If not, the helper has written
    /// zeros.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "offsets into a packet of 64 KiB, and sizes of what is read there"
    )]
    fn load<T: Plain>(&self, at: usize) -> (T, bool) {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper writes all bytes of `value` or, on failure, zeros it
        // (`bpf_skb_load_bytes_relative` in net/core/filter.c), and any bytes make a `T`.
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
