//! Tarballs whose bytes depend on their content alone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

/// Returns a new folder of that name, for the content of a tarball.
pub(crate) fn stage(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let staged = workspace.target().join("dist-content");
    if staged.exists() {
        fs::remove_dir_all(&staged)?;
    }
    let content = staged.join(name);
    fs::create_dir_all(&content)?;
    Ok(content)
}

/// Moves a folder into a tarball. Sorted names, one time, no owners and fixed modes make it reproducible.
pub(crate) fn pack(content: &Path, tarball: &Path, epoch: &str) -> Result<()> {
    let (staged, name) = content.parent().zip(content.file_name()).context("it is a folder in another one")?;
    let mut tar = Command::new("tar");
    tar.env("LC_ALL", "C").args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    tar.args(["--mode=u=rwX,go=rX", "--use-compress-program=gzip --no-name --best"]);
    tar.arg(format!("--mtime=@{epoch}")).arg("--directory").arg(staged);
    tar.arg("--create").arg("--file").arg(tarball).arg(name);
    process::run(&mut tar).context("tar could not make the tarball")?;
    Ok(fs::remove_dir_all(staged)?)
}
