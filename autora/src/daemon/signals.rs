//! The signals that ask the daemon to stop, or to make room for the next process.
//!
//! A SIGHUP or SIGINT that is ignored when the daemon starts stays ignored, as the GNU C library's manual asks of
//! every program ("Initial Signal Actions"): the first is `nohup autora`, the second a script's `autora &`. SIGTERM is
//! handled all the same, as the way to stop that is left.

use std::{future, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::sys::signal::is_ignored;

/// The streams of the signals that the daemon handles.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Option<Signal>,
    hangup: Option<Signal>,
}

/// The meaning of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// SIGTERM or SIGINT: end, with a withdrawal if `--on-exit` says so.
    Stop,
    /// SIGHUP: end without a withdrawal; the next process takes over.
    Restart,
}

impl Signals {
    /// Registers the signals.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: unless_ignored(SignalKind::interrupt())?,
            hangup: unless_ignored(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal. Tokio documents that `recv` of a registered signal always returns `Some`.
    pub(super) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Stop,
            () = received(&mut self.interrupt) => Request::Stop,
            () = received(&mut self.hangup) => Request::Restart,
        }
    }
}

fn unless_ignored(kind: SignalKind) -> io::Result<Option<Signal>> {
    if is_ignored(kind.as_raw_value())? { Ok(None) } else { signal(kind).map(Some) }
}

/// Waits for a signal; for ever if it is ignored.
async fn received(stream: &mut Option<Signal>) {
    match stream {
        Some(stream) => drop(stream.recv().await),
        None => future::pending().await,
    }
}
