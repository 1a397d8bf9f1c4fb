//! How a confinement ends.

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
