//! `ICMP6_FILTER` ([RFC 3542 3.2](https://www.rfc-editor.org/rfc/rfc3542#section-3.2)): the ICMPv6 types that
//! reach a raw socket. The kernel applies it before it clones a packet for the socket.

use nix::{libc, setsockopt_impl, sockopt_impl};

/// `struct icmp6_filter` (include/uapi/linux/icmpv6.h): one bit for each ICMPv6 type, set for those that are
/// blocked.
pub(super) type Icmp6FilterBits = [u32; 8];

/// Blocks every type.
pub(super) const BLOCK_ALL: Icmp6FilterBits = [u32::MAX; 8];

/// Returns a filter that passes `types` and blocks all others.
pub(super) fn pass_only(types: &[u8]) -> Icmp6FilterBits {
    let mut bits = BLOCK_ALL;
    for kind in types {
        bits[usize::from(kind / 32)] &= !(1 << (kind % 32));
    }
    bits
}

/// Number of the option in include/uapi/linux/icmpv6.h; the libc crate has no name for it.
const ICMPV6_FILTER: libc::c_int = 1;

sockopt_impl!(
    /// Sets the ICMPv6 types that reach the socket.
    Icmp6Filter,
    SetOnly,
    libc::IPPROTO_ICMPV6,
    ICMPV6_FILTER,
    Icmp6FilterBits
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_types_pass() {
        let bits = pass_only(&[133, 134]);
        let passes = |kind: usize| bits[kind / 32] & 1 << (kind % 32) == 0;
        assert_eq!((0..256).filter(|kind| passes(*kind)).collect::<Vec<_>>(), [133, 134]);
    }
}
