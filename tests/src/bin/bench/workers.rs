//! The kernel's own workers, and the cores that they may be on.
//!
//! Much of what the load brings about is done there: links change state, addresses are tested. Among
//! thousands of interfaces each of these walks all routes, for milliseconds at a time, and a kernel without
//! preemption lets no other task run in between. To measure the daemon's own part alone, keep them off its
//! core.

use std::fs;

use crate::machine;

/// Of the workers that are bound to no core; the others stay where their work came up.
const MASK: &str = "/sys/devices/virtual/workqueue/cpumask";

/// What stands beside a figure when they could be on the daemon's core.
pub(crate) const ANYWHERE: &str = "kernel workers on its core";

/// Once this is gone, the workers may be where they were before.
#[derive(Debug)]
pub(crate) struct Workers {
    before: Option<String>,
}

impl Workers {
    /// Leaves them where they are. For the parent of what moves them, which may be killed.
    pub(crate) fn note() -> Self {
        Self { before: fs::read_to_string(MASK).ok() }
    }

    /// Keeps them on the load's core, if that can be done.
    pub(crate) fn beside_the_load() -> Option<Self> {
        let workers = Self::note();
        match fs::write(MASK, machine::load_mask()) {
            Ok(()) => Some(workers),
            Err(error) => {
                eprintln!("the kernel's workers stay where they are ({MASK}: {error}), also on the daemon's core");
                None
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let now = fs::read_to_string(MASK).ok();
        if let Some(before) = self.before.as_ref().filter(|before| Some(*before) != now.as_ref())
            && let Err(error) = fs::write(MASK, before)
        {
            eprintln!("could not set {MASK} back to {}: {error}", before.trim());
        }
    }
}
