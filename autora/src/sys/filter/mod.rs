//! The packet filter of the raw socket, in two forms behind one type. aya's types do not leave this folder.
//!
//! The eBPF form passes valid Router Solicitations on served interfaces alone, and of each interface only the
//! first while an RA is pending. The classic form, for hosts without eBPF, checks the next header and the hop
//! limit; every other packet wakes the daemon, which validates it.

mod batch;
mod classic;
mod counters;
mod ebpf;
mod error;
mod kernel_log;
mod loader;
mod totals;

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

/// The form of the filter in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FilterKind {
    /// Validates, coalesces and counts in the kernel.
    Ebpf,
    /// Drops wrong hop limits and extension headers in the kernel, uncounted; the daemon validates the rest.
    /// It sees no RAs of other routers.
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

/// The filter, and the interfaces that it serves.
#[derive(Debug)]
pub struct Filter {
    form: Form,
    served: HashSet<IfIndex>,
    /// What the daemon itself counted on served interfaces; with the eBPF form nearly empty.
    books: HashMap<IfIndex, DaemonStats>,
    /// Packets that the daemon itself dropped or, behind the classic form, passed.
    counters: Counters,
}

#[derive(Debug)]
enum Form {
    /// The kernel limits the entries of its maps.
    Ebpf(Box<Ebpf>),
    Classic {
        capacity: u32,
    },
}

/// What the daemon itself counted on a served interface.
#[derive(Debug, Default)]
struct DaemonStats {
    counters: Counters,
    /// When the pending mark was last cleared after a dropped packet, or will expire.
    released: Option<BootInstant>,
}

/// The least time between two releases of the pending mark by dropped packets: a flood of them must not
/// disable coalescing.
const RELEASE_INTERVAL: Duration = Duration::from_millis(100);

impl Filter {
    /// Loads the form that `mode` selects, with room for `capacity` served interfaces. The second value says
    /// why [`FilterMode::Auto`] fell back to the classic form.
    ///
    /// Loading the eBPF form needs `CAP_BPF`; before Linux 5.19 writing its maps does, too
    /// (`sysctl_unprivileged_bpf_disabled`, kernel/bpf/syscall.c).
    ///
    /// # Errors
    ///
    /// A [`LoadError`] if `mode` is [`FilterMode::Ebpf`] and it cannot be loaded.
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
        Ok((Self { form, served: HashSet::new(), books: HashMap::new(), counters: Counters::default() }, fallback))
    }

    /// Returns the form in use.
    #[must_use]
    pub const fn kind(&self) -> FilterKind {
        match self.form {
            Form::Ebpf(_) => FilterKind::Ebpf,
            Form::Classic { .. } => FilterKind::Classic,
        }
    }

    /// Returns the kernel's number for the eBPF program, as `bpftool prog` shows it.
    #[must_use]
    pub fn program_id(&self) -> Option<u32> {
        match &self.form {
            Form::Ebpf(ebpf) => ebpf.program_id(),
            Form::Classic { .. } => None,
        }
    }

    /// Starts to pass solicitations on `interface`, with its pending mark cleared even if it was served
    /// before: the kernel may have given the index to a new interface.
    ///
    /// # Errors
    ///
    /// The map's error; a later attempt may find room.
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

    /// Stops passing packets on `interface`, served or not, and discards its counters.
    ///
    /// # Errors
    ///
    /// The kernel's error, unless the entry is already gone. Even then the receiver drops packets of the
    /// interface.
    pub fn unserve(&mut self, interface: IfIndex) -> io::Result<()> {
        self.served.remove(&interface);
        self.books.remove(&interface);
        match &mut self.form {
            Form::Ebpf(ebpf) => ebpf.unserve(interface),
            Form::Classic { .. } => Ok(()),
        }
    }

    /// Returns whether `interface` is served.
    #[must_use]
    pub fn is_served(&self, interface: IfIndex) -> bool {
        self.served.contains(&interface)
    }

    /// Clears the pending mark of `interface`, before an RA is sent there: the next solicitation passes
    /// again.
    ///
    /// # Errors
    ///
    /// The kernel's error, unless the interface is not served.
    pub fn clear_pending(&mut self, interface: IfIndex) -> io::Result<()> {
        self.set_pending_until(interface, BootInstant::from_boot(Duration::ZERO))
    }

    /// Coalesces solicitations on `interface` until `until`, as if an RA were pending.
    ///
    /// # Errors
    ///
    /// The kernel's error, unless the interface is not served.
    pub fn set_pending_until(&mut self, interface: IfIndex, until: BootInstant) -> io::Result<()> {
        match &mut self.form {
            Form::Ebpf(ebpf) => ebpf.set_pending_until(interface, until),
            Form::Classic { .. } => Ok(()),
        }
    }

    /// Returns the counters of all packets since the filter was opened, the kernel's and the daemon's. With
    /// the eBPF form, a packet that the daemon drops counts twice: as [`Reason::Passed`] by the filter and
    /// with the daemon's reason.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn totals(&self) -> io::Result<Counters> {
        match &self.form {
            Form::Ebpf(ebpf) => Ok(self.counters + ebpf.totals()?),
            Form::Classic { .. } => Ok(self.counters),
        }
    }

    /// Returns the counters of one interface since it was served; `None` if it is not served.
    ///
    /// # Errors
    ///
    /// The kernel's error.
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
        Ok(Some(in_kernel.map_or(own, |stats| InterfaceStats { counters: own.counters + stats.counters, ..stats })))
    }

    /// Returns the last other router of each served interface that has one, in no order.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn other_routers(&self) -> io::Result<Vec<(IfIndex, HeardRouter)>> {
        match &self.form {
            Form::Ebpf(ebpf) => ebpf.other_routers(&self.served),
            Form::Classic { .. } => Ok(Vec::new()),
        }
    }

    /// Attaches the filter to `socket`.
    pub(crate) fn attach(&self, socket: impl AsFd) -> io::Result<()> {
        match &self.form {
            Form::Ebpf(ebpf) => ebpf.attach(socket),
            Form::Classic { .. } => classic::attach(&socket),
        }
    }

    /// Takes the filter's log records, if the log level asks for them.
    pub(crate) fn take_log(&mut self) -> Option<KernelLog> {
        match &mut self.form {
            Form::Ebpf(ebpf) => ebpf.take_log(),
            Form::Classic { .. } => None,
        }
    }

    /// Counts a solicitation that the daemon accepts.
    pub(crate) fn count_accepted(&mut self, interface: IfIndex) {
        match self.form {
            // The program has counted it.
            Form::Ebpf(_) => {}
            Form::Classic { .. } => self.count(interface, Reason::Passed),
        }
    }

    /// Counts a packet that passed the filter and that the daemon drops, and releases the pending mark that
    /// it has set, at most ten times a second: a mark that may not be cleared yet is made to expire at that
    /// time. So a fragmented solicitation ([RFC 6980 5](https://www.rfc-editor.org/rfc/rfc6980#section-5))
    /// does not hold back a valid one.
    pub(crate) fn count_dropped(&mut self, interface: IfIndex, reason: Reason, now: BootInstant) -> io::Result<()> {
        self.count(interface, reason);
        let Some(book) = self.book(interface) else { return Ok(()) };
        let release = match book.released {
            // A release is planned: packets that passed on several CPUs at once do not postpone it.
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

    fn book(&mut self, interface: IfIndex) -> Option<&mut DaemonStats> {
        self.is_served(interface).then(|| self.books.entry(interface).or_default())
    }
}

#[cfg(test)]
mod tests;
