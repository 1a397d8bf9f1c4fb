//! What the daemon gives up once everything is open, so that code that takes it over later cannot use it: it
//! reaches no file but its own ([`files`], Landlock) and makes no system call but those that it needs
//! ([`calls`], seccomp). Neither needs a privilege or a service manager.
//!
//! Landlock binds the calling thread and those that it starts later, seccomp every existing thread as well:
//! hence the order.

mod calls;
mod files;
mod outcome;

pub use calls::confine_calls;
pub use files::{WritableDirectories, confine_files};
pub use outcome::{SandboxError, Support};
