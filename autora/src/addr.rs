//! Types for the interface index, the link-local source and the /64, and how names of interfaces are shown.

mod name;

use std::{fmt, net::Ipv6Addr, num::NonZeroU32};

pub use self::name::{is_shown, meant_name, name_bytes, shown_name};

/// The index of a network interface, as `if_nametoindex(3)` returns it; never 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfIndex(NonZeroU32);

impl IfIndex {
    /// The lowest index.
    pub const MIN: Self = Self(NonZeroU32::MIN);

    /// The highest index.
    pub const MAX: Self = Self(NonZeroU32::MAX);

    /// Returns the index `raw`, or `None` for 0, which stands for "no interface" in Linux.
    #[must_use]
    pub const fn new(raw: u32) -> Option<Self> {
        match NonZeroU32::new(raw) {
            Some(index) => Some(Self(index)),
            None => None,
        }
    }

    /// Returns the number, for a system call or a map key.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// An address of `fe80::/10`, the only source that an RA may have:
/// [RFC 4861 4.2](https://www.rfc-editor.org/rfc/rfc4861#section-4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkLocal(Ipv6Addr);

impl LinkLocal {
    /// Returns `address` as a link-local one, or `None` if it is not.
    #[must_use]
    pub const fn new(address: Ipv6Addr) -> Option<Self> {
        if address.is_unicast_link_local() { Some(Self(address)) } else { None }
    }

    /// Returns the address.
    #[must_use]
    pub const fn get(self) -> Ipv6Addr {
        self.0
    }
}

impl fmt::Display for LinkLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for LinkLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A prefix of 64 bits, the only length with which a guest forms an address on a link with 64-bit interface
/// identifiers: [RFC 4862 5.5.3 d](https://www.rfc-editor.org/rfc/rfc4862#section-5.5.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix64(u64);

impl Prefix64 {
    /// Returns the /64 that contains `address`.
    #[must_use]
    pub const fn containing(address: Ipv6Addr) -> Self {
        Self((address.to_bits() >> 64) as u64)
    }

    /// Returns the prefix as an address whose lower 64 bits are zero, as a Prefix Information option holds
    /// it.
    #[must_use]
    pub const fn network(self) -> Ipv6Addr {
        Ipv6Addr::from_bits((self.0 as u128) << 64)
    }
}

impl fmt::Display for Prefix64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/64", self.network())
    }
}

impl fmt::Debug for Prefix64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns a link-layer address as text: `02:00:00:00:00:01`.
#[must_use]
pub fn shown_link_address(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_index_is_never_zero() {
        assert_eq!(IfIndex::new(0), None);
        assert_eq!(IfIndex::new(7).map(IfIndex::get), Some(7));
    }

    #[test]
    fn only_fe80_slash_10_is_link_local() {
        for (address, expected) in
            [("fe80::1", true), ("febf:ffff::1", true), ("fec0::1", false), ("2001:db8::1", false), ("::", false)]
        {
            let address: Ipv6Addr = address.parse().unwrap();
            assert_eq!(LinkLocal::new(address).is_some(), expected, "{address}");
        }
    }

    #[test]
    fn a_prefix_has_no_interface_identifier() {
        let prefix = Prefix64::containing("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(prefix.to_string(), "2001:db8:1:2::/64");
        assert_eq!(prefix, Prefix64::containing(prefix.network()));
    }
}
