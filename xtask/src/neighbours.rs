//! The limits of the kernel's IPv6 neighbour table, which all network namespaces of a machine share.
//!
//! Every link needs some entries for multicast groups. Scenarios run side by side, each with its links, and
//! the kernel takes seconds to remove the entries of a namespace: with the default of 1,024 entries, a guest
//! may find no room for its router. From 512 on, the kernel now and then removes what was not confirmed for five
//! seconds, also the router of a guest whose pings a scenario counts (`neigh_alloc()`, `neigh_forced_gc()`,
//! net/core/neighbour.c, Linux 6.12).
//!
//! The benchmarks (`tests/src/bin/bench`) include this file too, with a higher limit.

use std::fs;

const LIMITS: [&str; 2] =
    ["/proc/sys/net/ipv6/neigh/default/gc_thresh2", "/proc/sys/net/ipv6/neigh/default/gc_thresh3"];

/// Keeps the limits raised until it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    before: Vec<(&'static str, u32)>,
}

impl Room {
    /// Raises the limits to `enough`, if they are lower. Does nothing in a container, which does not have the
    /// files.
    pub(crate) fn make(enough: u32) -> Self {
        let before = LIMITS.into_iter().filter_map(|file| {
            let limit = fs::read_to_string(file).ok()?.trim().parse().ok()?;
            (limit < enough && set(file, enough)).then_some((file, limit))
        });
        Self { before: before.collect() }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        for (file, before) in &self.before {
            if !set(file, *before) {
                eprintln!("could not set {file} back to {before}");
            }
        }
    }
}

fn set(file: &str, limit: u32) -> bool {
    fs::write(file, limit.to_string()).is_ok()
}
