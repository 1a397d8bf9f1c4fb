//! Bytes that the kernel, or somebody in its place, puts on a netlink socket.

use autora::{
    addr::IfIndex,
    sys::netlink::{
        Changes,
        fuzzing::{changes, facts},
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
const RTM_GETNEIGHTBL: u16 = 66;
const RTM_NEWNETCONF: u16 = 80;
const RTM_DELNETCONF: u16 = 81;
const RTM_GETNETCONF: u16 = 82;

/// What this machine's own kernel answers to the daemon's questions: an event has the same form.
pub fn prepare() {
    let seeds = [RTM_GETLINK, RTM_GETADDR, RTM_GETNETCONF, RTM_GETNEIGHTBL].into_iter().flat_map(ask);
    seeds::write(seeds);
}

/// `datagram` is read as an event and as an answer.
pub fn check(datagram: &[u8]) {
    assert_eq!(
        changes(datagram),
        plain_changes(datagram),
        "the first is the daemon's reading, the second the plain one"
    );
    let facts = facts(datagram);
    let understood = facts.interfaces.len()
        + facts.addresses.len()
        + facts.forwarding.len()
        + facts.neighbour_limits.len()
        + facts.malformed;
    assert!(understood <= datagram.len() / HEADER_LEN, "no more facts than messages: {facts:?}");
    for interface in &facts.interfaces {
        // Each byte that is no UTF-8 becomes a character of three.
        assert!(interface.name.len() <= 3 * datagram.len(), "no more memory than the datagram takes");
    }
}

/// The daemon's reading of an event once more, by hand.
fn plain_changes(mut datagram: &[u8]) -> Changes {
    let mut changes = Changes::default();
    while !datagram.is_empty() {
        let Some((kind, payload, rest)) = plain_message(datagram) else {
            changes.overrun = true;
            break;
        };
        match kind {
            RTM_NEWLINK | RTM_DELLINK | RTM_NEWADDR | RTM_DELADDR => plain_link(kind, payload, &mut changes),
            RTM_NEWNETCONF | RTM_DELNETCONF => plain_netconf(payload, &mut changes),
            _ => {}
        }
        datagram = rest;
    }
    changes
}

fn plain_link(kind: u16, payload: &[u8], changes: &mut Changes) {
    match payload.get(4..8).map(plain_number).and_then(IfIndex::new) {
        Some(index) => {
            changes.dirty.insert(index);
            changes.deleted.extend((kind == RTM_DELLINK && payload[0] == 0).then_some(index));
        }
        None => changes.overrun = true,
    }
}

fn plain_netconf(payload: &[u8], changes: &mut Changes) {
    let [family, _, _, _, attributes @ ..] = payload else {
        changes.overrun = true;
        return;
    };
    if *family != AF_INET6 {
        return;
    }
    match plain_attribute(attributes, 1).and_then(|value| value.get(..4)).map(plain_number) {
        Some(0) | None => changes.overrun = true,
        // conf.all and conf.default.
        Some(0xffff_ffff | 0xffff_fffe) => changes.host = true,
        Some(index) => changes.dirty.extend(IfIndex::new(index)),
    }
}

/// Type and payload of the first message, and what follows it.
fn plain_message(datagram: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let header = datagram.get(..HEADER_LEN)?;
    let len = usize::try_from(plain_number(header)).expect("a machine of 32 bits at the least");
    let payload = datagram.get(HEADER_LEN..len)?;
    let rest = datagram.get(len.div_ceil(4) * 4..).unwrap_or(&[]);
    Some((u16::from_ne_bytes([header[4], header[5]]), payload, rest))
}

/// The value of the first attribute of `wanted` type. The two upper bits of a type are flags.
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

/// The datagrams of the answer to a question about everything of one kind.
fn ask(kind: u16) -> Vec<Vec<u8>> {
    const NLM_F_REQUEST_AND_DUMP: u16 = 0x301;
    let mut socket = Socket::new(NETLINK_ROUTE).expect("anybody may ask");
    socket.bind_auto().expect("an address");
    let question = [
        &32_u32.to_ne_bytes()[..],
        &kind.to_ne_bytes(),
        &NLM_F_REQUEST_AND_DUMP.to_ne_bytes(),
        &1_u32.to_ne_bytes(),
        &[0; 4],
        // The family, and the rest of the longest header that any of these questions has.
        &[if kind == RTM_GETLINK { 0 } else { AF_INET6 }],
        &[0; 15],
    ];
    socket.send_to(&question.concat(), &SocketAddr::new(0, 0), 0).expect("the kernel listens");
    let mut answer = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full().expect("the kernel answers");
        let last = is_last(&datagram);
        answer.push(datagram);
        if last {
            return answer;
        }
    }
}

/// Whether an answer ends with this datagram.
fn is_last(mut datagram: &[u8]) -> bool {
    while let Some((kind, _, rest)) = plain_message(datagram) {
        if [NLMSG_ERROR, NLMSG_DONE].contains(&kind) {
            return true;
        }
        datagram = rest;
    }
    false
}
