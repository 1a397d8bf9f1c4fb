//! Room in the kernel's IPv6 neighbour table, which all network namespaces of a machine share.
//!
//! Every link needs some entries of its own for multicast groups. Scenarios run side by side, each with its
//! links, and the kernel takes seconds to clear away after a namespace: with 1,024 entries at most, the
//! default, a guest may find no room for its router.
//!
//! The benchmarks (`tests/src/bin/bench`) include this file too, and want more.

use std::fs;

const LIMIT: &str = "/proc/sys/net/ipv6/neigh/default/gc_thresh3";

/// The limit is raised for as long as this exists.
#[derive(Debug)]
pub(crate) struct Room {
    before: Option<u32>,
}

impl Room {
    /// Raises the limit where it can be had: not inside of a container, which has no such file.
    pub(crate) fn make(enough: u32) -> Self {
        let before = fs::read_to_string(LIMIT).ok().and_then(|limit| limit.trim().parse().ok());
        let before = before.filter(|&limit| limit < enough && set(enough));
        Self { before }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(before) = self.before
            && !set(before)
        {
            eprintln!("could not set {LIMIT} back to {before}");
        }
    }
}

fn set(limit: u32) -> bool {
    fs::write(LIMIT, limit.to_string()).is_ok()
}
