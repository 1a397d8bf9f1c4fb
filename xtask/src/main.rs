//! Development tasks of autora: `cargo xtask <task>`.
//!
//! Each task installs and builds what it needs (`demo` and `test` set the machine up, build the filter, build
//! the daemon), so that any of them may be the first command run on a machine. A task that finds everything
//! in place is quick.
//!
//! The layers, top to bottom; each imports only what stands below it:
//!
//! ```text
//! check      what a change must pass: `test` and its steps, `conformance`
//! lab        longer runs of the daemon: `demo`, `bench`, `fuzz`, `soak`, `mutants`, `vm-test`, `guests`, `kernels`,
//!            `service-test`, `recipes-test`, `source-test`
//! release    publishing: `package`, `dist`, `source`, `man`, `completions`, `documents`, `notices`,
//!            `release-version`, `deny`
//! build      compiling: `build-ebpf`, `build` (release profile), and the tests (dev profile)
//! setup      compilers, programs and packages that the machine needs: `setup`
//! ground     architecture (names), workspace (folders), process (other programs), ui (the terminal),
//!            outcome (results), neighbours (a kernel limit)
//! ```
//!
//! There are two ways of compiling, and each crate is compiled once in either: `build`, `package`, `dist`,
//! `bench` and the virtual machines use the release profile (fat LTO, linked statically), `test` and `demo`
//! use the dev profile; `soak` runs a release daemon from a program of the dev profile.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on its terminal")]

mod architecture;
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
    lab::{bench, demo, fuzz, guests, mutants, recipes, service, soak, vm},
    release::{deny, dist, documents, manual, notices, source, version},
    workspace::Workspace,
};

/// Development tasks of autora. Each task installs and builds what it needs first.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Task {
    /// Find or install the compilers and programs that the builds and tests need
    Setup(setup::Args),
    /// Compile the eBPF filter to target/ebpf/autora.bpf.o
    BuildEbpf,
    /// Build the release daemon, with the eBPF filter embedded, to target/release/autora
    Build(daemon::Args),
    /// Check a change: format, clippy, unit tests, conformance, tests against the real kernel (as root)
    Test(check::Args),
    /// Run the fuzz targets, the simulation and the leak test for a given time
    Fuzz(fuzz::Args),
    /// Run the daemon for hours among links that come and go, floods, restarts and kills, and watch its RAs (as root)
    Soak(soak::Args),
    /// Make small errors in the pure layers, and see whether a test notices each (cargo-mutants)
    Mutants(mutants::Args),
    /// Check CONFORMANCE.md: each rule of the RFCs has a test, or a reason
    Conformance,
    /// Write the manual pages to target/man
    Man,
    /// Write completions for bash, zsh and fish to target/completions
    Completions,
    /// Write the documents of the package to target/documents
    Documents,
    /// Write the licences of the crates that are linked into the daemon to target/notices
    Notices,
    /// Build the Debian package to target/package and check it with lintian, or an RPM to target/rpm with rpmlint
    Package(release::PackageArgs),
    /// Install, run, restart, hang, upgrade and purge the package, or the RPM, under systemd in namespaces (as root)
    ServiceTest(service::Args),
    /// Run the handbook's recipes with libvirt, systemd-nspawn, QEMU, Incus and LXC in namespaces (as root)
    RecipesTest(recipes::Args),
    /// Make a release in target/dist: packages and tarballs for amd64 and arm64, sources, bill of materials, checksums
    Dist,
    /// Make only the sources of a release in target/dist, which `dpkg-buildpackage` builds without a network
    Source,
    /// Build and test the package from these sources on Debian's releases, without a network (as root)
    SourceTest(lab::source::Args),
    /// Print the version of a tag; with --write, set it in the crates and the package
    ReleaseVersion(version::Args),
    /// Check licences, versions, sources and advisories of all crates
    Deny(deny::Args),
    /// Show autora at work in network namespaces: guests get an address and a route (as root)
    Demo,
    /// Boot virtual machines as guests: address, route, reboot, a guest that floods, withdrawal, migration; and as
    /// hosts where AppArmor confines libvirt's hook (as root)
    VmTest(vm::GuestArgs),
    /// Show what the programs of Debian that configure a guest's network, and firmware, make of RAs (as root)
    Guests(guests::Args),
    /// Run the daemon on Debian's kernels in virtual machines (as root)
    Kernels(vm::KernelArgs),
    /// Measure autora and the other RA daemons of this distribution (as root)
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let workspace = Workspace::locate();
    let done = match Task::parse() {
        Task::Setup(args) => setup::run(&workspace, &args),
        Task::BuildEbpf => filter::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Build(args) => daemon::run(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::Test(args) => Ok(check::run(&workspace, &args)),
        Task::Fuzz(args) => fuzz::run(&workspace, &args),
        Task::Soak(args) => soak::run(&workspace, &args).map(|never| match never {}),
        Task::Mutants(args) => mutants::run(&workspace, &args),
        Task::Conformance => conformance::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Man => manual::man(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Completions => manual::completions(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Documents => documents::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Notices => notices::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Package(args) => release::make_package(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::ServiceTest(args) => service::run(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::RecipesTest(args) => recipes::run(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::Dist => dist::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Source => source::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::SourceTest(args) => lab::source::run(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::ReleaseVersion(args) => version::run(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::Deny(args) => deny::run(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::Demo => demo::run(&workspace).map(|never| match never {}),
        Task::VmTest(args) => vm::guest(&workspace, &args),
        Task::Guests(args) => guests::run(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::Kernels(args) => Ok(vm::kernels(&workspace, &args)),
        Task::Bench(args) => bench::run(&workspace, &args).map(|never| match never {}),
    };
    done.unwrap_or_else(|error| {
        ui::error(&error);
        ExitCode::FAILURE
    })
}
