//! What the fleet's actions act on: the filter and the sockets, or nothing in a dry run.

use std::{future, io};

use tracing::{debug, warn};

use super::start_error::StartError;
use crate::{
    addr::IfIndex,
    config::Config,
    engine::{BootInstant, action::Transmission},
    error,
    sys::{
        filter::{Counters, Filter},
        privileges,
        receiver::{Receiver, Solicitation},
        sender::Sender,
    },
};

/// No interface ever has this index: the kernel's are positive as a signed number.
const NO_INTERFACE: u32 = u32::MAX;

/// What the fleet's actions act on.
#[expect(clippy::large_enum_variant, reason = "there is one, and it never moves")]
pub(super) enum Backend {
    Kernel(Kernel),
    DryRun,
}

/// Sockets and filter.
pub(super) struct Kernel {
    receiver: Receiver,
    sender: Sender,
    /// Solicitations of one turn, kept for its memory.
    solicitations: Vec<Solicitation>,
}

impl Backend {
    /// Opens everything that takes a capability, and gives up the capabilities.
    pub(super) fn open(config: &Config) -> Result<Self, StartError> {
        if config.dry_run {
            return Ok(Self::DryRun);
        }
        let mut kernel = Kernel::open(config)?;
        let kept = privileges::give_up(|| kernel.map_updates_work())?;
        debug!(?kept, "gave up the capabilities");
        Ok(Self::Kernel(kernel))
    }

    /// Waits until there may be solicitations.
    pub(super) async fn readable(&mut self) -> io::Result<()> {
        match self {
            Self::Kernel(kernel) => kernel.receiver.readable().await,
            Self::DryRun => future::pending().await,
        }
    }

    pub(super) fn send(&mut self, transmission: &Transmission) -> io::Result<()> {
        let Self::Kernel(kernel) = self else { return Ok(()) };
        let Transmission { index, source, cause, advert } = transmission;
        kernel.sender.send(*index, *source, *cause, advert)
    }

    pub(super) const fn filter(&self) -> Option<&Filter> {
        match self {
            Self::Kernel(kernel) => Some(kernel.receiver.filter()),
            Self::DryRun => None,
        }
    }

    pub(super) const fn filter_mut(&mut self) -> Option<&mut Filter> {
        match self {
            Self::Kernel(kernel) => Some(kernel.receiver.filter_mut()),
            Self::DryRun => None,
        }
    }

    /// Returns what guards the receiving socket.
    pub(super) fn filter_name(&self) -> String {
        self.filter().map_or_else(|| "none".to_owned(), |filter| filter.kind().to_string())
    }

    /// Returns what became of all packets; zeros, and a warning, if the kernel does not tell.
    pub(super) fn packets(&self) -> Counters {
        self.filter().map_or_else(Counters::default, |filter| {
            filter.totals().unwrap_or_else(|error| {
                warn!(%error, "the filter's counters cannot be read");
                Counters::default()
            })
        })
    }

    /// Returns how many packets found no room in the receiving socket's buffer, or had a wrong checksum.
    pub(super) fn socket_drops(&self) -> Option<u32> {
        match self {
            Self::Kernel(kernel) => kernel.receiver.dropped().ok(),
            Self::DryRun => None,
        }
    }
}

impl Kernel {
    fn open(config: &Config) -> Result<Self, StartError> {
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

    /// Returns whether the filter's maps can be written with the capabilities that are there now.
    fn map_updates_work(&mut self) -> bool {
        let index = IfIndex::new(NO_INTERFACE).expect("not 0");
        let filter = self.receiver.filter_mut();
        let works = filter.serve(index).is_ok();
        _ = filter.unserve(index);
        works
    }

    /// Takes at most `budget` datagrams from the socket and hands out the solicitations among them.
    pub(super) fn receive(
        &mut self,
        budget: usize,
        now: BootInstant,
    ) -> impl Iterator<Item = Solicitation> + '_ {
        self.receiver.receive(now, budget, &mut self.solicitations);
        self.solicitations.drain(..)
    }
}
