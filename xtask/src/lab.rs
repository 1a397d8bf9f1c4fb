//! What shows, measures and tries the daemon beyond the tests of every change.

pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod fuzz;
pub(crate) mod service;
pub(crate) mod vm;
