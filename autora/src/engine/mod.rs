//! The protocol machine: what to serve and when to speak.
//!
//! Pure by rule: no clock, randomness, input or output and nothing asynchronous in this folder. Instants and the random
//! generator come in as arguments; what has to happen goes out as values.

pub mod action;
pub mod advertiser;
pub mod content;
pub mod counts;
pub mod eligibility;
pub mod fleet;
pub mod handover;
pub mod interface;
pub mod parameters;
pub mod rfc4861;
mod time;

pub use fleet::Fleet;
pub use time::BootInstant;
