//! The real outlet: the receiving socket with its filter, and the sending socket.

use std::io;

use tracing::warn;

use super::StartError;
use crate::{
    addr::IfIndex,
    config::Config,
    engine::action::Transmission,
    error,
    sys::{
        clock,
        filter::{Counters, Filter, ForeignRouter, InterfaceStats},
        receiver::{Receiver, Solicitation},
        sender::Sender,
    },
};

/// No interface ever has this index: the kernel's are positive as a signed number.
const NO_INTERFACE: u32 = u32::MAX;

/// Sockets and filter of a daemon that is in earnest.
pub(super) struct Live {
    receiver: Receiver,
    sender: Sender,
    /// Solicitations of one turn, kept for its memory.
    solicitations: Vec<Solicitation>,
}

impl Live {
    /// Opens everything that wants a privilege.
    pub(super) fn open(config: &Config) -> Result<Self, StartError> {
        let (filter, fallback) = Filter::open(config.filter, config.max_interfaces)?;
        let receiver = Receiver::open(filter)?;
        if let Some(reason) = fallback {
            warn!(
                reason = error::chain(&reason),
                "no eBPF filter: the classic one takes its place, so floods of solicitations reach the daemon and \
                 other routers go unseen; --filter classic accepts that, --filter ebpf refuses to start"
            );
        }
        let sender = Sender::open(config.send)?;
        Ok(Self { receiver, sender, solicitations: Vec::new() })
    }

    pub(super) fn filter(&mut self) -> &mut Filter {
        self.receiver.filter_mut()
    }

    /// Whether the filter's maps can be written with the capabilities that are there now.
    pub(super) fn map_updates_work(&mut self) -> bool {
        let nobody = IfIndex::new(NO_INTERFACE).expect("not 0");
        let works = self.filter().serve(nobody).is_ok();
        _ = self.filter().unserve(nobody);
        works
    }

    pub(super) async fn readable(&mut self) -> io::Result<()> {
        self.receiver.readable().await
    }

    /// Takes at most `budget` datagrams from the socket and hands out the solicitations among them.
    pub(super) fn receive(&mut self, budget: usize) -> impl Iterator<Item = Solicitation> + '_ {
        self.receiver.receive(clock::now(), budget, &mut self.solicitations);
        self.solicitations.drain(..)
    }

    /// What became of all packets; zeros, and a warning, if the kernel does not tell.
    pub(super) fn totals(&self) -> Counters {
        self.receiver.filter().totals().unwrap_or_else(|error| {
            warn!(%error, "the filter's counters cannot be read");
            Counters::default()
        })
    }

    /// Packets that found no room in the receiving socket's buffer, or had a wrong checksum.
    pub(super) fn socket_drops(&self) -> Option<u32> {
        self.receiver.dropped().ok()
    }

    /// The other routers that the filter saw; none, and a warning, if the kernel does not tell.
    pub(super) fn foreign_routers(&self) -> Vec<(IfIndex, ForeignRouter)> {
        self.receiver.filter().foreign_routers().unwrap_or_else(|error| {
            warn!(%error, "what the filter saw of other routers cannot be read");
            Vec::new()
        })
    }

    /// What the filter counted on the interface, if it is served.
    pub(super) fn stats(&self, index: IfIndex) -> Option<InterfaceStats> {
        self.receiver.filter().interface_stats(index).ok().flatten()
    }

    pub(super) fn send(&mut self, send: &Transmission) -> io::Result<()> {
        self.sender.send(send.index, send.source, send.cause, &send.advert)
    }
}
