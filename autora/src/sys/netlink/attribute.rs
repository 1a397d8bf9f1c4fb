//! Netlink attributes: type, length, value, padded to four bytes, some holding further ones.

use std::borrow::Cow;

use netlink_packet_core::{NLA_HEADER_SIZE, NlasIterator};

/// The attributes in `bytes` as (type, value), up to the first that is malformed: what follows it cannot be found.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    // The iterator has checked every length; the crate's own `value()` would borrow from the buffer that it yields.
    NlasIterator::new(bytes).map_while(Result::ok).map(|attribute| {
        let (kind, end) = (attribute.kind(), usize::from(attribute.length()));
        (kind, &attribute.into_inner()[NLA_HEADER_SIZE..end])
    })
}

/// The value of the first attribute of `kind` in `bytes`.
pub(super) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(candidate, value)| (candidate == kind).then_some(value))
}

/// A number of 32 bits, in the machine's own byte order as everywhere in netlink.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(value.first_chunk().copied()?))
}

/// A string up to its terminating NUL. Interface names may hold any bytes, so what is no UTF-8 is replaced.
pub(super) fn utf8(value: &[u8]) -> Cow<'_, str> {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end])
}

/// The same, to keep.
pub(super) fn text(value: &[u8]) -> String {
    utf8(value).into_owned()
}
