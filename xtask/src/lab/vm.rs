//! `cargo xtask vm-test` and `cargo xtask kernels`: virtual machines as guests of autora, and as hosts that
//! it runs on.
//!
//! The program `vm` of the tests runs them. This module provides what it needs: QEMU is installed, kernels
//! and busybox are packages of Debian that are unpacked below the target folder. No hardware virtualisation
//! is needed; without it each boot takes some seconds longer.

mod kernel;
mod modules;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::{
    build, process,
    setup::{self, Scope, apt, packages::Archive},
    ui,
    workspace::Workspace,
};

const QEMU: &str = "qemu-system-x86_64";

/// Stands for the release that this machine runs.
const OWN: &str = "own";

#[derive(Debug, clap::Args)]
pub(crate) struct GuestArgs {
    /// Run only this part
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// One guest boots, gets its address and route, and loses the route when autora stops
    Boot,
    /// QEMU migrates a guest from one host to another: it keeps its route and its connections
    Migration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KernelArgs {
    /// Run only the kernels of these releases of Debian
    #[arg(long, value_name = "RELEASE", value_delimiter = ',')]
    only: Vec<Release>,
}

/// Releases of Debian, for their kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Release {
    /// Linux 5.10
    Bullseye,
    /// Linux 6.1
    Bookworm,
    /// Linux 6.12
    Trixie,
    /// The newest one
    Sid,
}

/// Runs `cargo xtask vm-test`.
pub(crate) fn guest(workspace: &Workspace, args: &GuestArgs) -> Result<ExitCode> {
    let machines = Machines::ready(workspace)?;
    let kernel = kernel::prepare(workspace, OWN, || Archive::own(workspace))?;
    ui::heading("virtual machines as guests");
    let run = |what, more: &[&str]| process::run(machines.command(what).arg("--kernel").arg(&kernel).args(more));
    match args.only {
        Some(Part::Boot) => run("guest", &["--boot-only"])?,
        Some(Part::Migration) => run("migration", &[])?,
        None => {
            run("guest", &[])?;
            run("migration", &[])?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Boots one guest, for `cargo xtask test --ship`: about 20 s.
pub(crate) fn boot(workspace: &Workspace) -> Result<()> {
    guest(workspace, &GuestArgs { only: Some(Part::Boot) }).map(drop)
}

/// Runs every part of `cargo xtask vm-test`.
pub(crate) fn guests(workspace: &Workspace) -> Result<()> {
    guest(workspace, &GuestArgs { only: None }).map(drop)
}

/// Runs every kernel. One that cannot be fetched is a failure.
pub(crate) fn all_kernels(workspace: &Workspace) -> Result<()> {
    let outcome = kernels(workspace, &KernelArgs { only: Vec::new() })?;
    ensure!(outcome == ExitCode::SUCCESS, "some kernels did not run; see above");
    Ok(())
}

/// Runs `cargo xtask kernels`.
pub(crate) fn kernels(workspace: &Workspace, args: &KernelArgs) -> Result<ExitCode> {
    let machines = Machines::ready(workspace)?;
    let wanted = |release: &&Release| args.only.is_empty() || args.only.contains(release);
    let (mut folders, mut missing) = (Vec::new(), Vec::new());
    for name in Release::value_variants().iter().filter(wanted).map(|release| release.name()) {
        match kernel::prepare(workspace, &name, || Archive::of(workspace, &name)) {
            Ok(folder) => folders.push(folder),
            Err(error) => missing.push(format!("{name} DID NOT RUN: {error:#}")),
        }
    }
    if !folders.is_empty() {
        ui::heading("virtual machines as hosts");
        process::run(machines.command("hosts").args(folders))?;
    }
    for line in &missing {
        ui::note(&ui::paint(ui::Paint::Bad, line));
    }
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Release {
    /// Returns Debian's name of it.
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What every virtual machine needs.
struct Machines {
    program: PathBuf,
    daemon: PathBuf,
    qemu: PathBuf,
    busybox: PathBuf,
}

impl Machines {
    fn ready(workspace: &Workspace) -> Result<Self> {
        if !process::is_root() {
            bail!(
                "virtual machines get network namespaces, which only root may make: run this as root (in a root shell, \
                 as `sudo -s` gives one, so that cargo is found)"
            );
        }
        ensure!(cfg!(target_arch = "x86_64"), "the virtual machines need an x86-64 host");
        let toolchain = setup::ensure(workspace, Scope::Namespaces)?;
        let daemon = build::daemon::with(workspace, &toolchain)?;
        ui::heading("QEMU and busybox");
        let qemu = qemu(workspace)?;
        let busybox = busybox(workspace)?;
        let program = build::daemon::test_program(workspace, "vm")?;
        Ok(Self { program, daemon, qemu, busybox })
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(&self.program);
        let option = |name: &str, place: &Path| [OsString::from(name), place.as_os_str().to_owned()];
        command.arg(what).args(option("--qemu", &self.qemu)).args(option("--busybox", &self.busybox));
        command.env("AUTORA_BIN", &self.daemon);
        command
    }
}

fn qemu(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(found) = process::which(QEMU) {
        return Ok(found);
    }
    apt::install(workspace, &["qemu-system-x86"])?;
    process::which(QEMU).with_context(|| format!("the package qemu-system-x86 has no {QEMU}"))
}

/// Returns the path of a static busybox. It is unpacked and not installed, since its package would replace
/// the machine's busybox.
fn busybox(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.vm().join("busybox");
    let places = ["bin/busybox", "usr/bin/busybox"].map(|place| root.join(place));
    let find = || places.iter().find(|place| place.is_file()).cloned();
    if let Some(found) = find() {
        return Ok(found);
    }
    Archive::own(workspace)?.unpack(&["busybox-static".to_owned()], &root)?;
    find().context("the package busybox-static has no busybox")
}
