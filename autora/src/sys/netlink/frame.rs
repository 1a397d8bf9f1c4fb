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

/// Types of messages: an error, which may be 0, and the end of a multipart reply.
pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;

/// Flags of requests: any request; a request for a dump of all entries (`NLM_F_ROOT | NLM_F_MATCH`).
pub(super) const NLM_F_REQUEST: u16 = 0x01;
pub(super) const NLM_F_DUMP: u16 = 0x300;
/// Flags of replies: a part of a multipart reply; a change interrupted the dump; attributes explain an error.
pub(super) const NLM_F_MULTI: u16 = 0x02;
pub(super) const NLM_F_DUMP_INTR: u16 = 0x10;
pub(super) const NLM_F_ACK_TLVS: u16 = 0x200;

/// The multiple of bytes to which the kernel pads messages and attributes.
const ALIGNMENT: usize = 4;
/// The size of `struct nlmsghdr`.
const MESSAGE_HEADER_LEN: usize = 16;
/// The size of `struct nlattr`.
const ATTRIBUTE_HEADER_LEN: usize = 4;
/// The bits of an attribute's type; the other two are flags (nested, network byte order).
const NLA_TYPE_MASK: u16 = 0x3fff;

/// One message of a datagram.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    /// `NLMSG_*` or `RTM_*`.
    pub(super) kind: u16,
    /// `NLM_F_*`.
    pub(super) flags: u16,
    /// The sequence number of the request that this replies to; 0 in a notification.
    pub(super) sequence: u32,
    /// What follows the header.
    pub(super) payload: &'a [u8],
}

/// Bytes that are no message: too short for a header, or for the length that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Returns the messages in `datagram`; a malformed one is the last, because its end is unknown.
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

/// Returns the first message, and the bytes after it.
fn first_message(datagram: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let length = usize::try_from(number(datagram)?).ok()?;
    let whole = datagram.get(..length)?;
    let (header, payload) = whole.split_at_checked(MESSAGE_HEADER_LEN)?;
    let message =
        Message { kind: half(&header[4..])?, flags: half(&header[6..])?, sequence: number(&header[8..])?, payload };
    Some((message, rest(datagram, length)))
}

/// Returns what follows the first `length` bytes and their padding.
fn rest(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default()
}

/// Returns the datagram of one request; `flags` are added to those that every request has.
pub(super) fn request(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(MESSAGE_HEADER_LEN + body.len()).expect("a body of a few bytes");
    let (length, sequence) = (length.to_ne_bytes(), sequence.to_ne_bytes());
    let (kind, flags) = (kind.to_ne_bytes(), (NLM_F_REQUEST | flags).to_ne_bytes());
    // To port 0, the kernel's.
    [length.as_slice(), &kind, &flags, &sequence, &[0; 4], body].concat()
}

/// Returns the attributes in `bytes` as (type, value), up to the first malformed one: what follows it cannot be
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

/// Returns an attribute that holds one number.
pub(super) fn attribute(kind: u16, value: i32) -> Vec<u8> {
    attribute_of(kind, &value.to_ne_bytes())
}

/// Returns an attribute with its padding.
pub(super) fn attribute_of(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = ATTRIBUTE_HEADER_LEN + value.len();
    let header = [u16::try_from(length).expect("a value of a few bytes").to_ne_bytes(), kind.to_ne_bytes()];
    let mut attribute = [header.as_flattened(), value].concat();
    attribute.resize(length.next_multiple_of(ALIGNMENT), 0);
    attribute
}

/// Returns the value of the first attribute of `kind` in `bytes`.
pub(super) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(candidate, value)| (candidate == kind).then_some(value))
}

/// Reads a number of 32 bits, in the machine's own byte order as everywhere in netlink.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(value.first_chunk().copied()?))
}

/// Reads a number of 16 bits.
pub(super) fn half(value: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(value.first_chunk().copied()?))
}

/// Returns the bytes of a string up to its terminating NUL.
pub(super) fn string(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Reads a string of the kernel's own, such as the kind of a link, which is ASCII.
pub(super) fn utf8(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(string(value))
}

/// Reads a string as [`utf8`] does, and copies it.
pub(super) fn text(value: &[u8]) -> String {
    utf8(value).into_owned()
}
