//! The signals that ask the daemon to stop, or to make room for the next process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The streams of the signals that the daemon handles.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
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
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal. Tokio documents that `recv` of a registered signal always returns `Some`.
    pub(super) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Stop,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.hangup.recv() => Request::Restart,
        }
    }
}
