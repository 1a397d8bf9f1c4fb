//! The classic form: a program for the classic BPF of sockets, which every kernel has and which needs no
//! capability.

use std::{io, os::fd::AsFd};

use socket2::SockRef;

use crate::sys::classic_bpf::{DROP, KEEP, load_byte, return_unless_equal};

/// Attaches a filter that keeps packets with next header ICMPv6 and hop limit 255, both read from the IPv6
/// header. A packet with extension headers fails the first check, one that a router forwarded the second.
pub(super) fn attach(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).attach_filter(&[
        load_byte(6),
        return_unless_equal(58),
        DROP,
        load_byte(7),
        return_unless_equal(255),
        DROP,
        KEEP,
    ])
}
