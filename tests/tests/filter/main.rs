//! The filter, in the kernel and behind it: verdicts packet by packet, on a real link, and with few privileges.
#![expect(clippy::unwrap_used, reason = "a test has nothing to recover from, nor have its helpers")]
#![expect(clippy::print_stdout, reason = "what a test tried is told to whoever looks")]

mod capacity;
mod link;
mod plain;
mod privilege;
mod random;
mod rows;
mod scene;
mod test_run;
mod verdicts;
