//! What an event datagram makes stale: a pure function over bytes.

use std::collections::BTreeSet;

use nix::libc::{
    AF_INET6, AF_UNSPEC, RTM_DELADDR, RTM_DELLINK, RTM_DELNETCONF, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNETCONF,
};

use super::{
    attribute::{find, number},
    decode::{NETCONF_HEADER_LEN, NETCONFA_IFINDEX, NETCONFA_IFINDEX_ALL, NETCONFA_IFINDEX_DEFAULT},
    message::{Malformed, Message, messages},
};
use crate::addr::IfIndex;

/// What has to be read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Interfaces that changed, came or went.
    pub dirty: BTreeSet<IfIndex>,
    /// Interfaces that were deleted, also where another one has their index by now: what was known of them is void.
    pub deleted: BTreeSet<IfIndex>,
    /// The host-wide facts changed.
    pub host: bool,
    /// Events were lost: everything has to be read again.
    pub overrun: bool,
}

impl Changes {
    /// Whether nothing has to be read again.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what the messages in `datagram` announce. What cannot be understood counts as lost.
    pub(super) fn note(&mut self, datagram: &[u8]) {
        for message in messages(datagram) {
            match message.and_then(subject) {
                Ok(Subject::Interface(index)) => _ = self.dirty.insert(index),
                Ok(Subject::Deleted(index)) => {
                    self.deleted.insert(index);
                    self.dirty.insert(index);
                }
                Ok(Subject::Host) => self.host = true,
                Ok(Subject::Other) => {}
                Err(Malformed) => self.overrun = true,
            }
        }
    }
}

/// Whom a message is about.
enum Subject {
    Interface(IfIndex),
    /// An interface that is no more.
    Deleted(IfIndex),
    Host,
    /// Nothing that concerns us.
    Other,
}

fn subject(message: Message<'_>) -> Result<Subject, Malformed> {
    match message.kind {
        // struct ifinfomsg and struct ifaddrmsg both have the index in their second 32 bits. A link message of family
        // AF_BRIDGE or AF_INET6 speaks of the same interface: RTM_DELLINK then only means that it left the bridge.
        RTM_DELLINK if message.payload.first().copied().map(i32::from) == Some(AF_UNSPEC) => {
            index_after(message.payload, 4).map(Subject::Deleted)
        }
        RTM_NEWLINK | RTM_DELLINK | RTM_NEWADDR | RTM_DELADDR => {
            index_after(message.payload, 4).map(Subject::Interface)
        }
        RTM_NEWNETCONF | RTM_DELNETCONF => netconf_subject(message.payload),
        _ => Ok(Subject::Other),
    }
}

fn index_after(payload: &[u8], offset: usize) -> Result<IfIndex, Malformed> {
    let raw = payload.get(offset..).and_then(number).ok_or(Malformed)?;
    IfIndex::new(raw).ok_or(Malformed)
}

/// Writing `conf.all.forwarding` also flips every interface, and the kernel announces each that it flipped, so the
/// message about `all` itself concerns the host alone.
fn netconf_subject(payload: &[u8]) -> Result<Subject, Malformed> {
    let (header, attributes) = payload.split_at_checked(NETCONF_HEADER_LEN).ok_or(Malformed)?;
    if i32::from(header[0]) != AF_INET6 {
        return Ok(Subject::Other);
    }
    match find(attributes, NETCONFA_IFINDEX).and_then(number).ok_or(Malformed)?.cast_signed() {
        NETCONFA_IFINDEX_ALL | NETCONFA_IFINDEX_DEFAULT => Ok(Subject::Host),
        index => IfIndex::new(index.cast_unsigned()).map(Subject::Interface).ok_or(Malformed),
    }
}

#[cfg(test)]
mod tests;
