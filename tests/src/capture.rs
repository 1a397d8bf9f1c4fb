//! What is on the wire of one interface, with the kernel's timestamps.

use std::{
    net::Ipv6Addr,
    os::fd::OwnedFd,
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

/// Which way a frame passed the interface that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It arrived.
    Incoming,
    /// It left.
    Outgoing,
}

/// A frame as it was on the wire.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When the kernel saw it (`CLOCK_REALTIME`); comparable between captures.
    pub at: SystemTime,
    /// Which way it went.
    pub direction: Direction,
    /// All of it, the Ethernet header included.
    pub bytes: Vec<u8>,
}

/// A Router Advertisement on the wire. That it was a valid one [RFC 4861 6.1.2] sent to `ff02::1` has been checked.
#[derive(Clone, Debug)]
pub struct Advert {
    /// When the kernel saw it.
    pub at: SystemTime,
    /// Where it came from.
    pub source: Ipv6Addr,
    /// What it says.
    pub advert: RouterAdvert,
    /// The whole frame.
    pub frame: Vec<u8>,
}

/// Watches one interface from the moment it is made, both ways.
#[derive(Debug)]
pub struct Capture {
    socket: OwnedFd,
    interface: Interface,
    adverts: Direction,
}

impl Capture {
    /// Watches a guest's end: the advertisements of interest are those that arrive.
    #[must_use]
    pub fn on(interface: &Interface) -> Self {
        Self::of(interface, Direction::Incoming)
    }

    /// Watches the daemon's end, for want of another (a tap): the advertisements of interest are those that leave.
    #[must_use]
    pub fn outgoing(interface: &Interface) -> Self {
        Self::of(interface, Direction::Outgoing)
    }

    fn of(interface: &Interface, adverts: Direction) -> Self {
        // Frames that leave are only shown to sockets of ETH_P_ALL.
        let socket = packet::open_on(interface, libc::ETH_P_ALL);
        Self { socket, interface: interface.clone(), adverts }
    }

    /// The next advertisement, which must come before `timeout` is over.
    pub fn expect_advert(&mut self, timeout: Duration) -> Advert {
        let deadline = Instant::now() + timeout;
        self.advert_until(deadline)
            .unwrap_or_else(|| panic!("no advertisement on {} within {timeout:?}", self.interface.name()))
    }

    /// All advertisements that are there already or come within `duration`.
    pub fn adverts_within(&mut self, duration: Duration) -> Vec<Advert> {
        let deadline = Instant::now() + duration;
        std::iter::from_fn(|| self.advert_until(deadline)).collect()
    }

    /// No advertisement: none that is there already and not read yet, and none within `duration`.
    pub fn expect_silence(&mut self, duration: Duration) {
        let adverts = self.adverts_within(duration);
        assert!(adverts.is_empty(), "{} should be silent: {adverts:#?}", self.interface.name());
    }

    /// All frames that are there already or come within `duration`, of any kind and both ways.
    pub fn frames_within(&mut self, duration: Duration) -> Vec<Frame> {
        let deadline = Instant::now() + duration;
        std::iter::from_fn(|| self.frame_until(deadline)).collect()
    }

    /// Forgets what has been seen but not read.
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
        loop {
            let mut bytes = vec![0; LARGEST_FRAME];
            if let Some(received) = packet::receive(&self.socket, &mut bytes) {
                bytes.truncate(received.len);
                let direction = if received.is_outgoing { Direction::Outgoing } else { Direction::Incoming };
                return Some(Frame { at: SystemTime::UNIX_EPOCH + received.at, direction, bytes });
            }
            if !packet::wait(&self.socket, deadline) {
                return None;
            }
        }
    }
}

impl Frame {
    /// Whether it is ICMPv6 of this type directly after the IPv6 header.
    #[must_use]
    pub fn is_icmpv6(&self, kind: u8) -> bool {
        self.icmpv6().is_some_and(|packet| packet.message.first() == Some(&kind))
    }

    /// Whether it is a Router Solicitation.
    #[must_use]
    pub fn is_solicit(&self) -> bool {
        self.is_icmpv6(ROUTER_SOLICITATION)
    }

    /// The advertisement in it, if there is one; it must then be right in everything that RFC 4861 6.1.2 asks, and
    /// be addressed as autora's are.
    #[must_use]
    pub fn advert(&self) -> Option<Advert> {
        if !self.is_icmpv6(ROUTER_ADVERTISEMENT) {
            return None;
        }
        let packet = self.icmpv6()?;
        let advert = RouterAdvert::decode(packet.message)
            .unwrap_or_else(|error| panic!("a malformed advertisement: {error}: {self:x?}"));
        assert_eq!(packet.hop_limit, 255, "hop limit: {self:x?}");
        assert!(packet.source.is_unicast_link_local(), "source {}: {self:x?}", packet.source);
        assert_eq!(packet.destination, ALL_NODES, "destination: {self:x?}");
        assert_eq!(self.bytes[..6], Mac::ALL_NODES.0, "link-layer destination: {self:x?}");
        assert_eq!(
            ipv6::checksum(packet.source, packet.destination, packet.message),
            0,
            "checksum: {self:x?}"
        );
        Some(Advert { at: self.at, source: packet.source, advert, frame: self.bytes.clone() })
    }

    fn icmpv6(&self) -> Option<ipv6::Icmpv6Packet<'_>> {
        let (header, packet) = self.bytes.split_at_checked(ETHERNET_HEADER)?;
        (header[12..] == [0x86, 0xdd]).then(|| ipv6::decode(packet).ok())?
    }
}

impl Advert {
    /// The packet without its Ethernet header.
    #[must_use]
    pub fn packet(&self) -> &[u8] {
        &self.frame[ETHERNET_HEADER..]
    }

    /// Whether it tells that the router is one no longer.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.advert.router_lifetime.is_zero()
    }

    /// Its Prefix Information options.
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

    /// How long after `earlier` it was seen.
    #[must_use]
    pub fn since(&self, earlier: SystemTime) -> Duration {
        self.at.duration_since(earlier).expect("the later of two packets is seen later")
    }
}
