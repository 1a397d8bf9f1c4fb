//! Harness for scenarios against the real kernel: network namespaces, links, guests, packets, and the daemon itself.
//!
//! Whatever goes wrong in here panics with the reason: a scenario has nothing to recover from. What a scenario makes
//! (namespaces, processes) is gone when the value that stands for it is dropped, a failed test included.
#![expect(clippy::missing_panics_doc, reason = "a harness reports every failure by panicking")]
#![expect(
    clippy::must_use_candidate,
    reason = "most of these functions are called for what they do to the kernel"
)]

mod capture;
mod control;
mod daemon;
mod guest;
#[cfg(target_arch = "x86_64")]
mod intruder;
mod link;
mod log;
mod namespace;
mod packet;
mod refusal;
mod solicit;
pub mod supervise;
mod tap;

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

pub use capture::{Advert, Capture, Direction, Frame};
pub use control::{Answer, Control};
pub use daemon::{Daemon, Launch, Output, RuntimeDirectory, binary, binary_without_program};
pub use guest::{DefaultRoute, Guest, Held};
#[cfg(target_arch = "x86_64")]
pub use intruder::Intruder;
pub use link::{Interface, Mac, Veth};
pub use log::field;
pub use namespace::Namespace;
pub use packet::Sender;
pub use refusal::Refusal;
pub use solicit::{Checksum, Fragments, Solicit};
pub use tap::{Tap, open_tun};

/// Long enough for whatever takes no time.
pub(crate) const SHORTLY: Duration = Duration::from_secs(5);

/// Ends the test with a clear message unless it runs as root: a scenario that cannot run must not look like a success.
pub fn require_root() {
    assert!(nix::unistd::geteuid().is_root(), "scenarios make network namespaces: run them as root");
}

/// A program of Prometheus: as `cargo xtask setup --tests` has unpacked it, else from the search path.
pub fn prometheus(program: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it lies in the workspace");
    let unpacked = root.join("target/tools/monitoring/usr/bin").join(program);
    if unpacked.is_file() { unpacked } else { PathBuf::from(program) }
}

/// Copies a program that is to be run, in a process of its own: were the copy open for writing in this one, a child that
/// another test starts at the same time would hold it open too, and the kernel runs nothing that may be written to
/// (ETXTBSY).
pub fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status();
    assert!(copied.expect("cp is everywhere").success(), "{} cannot be copied", from.display());
}

/// Looks every 10 ms until `probe` finds something, for state that the kernel announces to nobody who could wait for
/// it. Panics with `what` when `timeout` is over.
pub fn eventually<T>(timeout: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {timeout:?} in vain for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
