//! Tests of the filter in the kernel and of the receiver behind it: packet by packet, on a real link,
//! unprivileged.
#![expect(clippy::unwrap_used, reason = "a test has nothing to recover from, nor have its helpers")]
#![expect(clippy::print_stdout, reason = "a test reports its seed and its counts")]

mod capacity;
mod exhaustive;
mod link;
#[path = "../../../autora-common/tests/exhaustive/paths.rs"]
mod paths;
#[path = "../../../autora-common/tests/exhaustive/plain.rs"]
mod plain;
mod privilege;
mod random;
mod rows;
mod scene;
mod test_run;
mod verdicts;
