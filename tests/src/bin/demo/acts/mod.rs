//! What is shown, one act each: what the daemon thinks of the host, what the guests got, what was on the wire, what a
//! hostile guest achieves, and what a stop looks like.

mod burst;
mod guests;
mod wire;
mod withdrawal;

pub(crate) use burst::burst;
pub(crate) use guests::{arrivals, scene};
pub(crate) use wire::advertisement;
pub(crate) use withdrawal::withdrawal;
