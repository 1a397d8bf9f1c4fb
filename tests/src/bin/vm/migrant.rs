//! The part of this program that runs inside a machine that migrates: it pings, and reports each RA that arrives.

use std::{
    net::{Ipv6Addr, SocketAddrV6},
    os::fd::{AsRawFd, OwnedFd},
    process::ExitCode,
    time::{Duration, Instant},
};

use autora::wire::{NdOption, ROUTER_ADVERTISEMENT, RouterAdvert};
use autora_tests::packet;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn6, recvfrom, sendto, socket,
};

const INTERVAL: Duration = Duration::from_millis(100);

/// How many echo requests may still be answered when they are counted: those of the last second.
const UNDER_WAY: usize = 10;

/// [RFC 4443 4](https://www.rfc-editor.org/rfc/rfc4443#section-4).
const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;

/// What every host has beside the guest's /64.
pub(crate) const TARGET: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0xff, 0, 0, 0, 1);

/// Sends ten echo requests a second to [`TARGET`] for as long as the machine runs.
pub(crate) fn run() -> ExitCode {
    let socket = socket(AddressFamily::Inet6, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::IcmpV6)
        .expect("root may open a raw socket");
    let mut migrant = Migrant { socket, answered: Vec::new() };
    loop {
        migrant.send();
        migrant.receive_until(Instant::now() + INTERVAL);
        if migrant.answered.len().is_multiple_of(UNDER_WAY) {
            migrant.report();
        }
    }
}

struct Migrant {
    socket: OwnedFd,
    /// Whether each echo request so far was answered.
    answered: Vec<bool>,
}

impl Migrant {
    fn send(&mut self) {
        let number = u16::try_from(self.answered.len()).expect("a test is shorter than an hour").to_be_bytes();
        let target = SockaddrIn6::from(SocketAddrV6::new(TARGET, 0, 0, 0));
        // The kernel fills in the checksum. Without a route nothing is sent, which counts as lost.
        let request = [ECHO_REQUEST, 0, 0, 0, 0, 0, number[0], number[1]];
        let _lost = sendto(self.socket.as_raw_fd(), &request, &target, MsgFlags::empty());
        self.answered.push(false);
    }

    fn receive_until(&mut self, deadline: Instant) {
        while Instant::now() < deadline {
            if packet::wait(&self.socket, deadline) {
                self.receive();
            }
        }
    }

    fn receive(&mut self) {
        let mut buffer = [0; 2048];
        let (len, source) = recvfrom::<SockaddrIn6>(self.socket.as_raw_fd(), &mut buffer).expect("one has arrived");
        match buffer[..len] {
            [ECHO_REPLY, _, _, _, _, _, high, low] => {
                self.answered[usize::from(u16::from_be_bytes([high, low]))] = true;
            }
            [ROUTER_ADVERTISEMENT, ..] => report_advert(source.expect("it has a source").ip(), &buffer[..len]),
            _ => {}
        }
    }

    /// Reports how many echo requests were sent, and how many of them are lost.
    fn report(&self) {
        let old = &self.answered[..self.answered.len() - UNDER_WAY];
        println!("@@ pings {} {}", old.len(), old.iter().filter(|answered| !**answered).count());
    }
}

/// Reports the source of an RA and the link-layer address in it.
fn report_advert(source: Ipv6Addr, message: &[u8]) {
    let advert = RouterAdvert::decode(message).expect("the kernel has checked it");
    let told = advert.options.iter().find_map(|option| match option {
        NdOption::SourceLinkLayerAddress(address) => Some(autora_tests::Mac(*address).to_string()),
        NdOption::Mtu(_) | NdOption::PrefixInformation(_) | NdOption::Other { .. } => None,
    });
    println!("@@ ra {source} {}", told.unwrap_or_default());
}
