//! What a running daemon holds: open files, memory, BPF maps and their entries. Each is absent once it has ended.

use std::{collections::BTreeSet, fs};

use autora_common::maps::{INTERFACES, InterfaceStats, PendingMark, SERVED};
use aya::maps::{HashMap, Map, MapData};

/// Returns the number of open file descriptors of a process.
pub fn files(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// Returns the resident memory of a process in bytes.
pub fn rss(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

/// Returns the ids of the BPF maps that a process holds.
pub fn maps(pid: u32) -> BTreeSet<u32> {
    bpf_numbers(pid, "map_id:")
}

/// Returns the numbers behind `name` in all of `/proc/PID/fdinfo`. A program has `prog_id:` and, since Linux 5.16,
/// `verified_insns:` (how many instructions the verifier has followed, on all paths together), a map `map_id:`.
#[must_use]
pub fn bpf_numbers(pid: u32, name: &str) -> BTreeSet<u32> {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten();
    // A descriptor may be closed meanwhile.
    let infos = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
    infos.filter_map(|info| info.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())).collect()
}

/// Returns the number of entries in the map [`SERVED`] of a process.
pub fn served(pid: u32) -> Option<usize> {
    Some(HashMap::<_, u32, PendingMark>::try_from(map(pid, SERVED)?).ok()?.keys().count())
}

/// Returns the number of entries in the map [`INTERFACES`] of a process.
pub fn interfaces(pid: u32) -> Option<usize> {
    const WORDS: usize = size_of::<InterfaceStats>() / size_of::<u64>();
    Some(HashMap::<_, u32, [u64; WORDS]>::try_from(map(pid, INTERFACES)?).ok()?.keys().count())
}

/// Opens a map of a process by its id.
fn map(pid: u32, name: &str) -> Option<Map> {
    let mut maps = maps(pid).into_iter().filter_map(|id| MapData::from_id(id).ok());
    let map = maps.find(|map| map.info().is_ok_and(|info| info.name_as_str() == Some(name)))?;
    Map::from_map_data(map).ok()
}
