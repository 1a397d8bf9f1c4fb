//! Runs the programs that these tests need.

use std::process::{Command, Output};

/// Runs a program to its end. One that is missing fails the test: nothing is skipped.
pub(crate) fn run(command: &mut Command) -> Output {
    let program = command.get_program().to_owned();
    command.output().unwrap_or_else(|error| {
        panic!("{}: {error}: `cargo xtask setup --tests` installs what is missing", program.display())
    })
}

/// Returns its standard output and standard error.
pub(crate) fn says(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream)).concat()
}
