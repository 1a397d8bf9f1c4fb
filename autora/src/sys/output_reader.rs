//! The reader of standard output.

use std::{
    future, io,
    os::fd::{AsFd, OwnedFd},
};

use tokio::io::{Interest, unix::AsyncFd};

/// Tells when the reader of standard output has closed its end, without writing anything.
#[derive(Debug)]
pub struct OutputReader(Option<AsyncFd<OwnedFd>>);

impl OutputReader {
    /// Watches standard output. A file, which epoll(7) does not take, has no reader that could go.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime with IO enabled.
    #[must_use]
    pub fn watch() -> Self {
        let Ok(fd) = io::stdout().as_fd().try_clone_to_owned() else { return Self(None) };
        // SAFETY: an OwnedFd is open for as long as it lives, and always the same descriptor.
        Self(unsafe { AsyncFd::register_with_interest(fd, Interest::ERROR) }.ok())
    }

    /// Waits until the reader has gone; without end if it never does. A pipe without a reader polls as an error, see
    /// poll(2).
    pub async fn gone(&self) {
        match &self.0 {
            Some(fd) => drop(fd.ready(Interest::ERROR).await),
            None => future::pending().await,
        }
    }
}
