//! What the daemon cannot do any more once everything is open, whoever has taken it over by then: it reaches no file but
//! its own ([`files`], Landlock) and makes no system call but those it lives by ([`calls`], seccomp). Neither takes a
//! privilege, or a service manager.
//!
//! Landlock binds the calling thread and those it starts later, seccomp every thread there is: hence the order.

mod calls;
mod files;

pub use calls::confine_calls;
pub use files::{Places, confine_files};

/// Whether the kernel has what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It has, and it is in force.
    Enforced,
    /// It was built, or started, without.
    Missing,
}

/// Why the daemon is not confined on a kernel that could do it.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Landlock refused.
    #[error("cannot confine the daemon to its own files (Landlock)")]
    Files(#[from] landlock::RulesetError),
    /// Seccomp refused.
    #[error("cannot confine the daemon to its own system calls (seccomp)")]
    Calls(#[from] seccompiler::Error),
}
