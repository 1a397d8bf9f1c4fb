//! The autora binary: the daemon, and the commands around it.

use std::process::ExitCode;

use autora::{commands, sys::heap};

fn main() -> ExitCode {
    heap::set_up();
    commands::run(commands::parse())
}
