//! Looking in from outside: HTTP on a Unix socket, and for metrics also on TCP where that is asked for.
//!
//! All of it runs on a thread of its own, so that nobody who asks, however slow, silent or hostile, keeps the event loop
//! from an advertisement. The thread asks the loop small questions ([`query`]), a page of interfaces at a time; what is
//! large is written page by page, and whoever does not read waits alone. Events are only made while somebody listens
//! ([`events`]). Nothing can be changed from here.

mod answer;
pub mod client;
mod context;
pub mod event;
pub mod events;
mod glob;
pub mod limits;
mod metrics;
pub mod model;
pub mod query;
mod render;
mod routes;
mod selection;
mod server;
mod status;
mod stream;
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
