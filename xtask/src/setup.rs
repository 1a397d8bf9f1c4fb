//! `cargo xtask setup`: finds or installs what the builds and the tests need.
//!
//! Level-triggered: takes an inventory of the machine, installs what is missing, and takes the next
//! inventory. What one round installs (a compiler) decides what the next one asks for (the LLVM that it was
//! built with).

pub(crate) mod apt;
pub(crate) mod cargo_tool;
mod compiler;
pub(crate) mod cross;
mod linker;
mod llvm;
mod needs;
pub(crate) mod packages;
mod prometheus;
mod remedy;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

pub(crate) use self::compiler::Toolchain;
pub(crate) use self::needs::Scope;

use self::cargo_tool::CARGO_FUZZ;
use self::needs::{Inventory, Need, State};
use self::remedy::Remedy;
use crate::architecture::Architecture;
use crate::workspace::Workspace;
use crate::{process, ui};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also install what the tests, the demonstration and the lints need
    #[arg(long)]
    tests: bool,
    /// Also install what the tests and the fuzz targets need: a C++ compiler and cargo-fuzz
    #[arg(long)]
    fuzz: bool,
    /// Also install what compiles the daemon for this target of rustc
    #[arg(long, value_name = "TARGET", value_parser = Architecture::of_target)]
    target: Option<Architecture>,
    /// Install nothing, only report; the exit code is 1 if something is missing
    #[arg(long)]
    check: bool,
}

/// Installs what `args` ask for, or reports what is missing.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let scope = match args {
        Args { fuzz: true, .. } => Scope::Fuzz,
        Args { tests: true, .. } => Scope::Tests,
        Args { .. } => Scope::Build,
    };
    let architecture = args.target.unwrap_or(Architecture::OWN);
    if !args.check {
        let inventory = complete(workspace, scope, architecture)?;
        report(workspace, &inventory);
        return Ok(ExitCode::SUCCESS);
    }
    let inventory = Inventory::take(workspace, scope, architecture, apt::Lists::unchanged());
    report(workspace, &inventory);
    Ok(if inventory.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Installs what `scope` needs. Prints nothing if all of it is there.
pub(crate) fn ensure(workspace: &Workspace, scope: Scope) -> Result<Toolchain> {
    ensure_for(workspace, scope, Architecture::OWN)
}

/// Does the same, and installs what compiles the daemon for `architecture`.
pub(crate) fn ensure_for(workspace: &Workspace, scope: Scope, architecture: Architecture) -> Result<Toolchain> {
    complete(workspace, scope, architecture)?.toolchain.context("there is no compiler for the filter")
}

fn complete(workspace: &Workspace, scope: Scope, architecture: Architecture) -> Result<Inventory> {
    // Root can fetch the lists, and does so before a package counts as absent from the distribution.
    let mut lists = if process::is_root() { apt::Lists::AsTheyAre } else { apt::Lists::unchanged() };
    let mut before: Vec<Remedy> = Vec::new();
    loop {
        let inventory = Inventory::take(workspace, scope, architecture, lists);
        let missing = inventory.remedies();
        if missing.is_empty() {
            return Ok(inventory);
        }
        if missing == before {
            report(workspace, &inventory);
            bail!("installed what was missing, but it is still not found");
        }
        if before.is_empty() {
            ui::note("some programs are missing; installing them:");
        }
        if missing.contains(&Remedy::PackageLists) {
            lists = apt::Lists::Fresh;
        }
        apply(workspace, &missing)?;
        before = missing;
    }
}

/// Installs what it can. The error says what the developer has to do.
fn apply(workspace: &Workspace, missing: &[Remedy]) -> Result<()> {
    let mut packages: Vec<&str> = Vec::new();
    let mut lists = false;
    let mut unpack_prometheus = false;
    let mut sysroot = None;
    let mut by_hand: Vec<&str> = Vec::new();
    for remedy in missing {
        match remedy {
            Remedy::PackageLists => lists = true,
            Remedy::Packages(names) => packages.extend(names.iter().map(String::as_str)),
            Remedy::Rustup(words) => rustup(workspace, words)?,
            Remedy::Linker(llvm) => linker::install(workspace, llvm)?,
            Remedy::CargoFuzz => CARGO_FUZZ.install(workspace)?,
            Remedy::Prometheus => unpack_prometheus = true,
            Remedy::Sysroot(architecture) => sysroot = Some(*architecture),
            Remedy::ByHand(what) => by_hand.push(what),
            Remedy::Later => {}
        }
    }
    if lists {
        apt::update(workspace)?;
    }
    packages.sort_unstable();
    packages.dedup();
    if !packages.is_empty() {
        apt::install(workspace, &packages)?;
    }
    if unpack_prometheus {
        prometheus::unpack(workspace)?;
    }
    if let Some(architecture) = sysroot {
        cross::unpack(workspace, architecture)?;
    }
    if !by_hand.is_empty() {
        bail!("{}", by_hand.join("\n"));
    }
    Ok(())
}

fn rustup(workspace: &Workspace, args: &[&str]) -> Result<()> {
    let label = format!("rustup {}", args.join(" "));
    process::run_logged(&label, Command::new("rustup").args(args), &workspace.log("rustup"))
        .context("rustup could not fetch it (is the network there?)")
}

fn report(workspace: &Workspace, inventory: &Inventory) {
    let rows: Vec<[String; 3]> = inventory.needs.iter().map(|need| row(workspace, need)).collect();
    println!();
    for (need, line) in inventory.needs.iter().zip(ui::columns(&rows)) {
        let mark = if need.is_found() { ui::paint(ui::Paint::Good, "✓") } else { ui::paint(ui::Paint::Bad, "✗") };
        println!("  {mark} {line}");
    }
    println!();
}

fn row(workspace: &Workspace, need: &Need) -> [String; 3] {
    match &need.state {
        State::Found { version, place } => [need.name.to_owned(), version.clone(), workspace.display(place)],
        State::Missing(remedy) => [need.name.to_owned(), "missing".to_owned(), remedy.to_string()],
    }
}
