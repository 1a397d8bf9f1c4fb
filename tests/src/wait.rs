//! Waits for state that the kernel announces nowhere: the harness looks again and again.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Long enough for what takes no time.
pub(crate) const SHORTLY: Duration = Duration::from_secs(5);

/// Looks every 10 ms until `probe` finds something. Panics with `what` when `timeout` is over.
pub fn eventually<T>(timeout: Duration, what: &str, probe: impl FnMut() -> Option<T>) -> T {
    look_every(Duration::from_millis(10), timeout, probe)
        .unwrap_or_else(|| panic!("waited {timeout:?} in vain for {what}"))
}

/// Looks every millisecond until `probe` finds something or `timeout` is over.
pub fn within<T>(timeout: Duration, probe: impl FnMut() -> Option<T>) -> Option<T> {
    look_every(Duration::from_millis(1), timeout, probe)
}

fn look_every<T>(interval: Duration, timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        let found = probe();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(interval);
    }
}
