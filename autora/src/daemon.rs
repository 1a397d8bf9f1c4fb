//! The daemon: one event loop on one thread, between the kernel, the pure fleet and those who look in.
//!
//! ```text
//!   start ----> opens sockets, files and the control thread, confines itself, reads every interface
//!     |
//!     v                                      +--> log, or dry_run
//!   event_loop -- what happened --> observe -+--> control_handle: counters, `autora monitor`
//!     |    ^
//!     |    +-- links: what changed on an interface
//!     +------> backend: filter and sockets, or none of them (a dry run)
//!     +------> state_saver: what the next process has to know
//! ```

mod backend;
mod control_handle;
mod dry_run;
mod event_loop;
mod host_warnings;
mod links;
mod log;
mod log_limiter;
mod observe;
mod other_routers;
mod signals;
mod socket_drops;
mod start;
mod start_error;
mod state_saver;

pub use self::{start::run, start_error::StartError};
