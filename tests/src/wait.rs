//! Polls for state of which the kernel sends no notification.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Long enough for anything immediate on a busy machine.
pub(crate) const SHORTLY: Duration = Duration::from_secs(5);

/// Calls `probe` every 10 ms until it returns a value. Panics with `what` after `timeout`.
pub fn eventually<T>(timeout: Duration, what: &str, probe: impl FnMut() -> Option<T>) -> T {
    poll(Duration::from_millis(10), timeout, probe).unwrap_or_else(|| panic!("waited {timeout:?} in vain for {what}"))
}

/// Calls `probe` every millisecond until it returns a value; returns `None` after `timeout`.
pub fn within<T>(timeout: Duration, probe: impl FnMut() -> Option<T>) -> Option<T> {
    poll(Duration::from_millis(1), timeout, probe)
}

fn poll<T>(interval: Duration, timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        let found = probe();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(interval);
    }
}
