//! The errors that can end a start. A running loop returns none, but for a dry run.

use std::io;

use crate::sys::{
    filter, netlink, open_files::TooFewFiles, receiver, sandbox::SandboxError, sender, state_file::StateFileOpenError,
};

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The filter cannot be loaded.
    #[error(transparent)]
    Filter(#[from] filter::LoadError),
    /// The receiving socket cannot be opened.
    #[error(transparent)]
    Receiver(#[from] receiver::ReceiverOpenError),
    /// The sending socket cannot be opened.
    #[error(transparent)]
    Sender(#[from] sender::SenderOpenError),
    /// The netlink sockets cannot be opened.
    #[error(transparent)]
    Netlink(#[from] netlink::NetlinkOpenError),
    /// The kernel did not answer with its interfaces.
    #[error("cannot read the interfaces from the kernel")]
    Dump(#[from] netlink::QueryError),
    /// The capabilities cannot be given up.
    #[error("cannot give up the capabilities")]
    Privileges(#[from] caps::errors::CapsError),
    /// Another daemon uses the same runtime directory.
    #[error(transparent)]
    State(#[from] StateFileOpenError),
    /// The kernel supports confinement, and refuses it.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The limit of open files is too low.
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    /// A dry run's output cannot be written.
    #[error("cannot write to standard output")]
    DryRun(#[source] io::Error),
    /// The kernel refused a file descriptor or a timer.
    #[error("cannot set up the event loop")]
    Io(#[from] io::Error),
}
