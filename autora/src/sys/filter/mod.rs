//! The bouncer of the raw socket, in two forms behind one type.
//!
//! The eBPF form decides in the kernel: only valid Router Solicitations on served interfaces, and only the
//! first of each interface while an answer is pending. The classic form stops what a few instructions can
//! tell, and the rest wakes the daemon: for hosts where eBPF cannot be had.

mod batch;
mod classic;
mod counters;
mod ebpf;
mod error;
mod kernel_log;
mod loader;

use std::{
    collections::{HashMap, HashSet},
    fmt, io,
    os::fd::AsFd,
    time::Duration,
};

pub use autora_common::{Reason, maps::CAPACITY};

use serde::{Deserialize, Serialize};

use self::ebpf::Ebpf;
pub(crate) use self::kernel_log::{KernelLog, KernelLogStream};
pub use self::{
    counters::{Counters, HeardRouter, InterfaceStats},
    ebpf::embedded,
    error::LoadError,
};
use crate::{
    addr::IfIndex,
    engine::{BootInstant, eligibility::MapFailure},
    settings::FilterMode,
};

/// Which form of the filter is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FilterKind {
    /// Validates, coalesces and counts in the kernel.
    Ebpf,
    /// Stops wrong hop limits and extension headers in the kernel, uncounted; the daemon does the rest. It
    /// sees no advertisements by other routers.
    Classic,
}

impl fmt::Display for FilterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ebpf => "ebpf",
            Self::Classic => "classic",
        })
    }
}

/// The filter, and which interfaces it serves.
#[derive(Debug)]
pub struct Filter {
    form: Form,
    served: HashSet<IfIndex>,
    /// Of those served interfaces that there is something to write down of: with the eBPF form hardly any.
    books: HashMap<IfIndex, Book>,
    /// What the daemon itself refused or, behind the classic form, let pass.
    counters: Counters,
}

#[derive(Debug)]
enum Form {
    /// Its maps know how many entries they hold.
    Ebpf(Box<Ebpf>),
    Classic {
        capacity: u32,
    },
}

/// The daemon's own book about a served interface.
#[derive(Debug, Default)]
struct Book {
    counters: Counters,
    released: Option<BootInstant>,
}

/// A refused packet gives the pending mark back, but not more often than this: a flood of them must not turn
/// coalescing off.
const RELEASE_INTERVAL: Duration = Duration::from_millis(100);

impl Filter {
    /// Loads the form that `mode` asks for. The second value is why the automatic choice fell back to the
    /// classic form.
    ///
    /// It has room for `capacity` served interfaces ([`CAPACITY`] unless there is a reason). Loading the eBPF
    /// form takes some milliseconds of CPU and needs `CAP_BPF`; nothing later does.
    ///
    /// # Errors
    ///
    /// A [`LoadError`] if the eBPF form is demanded and cannot be had.
    pub fn open(mode: FilterMode, capacity: u32) -> Result<(Self, Option<LoadError>), LoadError> {
        let classic = Form::Classic { capacity };
        let (form, fallback) = match mode {
            FilterMode::Classic => (classic, None),
            FilterMode::Ebpf => (Form::Ebpf(Ebpf::load(capacity)?.into()), None),
            FilterMode::Auto => match Ebpf::load(capacity) {
                Ok(ebpf) => (Form::Ebpf(ebpf.into()), None),
                Err(error) => (classic, Some(error)),
            },
        };
        Ok((
            Self { form, served: HashSet::new(), books: HashMap::new(), counters: Counters::default() },
            fallback,
        ))
    }

    /// Which form is at work.
    #[must_use]
    pub const fn kind(&self) -> FilterKind {
        match self.form {
            Form::Ebpf(_) => FilterKind::Ebpf,
            Form::Classic { .. } => FilterKind::Classic,
        }
    }

    /// The kernel's number for the program (as `bpftool prog` shows it), where there is one.
    #[must_use]
    pub fn program_id(&self) -> Option<u32> {
        match &self.form {
            Form::Ebpf(ebpf) => ebpf.program_id(),
            Form::Classic { .. } => None,
        }
    }

    /// Lets solicitations of `interface` through from now on. No answer counts as pending there, even if it
    /// was served before: an interface index may have a new owner.
    ///
    /// # Errors
    ///
    /// What the map said; on a later try it may have room.
    pub fn serve(&mut self, interface: IfIndex) -> Result<(), MapFailure> {
        match &mut self.form {
            Form::Ebpf(ebpf) => ebpf.serve(interface)?,
            Form::Classic { capacity } => {
                let is_full = usize::try_from(*capacity).is_ok_and(|most| self.served.len() >= most);
                if is_full && !self.served.contains(&interface) {
                    return Err(MapFailure::Full);
                }
            }
        }
        self.served.insert(interface);
        self.books.remove(&interface);
        Ok(())
    }

    /// Lets nothing of `interface` through any more, and forgets its counters. One that is not served is
    /// fine.
    ///
    /// # Errors
    ///
    /// What the kernel says, other than that the entry is gone. Even then nothing of it gets past the
    /// receiver.
    pub fn unserve(&mut self, interface: IfIndex) -> io::Result<()> {
        self.served.remove(&interface);
        self.books.remove(&interface);
        match &mut self.form {
            Form::Ebpf(ebpf) => ebpf.unserve(interface),
            Form::Classic { .. } => Ok(()),
        }
    }

    /// Whether `interface` is served.
    #[must_use]
    pub fn is_served(&self, interface: IfIndex) -> bool {
        self.served.contains(&interface)
    }

    /// Says that an answer is about to leave `interface`: the next solicitation comes through again.
    ///
    /// # Errors
    ///
    /// What the kernel says, other than that the interface is not served.
    pub fn clear_pending(&mut self, interface: IfIndex) -> io::Result<()> {
        self.set_pending_until(interface, BootInstant::from_boot(Duration::ZERO))
    }

    /// Holds solicitations of `interface` back until `until`, as if an answer were pending.
    ///
    /// # Errors
    ///
    /// What the kernel says, other than that the interface is not served.
    pub fn set_pending_until(&mut self, interface: IfIndex, until: BootInstant) -> io::Result<()> {
        match &mut self.form {
            Form::Ebpf(ebpf) => ebpf.set_pending_until(interface, until),
            Form::Classic { .. } => Ok(()),
        }
    }

    /// What became of all packets since the filter was opened, in the kernel and behind it. With the eBPF
    /// form, one that the daemon refused counts twice: as [`Reason::Passed`] by the filter and with the
    /// daemon's reason.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn totals(&self) -> io::Result<Counters> {
        match &self.form {
            Form::Ebpf(ebpf) => Ok(self.counters + ebpf.totals()?),
            Form::Classic { .. } => Ok(self.counters),
        }
    }

    /// The same for one interface since it is served; `None` if it is not.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn interface_stats(&self, interface: IfIndex) -> io::Result<Option<InterfaceStats>> {
        if !self.is_served(interface) {
            return Ok(None);
        }
        let in_kernel = match &self.form {
            Form::Ebpf(ebpf) => ebpf.interface_stats(interface)?,
            Form::Classic { .. } => None,
        };
        let counters = self.books.get(&interface).map_or_else(Counters::default, |book| book.counters);
        let own = InterfaceStats { counters, other_router: None };
        Ok(Some(
            in_kernel
                .map_or(own, |stats| InterfaceStats { counters: own.counters + stats.counters, ..stats }),
        ))
    }

    /// The other routers that were heard on served interfaces, each the last one of its own; in no order.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn other_routers(&self) -> io::Result<Vec<(IfIndex, HeardRouter)>> {
        match &self.form {
            Form::Ebpf(ebpf) => ebpf.other_routers(&self.served),
            Form::Classic { .. } => Ok(Vec::new()),
        }
    }

    /// Puts the filter in front of `socket`.
    pub(crate) fn attach(&self, socket: impl AsFd) -> io::Result<()> {
        match &self.form {
            Form::Ebpf(ebpf) => ebpf.attach(socket),
            Form::Classic { .. } => classic::attach(&socket),
        }
    }

    /// The filter's log records, if the log level asks for them and nobody has taken them.
    pub(crate) fn take_log(&mut self) -> Option<KernelLog> {
        match &mut self.form {
            Form::Ebpf(ebpf) => ebpf.take_log(),
            Form::Classic { .. } => None,
        }
    }

    /// Counts a solicitation that the daemon takes.
    pub(crate) fn accepted(&mut self, interface: IfIndex) {
        match self.form {
            // Counted in the kernel.
            Form::Ebpf(_) => {}
            Form::Classic { .. } => self.count(interface, Reason::Passed),
        }
    }

    /// Counts a packet that got past the filter and that the daemon refuses, and gives back the pending mark
    /// that it has spent [RFC 6980], at most ten times a second: sooner than that, the mark is made to expire
    /// when it is time.
    pub(crate) fn refused(&mut self, interface: IfIndex, reason: Reason, now: BootInstant) -> io::Result<()> {
        self.count(interface, reason);
        let Some(book) = self.book(interface) else { return Ok(()) };
        let release = match book.released {
            // One is on its way: further ones, let through side by side on several CPUs, do not push it out.
            Some(planned) if planned > now => planned,
            Some(last) => now.max(last + RELEASE_INTERVAL),
            None => now,
        };
        book.released = Some(release);
        self.set_pending_until(interface, release)
    }

    fn count(&mut self, interface: IfIndex, reason: Reason) {
        self.counters.add(reason);
        if let Some(book) = self.book(interface) {
            book.counters.add(reason);
        }
    }

    fn book(&mut self, interface: IfIndex) -> Option<&mut Book> {
        self.is_served(interface).then(|| self.books.entry(interface).or_default())
    }
}

#[cfg(test)]
mod tests;
