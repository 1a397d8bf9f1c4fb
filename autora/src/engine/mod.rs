//! The protocol machine: which interfaces are served, and when each RA leaves.
//!
//! Pure: no clock, random source, I/O or async in this folder. Instants and the random generator come in as
//! arguments, effects go out as values ([`action`]).

pub mod action;
pub mod advertiser;
pub mod content;
pub mod counts;
pub mod delays;
pub mod eligibility;
pub mod fleet;
pub mod grid;
pub mod handover;
pub mod interface;
pub mod parameters;
pub mod rfc4861;
pub mod shared_prefix;
pub mod takeover;
mod time;

pub use fleet::Fleet;
pub use time::BootInstant;
