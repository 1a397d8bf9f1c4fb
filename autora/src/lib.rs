//! autora: the IPv6 Router Advertisement daemon for hypervisors.
//!
//! The library beneath the binary. [`engine`] and [`wire`] are pure; everything that touches the kernel is in [`sys`];
//! [`daemon`] is the event loop between them, and [`control`] lets people look in.

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
