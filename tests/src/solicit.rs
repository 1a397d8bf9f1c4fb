//! Router Solicitations, valid or with any field malformed.

use std::net::Ipv6Addr;

use autora::wire::{
    ALL_ROUTERS, ND_HOP_LIMIT, ROUTER_SOLICITATION,
    ipv6::{self, ICMPV6},
};

use crate::link::{Interface, Mac};

const FRAGMENT_HEADER: u8 = 44;
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;

/// A Router Solicitation ([RFC 4861 4.1](https://www.rfc-editor.org/rfc/rfc4861#section-4.1)) before it
/// becomes bytes. [`Solicit::from`] makes a valid one; a test overwrites fields with the struct update
/// syntax.
#[derive(Clone, Debug)]
pub struct Solicit {
    /// Ethernet source.
    pub link_source: Mac,
    /// Ethernet destination.
    pub link_destination: Mac,
    /// IPv6 source.
    pub source: Ipv6Addr,
    /// IPv6 destination.
    pub destination: Ipv6Addr,
    /// Hop limit.
    pub hop_limit: u8,
    /// Extension headers before the message, each as its Next Header value and its bytes; the first byte is
    /// overwritten with the value of the header that follows.
    pub extensions: Vec<(u8, Vec<u8>)>,
    /// How the message is fragmented.
    pub fragments: Fragments,
    /// ICMPv6 type.
    pub kind: u8,
    /// ICMPv6 code.
    pub code: u8,
    /// The bytes after the message's fixed 8 bytes, valid options or not.
    pub options: Vec<u8>,
    /// Cuts the ICMPv6 message, and with it the IPv6 payload length, to this number of bytes.
    pub truncate: Option<usize>,
    /// Whether the checksum is right.
    pub checksum: Checksum,
}

/// The value of the checksum field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The correct one.
    Right,
    /// One with a wrong bit.
    Wrong,
}

/// How a message is fragmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragments {
    /// Without a fragment header.
    None,
    /// One fragment with the whole message ([RFC 6946](https://www.rfc-editor.org/rfc/rfc6946)).
    Atomic,
    /// Two fragments, cut after 8 bytes.
    Two,
}

impl Solicit {
    /// Makes a valid solicitation from the interface's link-local address, with its source link-layer
    /// address.
    #[must_use]
    pub fn from(interface: &Interface) -> Self {
        Self::new(interface.mac())
    }

    /// Makes the same for a guest with this link-layer address.
    #[must_use]
    pub fn new(mac: Mac) -> Self {
        Self {
            link_source: mac,
            link_destination: Mac::ALL_ROUTERS,
            source: mac.link_local(),
            destination: ALL_ROUTERS,
            hop_limit: ND_HOP_LIMIT,
            extensions: Vec::new(),
            fragments: Fragments::None,
            kind: ROUTER_SOLICITATION,
            code: 0,
            options: link_layer_option(mac),
            truncate: None,
            checksum: Checksum::Right,
        }
    }

    /// Makes a valid solicitation from `::`, without options, as a guest without an address sends it.
    #[must_use]
    pub fn unspecified(mac: Mac) -> Self {
        Self { source: Ipv6Addr::UNSPECIFIED, options: Vec::new(), ..Self::new(mac) }
    }

    /// Returns its only frame. Panics if it is cut into two fragments.
    #[must_use]
    pub fn frame(&self) -> Vec<u8> {
        let [frame] = self.frames().try_into().expect("it is one frame");
        frame
    }

    /// Returns its frame, or the frames of its fragments in order.
    #[must_use]
    pub fn frames(&self) -> Vec<Vec<u8>> {
        let message = self.message();
        match self.fragments {
            Fragments::None => vec![self.around(None, &message)],
            Fragments::Atomic => vec![self.around(Some(fragment(0, false)), &message)],
            Fragments::Two => {
                let (first, second) = message.split_at(8);
                vec![self.around(Some(fragment(0, true)), first), self.around(Some(fragment(8, false)), second)]
            }
        }
    }

    fn message(&self) -> Vec<u8> {
        let mut message = vec![self.kind, self.code, 0, 0, 0, 0, 0, 0];
        message.extend(&self.options);
        message.truncate(self.truncate.unwrap_or(usize::MAX));
        if message.len() >= 4 {
            let sum = ipv6::checksum(self.source, self.destination, &message);
            let sum = if self.checksum == Checksum::Right { sum } else { sum ^ 1 };
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        message
    }

    /// Returns `payload` behind Ethernet, IPv6 and extension headers, the fragment header last.
    fn around(&self, fragment: Option<Vec<u8>>, payload: &[u8]) -> Vec<u8> {
        let headers: Vec<_> =
            self.extensions.iter().cloned().chain(fragment.map(|bytes| (FRAGMENT_HEADER, bytes))).collect();
        let kinds: Vec<u8> = headers.iter().map(|(kind, _)| *kind).chain([ICMPV6]).collect();
        let mut body = Vec::new();
        for ((_, bytes), following) in headers.iter().zip(&kinds[1..]) {
            let start = body.len();
            body.extend(bytes);
            body[start] = *following;
        }
        body.extend(payload);
        let len = u16::try_from(body.len()).expect("a solicitation is short").to_be_bytes();
        [
            &self.link_destination.0[..],
            &self.link_source.0,
            &[0x86, 0xdd],
            &[0x60, 0, 0, 0, len[0], len[1], kinds[0], self.hop_limit],
            &self.source.octets(),
            &self.destination.octets(),
            &body,
        ]
        .concat()
    }
}

/// Returns a Source Link-Layer Address option.
fn link_layer_option(mac: Mac) -> Vec<u8> {
    [&[SOURCE_LINK_LAYER_ADDRESS, 1], &mac.0[..]].concat()
}

/// Returns a fragment header ([RFC 8200 4.5](https://www.rfc-editor.org/rfc/rfc8200#section-4.5)) for the
/// part that begins at `offset`, a multiple of 8 bytes.
fn fragment(offset: u16, more: bool) -> Vec<u8> {
    let [high, low] = (offset | u16::from(more)).to_be_bytes();
    vec![0, 0, high, low, 0, 0, 0, 1]
}
