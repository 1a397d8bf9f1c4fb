//! Signals: asked to stop, or to make room for the next process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that the daemon listens to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// SIGTERM or SIGINT: end, and withdraw if that is wanted.
    Stop,
    /// SIGHUP: end, and leave everything to the next process.
    Restart,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one. Signals have no error of their own once they are registered: tokio documents that `recv`
    /// always returns `Some`.
    pub(super) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Stop,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.hangup.recv() => Request::Restart,
        }
    }
}
