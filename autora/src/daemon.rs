//! The daemon: one event loop on one thread, between the kernel, the pure fleet and the clients of the
//! control socket.
//!
//! ```text
//!   start ----> opens sockets, files and the control thread, confines itself, reads every interface
//!     |
//!     v                               +--> log, or dry_run
//!   event_loop -- events --> observe -+--> control_handle: counters, `autora monitor`
//!     |    ^
//!     |    +-- links: changes of interfaces
//!     +------> backend: filter and sockets, or nothing (a dry run)
//!     +------> state_saver: the state for the next process
//!     +------> shutdown: how far the daemon is from its end
//! ```

mod backend;
mod claimant;
mod congestion;
mod control_handle;
mod dry_run;
mod event_loop;
mod host_warnings;
mod hourly_warning;
mod links;
mod log;
mod log_limiter;
mod observe;
mod other_routers;
mod overruns;
mod shutdown;
mod signals;
mod socket_drops;
mod start;
mod start_error;
mod state_saver;

pub use self::{start::run, start_error::StartError};
