//! Frames on the wire of one interface, with the kernel's timestamps.

use std::{
    fs::File,
    io::Read,
    net::Ipv6Addr,
    os::fd::OwnedFd,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime},
};

use autora::wire::{
    ALL_NODES, NdOption, PrefixInformation, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION, RouterAdvert, ipv6,
};
use nix::libc;

use crate::{
    link::{Interface, Mac},
    packet::{self, LARGEST_FRAME},
};

const ETHERNET_HEADER: usize = 14;

/// Direction of a frame at the captured interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The interface received the frame.
    Incoming,
    /// The interface sent the frame.
    Outgoing,
}

/// A captured frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The kernel's timestamp (`CLOCK_REALTIME`); comparable between captures.
    pub at: SystemTime,
    /// Whether the interface received or sent it.
    pub direction: Direction,
    /// The whole frame, Ethernet header included.
    pub bytes: Vec<u8>,
}

/// A Router Advertisement on the wire, valid by
/// [RFC 4861 6.1.2](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2) and sent to `ff02::1`.
#[derive(Clone, Debug)]
pub struct Advert {
    /// The kernel's timestamp (`CLOCK_REALTIME`).
    pub at: SystemTime,
    /// The IPv6 source.
    pub source: Ipv6Addr,
    /// The decoded message.
    pub advert: RouterAdvert,
    /// The whole frame.
    pub frame: Vec<u8>,
}

/// Captures the frames of one interface, from its creation on.
///
/// What the daemon sends is captured at the guest's end alone: packets that pass by the queueing discipline are not
/// shown at the host's (`__dev_direct_xmit` in net/core/dev.c).
#[derive(Debug)]
pub struct Capture {
    source: Source,
    interface: Interface,
    adverts: Direction,
}

/// A tap's device, if it is open; shared with the captures that read it.
pub(crate) type Handle = Arc<Mutex<Option<File>>>;

#[derive(Debug)]
enum Source {
    Socket(OwnedFd),
    Tap(Handle),
}

impl Capture {
    /// Captures at a guest's end, in both directions: the RAs of interest are those that arrive.
    #[must_use]
    pub fn on(interface: &Interface) -> Self {
        // The kernel shows outgoing frames to sockets of ETH_P_ALL alone.
        let source = Source::Socket(packet::open_on(interface, libc::ETH_P_ALL));
        Self { source, interface: interface.clone(), adverts: Direction::Incoming }
    }

    /// Captures what a tap sends to the program that holds it open.
    pub(crate) fn of_tap(interface: &Interface, handle: Handle) -> Self {
        Self { source: Source::Tap(handle), interface: interface.clone(), adverts: Direction::Outgoing }
    }

    /// Returns the next RA. Panics if none comes within `timeout`.
    pub fn expect_advert(&mut self, timeout: Duration) -> Advert {
        let deadline = Instant::now() + timeout;
        self.advert_until(deadline).unwrap_or_else(|| panic!("no RA on {} within {timeout:?}", self.interface.name()))
    }

    /// Returns the RAs captured so far and within `duration` from now.
    pub fn adverts_within(&mut self, duration: Duration) -> Vec<Advert> {
        let deadline = Instant::now() + duration;
        std::iter::from_fn(|| self.advert_until(deadline)).collect()
    }

    /// Panics if an RA was captured and not read yet, or comes within `duration`.
    pub fn expect_silence(&mut self, duration: Duration) {
        let adverts = self.adverts_within(duration);
        assert!(adverts.is_empty(), "no RA was expected on {}: {adverts:#?}", self.interface.name());
    }

    /// Returns the frames of any kind and direction captured so far and within `duration` from now.
    pub fn frames_within(&mut self, duration: Duration) -> Vec<Frame> {
        let deadline = Instant::now() + duration;
        std::iter::from_fn(|| self.frame_until(deadline)).collect()
    }

    /// Discards the frames captured so far.
    pub fn clear(&mut self) {
        drop(self.frames_within(Duration::ZERO));
    }

    fn advert_until(&mut self, deadline: Instant) -> Option<Advert> {
        loop {
            let frame = self.frame_until(deadline)?;
            if frame.direction == self.adverts
                && let Some(advert) = frame.advert()
            {
                return Some(advert);
            }
        }
    }

    fn frame_until(&mut self, deadline: Instant) -> Option<Frame> {
        match &self.source {
            Source::Socket(socket) => socket_frame(socket, deadline),
            Source::Tap(handle) => tap_frame(handle, deadline),
        }
    }
}

fn socket_frame(socket: &OwnedFd, deadline: Instant) -> Option<Frame> {
    loop {
        let mut bytes = vec![0; LARGEST_FRAME];
        if let Some(received) = packet::receive(socket, &mut bytes) {
            bytes.truncate(received.len);
            let direction = if received.is_outgoing { Direction::Outgoing } else { Direction::Incoming };
            return Some(Frame { at: SystemTime::UNIX_EPOCH + received.at, direction, bytes });
        }
        if !packet::wait(socket, deadline) {
            return None;
        }
    }
}

/// A tap has no timestamps: the time is that of reading.
fn tap_frame(handle: &Handle, deadline: Instant) -> Option<Frame> {
    let handle = handle.lock().expect("no thread panics with it");
    let Some(mut file) = handle.as_ref() else {
        thread::sleep(deadline.saturating_duration_since(Instant::now()));
        return None;
    };
    if !packet::wait(file, deadline) {
        return None;
    }
    let mut bytes = vec![0; LARGEST_FRAME];
    let len = file.read(&mut bytes).expect("a frame is there");
    bytes.truncate(len);
    Some(Frame { at: SystemTime::now(), direction: Direction::Outgoing, bytes })
}

impl Frame {
    /// Returns whether the frame is ICMPv6 of type `kind` directly after the IPv6 header.
    #[must_use]
    pub fn is_icmpv6(&self, kind: u8) -> bool {
        self.icmpv6().is_some_and(|packet| packet.message.first() == Some(&kind))
    }

    /// Returns whether the frame is a Router Solicitation.
    #[must_use]
    pub fn is_solicit(&self) -> bool {
        self.is_icmpv6(ROUTER_SOLICITATION)
    }

    /// Returns the RA in the frame, if there is one. Panics if that RA is invalid [RFC 4861 6.1.2] or not
    /// multicast to all nodes.
    #[must_use]
    pub fn advert(&self) -> Option<Advert> {
        if !self.is_icmpv6(ROUTER_ADVERTISEMENT) {
            return None;
        }
        let packet = self.icmpv6()?;
        let advert =
            RouterAdvert::decode(packet.message).unwrap_or_else(|error| panic!("a malformed RA: {error}: {self:x?}"));
        assert_eq!(packet.hop_limit, 255, "hop limit: {self:x?}");
        assert!(packet.source.is_unicast_link_local(), "source {}: {self:x?}", packet.source);
        assert_eq!(packet.destination, ALL_NODES, "destination: {self:x?}");
        assert_eq!(self.bytes[..6], Mac::ALL_NODES.0, "link-layer destination: {self:x?}");
        assert_eq!(ipv6::checksum(packet.source, packet.destination, packet.message), 0, "checksum: {self:x?}");
        Some(Advert { at: self.at, source: packet.source, advert, frame: self.bytes.clone() })
    }

    fn icmpv6(&self) -> Option<ipv6::Icmpv6Packet<'_>> {
        let (header, packet) = self.bytes.split_at_checked(ETHERNET_HEADER)?;
        (header[12..] == [0x86, 0xdd]).then(|| ipv6::decode(packet).ok())?
    }
}

impl Advert {
    /// Returns the packet without its Ethernet header.
    #[must_use]
    pub fn packet(&self) -> &[u8] {
        &self.frame[ETHERNET_HEADER..]
    }

    /// Returns whether it is a final RA: Router Lifetime 0.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.advert.router_lifetime.is_zero()
    }

    /// Returns its Prefix Information options.
    #[must_use]
    pub fn prefixes(&self) -> Vec<PrefixInformation> {
        self.advert
            .options
            .iter()
            .filter_map(|option| match option {
                NdOption::PrefixInformation(information) => Some(*information),
                NdOption::SourceLinkLayerAddress(_) | NdOption::Mtu(_) | NdOption::Other { .. } => None,
            })
            .collect()
    }

    /// Returns how long after `earlier` it was captured. Panics if it was captured before.
    #[must_use]
    pub fn since(&self, earlier: SystemTime) -> Duration {
        self.at.duration_since(earlier).expect("it was captured later")
    }
}
