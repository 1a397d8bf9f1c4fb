//! Packet sockets (`packet(7)`): whole frames in and out of one interface.

use std::{
    io::IoSlice,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    libc,
    sys::socket::{
        AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, bind, sendmsg, setsockopt,
        socket, sockopt,
    },
};

use crate::Interface;

/// Room for the largest frame of these tests.
pub(crate) const LARGEST_FRAME: usize = 65_536;

const BUFFER: usize = 32 << 20;

/// Sends frames from an interface, the link-layer header included, exactly as given.
#[derive(Debug)]
pub struct Sender(OwnedFd);

impl Sender {
    /// A sender on `interface`.
    #[must_use]
    pub fn on(interface: &Interface) -> Self {
        Self(open(interface, 0))
    }

    /// Sends one frame.
    pub fn send(&self, frame: &[u8]) {
        let sent =
            sendmsg::<LinkAddr>(self.0.as_raw_fd(), &[IoSlice::new(frame)], &[], MsgFlags::empty(), None);
        assert_eq!(sent, Ok(frame.len()), "sending a frame of {} bytes", frame.len());
    }

    /// Sends several.
    pub fn send_all(&self, frames: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        for frame in frames {
            self.send(frame.as_ref());
        }
    }
}

/// Opens a packet socket on one interface that receives frames of `protocol`; of none at all if that is 0.
pub(crate) fn open(interface: &Interface, protocol: i32) -> OwnedFd {
    interface.namespace().enter(|| {
        // Without a protocol it receives nothing until it is bound, so nothing of another interface either.
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)
            .expect("root may open a packet socket");
        setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).expect("root may set any buffer size");
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("every socket has timestamps");
        bind(socket.as_raw_fd(), &link_address(interface.index(), protocol)).expect("the interface exists");
        socket
    })
}

fn link_address(index: u32, protocol: i32) -> LinkAddr {
    let protocol = u16::try_from(protocol).expect("an EtherType has 16 bits");
    let raw = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET.cast_unsigned().try_into().expect("an address family has 16 bits"),
        sll_protocol: protocol.to_be(),
        sll_ifindex: index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let len = u32::try_from(size_of_val(&raw)).expect("a socket address is short");
    // SAFETY: the pointer leads to a `sockaddr_ll` of that length whose family says so; it is copied.
    unsafe { LinkAddr::from_raw((&raw const raw).cast(), Some(len)) }.expect("family and length are right")
}
