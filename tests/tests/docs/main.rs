//! The handbook of `contrib/docs`, the manual pages and the completions against the program that they tell of: nothing
//! that it has is missing there, and nothing is told of that it has not.

mod alerts;
mod book;
mod completions;
mod links;
mod names;
mod pages;
mod scripts;
mod security;
mod settings;
mod supply_chain;

use std::process::{Command, Output};

/// Runs a program to its end. One that is missing fails the test: nothing is skipped.
fn run(command: &mut Command) -> Output {
    let program = command.get_program().to_owned();
    command.output().unwrap_or_else(|error| {
        panic!("{}: {error}: `cargo xtask setup --tests` installs what is missing", program.display())
    })
}

/// What it says, on both streams.
fn says(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream)).concat()
}
