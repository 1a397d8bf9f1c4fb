//! The daemons under test: their programs, and the settings with which they do the same as autora.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::ValueEnum;

use crate::settings;

/// A daemon that sends Router Advertisements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Subject {
    Autora,
    Radvd,
    Bird,
    Frr,
    Networkd,
    Dnsmasq,
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Autora => "autora",
            Self::Radvd => "radvd",
            Self::Bird => "BIRD",
            Self::Frr => "FRR",
            Self::Networkd => "networkd",
            Self::Dnsmasq => "dnsmasq",
        }
    }

    /// Returns its program: the one that xtask has unpacked, else the installed one.
    pub(crate) fn program(self) -> Option<PathBuf> {
        if self == Self::Autora {
            return Some(autora_tests::binary());
        }
        let path = match self {
            Self::Autora | Self::Radvd => "usr/sbin/radvd",
            Self::Bird => "usr/sbin/bird",
            Self::Frr => "usr/lib/frr/zebra",
            Self::Networkd => "lib/systemd/systemd-networkd",
            Self::Dnsmasq => "usr/sbin/dnsmasq",
        };
        let roots = unpacked().into_iter().chain([PathBuf::from("/")]);
        roots.map(|root| root.join(path)).find(|program| program.is_file())
    }

    /// Returns its version, or `None` if it is not installed or does not start.
    pub(crate) fn version(self) -> Option<String> {
        let mut command = self.command()?;
        let output = command.arg("--version").stdin(Stdio::null()).output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let words = said.split(|c: char| c.is_whitespace() || c == '(');
        let version = words
            .map(|word| word.trim_matches([',', ')', ':']))
            .find(|word| word.contains('.') && word.chars().next().is_some_and(|first| first.is_ascii_digit()));
        // Without Debian's revision.
        let version = version.or(said.split_whitespace().nth(1))?;
        Some(version.split('-').next().unwrap_or(version).to_owned())
    }

    /// Returns the command that starts it in the foreground to serve `vm<number>` for these numbers. Writes its
    /// files to `run`, which will be its /run.
    pub(crate) fn prepare(self, run: &Path, numbers: &[u32]) -> Option<Command> {
        let mut command = self.command()?;
        let write = |name: &str, text: String| {
            let file = run.join(name);
            fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("scratch can be written");
            fs::write(&file, text).expect("scratch can be written");
        };
        match self {
            Self::Autora => {
                command.args(["--interface-regex", "^vm[0-9]+$"]);
            }
            Self::Radvd => {
                write("radvd.conf", settings::radvd(numbers));
                command.args(["-n", "-m", "stderr", "-C", "/run/radvd.conf", "-p", "/run/radvd.pid"]);
            }
            Self::Bird => {
                write("bird.conf", settings::bird());
                command.args(["-f", "-c", "/run/bird.conf", "-s", "/run/bird.ctl", "-P", "/run/bird.pid"]);
            }
            Self::Frr => {
                write("frr/zebra.conf", settings::frr(numbers));
                command.args(["-u", "root", "-g", "root", "-P", "0", "-f", "/run/frr/zebra.conf"]);
                command.args(["-i", "/run/frr/zebra.pid", "-z", "/run/frr/zserv.api"]);
                command.args(["--vty_socket", "/run/frr", "--log", "stdout"]);
            }
            Self::Networkd => {
                for number in numbers {
                    let file = format!("systemd/network/vm{number}.network");
                    write(&file, settings::networkd(*number));
                }
            }
            Self::Dnsmasq => {
                command.args(settings::DNSMASQ);
            }
        }
        Some(command)
    }

    fn command(self) -> Option<Command> {
        let program = self.program()?;
        let mut command = Command::new(&program);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
        if let Some(root) = unpacked().filter(|root| program.starts_with(root)) {
            command.env("LD_LIBRARY_PATH", libraries(&root));
        }
        Some(command)
    }
}

/// Returns the folder into which xtask has unpacked the packages of the other daemons.
fn unpacked() -> Option<PathBuf> {
    env::var_os("AUTORA_PEERS").map(PathBuf::from).filter(|root| root.is_dir())
}

/// Returns Debian's library folders below `root`: `usr/lib/<architecture>`, and FRR's and systemd's in it.
fn libraries(root: &Path) -> String {
    let folders = ["usr/lib", "lib"].into_iter().flat_map(|lib| fs::read_dir(root.join(lib)).into_iter().flatten());
    let folders = folders.flatten().map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains("-linux-"));
    let folders = folders.flat_map(|path| [path.join("frr"), path.join("systemd"), path]);
    folders.map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>().join(":")
}
