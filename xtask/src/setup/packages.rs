//! Packages of this or another release or architecture of Debian, unpacked into the target folder instead of installed.
//!
//! The machine does not change: no user is made, no service is enabled or started, no file of /etc is
//! written.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::apt;
use crate::{architecture::Architecture, process, workspace::Workspace};

/// The keys that sign Debian's releases.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A source of packages.
#[derive(Debug)]
pub(crate) struct Archive<'a> {
    workspace: &'a Workspace,
    /// For the names of logs.
    name: String,
    /// Options that point apt to another release or architecture than the machine's.
    options: Vec<OsString>,
}

/// Unpacks `packages` below `root`, with those that they depend on and the machine lacks. Does it once;
/// returns the names of all unpacked packages.
pub(crate) fn unpack_once(workspace: &Workspace, packages: &[&str], root: &Path) -> Result<String> {
    once(root, || {
        let archive = Archive::own(workspace)?;
        let missing = archive.missing(packages).or_else(|_| {
            apt::update(workspace)?;
            archive.missing(packages)
        })?;
        Ok((archive, missing))
    })
}

/// Does the same with packages of another architecture, of which the machine has none.
pub(crate) fn unpack_once_for(
    workspace: &Workspace,
    architecture: Architecture,
    packages: &[&str],
    root: &Path,
) -> Result<String> {
    once(root, || {
        let archive = Archive::of_architecture(workspace, architecture)?;
        let all = archive.missing(packages)?;
        Ok((archive, all))
    })
}

fn once<'a>(root: &Path, find: impl FnOnce() -> Result<(Archive<'a>, Vec<String>)>) -> Result<String> {
    let record = root.join("packages");
    if let Ok(names) = fs::read_to_string(&record) {
        return Ok(names);
    }
    let (archive, packages) = find()?;
    archive.unpack(&packages, root)?;
    let names = packages.join(" ");
    fs::write(record, &names)?;
    Ok(names)
}

impl<'a> Archive<'a> {
    /// Returns the release and mirror that this machine uses.
    pub(crate) fn own(workspace: &'a Workspace) -> Result<Self> {
        ensure!(apt::is_here(), "there is no apt-get: Debian's packages can be fetched on Debian alone");
        if process::is_root() && apt::Lists::unchanged() == apt::Lists::AsTheyAre {
            apt::update(workspace)?;
        }
        Ok(Self { workspace, name: "own".to_owned(), options: Vec::new() })
    }

    /// Returns the machine's own sources for another architecture, with package lists of its own: the machine's apt and
    /// dpkg know nothing of it.
    pub(crate) fn of_architecture(workspace: &'a Workspace, architecture: Architecture) -> Result<Self> {
        ensure!(apt::is_here(), "there is no apt-get: Debian's packages can be fetched on Debian alone");
        let folder = workspace.tools().join("apt").join(architecture.debian());
        let archive = Self::apart(workspace, architecture.debian(), &folder, architecture, &[])?;
        archive.fetch_lists(&["--error-on=any"])
    }

    /// Returns another release of Debian, from the mirror that this machine uses, with package lists of its
    /// own.
    pub(crate) fn of(workspace: &'a Workspace, suite: &str, architecture: Architecture) -> Result<Self> {
        let mirror = Self::own(workspace)?.mirror()?;
        let name = format!("{suite}-{}", architecture.debian());
        let folder = workspace.vm().join("apt").join(&name);
        let sources = folder.join("sources.list");
        fs::create_dir_all(&folder)?;
        fs::write(&sources, format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"))?;
        let only = [("Dir::Etc::SourceList", sources), ("Dir::Etc::SourceParts", PathBuf::from("-"))];
        Self::apart(workspace, &name, &folder, architecture, &only)?.fetch_lists(&["--error-on=any"])
    }

    /// Returns an archive whose lists and packages are in `folder`.
    fn apart(
        workspace: &'a Workspace,
        name: &str,
        folder: &Path,
        architecture: Architecture,
        more: &[(&str, PathBuf)],
    ) -> Result<Self> {
        for inner in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(inner))?;
        }
        let status = folder.join("status");
        fs::write(&status, "")?;
        let options = options(&[&places(folder, status, architecture)[..], more].concat());
        Ok(Self { workspace, name: name.to_owned(), options })
    }

    fn fetch_lists(self, more: &[&str]) -> Result<Self> {
        let log = self.workspace.log(&format!("apt-{}", self.name));
        let mut update = self.command("apt-get");
        process::run_logged(
            &format!("package lists of {}", self.name),
            update.args(["-q", "update"]).args(more),
            &log,
        )?;
        Ok(self)
    }

    /// Downloads these packages and unpacks them below `root`.
    pub(crate) fn unpack(&self, packages: &[String], root: &Path) -> Result<()> {
        let folder = root.join("archive");
        fs::create_dir_all(&folder)?;
        let log = self.workspace.log(&format!("download-{}", self.name));
        let mut download = self.command("apt-get");
        download.current_dir(&folder).args(["-q", "download"]).args(packages);
        process::run_logged(&format!("download {}", packages.join(" ")), &mut download, &log)?;
        for package in fs::read_dir(&folder)?.flatten() {
            process::run(Command::new("dpkg-deb").arg("--extract").arg(package.path()).arg(root))?;
        }
        fs::remove_dir_all(&folder).context("the packages cannot be removed once they are unpacked")
    }

    /// Returns apt's record of the newest version of a package; `None` if there is no such package.
    pub(crate) fn show(&self, package: &str) -> Option<String> {
        process::query(self.command("apt-cache").args(["--no-all-versions", "show", package]))
    }

    /// Returns these packages and their dependencies, without those that are installed.
    fn missing(&self, packages: &[&str]) -> Result<Vec<String>> {
        let mut simulate = self.command("apt-get");
        simulate.args(["--simulate", "--no-install-recommends", "install"]).args(packages);
        let says = process::query(&mut simulate).context("apt-get cannot resolve their dependencies")?;
        Ok(to_install(&says))
    }

    /// Returns the mirror of Debian that this machine uses.
    pub(crate) fn mirror(&self) -> Result<String> {
        self.labelled("Debian")
            .context("apt's sources name no mirror of Debian (or its lists are missing: `apt-get update`)")
    }

    /// Returns the security updates of a release, on the mirror that this machine uses, as a line of apt's sources.
    pub(crate) fn security_updates(&self, suite: &str) -> Result<String> {
        let mirror = self.labelled("Debian-Security");
        let mirror = mirror.context("apt's sources name no mirror of Debian's security updates")?;
        Ok(format!("deb [signed-by={KEYRING}] {mirror} {suite}-security main"))
    }

    fn labelled(&self, label: &str) -> Option<String> {
        let format = ["--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"];
        let targets = process::query(self.command("apt-get").arg("indextargets").args(format))?;
        mirror(&targets, label).map(str::to_owned)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Runs as root instead of apt's own user, who may not be able to write to the folder.
        command.env("LC_ALL", "C").args(["-o", "APT::Sandbox::User=root"]).args(&self.options);
        command
    }
}

fn to_install(says: &str) -> Vec<String> {
    let names = says.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// Returns the mirror of the archive with that label.
fn mirror<'a>(targets: &'a str, label: &str) -> Option<&'a str> {
    targets.lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(' '))
}

/// Returns what replaces the machine's own state of apt.
fn places(folder: &Path, status: PathBuf, architecture: Architecture) -> Vec<(&'static str, PathBuf)> {
    vec![
        ("APT::Architecture", PathBuf::from(architecture.debian())),
        ("APT::Architectures", PathBuf::from(architecture.debian())),
        ("Dir::State", folder.to_owned()),
        ("Dir::State::Lists", folder.join("lists")),
        ("Dir::State::Status", status),
        ("Dir::Cache", folder.join("cache")),
        ("Acquire::Languages", PathBuf::from("none")),
        ("Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", PathBuf::from("false")),
    ]
}

fn options(settings: &[(&str, PathBuf)]) -> Vec<OsString> {
    let option = |(name, value): &(&str, PathBuf)| {
        let mut setting = OsString::from(format!("{name}="));
        setting.push(value);
        [OsString::from("-o"), setting]
    };
    settings.iter().flat_map(option).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_to_install_are_read() {
        let says = "Reading package lists...\nInst libyang2 (2.1.30-2 Debian [amd64])\nInst frr (8.4.4 Debian)\n\
                    Conf libyang2 (2.1.30-2 Debian [amd64])\n";
        assert_eq!(to_install(says), ["libyang2", "frr"]);
        assert_eq!(to_install(""), [""; 0]);
    }

    #[test]
    fn a_mirror_is_found_by_the_label_of_the_archive() {
        let targets = "Some Vendor http://vendor.example/apt/\nDebian-Security http://mirror.example/security/\n\
                       Debian http://mirror.example/debian/\nDebian http://other.example/debian/\n";
        assert_eq!(mirror(targets, "Debian"), Some("http://mirror.example/debian/"));
        assert_eq!(mirror(targets, "Debian-Security"), Some("http://mirror.example/security/"));
        assert_eq!(mirror("Ubuntu http://mirror.example/ubuntu/\n", "Debian"), None);
    }
}
