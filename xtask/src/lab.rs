//! Runs of the daemon beyond the tests of every change: demonstration, benchmarks, fuzzing, mutants, hours among much
//! that happens, hosts and guests.

pub(crate) mod bench;
mod debian;
pub(crate) mod demo;
pub(crate) mod fuzz;
pub(crate) mod guests;
pub(crate) mod mutants;
pub(crate) mod recipes;
pub(crate) mod service;
pub(crate) mod soak;
pub(crate) mod source;
pub(crate) mod vm;
