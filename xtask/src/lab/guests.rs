//! `cargo xtask guests`: the programs that configure a guest's network, as guests of the release daemon
//! (`tests/guests.sh`).

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use super::{debian::Root, vm};
use crate::{
    architecture::Architecture,
    build, process,
    setup::{self, Scope},
    ui,
    workspace::Workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Try only these guests
    #[arg(long, value_name = "GUEST", value_delimiter = ',')]
    only: Vec<Guest>,
    /// Try only the programs of these releases of Debian
    #[arg(long, value_name = "SUITE", value_delimiter = ',')]
    suite: Vec<Suite>,
}

/// A guest, by the program that configures its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Guest {
    /// The kernel alone
    Kernel,
    /// systemd-networkd
    Networkd,
    /// NetworkManager
    #[value(name = "networkmanager")]
    NetworkManager,
    /// dhcpcd
    Dhcpcd,
    /// ifupdown, `inet6 auto`
    Ifupdown,
    /// ConnMan
    Connman,
    /// lwIP, a stack for small devices, in a process
    Lwip,
    /// Firmware: iPXE
    Ipxe,
    /// Firmware: EDK2, as OVMF, by its shell
    Edk2,
    /// GRUB, started by EDK2
    Grub,
}

/// A release of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Debian 12
    Bookworm,
    /// Debian 13
    Trixie,
}

/// Tries every guest.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    run(workspace, &Args { only: Vec::new(), suite: Vec::new() })
}

/// Builds the daemon, and tries the guests of each release with it.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    ensure!(
        process::is_root(),
        "guests get namespaces, which only root may make: run this as root (in a root shell, as `sudo -s` gives one, \
         so that cargo is found)"
    );
    let toolchain = setup::ensure(workspace, Scope::Namespaces)?;
    let daemon = build::daemon::with(workspace, &toolchain)?;
    let qemu = vm::qemu(workspace, Architecture::Amd64)?;
    let plan = Suite::value_variants().iter().map(|suite| (suite, suite.asked(args)));
    let plan: Vec<_> = plan.filter(|(_, guests)| !guests.is_empty()).collect();
    ensure!(!plan.is_empty(), "no such release has one of these guests");
    plan.iter().try_for_each(|(suite, guests)| suite.test(workspace, (&daemon, &qemu), guests))
}

impl Suite {
    /// Returns the guests that it has, of those that were asked for.
    fn asked(self, args: &Args) -> Vec<Guest> {
        let asked = |guest: &Guest| {
            let named = args.only.is_empty() || args.only.contains(guest);
            named && self.has(*guest)
        };
        let wanted = args.suite.is_empty() || args.suite.contains(&self);
        Guest::value_variants().iter().copied().filter(asked).filter(|_| wanted).collect()
    }

    /// Returns whether a guest is tried with this release. The kernel is the machine's with either; Debian 12 has no
    /// package of the shell of EDK2.
    fn has(self, guest: Guest) -> bool {
        match guest {
            Guest::Kernel => self == Self::Bookworm,
            Guest::Ipxe | Guest::Edk2 | Guest::Grub => self == Self::Trixie,
            Guest::Networkd
            | Guest::NetworkManager
            | Guest::Dhcpcd
            | Guest::Ifupdown
            | Guest::Connman
            | Guest::Lwip => true,
        }
    }

    const fn root(self) -> Root {
        let (name, suite, included) = match self {
            Self::Bookworm => ("guests-bookworm", "bookworm", PROGRAMS),
            Self::Trixie => ("guests-trixie", "trixie", PROGRAMS_AND_FIRMWARE),
        };
        Root { name, suite, included, enabled: None }
    }

    fn test(self, workspace: &Workspace, (daemon, qemu): (&Path, &Path), guests: &[Guest]) -> Result<()> {
        let root = self.root();
        ui::heading(&format!("guests: the programs of Debian {}", root.suite));
        let names = guests.iter().filter_map(ValueEnum::to_possible_value);
        let mut test = Command::new("timeout");
        test.args(["--kill-after=30s", "15m", "sh"]).arg(workspace.root().join("tests/guests.sh"));
        test.arg(root.ready(workspace)?).arg(daemon).arg(qemu).args(names.map(|name| name.get_name().to_owned()));
        process::run(&mut test).with_context(|| format!("a guest of Debian {} failed", root.suite))
    }
}

const PROGRAMS: &str = "systemd,systemd-sysv,udev,dbus,iproute2,network-manager,dhcpcd-base,ifupdown,connman,\
                        liblwip-dev,libc6-dev,tcc";
const PROGRAMS_AND_FIRMWARE: &str = "systemd,systemd-sysv,udev,dbus,iproute2,network-manager,dhcpcd-base,ifupdown,\
                                     connman,liblwip-dev,libc6-dev,tcc,ipxe,ovmf,efi-shell-x64,grub-common,\
                                     grub-efi-amd64-bin";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guest_is_tried_with_a_release() {
        let args = |only: &[Guest]| Args { only: only.to_vec(), suite: Vec::new() };
        for guest in Guest::value_variants() {
            let having = Suite::value_variants().iter().filter(|suite| suite.asked(&args(&[*guest])) == [*guest]);
            assert_ne!(having.count(), 0, "{guest:?}");
        }
        let bookworm = Args { only: vec![Guest::Grub, Guest::Dhcpcd], suite: vec![Suite::Bookworm] };
        assert_eq!(Suite::Bookworm.asked(&bookworm), [Guest::Dhcpcd]);
        assert_eq!(Suite::Trixie.asked(&bookworm), []);
    }
}
