//! `cargo xtask package`: builds the Debian package, and checks it with lintian, and the links of its documents.
//!
//! The RPM (`rpm.rs`) uses some of it, too.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use super::{documents, version::Version};
use crate::{architecture::Architecture, process, setup::apt, ui, workspace::Workspace};

/// Programs and their packages. These depend on the package of dpkg-buildpackage.
const TOOLS: [(&str, &str); 2] = [("dh", "debhelper"), ("lintian", "lintian")];

/// Limits for a command that hangs, as when crates cannot be fetched. A full build takes six minutes on two
/// slow processors.
const BUILD_AT_MOST: &str = "30m";
const LINTIAN_AT_MOST: &str = "5m";

/// Tags that older lintians get wrong, by the versions of Debian 12 and 13: they take a static PIE for a shared
/// library, so that they do not find a tag that debian/autora.lintian-overrides has; the first also wants an init.d
/// script.
const WRONG: [(&str, &str); 2] = [
    (
        "2.116.",
        "shared-library-lacks-prerequisites,statically-linked-binary,package-supports-alternative-init-but-no-init.d-script",
    ),
    ("2.122.", "shared-library-lacks-prerequisites,statically-linked-binary"),
];

/// Builds the package of this machine's architecture in target/package. Returns its path.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    build_for(workspace, Architecture::OWN)
}

/// Does the same for an architecture.
pub(crate) fn build_for(workspace: &Workspace, architecture: Architecture) -> Result<PathBuf> {
    ui::heading(&format!("Debian package for {}", architecture.debian()));
    tools(workspace, &TOOLS)?;
    let folder = workspace.package();
    // Afterwards the folder has the files of this build alone.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    let name = format!("autora_{}_{}", Version::current().debian(), architecture.debian());
    let file = |extension: &str| folder.join(format!("{name}.{extension}"));
    let mut build = buildpackage(workspace, &folder, file);
    if !architecture.is_own() {
        build.args(["--host-arch", architecture.debian()]);
    }
    process::run_logged("dpkg-buildpackage", &mut build, &workspace.log("package"))
        .context("dpkg-buildpackage could not build the package")?;
    let package = file("deb");
    ensure!(package.is_file(), "dpkg-buildpackage did not make {}", package.display());
    process::run_logged("lintian", &mut lintian(&file("changes")), &workspace.log("lintian"))
        .context("lintian found faults")?;
    documents::check(workspace, &package)?;
    ui::note(&format!("{}: {} bytes", workspace.display(&package), fs::metadata(&package)?.len()));
    Ok(package)
}

/// Returns the time stamp of the files that are made, in seconds since 1970:
/// [`SOURCE_DATE_EPOCH`](https://reproducible-builds.org/specs/source-date-epoch/) if it is set, else the
/// time of the commit, so that a later build makes the same bytes. `None` for sources without a history: the
/// package then takes the time of its changelog.
pub(crate) fn epoch(workspace: &Workspace) -> Option<String> {
    let set = env::var("SOURCE_DATE_EPOCH").ok().filter(|set| !set.is_empty());
    let mut git = Command::new("git");
    git.current_dir(workspace.root()).args(["log", "-1", "--format=%ct"]);
    set.or_else(|| Some(process::query(&mut git)?.trim().to_owned()))
}

/// Installs programs that are missing; each stands with its package.
pub(super) fn tools(workspace: &Workspace, programs: &[(&str, &'static str)]) -> Result<()> {
    let missing = programs.iter().filter(|(program, _)| process::which(program).is_none());
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if !apt::is_here() {
        bail!("{} is missing: packages are built on Debian and its like", packages.join(", "));
    }
    apt::install(workspace, &packages)
}

/// Returns the command that builds the package. Its output goes to `folder` instead of the folder above the
/// checkout, and it cleans the sources afterwards.
fn buildpackage(workspace: &Workspace, folder: &Path, file: impl Fn(&str) -> PathBuf) -> Command {
    let option = |start: &str, path: &Path| {
        let mut option = OsString::from(start);
        option.push(path);
        option
    };
    let mut command = bounded(BUILD_AT_MOST, "dpkg-buildpackage");
    command
        .current_dir(workspace.root())
        // The build dependencies have Debian's cargo, and this one may be rustup's. What compiles is installed by the
        // build itself (`cargo xtask setup`).
        .args(["-us", "-uc", "-b", "--post-clean", "--no-check-builddeps"])
        .arg(option("--buildinfo-file=", &file("buildinfo")))
        .arg(option("--changes-file=", &file("changes")))
        .arg(option("--buildinfo-option=-u", folder))
        .arg(option("--changes-option=-u", folder))
        .env("AUTORA_PACKAGE_FOLDER", folder)
        // `cargo xtask test` has a step for them.
        .env("DEB_BUILD_OPTIONS", options(env::var("DEB_BUILD_OPTIONS").ok()))
        .envs(epoch(workspace).map(|epoch| ("SOURCE_DATE_EPOCH", epoch)));
    command
}

/// Returns the command that checks the package. Every tag of any severity is a failure, unless
/// debian/autora.lintian-overrides has it with a reason.
fn lintian(changes: &Path) -> Command {
    let mut command = bounded(LINTIAN_AT_MOST, "lintian");
    command.args(["--pedantic", "--display-info", "--tag-display-limit", "0"]);
    command.args(["--fail-on", "error,warning,info,pedantic"]);
    let version = process::query(Command::new("lintian").arg("--print-version")).unwrap_or_default();
    if let Some(tags) = wrong_in(&version) {
        command.args(["--suppress-tags", tags]);
    }
    command.arg(changes);
    command
}

/// Returns the tags that a version of lintian, as in `2.116.3+deb12u1`, gets wrong.
fn wrong_in(version: &str) -> Option<&'static str> {
    WRONG.iter().find(|(start, _)| version.starts_with(start)).map(|(_, tags)| *tags)
}

/// Returns the options of the build: those that are set, and no tests.
fn options(set: Option<String>) -> String {
    set.into_iter().chain(["nocheck".to_owned()]).collect::<Vec<_>>().join(" ")
}

/// Returns a command that ends after a time, in the form of timeout(1), at the latest.
pub(super) fn bounded(time: &str, program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10s", time, program]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_lintians_are_known_by_their_version() {
        let has_init = |version| wrong_in(version).map(|tags| tags.contains("init.d"));
        assert_eq!(has_init("2.116.3+deb12u1\n"), Some(true));
        assert_eq!(has_init("2.122.0+deb13u1\n"), Some(false));
        assert_eq!(has_init("2.143.0\n"), None);
    }
}
