//! Virtual machines as guests of autora, and as hosts that it runs on: `cargo xtask vm-test` and `cargo xtask
//! kernels`.
//!
//! A machine is a kernel of Debian and a root in memory with busybox, the daemon and this program, or a minimal Debian
//! in its place. The first process (`init.sh`), its script and this program write marks to the serial console, for
//! which the part outside waits.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

mod apparmor;
mod architecture;
mod checks;
mod console;
mod guests;
mod hosts;
mod initramfs;
mod inside;
mod links;
mod machine;
mod migrant;
mod migration;
mod qmp;
mod solicitor;
mod userland;

use std::{path::PathBuf, process::ExitCode};

use autora_tests::supervise;
use clap::Parser;

use crate::machine::Tools;

#[derive(Debug, Parser)]
#[command(name = "vm", disable_help_subcommand = true)]
enum Task {
    /// Guests get an address and a route, reboot, reboot beside a flood, and lose the route
    Guest {
        #[command(flatten)]
        tools: Tools,
        /// Folder with vmlinuz and modules
        #[arg(long)]
        kernel: PathBuf,
        /// One boot and the withdrawal alone
        #[arg(long)]
        boot_only: bool,
    },
    /// A guest migrates from one host to another
    Migration {
        #[command(flatten)]
        tools: Tools,
        /// Folder with vmlinuz and modules
        #[arg(long)]
        kernel: PathBuf,
    },
    /// Runs the daemon on each kernel
    Hosts {
        #[command(flatten)]
        tools: Tools,
        /// Folders with vmlinuz and modules
        #[arg(required = true)]
        kernels: Vec<PathBuf>,
    },
    /// Hooks of libvirt on a host whose AppArmor confines them
    Apparmor {
        #[command(flatten)]
        tools: Tools,
        /// Folder with vmlinuz and modules
        #[arg(long)]
        kernel: PathBuf,
        /// Folders with the files of a Debian; if several have a file, the first one counts
        #[arg(required = true)]
        roots: Vec<PathBuf>,
    },
    /// Links of every kind, on one kernel
    Links {
        #[command(flatten)]
        tools: Tools,
        /// Folder with vmlinuz and modules
        kernel: PathBuf,
    },
    /// In a machine: report which filter the daemon has with these capabilities
    #[command(hide = true)]
    Probe {
        /// The name of the mark
        mark: String,
        /// The daemon's capabilities
        capabilities: Vec<String>,
    },
    /// In a machine: the daemon's main job, step by step
    #[command(hide = true)]
    Scene,
    /// In a machine: links of every kind, each scene in a process of its own
    #[command(hide = true)]
    LinkScenes,
    /// In a machine: one of these scenes
    #[command(hide = true)]
    LinkScene {
        /// Its place in the table
        place: usize,
    },
    /// In a machine: send solicitations as fast as it can
    #[command(hide = true)]
    Flood,
    /// In a machine: send echo requests, and report which are lost and which RAs arrive
    #[command(hide = true)]
    Migrant,
}

fn main() -> ExitCode {
    match Task::parse() {
        Task::Guest { tools, kernel, boot_only } => {
            supervise::supervised("autora-vm", || (), || guests::run(&tools, &kernel, boot_only))
        }
        Task::Migration { tools, kernel } => {
            supervise::supervised("autora-vm", || (), || migration::run(&tools, &kernel))
        }
        Task::Hosts { tools, kernels } => supervise::supervised("autora-vm", || (), || hosts::run(&tools, &kernels)),
        Task::Apparmor { tools, kernel, roots } => {
            supervise::supervised("autora-vm", || (), || apparmor::run(&tools, &kernel, &roots))
        }
        Task::Links { tools, kernel } => supervise::supervised("autora-vm", || (), || links::run(&tools, &kernel)),
        Task::Probe { mark, capabilities } => inside::probe(&mark, &capabilities),
        Task::Scene => inside::scene(),
        Task::LinkScenes => links::scenes(),
        Task::LinkScene { place } => links::scene(place),
        Task::Flood => inside::flood(),
        Task::Migrant => migrant::run(),
    }
}
