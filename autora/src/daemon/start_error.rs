//! What can end a start, and nothing else: a running loop returns no error.

use std::io;

use crate::sys::{filter, netlink, receiver, sandbox::SandboxError, sender};

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No filter.
    #[error(transparent)]
    Filter(#[from] filter::LoadError),
    /// No receiving socket.
    #[error(transparent)]
    Receiver(#[from] receiver::ReceiverOpenError),
    /// No sending socket.
    #[error(transparent)]
    Sender(#[from] sender::SenderOpenError),
    /// No netlink socket.
    #[error(transparent)]
    Netlink(#[from] netlink::NetlinkOpenError),
    /// The kernel did not tell its interfaces.
    #[error("cannot read the interfaces from the kernel")]
    Dump(#[from] netlink::QueryError),
    /// The capabilities could not be given up.
    #[error("cannot give up the capabilities")]
    Privileges(#[from] caps::errors::CapsError),
    /// The kernel can confine the daemon, and does not.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A file descriptor could not be had.
    #[error("cannot set up the event loop")]
    Io(#[from] io::Error),
}
