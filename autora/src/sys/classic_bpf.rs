//! Instructions of classic BPF, the filters that every kernel has for sockets and that need no capability.

use nix::libc::{
    BPF_ABS, BPF_B, BPF_H, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SKF_AD_IFINDEX, SKF_AD_OFF, SKF_NET_OFF,
};
use socket2::SockFilter;

/// Ends the program and keeps the packet.
pub(super) const KEEP: SockFilter = return_(u32::MAX);

/// Ends the program and drops the packet.
pub(super) const DROP: SockFilter = return_(0);

/// Loads the byte at `offset` from the network header. (Without `SKF_NET_OFF` a raw ICMPv6 socket counts from
/// the ICMPv6 header.)
pub(super) const fn load_byte(offset: u32) -> SockFilter {
    load(BPF_B, SKF_NET_OFF.cast_unsigned() + offset)
}

/// Loads the two bytes at `offset` from the network header.
pub(super) const fn load_two_bytes(offset: u32) -> SockFilter {
    load(BPF_H, SKF_NET_OFF.cast_unsigned() + offset)
}

/// Loads the index of the interface on which the packet arrived.
pub(super) const fn load_interface_index() -> SockFilter {
    load(BPF_W, (SKF_AD_OFF + SKF_AD_IFINDEX).cast_unsigned())
}

/// Skips the next instruction, a return, if the loaded value is `value`.
pub(super) const fn return_unless_equal(value: u32) -> SockFilter {
    SockFilter::new(code(BPF_JMP | BPF_JEQ | BPF_K), 1, 0, value)
}

/// Skips the next instruction, a return, unless the loaded value is `value`.
pub(super) const fn return_if_equal(value: u32) -> SockFilter {
    SockFilter::new(code(BPF_JMP | BPF_JEQ | BPF_K), 0, 1, value)
}

const fn load(size: u32, offset: u32) -> SockFilter {
    SockFilter::new(code(BPF_LD | size | BPF_ABS), 0, 0, offset)
}

const fn return_(bytes: u32) -> SockFilter {
    SockFilter::new(code(BPF_RET | BPF_K), 0, 0, bytes)
}

#[expect(clippy::cast_possible_truncation, reason = "opcodes of classic BPF have 16 bits")]
const fn code(opcode: u32) -> u16 {
    opcode as u16
}
