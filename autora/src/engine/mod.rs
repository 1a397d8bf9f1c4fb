//! The protocol machine: what to serve and when to speak.
//!
//! Pure by rule: no clock, randomness, input or output and nothing asynchronous in this folder. Instants and the random
//! generator come in as arguments; what has to happen goes out as values.

pub mod advertiser;
pub mod eligibility;
pub mod explanation;
pub mod fleet;
pub mod interface;
pub mod link_options;
pub mod memory;
mod time;

pub use fleet::Fleet;
pub use time::Instant;
