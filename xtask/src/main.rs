//! Development tasks of autora: `cargo xtask <task>`.
//!
//! Each task brings about what it needs by itself (`demo` and `test` set the machine up, build the filter,
//! build the daemon), so that any of them may be the first command ever run on a machine. A task that finds
//! everything in place is quick and says little.
//!
//! The rooms, top to bottom; each imports only what stands below it:
//!
//! ```text
//! check      what a change must pass: `test` and its steps, `conformance`
//! lab        what shows, measures and tries the daemon: `demo`, `bench`, `fuzz`, `vm-test`, `kernels`, `service-test`
//! release    what others get: `package`, `dist`, `man`, `completions`, `notices`, `release-version`, `deny`
//! build      what is compiled: `build-ebpf`, `build` (as it is shipped), and the tests (not optimised)
//! setup      what the machine has to have: `setup`; apt, LLVM, tools that cargo compiles
//! workspace, process, ui, outcome, neighbours      the ground: folders, programs, the terminal, results, a kernel's limit
//! ```
//!
//! Two ways of compiling: `build`, `package`, `dist`, `bench` and the virtual machines take the release
//! profile (fat LTO, linked statically), `test` and `demo` the one of `cargo build`, and each crate is
//! compiled once in either.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on its terminal")]

mod build;
mod check;
mod lab;
mod neighbours;
mod outcome;
mod process;
mod release;
mod setup;
mod ui;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    build::{daemon, filter},
    check::conformance,
    lab::{bench, demo, fuzz, service, vm},
    release::{deny, dist, manual, notices, package, version},
    workspace::Workspace,
};

/// Development tasks of autora.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Task {
    /// Find or install what the eBPF build (and, asked for, the tests) need
    Setup(setup::Args),
    /// Compile the socket filter to target/ebpf/autora.bpf.o
    BuildEbpf,
    /// Build the release daemon with the filter in it
    Build,
    /// Format, clippy, unit tests, tests against the real kernel
    Test(check::Args),
    /// Fuzz targets, the simulation and the leak test, for long
    Fuzz(fuzz::Args),
    /// Check CONFORMANCE.md: each rule of the RFCs has the test that shows it, or a reason
    Conformance,
    /// Write the manual pages to target/man
    Man,
    /// Write completions for bash, zsh and fish to target/completions
    Completions,
    /// Write the licences of what is linked into the daemon to target/notices
    Notices,
    /// Build the Debian package to target/package, and ask lintian
    Package,
    /// Install, run, restart, hang, upgrade and purge the package under a systemd of its own
    ServiceTest,
    /// Make a release in target/dist: package, tarball, bill of materials, checksums
    Dist,
    /// Print the version that a tag stands for, and give it to crates and package
    ReleaseVersion(version::Args),
    /// Check licences, versions and origins of all crates, and advisories about them
    Deny(deny::Args),
    /// Show the main job in network namespaces: guests get an address and a route
    Demo,
    /// Boot virtual machines as guests: address and route, a reboot, a neighbour that floods, the withdrawal
    VmTest(vm::GuestArgs),
    /// Boot Debian's kernels as hosts: what of autora works on which
    Kernels(vm::KernelArgs),
    /// Measure autora beside the other daemons of this distribution
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let workspace = Workspace::locate();
    let done = match Task::parse() {
        Task::Setup(args) => setup::run(&workspace, &args),
        Task::BuildEbpf => filter::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Build => daemon::run(&workspace).map(|_| ExitCode::SUCCESS),
        Task::Test(args) => Ok(check::run(&workspace, &args)),
        Task::Fuzz(args) => fuzz::run(&workspace, &args),
        Task::Conformance => conformance::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Man => manual::man(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Completions => manual::completions(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Notices => notices::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Package => package::build(&workspace).map(|_| ExitCode::SUCCESS),
        Task::ServiceTest => service::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Dist => dist::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::ReleaseVersion(args) => version::run(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::Deny(args) => deny::run(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::Demo => demo::run(&workspace).map(|never| match never {}),
        Task::VmTest(args) => vm::guest(&workspace, &args),
        Task::Kernels(args) => vm::kernels(&workspace, &args),
        Task::Bench(args) => bench::run(&workspace, &args).map(|never| match never {}),
    };
    done.unwrap_or_else(|error| {
        ui::error(&error);
        ExitCode::FAILURE
    })
}
