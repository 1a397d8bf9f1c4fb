//! What the fuzz targets check. Each target is a module with a `prepare`, which runs once, and a `check`, which runs on
//! every input that libFuzzer invents and panics when something does not hold.
//!
//! `cargo xtask fuzz` builds and runs them all, `cargo xtask fuzz TARGET --time 8h` one of them for as long as that.
//! There is no `unsafe` code for a sanitizer to watch on these paths.
//!
//! An oracle that shares code with what it judges would agree with it for the wrong reason, so those in here are written
//! down a second time, plainly.

pub mod advert;
pub mod control;
pub mod differential;
pub mod netlink;
mod seeds;
pub mod solicitation;
pub mod state_file;

// The tables and tools of the filter's own tests.
#[path = "../../tests/filter/plain.rs"]
mod plain;
#[path = "../../tests/filter/rows.rs"]
#[expect(dead_code, reason = "a part of the filter's tests, which need more of it")]
mod rows;
#[path = "../../tests/filter/test_run.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "a part of the filter's tests, which need more of it")]
mod test_run;
