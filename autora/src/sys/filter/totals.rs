//! Reads the map that has a value for each processor. aya's own reader opens a file of `/sys` to learn how many
//! processors there are: a host or container without `/sys`, or a sandbox, has none.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
};

use autora_common::{Reason, maps::TOTALS};
use aya::maps::{Map, MapData, MapError, PerCpuArray};
use aya_obj::generated::bpf_cmd;
use nix::{errno::Errno, libc};

use super::{
    counters::Counters,
    loader::{bpf, no_attributes},
};

/// Sizes in bytes of the affinity masks that are tried: of 1,024 processors, and of many more than Linux supports.
const MASKS: [usize; 2] = [128, 8192];

/// The counters of all packets, by reason and processor.
pub(super) struct Totals {
    map: MapData,
    /// At least as many as the kernel has values of a counter.
    processors: usize,
}

impl Totals {
    pub(super) fn new(map: Map) -> Result<Self, MapError> {
        // aya checks the type, and the sizes of key and value.
        PerCpuArray::<_, u64>::try_from(&map)?;
        let Map::PerCpuArray(map) = map else { return Err(MapError::InvalidName { name: TOTALS.to_owned() }) };
        Ok(Self { map, processors: most_processors().map_err(MapError::IoError)? })
    }

    /// Reads all counters.
    pub(super) fn read(&self) -> io::Result<Counters> {
        let mut values = vec![0; self.processors];
        let mut totals = [0; Reason::COUNT];
        for (index, total) in (0_u32..).zip(&mut totals) {
            self.read_values(index, &mut values)?;
            *total = values.iter().sum();
        }
        Ok(Counters::new(totals))
    }

    /// Reads the value of each processor; those beyond the last one stay as they are.
    fn read_values(&self, index: u32, values: &mut [u64]) -> io::Result<()> {
        let mut attributes = no_attributes();
        {
            // SAFETY: every field of the union is plain data, and all of it is zero.
            let lookup = unsafe { &mut attributes.__bindgen_anon_2 };
            lookup.map_fd = u32::try_from(self.map.fd().as_fd().as_raw_fd()).map_err(io::Error::other)?;
            lookup.key = &raw const index as u64;
            lookup.__bindgen_anon_1.value = values.as_mut_ptr() as u64;
        }
        // SAFETY: the key is a number of 32 bits, as aya has checked, and there is room for as many numbers of 64 bits
        // as the kernel writes: one for each processor that it may have (`bpf_percpu_array_copy()`,
        // kernel/bpf/arraymap.c, Linux 6.12).
        unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_ELEM, &mut attributes) }.map(drop)
    }
}

/// Returns a number of processors that the kernel does not exceed: the bits of its own affinity masks, which have one
/// for each processor that may ever be there (`sched_getaffinity(2)`; `sys_sched_getaffinity()`,
/// kernel/sched/syscalls.c, Linux 6.12).
fn most_processors() -> io::Result<usize> {
    let mut failed = Errno::EINVAL;
    for size in MASKS {
        let mut mask = vec![0_u8; size];
        // SAFETY: the kernel writes at most `size` bytes to the mask.
        let written = unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, size, mask.as_mut_ptr()) };
        match Errno::result(written) {
            // The kernel says how many bytes its masks have.
            Ok(bytes) => return usize::try_from(bytes * 8).map_err(io::Error::other),
            // It has more processors than the mask has bits.
            Err(errno) => failed = errno,
        }
    }
    Err(failed.into())
}
