//! Datagrams of a netlink socket, from the kernel or not.

use std::collections::BTreeSet;

use autora::{
    addr::IfIndex,
    sys::netlink::{
        Change,
        fuzzing::{FuzzedMirror, facts},
    },
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::seeds;

/// `struct nlmsghdr`.
const HEADER_LEN: usize = 16;
const AF_INET6: u8 = 10;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const RTM_GETNEIGH: u16 = 30;
const RTM_GETNEIGHTBL: u16 = 66;
const RTM_NEWNETCONF: u16 = 80;
const RTM_DELNETCONF: u16 = 81;
const RTM_GETNETCONF: u16 = 82;

/// Writes the replies of this machine's kernel to the daemon's requests as seeds: notifications have the same
/// form.
pub fn prepare() {
    let seeds = [RTM_GETLINK, RTM_GETADDR, RTM_GETNEIGH, RTM_GETNETCONF, RTM_GETNEIGHTBL].into_iter().flat_map(request);
    seeds::write(seeds);
}

/// Parses `datagram` as notifications and as a reply.
pub fn check(datagram: &[u8]) {
    check_notifications(datagram);
    check_dump(datagram);
    let facts = facts(datagram);
    let understood = facts.interfaces.len()
        + facts.addresses.len()
        + facts.forwarding.len()
        + facts.neighbour_limits.len()
        + facts.malformed;
    assert!(understood <= datagram.len() / HEADER_LEN, "no more facts than messages: {facts:?}");
    for interface in &facts.interfaces {
        // Each byte that is not UTF-8 becomes a character of three bytes.
        assert!(interface.name.len() <= 3 * datagram.len(), "no more memory than the datagram takes");
    }
}

/// The changes lead to the interfaces of the mirror, and only interfaces that the datagram names change. The
/// same datagram again is accepted or lost likewise.
fn check_notifications(datagram: &[u8]) {
    let mut mirror = FuzzedMirror::default();
    mirror.dump(datagram, true);
    let mut known: BTreeSet<IfIndex> = BTreeSet::new();
    follow(&mut mirror, &mut known);
    let before = mirror.interfaces();
    let named = plain_subjects(datagram);
    let accepted = mirror.receive(datagram);
    assert!(named.is_some() || !accepted, "the mirror rejects a malformed datagram");
    for change in mirror.changes() {
        let index = match &change {
            Change::Gone(index) => *index,
            Change::Seen(interface) => interface.index,
            Change::HostForwarding(_) | Change::Resynced { .. } => continue,
        };
        let was = before.iter().find(|interface| interface.index == index);
        let is_named = named.as_ref().is_none_or(|named| named.contains(&index));
        assert!(is_named, "{change:?} without a notification; it was {was:?}");
    }
    assert_eq!(mirror.receive(datagram), accepted, "the same datagram again");
}

fn follow(mirror: &mut FuzzedMirror, known: &mut BTreeSet<IfIndex>) {
    for change in mirror.changes() {
        match change {
            Change::Gone(index) => _ = known.remove(&index),
            Change::Seen(interface) => _ = known.insert(interface.index),
            Change::HostForwarding(_) | Change::Resynced { .. } => {}
        }
    }
    let shown: BTreeSet<_> = mirror.interfaces().into_iter().map(|interface| interface.index).collect();
    assert!(known.is_subset(&shown), "the changes made {known:?}, the mirror has {shown:?}");
}

/// The same dump again changes nothing, and an interrupted dump removes nothing.
fn check_dump(datagram: &[u8]) {
    let mut mirror = FuzzedMirror::default();
    mirror.dump(datagram, true);
    let once = mirror.interfaces();
    mirror.dump(datagram, true);
    assert_eq!(mirror.interfaces(), once, "the same dump again");
    mirror.dump(&[], false);
    assert_eq!(mirror.interfaces(), once, "an empty, interrupted dump");
    mirror.dump(&[], true);
    assert_eq!(mirror.interfaces(), [], "an empty, complete dump");
}

/// Returns the interfaces that the messages of a notification name; `None` if one is malformed.
fn plain_subjects(mut datagram: &[u8]) -> Option<BTreeSet<IfIndex>> {
    let mut subjects = BTreeSet::new();
    while !datagram.is_empty() {
        let (kind, payload, rest) = plain_message(datagram)?;
        match (kind, payload.first()) {
            (RTM_NEWLINK | RTM_DELLINK | RTM_NEWADDR | RTM_DELADDR, Some(_)) => {
                let unspecific = payload[0] == 0 && [RTM_NEWLINK, RTM_DELLINK].contains(&kind);
                if unspecific || payload[0] == AF_INET6 {
                    subjects.insert(IfIndex::new(plain_number(payload.get(4..8)?))?);
                }
            }
            (RTM_NEWNETCONF | RTM_DELNETCONF, Some(&AF_INET6)) => {
                let index = plain_attribute(payload.get(4..)?, 1)?.get(..4).map(plain_number)?;
                subjects.insert(IfIndex::new(index)?);
            }
            _ => {}
        }
        datagram = rest;
    }
    Some(subjects)
}

/// Returns type and payload of the first message, and the bytes after it.
fn plain_message(datagram: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let header = datagram.get(..HEADER_LEN)?;
    let len = usize::try_from(plain_number(header)).expect("a machine of 32 bits at the least");
    let payload = datagram.get(HEADER_LEN..len)?;
    let rest = datagram.get(len.div_ceil(4) * 4..).unwrap_or(&[]);
    Some((u16::from_ne_bytes([header[4], header[5]]), payload, rest))
}

/// Returns the value of the first attribute of `wanted` type. The two upper bits of a type are flags.
fn plain_attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let [l0, l1, k0, k1, ..] = *attributes {
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = attributes.get(4..len)?;
        if u16::from_ne_bytes([k0, k1]) & 0x3fff == wanted {
            return Some(value);
        }
        attributes = attributes.get(len.div_ceil(4) * 4..)?;
    }
    None
}

fn plain_number(bytes: &[u8]) -> u32 {
    u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Returns the datagrams of a dump of one kind.
fn request(kind: u16) -> Vec<Vec<u8>> {
    const NLM_F_REQUEST_AND_DUMP: u16 = 0x301;
    let mut socket = Socket::new(NETLINK_ROUTE).expect("netlink needs no privilege");
    socket.bind_auto().expect("the kernel assigns an address");
    let request = [
        &32_u32.to_ne_bytes()[..],
        &kind.to_ne_bytes(),
        &NLM_F_REQUEST_AND_DUMP.to_ne_bytes(),
        &1_u32.to_ne_bytes(),
        &[0; 4],
        // The family, and the rest of the longest header of these queries.
        &[if kind == RTM_GETLINK { 0 } else { AF_INET6 }],
        &[0; 15],
    ];
    socket.send_to(&request.concat(), &SocketAddr::new(0, 0), 0).expect("the kernel takes requests");
    let mut reply = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full().expect("the kernel replies");
        let last = is_last(&datagram);
        reply.push(datagram);
        if last {
            return reply;
        }
    }
}

/// Returns whether a reply ends with this datagram.
fn is_last(mut datagram: &[u8]) -> bool {
    while let Some((kind, _, rest)) = plain_message(datagram) {
        if [NLMSG_ERROR, NLMSG_DONE].contains(&kind) {
            return true;
        }
        datagram = rest;
    }
    false
}
