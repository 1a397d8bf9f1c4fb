//! Where the fleet's actions go: to the filter and the sockets, or nowhere in a dry run.

use std::{cell::Cell, future, io};

use tracing::{debug, warn};

use super::start_error::StartError;
use crate::{
    addr::IfIndex,
    config::Config,
    engine::{BootInstant, action::Transmission},
    error,
    sys::{
        clock,
        filter::{Counters, Filter},
        privileges,
        receiver::{Receiver, Solicitation},
        sender::Sender,
    },
};

/// An index that no interface has: the kernel's indexes are positive `int`s.
const NO_INTERFACE: u32 = u32::MAX;

/// The kernel, or the dry run.
#[expect(clippy::large_enum_variant, reason = "there is one value, and it never moves")]
pub(super) enum Backend {
    Kernel(Kernel),
    DryRun,
}

/// The sockets and the filter.
pub(super) struct Kernel {
    receiver: Receiver,
    sender: Sender,
    /// The solicitations of one turn; kept between turns to reuse its allocation.
    solicitations: Vec<Solicitation>,
    /// The filter's counters as they were read last.
    counters: Cell<Counters>,
    /// Whether they could not be read the last time.
    counters_failed: Cell<bool>,
}

impl Backend {
    /// Opens all that takes a capability, then gives up the capabilities that are no longer needed.
    pub(super) fn open(config: &Config) -> Result<Self, StartError> {
        if config.dry_run {
            return Ok(Self::DryRun);
        }
        let mut kernel = Kernel::open(config)?;
        let kept = privileges::give_up(|| kernel.map_updates_work())?;
        debug!(?kept, "gave up the capabilities");
        Ok(Self::Kernel(kernel))
    }

    /// Waits until there may be solicitations; without end in a dry run.
    pub(super) async fn readable(&mut self) -> io::Result<()> {
        match self {
            Self::Kernel(kernel) => kernel.receiver.readable().await,
            Self::DryRun => future::pending().await,
        }
    }

    /// Sends RAs, as [`Sender::send`] does; a dry run sends nothing and succeeds.
    pub(super) fn send(&mut self, transmissions: Vec<Transmission>) -> Vec<(Transmission, io::Result<()>)> {
        match self {
            Self::Kernel(kernel) => kernel.sender.send(transmissions, clock::now()),
            Self::DryRun => transmissions.into_iter().map(|transmission| (transmission, Ok(()))).collect(),
        }
    }

    /// Returns whether the sending sockets have room for `count` RAs.
    pub(super) fn has_room(&mut self, count: usize) -> bool {
        match self {
            Self::Kernel(kernel) => kernel.sender.has_room(count),
            Self::DryRun => true,
        }
    }

    /// Forgets an interface that is gone.
    pub(super) fn forget(&mut self, index: IfIndex) {
        if let Self::Kernel(kernel) = self {
            kernel.sender.forget(index);
        }
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

    /// Returns which filter the receiving socket has: `ebpf`, `classic` or `none`.
    pub(super) fn filter_name(&self) -> String {
        self.filter().map_or_else(|| "none".to_owned(), |filter| filter.kind().to_string())
    }

    /// Returns the filter's counts of packets by result; as they were read last, if they cannot be read.
    pub(super) fn packets(&self) -> Counters {
        match self {
            Self::Kernel(kernel) => kernel.packets(),
            Self::DryRun => Counters::default(),
        }
    }

    /// Returns how many packets the kernel dropped at the receiving socket: no room in its buffer, or a wrong
    /// checksum.
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
                "the eBPF filter cannot be used: using the classic one, which lets floods of solicitations through to \
                 the daemon and does not report other routers; --filter classic accepts that without this warning, \
                 --filter ebpf refuses to start"
            );
        }
        let sender = Sender::open(config.send)?;
        let counters = Cell::new(Counters::default());
        Ok(Self { receiver, sender, solicitations: Vec::new(), counters, counters_failed: Cell::new(false) })
    }

    /// Returns whether the filter's maps can be written with the present capabilities.
    fn map_updates_work(&mut self) -> bool {
        let index = IfIndex::new(NO_INTERFACE).expect("not 0");
        let filter = self.receiver.filter_mut();
        let works = filter.serve(index).is_ok();
        _ = filter.unserve(index);
        works
    }

    /// Counters that fell would look like a new process to a client that computes rates. Warns once: any client of the
    /// control socket causes a read.
    fn packets(&self) -> Counters {
        let read = self.receiver.filter().totals();
        let failed_before = self.counters_failed.replace(read.is_err());
        match read {
            Ok(counters) => self.counters.set(counters),
            Err(error) if !failed_before => {
                warn!(%error, "the filter's counters cannot be read: they stand still until they can");
            }
            Err(_) => {}
        }
        self.counters.get()
    }

    /// Takes at most `budget` datagrams from the socket, and returns the solicitations among them.
    pub(super) fn receive(&mut self, budget: usize, now: BootInstant) -> impl Iterator<Item = Solicitation> + '_ {
        self.receiver.receive(now, budget, &mut self.solicitations);
        self.solicitations.drain(..)
    }
}
