//! What the daemon cannot do any more once everything is open, whoever has taken it over by then: it reaches
//! no file but its own ([`files`], Landlock) and makes no system call but those it lives by ([`calls`],
//! seccomp). Neither takes a privilege, or a service manager.
//!
//! Landlock binds the calling thread and those it starts later, seccomp every thread there is: hence the
//! order.

mod calls;
mod files;
mod outcome;

pub use self::{
    calls::confine_calls,
    files::{Places, confine_files},
    outcome::{SandboxError, Support},
};
