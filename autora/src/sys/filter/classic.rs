//! The classic form: a program for the classic BPF of sockets, which every kernel has and which needs no
//! capability.

use std::{io, os::fd::AsFd};

use nix::libc::{BPF_ABS, BPF_B, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, SKF_NET_OFF};
use socket2::{SockFilter, SockRef};

/// Attaches a filter that keeps packets with next header ICMPv6 and hop limit 255, both read from the IPv6
/// header. A packet with extension headers fails the first check, one that a router forwarded the second.
pub(super) fn attach(socket: &impl AsFd) -> io::Result<()> {
    const KEEP: u32 = u32::MAX;
    const DROP: u32 = 0;
    SockRef::from(socket).attach_filter(&[
        load_byte(6),
        return_unless_equal(58),
        return_(DROP),
        load_byte(7),
        return_unless_equal(255),
        return_(DROP),
        return_(KEEP),
    ])
}

/// Loads the byte at `offset` from the network header. (Without `SKF_NET_OFF` a raw ICMPv6 socket counts from
/// the ICMPv6 header.)
const fn load_byte(offset: u32) -> SockFilter {
    SockFilter::new(code(BPF_LD | BPF_B | BPF_ABS), 0, 0, SKF_NET_OFF.cast_unsigned() + offset)
}

/// Skips the next instruction, a return, if the loaded byte is `value`.
const fn return_unless_equal(value: u32) -> SockFilter {
    SockFilter::new(code(BPF_JMP | BPF_JEQ | BPF_K), 1, 0, value)
}

/// Ends the program and keeps this many bytes of the packet.
const fn return_(bytes: u32) -> SockFilter {
    SockFilter::new(code(BPF_RET | BPF_K), 0, 0, bytes)
}

#[expect(clippy::cast_possible_truncation, reason = "opcodes of classic BPF have 16 bits")]
const fn code(opcode: u32) -> u16 {
    opcode as u16
}
