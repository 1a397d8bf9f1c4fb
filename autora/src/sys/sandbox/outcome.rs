//! The outcome of a confinement.

/// Whether the kernel supports a confinement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does, and the confinement is in force.
    Enforced,
    /// The kernel was built or booted without it.
    Missing,
    /// The call that asks for it is refused, with this error number: by the sandbox of a container or a unit.
    Refused(i32),
}

/// Why the daemon is not confined on a kernel that supports it.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Landlock failed.
    #[error("cannot confine the daemon to its own files (Landlock)")]
    Files(#[from] landlock::RulesetError),
    /// Seccomp failed.
    #[error("cannot confine the daemon to its own system calls (seccomp)")]
    Calls(#[from] seccompiler::Error),
}
