//! One socket that hears every Router Advertisement at the far ends of all links, with the kernel's timestamps.

use std::{
    io::IoSliceMut,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

use autora_tests::Namespace;
use nix::{
    cmsg_space, libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        socket::{
            AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockType, recvmsg, setsockopt,
            socket, sockopt,
        },
        time::TimeSpec,
    },
};

use crate::site::Link;

/// A flood of answers must not fill it before it is read.
const BUFFER: usize = 256 << 20;

/// Ethernet, IPv6, and the head of the message.
const ROUTER_LIFETIME: usize = 14 + 40 + 6;
const SNAPSHOT: usize = ROUTER_LIFETIME + 2;

/// Passes IPv6 with ICMPv6 134 directly behind the header (classic BPF; the offsets count from the Ethernet header).
const ADVERTISEMENTS: [libc::sock_filter; 6] = [
    statement(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 14 + 6),
    jump_unless_equal(58, 3),
    statement(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 14 + 40),
    jump_unless_equal(134, 1),
    statement(libc::BPF_RET | libc::BPF_K, 128),
    statement(libc::BPF_RET | libc::BPF_K, 0),
];

/// An advertisement as it was heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ra {
    pub(crate) link: Link,
    /// When: nanoseconds since the epoch.
    pub(crate) at: u64,
    /// Whether it takes the router back.
    pub(crate) is_final: bool,
}

/// The receiver.
#[derive(Debug)]
pub(crate) struct Ears(OwnedFd);

impl Ears {
    /// Hears everything that arrives in a namespace, on interfaces of today and tomorrow.
    pub(crate) fn open(namespace: &Namespace) -> Self {
        namespace.enter(|| {
            // Of no protocol at first, so that nothing queues before the filter is there.
            let closed = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)
                .expect("root may open a packet socket");
            setsockopt(&closed, sockopt::RcvBufForce, &BUFFER).expect("root may set any buffer size");
            setsockopt(&closed, sockopt::ReceiveTimestampns, &true).expect("every socket has timestamps");
            attach(&closed);
            listen(&closed);
            Self(closed)
        })
    }

    /// Tells `hear` of each advertisement until it says that this was enough, or `timeout` is over. Whether it did.
    pub(crate) fn until(&self, timeout: Duration, mut hear: impl FnMut(Ra) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            while let Some(ra) = self.receive() {
                if hear(ra) {
                    return true;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let left = PollTimeout::try_from(left.as_millis() + 1).expect("a wait of a benchmark is short");
            match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], left) {
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(error) => panic!("poll: {error}"),
            }
        }
    }

    /// Everything that is heard within a time.
    pub(crate) fn during(&self, time: Duration) -> Vec<Ra> {
        let mut all = Vec::new();
        self.until(time, |ra| {
            all.push(ra);
            false
        });
        all
    }

    /// Forgets what has been heard and not been read.
    pub(crate) fn clear(&self) {
        drop(self.during(Duration::ZERO));
    }

    /// What there is to hear now, other than from interfaces that are no link's.
    fn receive(&self) -> Option<Ra> {
        loop {
            let mut bytes = [0; SNAPSHOT];
            let mut space = cmsg_space!(TimeSpec);
            let mut buffers = [IoSliceMut::new(&mut bytes)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let received =
                match recvmsg::<LinkAddr>(self.0.as_raw_fd(), &mut buffers, Some(&mut space), flags) {
                    Ok(received) => received,
                    // An interface went down or away.
                    Err(nix::Error::ENETDOWN) => continue,
                    Err(_) => return None,
                };
            let index = received.address.map(|address| address.ifindex())?;
            let at = received.cmsgs().expect("there is room").find_map(|message| timestamp(&message))?;
            let link = u32::try_from(index).ok().and_then(Link::of_guest_index);
            let is_final = bytes[ROUTER_LIFETIME..] == [0, 0];
            if let Some(link) = link {
                return Some(Ra { link, at, is_final });
            }
        }
    }
}

fn timestamp(message: &ControlMessageOwned) -> Option<u64> {
    if let ControlMessageOwned::ScmTimestampns(time) = message {
        u64::try_from(Duration::from(*time).as_nanos()).ok()
    } else {
        None
    }
}

fn attach(socket: &OwnedFd) {
    let mut program = ADVERTISEMENTS;
    let program =
        libc::sock_fprog { len: u16::try_from(program.len()).expect("short"), filter: program.as_mut_ptr() };
    // SAFETY: the program and its length are right and live across the call, which copies it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            u32::try_from(size_of_val(&program)).expect("small"),
        )
    };
    assert_eq!(result, 0, "SO_ATTACH_FILTER: {}", std::io::Error::last_os_error());
}

/// Binds to IPv6 of every interface.
fn listen(socket: &OwnedFd) {
    // SAFETY: `sockaddr_ll` is plain data for which all zeroes is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).expect("an address family has 16 bits");
    address.sll_protocol = u16::try_from(libc::ETH_P_IPV6).expect("an EtherType has 16 bits").to_be();
    // SAFETY: the address lives across the call, and the length is its own.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            u32::try_from(size_of_val(&address)).expect("small"),
        )
    };
    assert_eq!(result, 0, "bind: {}", std::io::Error::last_os_error());
}

const fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Skips `over` instructions unless the accumulator is `k`.
const fn jump_unless_equal(k: u32, over: u8) -> libc::sock_filter {
    let code = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    libc::sock_filter { code: code as u16, jt: 0, jf: over, k }
}
