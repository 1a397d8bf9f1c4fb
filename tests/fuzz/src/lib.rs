//! The checks of the fuzz targets. Each target is a module with a `prepare`, which runs once and writes
//! seeds, and a `check`, which runs on every input of libFuzzer and panics when a property does not hold.
//!
//! `cargo xtask fuzz` builds and runs them all, `cargo xtask fuzz TARGET --time 8h` one of them for as long as that.
//! These paths have no `unsafe` code, so no sanitizer is needed.
//!
//! An oracle that shares code with the code under test can share its bugs. So the oracles here are
//! independent, plain implementations.

pub mod advert;
pub mod control;
pub mod differential;
pub mod netlink;
mod seeds;
pub mod solicitation;
pub mod state_file;

// The tables and tools of the filter's own tests.
#[path = "../../../autora-common/tests/exhaustive/plain.rs"]
mod plain;
#[path = "../../tests/filter/rows.rs"]
#[expect(dead_code, reason = "a part of the filter's tests, which need more of it")]
mod rows;
#[path = "../../tests/filter/test_run.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "a part of the filter's tests, which need more of it")]
mod test_run;
