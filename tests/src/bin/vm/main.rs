//! Virtual machines as guests of autora, and as hosts that it runs on: `cargo xtask vm-test` and `cargo xtask kernels`.
//!
//! A machine is a kernel of Debian and a root in memory that is made here: busybox, this program and the daemon. What
//! happens in it (`init.sh`) shows on its serial console as marks, and whoever runs it waits for those.
#![expect(clippy::print_stdout, reason = "showing something on a terminal is what this is for")]

mod console;
mod guests;
mod hosts;
mod initramfs;
mod inside;
mod machine;

use std::{path::PathBuf, process::ExitCode};

use autora_tests::supervise;
use clap::Parser;

use crate::machine::Tools;

#[derive(Debug, Parser)]
#[command(name = "vm", disable_help_subcommand = true)]
enum Task {
    /// Guests get an address and a route, are rebooted, bear a neighbour that floods, and lose the route
    Guest {
        #[command(flatten)]
        tools: Tools,
        /// Folder with vmlinuz and modules
        #[arg(long)]
        kernel: PathBuf,
        /// No more than one boot and the withdrawal
        #[arg(long)]
        boot_only: bool,
    },
    /// Runs the daemon on each kernel
    Hosts {
        #[command(flatten)]
        tools: Tools,
        /// Folders with vmlinuz and modules
        #[arg(required = true)]
        kernels: Vec<PathBuf>,
    },
    /// In a machine: which filter the daemon gets with these capabilities
    #[command(hide = true)]
    Probe {
        /// What to call the answer
        mark: String,
        /// What it may
        capabilities: Vec<String>,
    },
    /// In a machine: the daemon's main job, step by step
    #[command(hide = true)]
    Scene,
    /// In a machine: solicitations as fast as it can
    #[command(hide = true)]
    Flood,
}

fn main() -> ExitCode {
    match Task::parse() {
        Task::Guest { tools, kernel, boot_only } => {
            supervise::supervised("autora-vm", || (), || guests::run(&tools, &kernel, boot_only))
        }
        Task::Hosts { tools, kernels } => {
            supervise::supervised("autora-vm", || (), || hosts::run(&tools, &kernels))
        }
        Task::Probe { mark, capabilities } => inside::probe(&mark, &capabilities),
        Task::Scene => inside::scene(),
        Task::Flood => inside::flood(),
    }
}
