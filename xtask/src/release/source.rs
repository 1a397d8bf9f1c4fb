//! The sources of a release: a source package of Debian with all crates, and bpf-linker's, in `vendor`, so that
//! `dpkg-buildpackage` needs no network.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{crates::Id, package, sbom, tarball, version::Version};
use crate::{process, setup::cargo_tool::BPF_LINKER, ui, workspace::Workspace};

/// Makes cargo take crates from `vendor` alone.
const CONFIGURATION: &str = "
[source.crates-io]
replace-with = \"vendor\"

[source.vendor]
directory = \"vendor\"

[net]
offline = true
";

/// Runs `cargo xtask source`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    make(workspace, &workspace.dist()).map(drop)
}

/// Makes the tarball in a folder. Returns its path.
pub(crate) fn make(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    ui::heading("sources, with those of all crates");
    let epoch = package::epoch(workspace).context("these sources have no history")?;
    let name = format!("autora-{}", Version::current());
    let content = content(workspace, &name)?;
    fs::create_dir_all(folder)?;
    let file = folder.join(format!("{name}-source.tar.gz"));
    tarball::pack(&content, &file, &epoch)?;
    ui::note(&format!("{}: {} bytes", workspace.display(&file), fs::metadata(&file)?.len()));
    Ok(file)
}

/// Returns a folder of that name with what the tarball contains.
fn content(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let content = tarball::stage(workspace, name)?;
    tracked(workspace, &content)?;
    vendored(workspace, &content.join("vendor"))?;
    let configuration = content.join(".cargo/config.toml");
    fs::write(&configuration, fs::read_to_string(&configuration)? + CONFIGURATION)?;
    Ok(content)
}

/// Copies the files that git knows, as they are in the checkout: `cargo xtask release-version` has changed some.
fn tracked(workspace: &Workspace, content: &Path) -> Result<()> {
    let mut list = Command::new("git");
    list.current_dir(workspace.root()).arg("ls-files");
    let files = process::query(&mut list).context("this is no git checkout, which knows the files of a release")?;
    let mut copy = Command::new("cp");
    copy.current_dir(workspace.root()).args(["--parents", "--no-dereference", "--preserve=mode"]);
    process::run(copy.arg("--target-directory").arg(content).args(files.lines()))
}

/// Copies the crates of both lock files, and bpf-linker itself.
fn vendored(workspace: &Workspace, folder: &Path) -> Result<()> {
    let (linker, checksum) = linker(workspace)?;
    let mut vendor = workspace.cargo(["vendor", "--locked", "--versioned-dirs", "--sync"]);
    vendor.arg(linker.join("Cargo.toml")).arg(folder);
    process::run_logged("cargo vendor", &mut vendor, &workspace.log("vendor"))?;
    let copy = folder.join(linker.file_name().context("a crate's folder has a name")?);
    process::run(Command::new("cp").arg("--recursive").arg(&linker).arg(&copy))?;
    // Which files it has is of no concern to cargo; whether it is the published crate is.
    fs::write(copy.join(".cargo-checksum.json"), format!("{{\"files\":{{}},\"package\":\"{checksum}\"}}\n"))?;
    Ok(())
}

/// Returns the folder of bpf-linker's sources, and the checksum of the crate. Cargo downloads it as the dependency of a
/// package made for that.
fn linker(workspace: &Workspace) -> Result<(PathBuf, String)> {
    let id = Id { name: BPF_LINKER.name.to_owned(), version: BPF_LINKER.version.to_owned() };
    let user = workspace.target().join("dist-linker");
    fs::create_dir_all(user.join("src"))?;
    fs::write(user.join("src/lib.rs"), "")?;
    fs::write(user.join("Cargo.toml"), manifest(&id))?;
    let mut fetch = workspace.cargo(["fetch", "--manifest-path"]);
    process::run_logged("cargo fetch", fetch.arg(user.join("Cargo.toml")), &workspace.log("fetch-linker"))?;
    let checksums = sbom::checksums(&fs::read_to_string(user.join("Cargo.lock"))?);
    let checksum = checksums.get(&id).context("cargo knows no checksum of bpf-linker")?;
    Ok((id.sources(workspace)?, checksum.clone()))
}

/// Returns the manifest of a package that depends on a crate, and is in no workspace.
fn manifest(Id { name, version }: &Id) -> String {
    format!(
        "[package]\nname = \"dist-linker\"\nedition = \"2024\"\n\n[dependencies]\n\
         {name} = {{ version = \"={version}\", default-features = false }}\n\n[workspace]\n"
    )
}
