//! The programs inside a machine, beside busybox and the daemon: this host's with their libraries, those of another
//! architecture from an unpacked root, or those of a whole Debian.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use autora_tests::workspace;

use crate::{architecture::Architecture, initramfs::Initramfs};

/// What the harness runs.
const PROGRAMS: [&str; 2] = ["ip", "setpriv"];

/// What makes links of every kind.
const LINK_PROGRAMS: [&str; 5] = ["bridge", "ovs-dpctl", "tc", "teamnl", "wg"];

/// Where programs go.
const FOLDER: &str = "/usr/bin";

/// What the programs of a Debian need, as far as it has it: where `/usr` is merged, the first four are links. The last
/// one is for `apparmor_parser`.
const PLACES: [&str; 10] = [
    "bin",
    "sbin",
    "lib",
    "lib64",
    "etc",
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "usr/share/apparmor-features",
];

/// Where the programs of a machine come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Userland<'a> {
    /// This host.
    Own,
    /// Another architecture: a root, and this program compiled for it, which needs no library.
    Unpacked { architecture: Architecture, root: &'a Path, ourselves: &'a Path },
    /// A Debian: folders with its files, where the first one counts if several have a file, and files of this checkout
    /// with their paths inside. This program is not in it.
    Debian { roots: &'a [PathBuf], files: &'a [(&'a str, &'a str)] },
}

impl Userland<'_> {
    /// Adds the programs, with their libraries.
    pub(crate) fn add_to(self, archive: &mut Initramfs) -> Result<()> {
        match self {
            Self::Own => own(archive),
            Self::Unpacked { architecture, root, ourselves } => unpacked(archive, architecture, root, ourselves),
            Self::Debian { roots, files } => debian(archive, roots, files),
        }
    }
}

/// Adds what makes links: programs below `root`, which has those that this host lacks, with all libraries there; and
/// this host's.
pub(crate) fn add_link_programs(archive: &mut Initramfs, root: &Path, architecture: Architecture) -> Result<()> {
    for name in LINK_PROGRAMS {
        let program = find(root, name).or_else(|_| find(Path::new("/"), name))?;
        archive.program(&program, &Path::new(FOLDER).join(name))?;
    }
    libraries(root, architecture).iter().try_for_each(|library| archive.program(library, &inside(root, library)))
}

fn own(archive: &mut Initramfs) -> Result<()> {
    let ourselves = std::env::current_exe().context("a process knows its program")?;
    archive.program(&ourselves, &Path::new(FOLDER).join("vm"))?;
    PROGRAMS.iter().try_for_each(|name| archive.program(&find(Path::new("/"), name)?, &Path::new(FOLDER).join(name)))
}

/// Adds all libraries of the root: nothing here can ask the loader of another architecture which of them are needed.
fn unpacked(archive: &mut Initramfs, architecture: Architecture, root: &Path, ourselves: &Path) -> Result<()> {
    archive.copy(ourselves, &Path::new(FOLDER).join("vm"))?;
    PROGRAMS.iter().try_for_each(|name| archive.copy(&find(root, name)?, &Path::new(FOLDER).join(name)))?;
    for library in libraries(root, architecture) {
        archive.copy(&library, &inside(root, &library))?;
    }
    Ok(())
}

fn debian(archive: &mut Initramfs, roots: &[PathBuf], files: &[(&str, &str)]) -> Result<()> {
    for root in roots {
        PLACES.iter().try_for_each(|place| archive.tree(root, Path::new(place)))?;
    }
    files.iter().try_for_each(|(from, to)| archive.copy(&workspace().join(from), Path::new(to)))
}

/// Returns where a file of an unpacked root goes.
fn inside(root: &Path, file: &Path) -> PathBuf {
    Path::new("/").join(file.strip_prefix(root).expect("it was found there"))
}

fn libraries(root: &Path, architecture: Architecture) -> Vec<PathBuf> {
    let folders = ["lib", "usr/lib"].map(|folder| root.join(folder));
    let folders = folders.iter().flat_map(|folder| [folder.clone(), folder.join(architecture.libraries())]);
    let files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten().map(|entry| entry.path());
    files.filter(|file| is_in(root, file) && file.to_string_lossy().contains(".so")).collect()
}

/// Finds a program below a root.
fn find(root: &Path, program: &str) -> Result<PathBuf> {
    let folders = ["usr/sbin", "usr/bin", "sbin", "bin"];
    let found = folders.iter().map(|folder| root.join(folder).join(program)).find(|file| is_in(root, file));
    found.with_context(|| format!("{program} is not below {}", root.display()))
}

/// Returns whether a path leads to a file of the root. An absolute link in an unpacked root leads to one of this host.
fn is_in(root: &Path, file: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(root).zip(real(file)).is_some_and(|(root, file)| file.starts_with(root) && file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_has_its_own_programs_and_libraries() {
        let root = tempfile::tempdir().expect("made");
        let put = |path: &str| {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().expect("a folder")).and_then(|()| fs::write(file, b"")).expect("written");
        };
        ["bin/ip", "lib/ld-linux-aarch64.so.1", "usr/lib/aarch64-linux-gnu/libmnl.so.0", "usr/lib/os-release"]
            .into_iter()
            .for_each(put);
        fs::create_dir_all(root.path().join("sbin")).expect("made");
        std::os::unix::fs::symlink("/bin/sh", root.path().join("sbin/ip")).expect("made");
        let found = libraries(root.path(), Architecture::Arm64);
        let names: Vec<_> = found.iter().map(|file| file.file_name().expect("a name").to_string_lossy()).collect();
        assert_eq!(names, ["ld-linux-aarch64.so.1", "libmnl.so.0"]);
        assert_eq!(libraries(root.path(), Architecture::Amd64).len(), 1, "the folder is one of arm64");
        assert_eq!(find(root.path(), "ip").expect("there"), root.path().join("bin/ip"), "the link leads out of it");
        assert!(find(root.path(), "setpriv").is_err());
    }
}
