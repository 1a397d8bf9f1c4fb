//! Runs of the daemon beyond the tests of every change: demonstration, benchmarks, fuzzing, mutants, hours among much
//! that happens, virtual machines.

pub(crate) mod bench;
mod debian;
pub(crate) mod demo;
pub(crate) mod fuzz;
pub(crate) mod mutants;
pub(crate) mod recipes;
pub(crate) mod service;
pub(crate) mod soak;
pub(crate) mod vm;
