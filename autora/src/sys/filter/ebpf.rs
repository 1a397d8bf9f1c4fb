//! The eBPF form: the embedded program and its maps.

use std::{
    collections::HashSet,
    fmt, fs, io,
    net::Ipv6Addr,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    time::Duration,
};

use autora_common::maps::{self, INTERFACES, PENDING_HOLD, PendingMark, SERVED, TOTALS, TRACED_PROGRAM};
use aya::{
    EbpfLoader, Pod,
    maps::{HashMap, Map, MapData, MapError},
    programs::{ProgramError, SocketFilter},
};
use nix::{
    libc::{self, ENOENT},
    setsockopt_impl, sockopt_impl,
    sys::socket::setsockopt,
};
use tracing::warn;

use super::{
    Counters, HeardRouter, InterfaceStats, LoadError, batch,
    error::{errno_of, io_error, map_failure},
    kernel_log::{self, KernelLog},
    loader::{self, Loaded},
    totals::Totals,
};
use crate::{
    addr::IfIndex,
    engine::{BootInstant, eligibility::MapFailure},
};

/// Returns the eBPF object file that this binary carries; `None` if the build had none.
#[must_use]
pub fn embedded() -> Option<&'static [u8]> {
    let object = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/autora.bpf.o"));
    (!object.is_empty()).then_some(object)
}

/// The loaded program and its maps.
pub(super) struct Ebpf {
    program: OwnedFd,
    program_id: Option<u32>,
    served: HashMap<MapData, u32, PendingMark>,
    interfaces: HashMap<MapData, u32, Stats>,
    totals: Totals,
    log: Option<KernelLog>,
}

/// The value of the interface map, as plain bytes for aya.
#[derive(Clone, Copy, Debug, Default)]
#[repr(transparent)]
struct Stats(maps::InterfaceStats);

// SAFETY: `repr(C)`, without padding (autora-common asserts the layout), and all fields are integers.
unsafe impl Pod for Stats {}

sockopt_impl!(
    /// Attaches an eBPF program to a socket, by the program's descriptor (`socket(7)`, Linux 3.19).
    AttachBpf,
    SetOnly,
    libc::SOL_SOCKET,
    libc::SO_ATTACH_BPF,
    i32
);

impl fmt::Debug for Ebpf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ebpf").finish_non_exhaustive()
    }
}

impl Ebpf {
    pub(super) fn load(capacity: u32) -> Result<Self, LoadError> {
        let object = embedded().ok_or(LoadError::NoProgram)?;
        if kernel_log::wanted() {
            match Self::load_traced(object, capacity) {
                Ok(traced) => return Ok(traced),
                Err(error) => {
                    warn!(%error, "cannot load the eBPF filter that logs packets: using the one that does not");
                }
            }
        }
        Self::load_silent(object, capacity)
    }

    fn load_silent(object: &[u8], capacity: u32) -> Result<Self, LoadError> {
        let wanted = [(SERVED, Some(capacity)), (INTERFACES, Some(capacity)), (TOTALS, None)];
        let Loaded { program, mut maps } = loader::load(object, &wanted)?;
        let mut take = |name, kind: fn(MapData) -> Map| {
            maps.remove(name).map(kind).ok_or_else(|| MapError::InvalidName { name: String::from(name) })
        };
        Ok(Self {
            served: of_type(take(SERVED, Map::HashMap))?,
            interfaces: of_type(take(INTERFACES, Map::HashMap))?,
            totals: take(TOTALS, Map::PerCpuArray).and_then(Totals::new).map_err(aya::EbpfError::from)?,
            log: None,
            program_id: program_id(&program),
            program,
        })
    }

    /// Loads with aya's loader, which takes longer: aya's reader of log records needs its result.
    fn load_traced(object: &[u8], capacity: u32) -> Result<Self, LoadError> {
        let mut ebpf = EbpfLoader::new()
            .btf(None)
            .map_max_entries(SERVED, capacity)
            .map_max_entries(INTERFACES, capacity)
            .load(object)?;
        let program = program_mut(&mut ebpf)?;
        program.load().map_err(aya::EbpfError::from)?;
        let program = program.fd().and_then(|fd| Ok(fd.try_clone()?)).map_err(aya::EbpfError::from)?;
        let mut take = |name| ebpf.take_map(name).ok_or_else(|| MapError::InvalidName { name: String::from(name) });
        Ok(Self {
            served: of_type(take(SERVED))?,
            interfaces: of_type(take(INTERFACES))?,
            totals: take(TOTALS).and_then(Totals::new).map_err(aya::EbpfError::from)?,
            log: KernelLog::open(&mut ebpf),
            program_id: program_id(&program),
            program: program.as_fd().try_clone_to_owned()?,
        })
    }

    pub(super) fn attach(&self, socket: impl AsFd) -> io::Result<()> {
        Ok(setsockopt(&socket, AttachBpf, &self.program.as_raw_fd())?)
    }

    pub(super) const fn program_id(&self) -> Option<u32> {
        self.program_id
    }

    pub(super) fn take_log(&mut self) -> Option<KernelLog> {
        self.log.take()
    }

    pub(super) fn serve(&mut self, interface: IfIndex) -> Result<(), MapFailure> {
        // The counters first: the filter counts only on interfaces that have an entry there.
        self.interfaces.insert(interface.get(), Stats::default(), 0).map_err(|error| map_failure(&error))?;
        self.served.insert(interface.get(), 0, 0).map_err(|error| {
            // The interface is not served, so its counters need no room. The first error is reported, not one
            // of this removal.
            drop(self.interfaces.remove(&interface.get()));
            map_failure(&error)
        })
    }

    pub(super) fn unserve(&mut self, interface: IfIndex) -> io::Result<()> {
        let served = tolerate_absence(self.served.remove(&interface.get()));
        served.and(tolerate_absence(self.interfaces.remove(&interface.get())))
    }

    /// Writes a mark that expires at `until`: it is [`PENDING_HOLD`] old then. At boot time 0 the mark
    /// becomes 0, cleared.
    pub(super) fn set_pending_until(&mut self, interface: IfIndex, until: BootInstant) -> io::Result<()> {
        let mark = until.since_boot().saturating_sub(PENDING_HOLD).as_nanos();
        let mark = PendingMark::try_from(mark).unwrap_or(PendingMark::MAX);
        tolerate_absence(self.served.insert(interface.get(), mark, BPF_EXIST))
    }

    pub(super) fn totals(&self) -> io::Result<Counters> {
        self.totals.read()
    }

    pub(super) fn interface_stats(&self, interface: IfIndex) -> io::Result<Option<InterfaceStats>> {
        match self.interfaces.get(&interface.get(), 0) {
            Ok(Stats(stats)) => Ok(Some(InterfaceStats {
                counters: Counters::new(stats.counters),
                other_router: other_router(stats.other_router),
            })),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(io_error(error)),
        }
    }

    /// Reads the map in batches where the kernel supports that, so that thousands of interfaces cost tens of
    /// system calls; else one entry at a time.
    pub(super) fn other_routers(&self, served: &HashSet<IfIndex>) -> io::Result<Vec<(IfIndex, HeardRouter)>> {
        let mut found = Vec::new();
        let read = batch::each_entry(&self.interfaces, |index, Stats(stats)| {
            let router = IfIndex::new(index).zip(other_router(stats.other_router));
            found.extend(router.filter(|(index, _)| served.contains(index)));
        });
        if read.is_ok() {
            return Ok(found);
        }
        let mut found = Vec::new();
        for &index in served {
            let router = self.interface_stats(index)?.and_then(|stats| stats.other_router);
            found.extend(router.map(|router| (index, router)));
        }
        Ok(found)
    }
}

/// Reads the program's number from `/proc/self/fdinfo`: asking `bpf(2)` for it needs `CAP_SYS_ADMIN`.
fn program_id(program: &impl AsFd) -> Option<u32> {
    let shown = fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd())).ok()?;
    shown.lines().find_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok())
}

/// Flag of an update: the entry must exist (include/uapi/linux/bpf.h).
const BPF_EXIST: u64 = 2;

fn other_router(record: maps::OtherRouterAdvertisement) -> Option<HeardRouter> {
    let source = u128::from(record.source_high) << 64 | u128::from(record.source_low);
    (record.seen != 0).then(|| HeardRouter {
        source: Ipv6Addr::from_bits(source),
        router_lifetime: Duration::from_secs(record.router_lifetime),
        seen: BootInstant::from_boot(Duration::from_nanos(record.seen)),
    })
}

fn program_mut(ebpf: &mut aya::Ebpf) -> Result<&mut SocketFilter, aya::EbpfError> {
    let program = ebpf.program_mut(TRACED_PROGRAM).ok_or(ProgramError::UnexpectedProgramType)?;
    Ok(program.try_into()?)
}

/// Converts a map to a typed one; aya checks the sizes of key and value.
fn of_type<M: TryFrom<Map, Error = MapError>>(map: Result<Map, MapError>) -> Result<M, aya::EbpfError> {
    Ok(M::try_from(map?)?)
}

/// Accepts that the entry does not exist: an interface may have disappeared, and its entry with it.
fn tolerate_absence(done: Result<(), MapError>) -> io::Result<()> {
    match done {
        Err(error) if !is_absence(&error) => Err(io_error(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn is_absence(error: &MapError) -> bool {
    matches!(error, MapError::KeyNotFound) || errno_of(error) == Some(ENOENT)
}
