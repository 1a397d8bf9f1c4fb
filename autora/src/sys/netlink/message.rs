//! Netlink messages within a datagram.
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
//! ```

use netlink_packet_core::{NLMSG_ALIGNTO, NetlinkBuffer};

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
        let Ok(buffer) = NetlinkBuffer::new_checked(datagram) else {
            datagram = &[];
            return Some(Err(Malformed));
        };
        let padded = (buffer.length() as usize).next_multiple_of(NLMSG_ALIGNTO.into());
        datagram = datagram.get(padded..).unwrap_or_default();
        Some(Ok(Message {
            kind: buffer.message_type(),
            flags: buffer.flags(),
            sequence: buffer.sequence_number(),
            payload: buffer.payload(),
        }))
    })
}
