//! The sections of the demonstration: the host, the guests, an RA on the wire, a hostile guest, the stop.

mod burst;
mod guests;
mod wire;
mod withdrawal;

pub(crate) use burst::burst;
pub(crate) use guests::{guests, host};
pub(crate) use wire::advertisement;
pub(crate) use withdrawal::withdrawal;
