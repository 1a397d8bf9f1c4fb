//! What the kernel tells of a process's BPF objects.

use std::{collections::BTreeSet, fs};

/// Returns the numbers behind `name` in all of `/proc/PID/fdinfo`. A program has `prog_id:` and, since Linux 5.16,
/// `verified_insns:` (how many instructions the verifier has followed, on all paths together), a map `map_id:`.
///
/// # Panics
///
/// Panics if the process does not run.
#[must_use]
pub fn bpf_numbers(pid: u32, name: &str) -> BTreeSet<u32> {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("the process runs");
    // A descriptor may be closed meanwhile.
    let infos = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
    infos
        .flat_map(|info| {
            info.lines().filter_map(|line| line.strip_prefix(name)?.trim().parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}
