//! `cargo xtask dist`: makes the files of a release in target/dist. The same commit makes the same bytes in
//! any folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use super::{package, rpm, sbom, source, tarball, version::Version};
use crate::{architecture::Architecture, process, ui, workspace::Workspace};

/// What a tarball contains beside the daemon: path in the checkout, name in the tarball. Folders are copied whole.
const CONTENT: [(&str, &str); 14] = [
    ("contrib/autora.service", "autora.service"),
    ("contrib/autora@.service", "autora@.service"),
    ("contrib/autora.sysusers", "autora.sysusers"),
    ("contrib/autora.default", "autora.default"),
    ("contrib/hooks", "hooks"),
    ("contrib/nftables", "nftables"),
    ("target/man", "man"),
    ("target/completions", "completions"),
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("LICENSE", "LICENSE"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("target/notices/THIRD-PARTY-NOTICES", "THIRD-PARTY-NOTICES"),
];

const CHECKSUMS: &str = "SHA256SUMS";

/// Makes the release.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let epoch = package::epoch(workspace)
        .context("a release needs a time: this is not a git checkout, and SOURCE_DATE_EPOCH is not set")?;
    let folder = workspace.dist();
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    Architecture::value_variants().iter().try_for_each(|one| files(workspace, &folder, *one, &epoch))?;
    let sbom = format!("autora-{}.cdx.json", Version::current());
    fs::write(folder.join(sbom), sbom::make(workspace, &timestamp(&epoch)?)?)?;
    source::make(workspace, &folder)?;
    let sums = checksums(&folder)?;
    fs::write(folder.join(CHECKSUMS), &sums)?;
    ui::heading("release");
    sums.lines().for_each(ui::note);
    ui::note(&format!("written to {}", workspace.display(&folder)));
    if is_changed(workspace) {
        ui::note(&ui::paint(
            ui::Paint::Notice,
            "this checkout has uncommitted changes: no other checkout makes the same bytes",
        ));
    }
    Ok(())
}

/// Makes the files of an architecture: packages and tarball.
fn files(workspace: &Workspace, folder: &Path, architecture: Architecture, epoch: &str) -> Result<()> {
    // This also builds what the tarball contains.
    let package = package::build_for(workspace, architecture)?;
    let daemon = workspace.packaged_daemon(architecture);
    ensure!(
        !names(&fs::read(&daemon)?, workspace.root()),
        "the daemon contains the path of this checkout, so another checkout would not make the same bytes"
    );
    // Of what the first package was built from.
    for package in [package, rpm::pack(workspace, architecture, &daemon)?] {
        fs::copy(&package, folder.join(package.file_name().context("a package has a name")?))?;
    }
    let name = format!("autora-{}-{}-linux", Version::current(), architecture.machine());
    pack(workspace, (&daemon, folder), &name, epoch)
}

/// Returns whether a program contains a path.
fn names(program: &[u8], path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    program.windows(path.len()).any(|window| window == path)
}

/// Makes a tarball of a daemon in a folder.
fn pack(workspace: &Workspace, (daemon, folder): (&Path, &Path), name: &str, epoch: &str) -> Result<()> {
    let content = tarball::stage(workspace, name)?;
    fs::copy(daemon, content.join("autora"))?;
    for (from, to) in CONTENT {
        let from = workspace.root().join(from);
        process::run(Command::new("cp").arg("--recursive").arg(from).arg(content.join(to)))?;
    }
    tarball::pack(&content, &folder.join(format!("{name}.tar.gz")), epoch)
}

/// Returns the checksums of the files, as `sha256sum --check` reads them.
fn checksums(folder: &Path) -> Result<String> {
    let mut names: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().into())).collect::<Result<_>>()?;
    names.sort();
    let wanted = 3 * Architecture::value_variants().len() + 2;
    ensure!(
        names.len() == wanted,
        "there should be packages, tarballs, sources and a bill of materials, not {names:?}"
    );
    process::query(Command::new("sha256sum").current_dir(folder).args(names)).context("sha256sum failed")
}

/// Returns seconds since 1970 in the form of RFC 3339.
fn timestamp(epoch: &str) -> Result<String> {
    let mut date = Command::new("date");
    date.args(["--utc", &format!("--date=@{epoch}"), "+%Y-%m-%dT%H:%M:%SZ"]);
    let says = process::query(&mut date);
    Ok(says.with_context(|| format!("SOURCE_DATE_EPOCH is not a time: {epoch:?}"))?.trim().to_owned())
}

fn is_changed(workspace: &Workspace) -> bool {
    let mut git = Command::new("git");
    git.current_dir(workspace.root()).args(["status", "--porcelain"]);
    process::query(&mut git).is_some_and(|changes| !changes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_program_is_found() {
        assert!(names(b"\x7fELF...panicked at /src/autora/main.rs", Path::new("/src/autora")));
        assert!(!names(b"\x7fELF...panicked at autora/main.rs", Path::new("/src/autora")));
        assert!(!names(b"", Path::new("/src/autora")));
    }
}
