//! The limit of the kernel's IPv6 neighbour table, which all network namespaces of a machine share.
//!
//! Every link needs some entries for multicast groups. Scenarios run side by side, each with its links, and
//! the kernel takes seconds to remove the entries of a namespace: with the default of 1,024 entries, a guest
//! may find no room for its router.
//!
//! The benchmarks (`tests/src/bin/bench`) include this file too, with a higher limit.

use std::fs;

const LIMIT: &str = "/proc/sys/net/ipv6/neigh/default/gc_thresh3";

/// Keeps the limit raised until it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    before: Option<u32>,
}

impl Room {
    /// Raises the limit to `enough`, if it is lower. Does nothing in a container, which does not have the
    /// file.
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
