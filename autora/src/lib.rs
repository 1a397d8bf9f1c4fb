//! autora: an IPv6 Router Advertisement daemon for hypervisors, as a library for its binary and tests.
//!
//! [`engine`] and [`wire`] are pure: no clock, randomness or I/O. [`sys`] is everything that touches the
//! kernel. [`daemon`] is the event loop between them, [`control`] serves status, events and metrics,
//! [`commands`] is the command line.

pub mod addr;
pub mod commands;
pub mod config;
pub mod control;
pub mod daemon;
pub mod diagnosis;
pub mod engine;
pub mod error;
pub mod logging;
pub mod settings;
pub mod sys;
pub mod wire;
