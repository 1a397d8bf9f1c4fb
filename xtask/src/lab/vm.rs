//! `cargo xtask vm-test` and `cargo xtask kernels`: virtual machines as guests of autora, and as hosts that
//! it runs on.
//!
//! The program `vm` of the tests runs them. This module provides what it needs: QEMU is installed, kernels
//! and busybox are packages of Debian that are unpacked below the target folder. No hardware virtualisation
//! is needed; without it each boot takes some seconds longer.

mod apparmor;
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
    architecture::Architecture,
    build, process,
    setup::{self, Scope, apt, packages, packages::Archive},
    ui,
    workspace::Workspace,
};

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
    /// Hosts of Debian 12 and 13 on which AppArmor confines libvirt's hook
    Apparmor,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KernelArgs {
    /// Run only the kernels of these releases of Debian
    #[arg(long, value_name = "RELEASE", value_delimiter = ',')]
    only: Vec<Release>,
    /// Run only the kernels of these architectures
    #[arg(long, value_name = "ARCHITECTURE", value_delimiter = ',')]
    arch: Vec<Architecture>,
    /// Make links of every kind instead, on the kernel of Debian 13
    #[arg(long, conflicts_with_all = ["only", "arch"])]
    links: bool,
}

/// What makes links of some kinds.
const LINK_PACKAGES: [&str; 3] = ["libteam-utils", "openvswitch-switch", "wireguard-tools"];

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
    let machines = Machines::ready(workspace, Architecture::OWN)?;
    match args.only {
        Some(Part::Boot) => machines.guest(workspace, "guest", &["--boot-only"])?,
        Some(Part::Migration) => machines.guest(workspace, "migration", &[])?,
        Some(Part::Apparmor) => machines.confined(workspace)?,
        None => {
            machines.guest(workspace, "guest", &[])?;
            machines.guest(workspace, "migration", &[])?;
            machines.confined(workspace)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Boots one guest, for `cargo xtask test --ship`: about 20 s.
pub(crate) fn boot(workspace: &Workspace) -> Result<()> {
    guest(workspace, &GuestArgs { only: Some(Part::Boot) }).map(drop)
}

/// Runs every part of `cargo xtask vm-test`.
pub(crate) fn machines(workspace: &Workspace) -> Result<()> {
    guest(workspace, &GuestArgs { only: None }).map(drop)
}

/// Runs every kernel. One that cannot be fetched is a failure.
pub(crate) fn all_kernels(workspace: &Workspace) -> Result<()> {
    let outcome = kernels(workspace, &KernelArgs { only: Vec::new(), arch: Vec::new(), links: false });
    ensure!(outcome == ExitCode::SUCCESS, "some kernels did not run; see above");
    Ok(())
}

/// Builds the daemon for each other architecture, and runs it on the kernel of this machine's release.
pub(crate) fn other_architectures(workspace: &Workspace) -> Result<()> {
    for &architecture in Architecture::value_variants().iter().filter(|one| !one.is_own()) {
        let machines = Machines::ready(workspace, architecture)?;
        let kernel =
            kernel::prepare(workspace, (OWN, architecture), || Archive::of_architecture(workspace, architecture))?;
        machines.hosts(&[kernel])?;
    }
    Ok(())
}

/// Makes links of every kind, and runs the daemon on them.
pub(crate) fn links(workspace: &Workspace) -> Result<()> {
    let (release, architecture) = (Release::Trixie.name(), Architecture::OWN);
    let machines = Machines::ready(workspace, architecture)?;
    let programs = workspace.vm().join("link-programs");
    packages::unpack_once(workspace, &LINK_PACKAGES, &programs)?;
    let archive = || Archive::of(workspace, &release, architecture);
    let kernel = kernel::prepare_for_links(workspace, (&release, architecture), archive)?;
    ui::heading("links of every kind");
    process::run(machines.command("links").arg("--link-programs").arg(programs).arg(kernel))
}

/// Runs `cargo xtask kernels`.
pub(crate) fn kernels(workspace: &Workspace, args: &KernelArgs) -> ExitCode {
    if args.links {
        let done = links(workspace).inspect_err(ui::error);
        return if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let mut missing = Vec::new();
    for &architecture in chosen(&args.arch) {
        let found = kernels_of(workspace, architecture, chosen(&args.only));
        missing.extend(found.unwrap_or_else(|error| vec![format!("{} FAILED: {error:#}", architecture.debian())]));
    }
    for line in &missing {
        ui::note(&ui::paint(ui::Paint::Bad, line));
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns what was asked for: everything, if nothing was.
fn chosen<T: ValueEnum>(wanted: &[T]) -> &[T] {
    if wanted.is_empty() { T::value_variants() } else { wanted }
}

/// Runs kernels of an architecture. Returns a line for each that cannot be fetched.
fn kernels_of(workspace: &Workspace, architecture: Architecture, releases: &[Release]) -> Result<Vec<String>> {
    let machines = Machines::ready(workspace, architecture)?;
    let (mut folders, mut missing) = (Vec::new(), Vec::new());
    for name in releases.iter().map(|release| release.name()) {
        match kernel::prepare(workspace, (&name, architecture), || Archive::of(workspace, &name, architecture)) {
            Ok(folder) => folders.push(folder),
            Err(error) => missing.push(format!("{name} for {} DID NOT RUN: {error:#}", architecture.debian())),
        }
    }
    if !folders.is_empty() {
        machines.hosts(&folders)?;
    }
    Ok(missing)
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
    architecture: Architecture,
    qemu: PathBuf,
    busybox: PathBuf,
    unpacked: Option<Unpacked>,
}

/// Programs of another architecture, which this machine does not have.
struct Unpacked {
    /// The program that runs inside.
    inside: PathBuf,
    /// A folder with Debian's programs and libraries.
    userland: PathBuf,
}

impl Machines {
    fn ready(workspace: &Workspace, architecture: Architecture) -> Result<Self> {
        if !process::is_root() {
            bail!(
                "virtual machines get network namespaces, which only root may make: run this as root (in a root shell, \
                 as `sudo -s` gives one, so that cargo is found)"
            );
        }
        let toolchain = setup::ensure_for(workspace, Scope::Namespaces, architecture)?;
        let daemon = build::daemon::for_architecture(workspace, &toolchain, architecture)?;
        ui::heading("QEMU and busybox");
        let qemu = qemu(workspace, architecture)?;
        let unpacked = (!architecture.is_own()).then(|| Unpacked::ready(workspace, architecture)).transpose()?;
        let busybox = match &unpacked {
            Some(unpacked) => busybox_in(&unpacked.userland)?,
            None => busybox(workspace)?,
        };
        let program = build::daemon::test_program(workspace, "vm")?;
        Ok(Self { program, daemon, architecture, qemu, busybox, unpacked })
    }

    /// Runs a machine with the kernel of this machine's release as a guest.
    fn guest(&self, workspace: &Workspace, what: &str, more: &[&str]) -> Result<()> {
        let kernel = kernel::prepare(workspace, (OWN, Architecture::OWN), || Archive::own(workspace))?;
        ui::heading("virtual machines as guests");
        process::run(self.command(what).arg("--kernel").arg(kernel).args(more))
    }

    /// Runs the hosts whose AppArmor confines libvirt.
    fn confined(&self, workspace: &Workspace) -> Result<()> {
        for host in apparmor::hosts(workspace)? {
            ui::heading(&format!("AppArmor and libvirt's hook, {}", host.suite));
            process::run(self.command("apparmor").arg("--kernel").arg(host.kernel).args(host.roots))?;
        }
        Ok(())
    }

    fn hosts(&self, kernels: &[PathBuf]) -> Result<()> {
        ui::heading(&format!("virtual machines as hosts, {}", self.architecture.debian()));
        process::run(self.command("hosts").args(kernels))
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(&self.program);
        let option = |name: &str, place: &Path| [OsString::from(name), place.as_os_str().to_owned()];
        command.arg(what).args(option("--qemu", &self.qemu)).args(option("--busybox", &self.busybox));
        command.args(["--architecture", self.architecture.debian()]);
        if let Some(unpacked) = &self.unpacked {
            command.args(option("--inside", &unpacked.inside)).args(option("--userland", &unpacked.userland));
        }
        command.env("AUTORA_BIN", &self.daemon);
        command
    }
}

impl Unpacked {
    fn ready(workspace: &Workspace, architecture: Architecture) -> Result<Self> {
        let userland = workspace.vm().join("userland").join(architecture.debian());
        let packages = ["busybox-static", "iproute2", "util-linux"];
        packages::unpack_once_for(workspace, architecture, &packages, &userland)?;
        let inside = build::daemon::test_program_for(workspace, architecture, "vm")?;
        Ok(Self { inside, userland })
    }
}

/// Returns the emulator of an architecture, which is installed if need be.
pub(super) fn qemu(workspace: &Workspace, architecture: Architecture) -> Result<PathBuf> {
    let package = match architecture {
        Architecture::Amd64 => "qemu-system-x86",
        Architecture::Arm64 => "qemu-system-arm",
    };
    let program = format!("qemu-system-{}", architecture.machine());
    if let Some(found) = process::which(&program) {
        return Ok(found);
    }
    apt::install(workspace, &[package])?;
    process::which(&program).with_context(|| format!("the package {package} has no {program}"))
}

/// Returns the path of a static busybox. It is unpacked and not installed, since its package would replace
/// the machine's busybox.
fn busybox(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.vm().join("busybox");
    busybox_in(&root).or_else(|_| {
        Archive::own(workspace)?.unpack(&["busybox-static".to_owned()], &root)?;
        busybox_in(&root)
    })
}

fn busybox_in(root: &Path) -> Result<PathBuf> {
    let places = ["bin/busybox", "usr/bin/busybox"].map(|place| root.join(place));
    places.into_iter().find(|place| place.is_file()).context("the package busybox-static has no busybox")
}
