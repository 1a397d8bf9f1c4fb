//! Packet sockets (`packet(7)`): whole frames in and out of one interface, or of all interfaces of a
//! namespace.

use std::{
    io::{IoSlice, IoSliceMut},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    cmsg_space,
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        socket::{
            AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, bind, recvmsg,
            sendmsg, setsockopt, socket, sockopt,
        },
        time::TimeSpec,
    },
};

use crate::{link::Interface, namespace::Namespace};

/// Room for the largest frame of these tests.
pub(crate) const LARGEST_FRAME: usize = 65_536;

const BUFFER: usize = 32 << 20;

/// Sends frames from an interface, the link-layer header included, exactly as given.
#[derive(Debug)]
pub struct Sender(OwnedFd);

impl Sender {
    /// Opens a sender on `interface`.
    #[must_use]
    pub fn on(interface: &Interface) -> Self {
        Self(open_on(interface, 0))
    }

    /// Sends one frame.
    pub fn send(&self, frame: &[u8]) {
        let sent = sendmsg::<LinkAddr>(self.0.as_raw_fd(), &[IoSlice::new(frame)], &[], MsgFlags::empty(), None);
        assert_eq!(sent, Ok(frame.len()), "sending a frame of {} bytes", frame.len());
    }

    /// Sends several frames.
    pub fn send_all(&self, frames: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        for frame in frames {
            self.send(frame.as_ref());
        }
    }
}

/// Metadata of a received frame.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Number of bytes in the buffer.
    pub len: usize,
    /// The interface's index.
    pub index: u32,
    /// Whether the interface sent the frame.
    pub is_outgoing: bool,
    /// The kernel's timestamp: `CLOCK_REALTIME` since the epoch.
    pub at: Duration,
}

/// Opens a packet socket with a receive buffer of `buffer` bytes. It has no protocol, so it receives nothing
/// until [`listen`].
#[must_use]
pub fn open(namespace: &Namespace, buffer: usize) -> OwnedFd {
    let open = || socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None);
    let socket = namespace.enter(open).expect("root may open a packet socket");
    setsockopt(&socket, sockopt::RcvBufForce, &buffer).expect("root may set any buffer size");
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("every socket has timestamps");
    socket
}

/// Opens a packet socket on one interface that receives frames of `protocol`, or none if that is 0.
pub(crate) fn open_on(interface: &Interface, protocol: i32) -> OwnedFd {
    let socket = open(interface.namespace(), BUFFER);
    listen(&socket, interface.index(), protocol);
    socket
}

/// Begins to receive frames of `protocol` on the interface with this index, or on all interfaces if that is
/// 0.
pub fn listen(socket: &OwnedFd, index: u32, protocol: i32) {
    bind(socket.as_raw_fd(), &address(index, protocol)).expect("the interface exists");
}

/// Reads a frame that has arrived, cut to the size of `buffer`. Returns `None` if there is none.
pub fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Option<Received> {
    let (mut space, flags) = (cmsg_space!(TimeSpec), MsgFlags::MSG_DONTWAIT);
    loop {
        let mut buffers = [IoSliceMut::new(buffer)];
        let received = match recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut buffers, Some(&mut space), flags) {
            Ok(received) => received,
            // An interface went down or was deleted; frames that it received before may still be queued.
            Err(Errno::ENETDOWN) => continue,
            Err(Errno::EAGAIN) => return None,
            Err(error) => panic!("receiving on a packet socket: {error}"),
        };
        let address = received.address.expect("a packet socket names the interface");
        let at = received.cmsgs().expect("the control buffer is large enough").find_map(|message| {
            if let ControlMessageOwned::ScmTimestampns(time) = message { Some(time.into()) } else { None }
        });
        return Some(Received {
            len: received.bytes,
            index: u32::try_from(address.ifindex()).expect("an index is not negative"),
            is_outgoing: address.pkttype() == libc::PACKET_OUTGOING,
            at: at.expect("SO_TIMESTAMPNS is on"),
        });
    }
}

/// Waits for a frame until `deadline`; returns whether one can be read.
pub fn wait(socket: &impl AsFd, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    // A millisecond more: `poll` counts whole ones and must not return early.
    let timeout =
        PollTimeout::try_from(left.as_millis() + u128::from(!left.is_zero())).expect("a wait of a test is short");
    match poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], timeout) {
        Ok(ready) => ready > 0,
        Err(Errno::EINTR) => true,
        Err(error) => panic!("poll on a packet socket: {error}"),
    }
}

/// Returns the address of an interface as in `packet(7)`.
#[must_use]
pub fn address(index: u32, protocol: i32) -> LinkAddr {
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
    // SAFETY: the pointer is to a `sockaddr_ll` of that length and family, which is copied.
    unsafe { LinkAddr::from_raw((&raw const raw).cast(), Some(len)) }.expect("family and length are right")
}
