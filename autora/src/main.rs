//! The autora binary.

use std::process::ExitCode;

use autora::{commands, sys::heap};

fn main() -> ExitCode {
    // SAFETY: the first statement of the process's first thread, before anything could start another.
    unsafe { heap::set_up() };
    commands::run(commands::parse())
}
