//! Netlink's framing: messages within a datagram, attributes within a message; read and written here alone.
//! Constants are those of [linux/netlink.h].
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------------------------------------------------------+
//! |               length, header included, not padded             |
//! +-------------------------------+-------------------------------+
//! |             type              |             flags             |
//! +-------------------------------+-------------------------------+
//! |                        sequence number                        |
//! +---------------------------------------------------------------+
//! |                          port number                          |
//! +---------------------------------------------------------------+
//! |               payload, padded to four bytes ...
//!
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------------------------------+-------------------------------+
//! |   length, header included     |  flags (2 bits) and type      |
//! +-------------------------------+-------------------------------+
//! |               value, padded to four bytes; some hold attributes
//! ```
//!
//! [linux/netlink.h]:
//! https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/netlink.h

use std::borrow::Cow;

/// Types of messages: an error, which may be 0, and the end of an answer in several parts.
pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;

/// Flags: a question; one that is answered with all there is (`NLM_F_ROOT | NLM_F_MATCH`).
pub(super) const NLM_F_REQUEST: u16 = 0x01;
pub(super) const NLM_F_DUMP: u16 = 0x300;
/// Flags of answers: one part of several; a change interrupted the kernel; attributes explain an error.
pub(super) const NLM_F_MULTI: u16 = 0x02;
pub(super) const NLM_F_DUMP_INTR: u16 = 0x10;
pub(super) const NLM_F_ACK_TLVS: u16 = 0x200;

/// What the kernel pads messages and attributes to.
const ALIGNMENT: usize = 4;
/// `struct nlmsghdr`.
const MESSAGE_HEADER_LEN: usize = 16;
/// `struct nlattr`.
const ATTRIBUTE_HEADER_LEN: usize = 4;
/// The type of an attribute without its two flags (nested, network byte order).
const NLA_TYPE_MASK: u16 = 0x3fff;

/// One message.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    /// `NLMSG_*` or `RTM_*`.
    pub(super) kind: u16,
    /// `NLM_F_*`.
    pub(super) flags: u16,
    /// The number of the question that this answers; 0 in an event.
    pub(super) sequence: u32,
    /// What follows the header.
    pub(super) payload: &'a [u8],
}

/// Bytes that are no message: too short for a header, or for the length that it states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The messages in `datagram`; after a malformed one there are no more, because its end is unknown.
pub(super) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Result<Message<'_>, Malformed>> {
    std::iter::from_fn(move || {
        if datagram.is_empty() {
            return None;
        }
        let message = first_message(datagram);
        datagram = message.as_ref().map_or(&[], |(_, rest)| rest);
        Some(message.map(|(message, _)| message).ok_or(Malformed))
    })
}

/// The first message, and what follows it.
fn first_message(datagram: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let length = usize::try_from(number(datagram)?).ok()?;
    let whole = datagram.get(..length)?;
    let (header, payload) = whole.split_at_checked(MESSAGE_HEADER_LEN)?;
    let message =
        Message { kind: half(&header[4..])?, flags: half(&header[6..])?, sequence: number(&header[8..])?, payload };
    Some((message, rest(datagram, length)))
}

/// What follows the first `length` bytes and their padding.
fn rest(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default()
}

/// The datagram of one question: `flags` are added to those that every question has.
pub(super) fn request(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(MESSAGE_HEADER_LEN + body.len()).expect("a body of a few bytes");
    let (length, sequence) = (length.to_ne_bytes(), sequence.to_ne_bytes());
    let (kind, flags) = (kind.to_ne_bytes(), (NLM_F_REQUEST | flags).to_ne_bytes());
    // To port 0, the kernel's.
    [length.as_slice(), &kind, &flags, &sequence, &[0; 4], body].concat()
}

/// The attributes in `bytes` as (type, value), up to the first that is malformed: what follows it cannot be
/// found.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(half(bytes)?);
        let value = bytes.get(ATTRIBUTE_HEADER_LEN..length)?;
        let kind = half(&bytes[2..])? & NLA_TYPE_MASK;
        bytes = rest(bytes, length);
        Some((kind, value))
    })
}

/// An attribute that holds one number.
pub(super) fn attribute(kind: u16, value: i32) -> Vec<u8> {
    attribute_of(kind, &value.to_ne_bytes())
}

/// An attribute, padded.
pub(super) fn attribute_of(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = ATTRIBUTE_HEADER_LEN + value.len();
    let header = [u16::try_from(length).expect("a value of a few bytes").to_ne_bytes(), kind.to_ne_bytes()];
    let mut attribute = [header.as_flattened(), value].concat();
    attribute.resize(length.next_multiple_of(ALIGNMENT), 0);
    attribute
}

/// The value of the first attribute of `kind` in `bytes`.
pub(super) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(candidate, value)| (candidate == kind).then_some(value))
}

/// A number of 32 bits, in the machine's own byte order as everywhere in netlink.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(value.first_chunk().copied()?))
}

/// A number of 16 bits.
pub(super) fn half(value: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(value.first_chunk().copied()?))
}

/// A string up to its terminating NUL.
pub(super) fn string(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The same as text: the kernel's own words, which are ASCII.
pub(super) fn utf8(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(string(value))
}

/// The same, to keep.
pub(super) fn text(value: &[u8]) -> String {
    utf8(value).into_owned()
}
