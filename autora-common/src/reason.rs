//! The outcome of a packet, as a number for counter maps and as a name for logs and metrics.

/// Why a packet that reached the filter, or the daemon behind it, was passed or dropped.
///
/// The number is the index into counters. It may change between releases, as filter and daemon are built from
/// the same sources; the name may not.
///
/// Rules are those of RFC 4861 [6.1.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.1) and
/// [6.1.2](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2).
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A valid Router Solicitation, passed to the daemon.
    Passed,
    /// A valid Router Solicitation, dropped because an RA is pending after an earlier one.
    Coalesced,
    /// The interface is not in the SERVED map.
    NotServed,
    /// The header after the IPv6 header is not ICMPv6 but an extension header.
    NextHeader,
    /// An ICMPv6 type other than 133 and 134; on the daemon's socket `ICMP6_FILTER` blocks those first.
    Type,
    /// Hop limit not 255, so a router forwarded it [RFC 4861 6.1.1].
    HopLimit,
    /// Shorter than the fixed part of the message, or than its own IPv6 header claims.
    TooShort,
    /// ICMPv6 code not 0.
    Code,
    /// An option of length 0 or past the end of the message, or bytes behind the last option.
    OptionLength,
    /// More than 16 options: no guest sends that many (a deviation from RFC 4861 6.1.1).
    TooManyOptions,
    /// Source `::` with a source link-layer address option.
    UnspecifiedWithSourceLinkLayer,
    /// Fragmented [RFC 6980 5](https://www.rfc-editor.org/rfc/rfc6980#section-5). The filter sees the packet
    /// reassembled, so only the daemon can tell.
    Fragment,
    /// A valid Router Advertisement of another router: counted, recorded and dropped.
    OtherRouterAdvertisement,
    /// A Router Advertisement that guests ignore [RFC 4861 6.1.2].
    InvalidAdvertisement,
}

impl Reason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Passed,
        Self::Coalesced,
        Self::NotServed,
        Self::NextHeader,
        Self::Type,
        Self::HopLimit,
        Self::TooShort,
        Self::Code,
        Self::OptionLength,
        Self::TooManyOptions,
        Self::UnspecifiedWithSourceLinkLayer,
        Self::Fragment,
        Self::OtherRouterAdvertisement,
        Self::InvalidAdvertisement,
    ];

    /// The number of reasons: the length of an array of counters.
    pub const COUNT: usize = Self::ALL.len();

    /// Returns the stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Coalesced => "coalesced",
            Self::NotServed => "not-served",
            Self::NextHeader => "next-header",
            Self::Type => "type",
            Self::HopLimit => "hop-limit",
            Self::TooShort => "too-short",
            Self::Code => "code",
            Self::OptionLength => "option-length",
            Self::TooManyOptions => "too-many-options",
            Self::UnspecifiedWithSourceLinkLayer => "unspecified-with-source-link-layer",
            Self::Fragment => "fragment",
            Self::OtherRouterAdvertisement => "other-router-advertisement",
            Self::InvalidAdvertisement => "invalid-advertisement",
        }
    }
}

const _: () = {
    let mut index = 0;
    while index < Reason::COUNT {
        assert!(Reason::ALL[index] as usize == index, "ALL is in the order of the numbers");
        index += 1;
    }
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_reason_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::COUNT);
    }
}
