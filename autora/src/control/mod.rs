//! The control API: HTTP on a Unix socket, and with `--metrics-listen` metrics also on TCP. It is read-only.
//!
//! It runs on a thread of its own, so that no client, however slow or hostile, delays an RA. The thread
//! queries the event loop for 64 interfaces at a time ([`query`]) and writes long answers page by page, so
//! that a slow reader delays itself alone. Events are rendered only while a client listens ([`events`]).

mod answer;
pub mod client;
mod context;
pub mod event;
pub mod events;
mod glob;
pub mod limits;
mod metrics;
pub mod model;
mod places;
pub mod query;
mod render;
mod routes;
mod selection;
mod server;
#[cfg(test)]
mod stable_names;
mod status;
mod stream;
#[cfg(test)]
mod testing;
mod thread;
mod watcher;
mod write_timeout;

pub use self::{
    context::{ControlContext, DaemonInfo},
    glob::Glob,
    routes::Access,
    server::serve,
    thread::Control,
};
