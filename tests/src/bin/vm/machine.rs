//! A virtual machine: a kernel, a root in memory, a serial console and, for a guest, a network card on a tap.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use anyhow::{Context, Result};
use autora_tests::{Mac, Namespace, binary, workspace};
use tempfile::NamedTempFile;

use crate::{
    architecture::Architecture,
    console::Console,
    initramfs::Initramfs,
    userland::{self, Userland},
};

/// The capabilities of the daemon's unit. CAP_PERFMON is for the verifiers of older kernels.
pub(crate) const CAPABILITIES: [&str; 3] = ["net_raw", "bpf", "perfmon"];

/// The first process of every machine.
const INIT: &[u8] = include_bytes!("init.sh");

/// Programs of this host that the machines need.
#[derive(Debug, clap::Args)]
pub(crate) struct Tools {
    /// The emulator
    #[arg(long)]
    qemu: PathBuf,
    /// A statically linked busybox
    #[arg(long)]
    busybox: PathBuf,
    /// The architecture of the machines
    #[arg(long)]
    architecture: Architecture,
    /// For another architecture than this host's: a folder with its programs and libraries
    #[arg(long, requires = "inside")]
    userland: Option<PathBuf>,
    /// For another architecture than this host's: this program, compiled for it and linked statically
    #[arg(long, requires = "userland")]
    inside: Option<PathBuf>,
    /// A folder that has the programs which make links of every kind, as far as this host lacks them
    #[arg(long)]
    link_programs: Option<PathBuf>,
}

impl Tools {
    /// Returns the programs of a machine whose harness is this program.
    pub(crate) fn userland(&self) -> Userland<'_> {
        match (&self.userland, &self.inside) {
            (Some(root), Some(ourselves)) => Userland::Unpacked { architecture: self.architecture, root, ourselves },
            (Some(_) | None, None) | (None, Some(_)) => Userland::Own,
        }
    }
}

/// The description of a machine.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// Its name in messages; also the name of its tap.
    pub(crate) name: &'a str,
    /// Folder with vmlinuz and modules.
    pub(crate) kernel: &'a Path,
    /// The function of `init.sh` that it runs.
    pub(crate) role: &'a str,
    /// The programs that it has.
    pub(crate) userland: Userland<'a>,
    /// MiB
    pub(crate) memory: u32,
    /// The namespace of the emulator and of the tap.
    pub(crate) namespace: &'a Namespace,
    /// The link-layer address of its card, if it has one.
    pub(crate) card: Option<Mac>,
    /// Whether a reboot boots again, or ends the emulator.
    pub(crate) reboots: bool,
    /// The table of prefixes for the hook of `contrib` that the emulator calls for the tap; without one it calls none.
    pub(crate) prefixes: Option<&'a Path>,
    /// Further arguments of the emulator.
    pub(crate) further: Vec<String>,
}

/// A running machine; powered off when dropped.
#[derive(Debug)]
pub(crate) struct Machine {
    child: Child,
    input: ChildStdin,
    /// Its serial console.
    pub(crate) console: Console,
    /// The file of its root, deleted with it.
    _root: NamedTempFile,
}

impl Machine {
    /// Starts a machine.
    pub(crate) fn start(tools: &Tools, plan: &Plan<'_>) -> Result<Self> {
        let mut root = NamedTempFile::with_prefix("autora-vm-")?;
        root.write_all(&initramfs(tools, plan)?)?;
        let mut command = plan.command(tools, root.path());
        let mut child = plan.namespace.enter(|| command.spawn()).with_context(|| format!("cannot run {command:?}"))?;
        let output = child.stdout.take().expect("its streams are piped");
        let errors = child.stderr.take().expect("its streams are piped");
        let input = child.stdin.take().expect("its streams are piped");
        Ok(Self { child, input, console: Console::of(plan.name, output, errors), _root: root })
    }

    /// Types a line on its console.
    pub(crate) fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}").context("the machine does not read its console")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl<'a> Plan<'a> {
    /// Returns the description of a machine without a card, which ends itself. Cleaning up the namespace ends it with
    /// this program.
    pub(crate) fn without_card(
        kernel: &'a Path,
        role: &'a str,
        userland: Userland<'a>,
        namespace: &'a Namespace,
        memory: u32,
    ) -> Self {
        Self {
            name: role,
            kernel,
            role,
            userland,
            memory,
            namespace,
            card: None,
            reboots: false,
            prefixes: None,
            further: Vec::new(),
        }
    }

    fn command(&self, tools: &Tools, root: &Path) -> Command {
        let mut command = Command::new(&tools.qemu);
        command.args(tools.architecture.machine()).args(["-m", &self.memory.to_string()]);
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"]);
        command.arg("-kernel").arg(self.kernel.join("vmlinuz")).arg("-initrd").arg(root);
        command.args(["-append", &self.kernel_arguments(tools)]);
        if let Some(mac) = self.card {
            let tap = format!("tap,id=card,ifname={},script={},downscript=no", self.name, self.script());
            command.args(["-netdev", &tap]);
            command.args(["-device", &format!("virtio-net-pci,netdev=card,mac={mac},romfile=")]);
        }
        if !self.reboots {
            command.arg("-no-reboot");
        }
        if let Some(prefixes) = self.prefixes {
            command.env("AUTORA_PREFIXES", prefixes).env("AUTORA_LINK", hooks().join("autora-link"));
        }
        command.args(&self.further);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn kernel_arguments(&self, tools: &Tools) -> String {
        let (console, further) = (tools.architecture.console(), tools.architecture.kernel_arguments());
        format!("console={console} quiet panic=-1 {further} role={}", self.role)
    }

    fn script(&self) -> String {
        self.prefixes.map_or_else(|| "no".to_owned(), |_| hooks().join("qemu-ifup").display().to_string())
    }
}

fn hooks() -> PathBuf {
    workspace().join("contrib/hooks")
}

fn initramfs(tools: &Tools, plan: &Plan<'_>) -> Result<Vec<u8>> {
    let mut root = Initramfs::default();
    root.file(Path::new("/init"), 0o755, INIT);
    // First, since `/bin` may be a link there.
    plan.userland.add_to(&mut root)?;
    root.copy(&tools.busybox, Path::new("/bin/busybox"))?;
    root.copy(&binary(), Path::new("/usr/bin/autora"))?;
    if let Some(folder) = &tools.link_programs {
        userland::add_link_programs(&mut root, folder, tools.architecture)?;
    }
    for module in fs::read_dir(plan.kernel.join("modules"))? {
        let module = module?;
        root.copy(&module.path(), &Path::new("/modules").join(module.file_name()))?;
    }
    Ok(root.finish())
}
