//! `cargo xtask package --format rpm`: builds an RPM of what the Debian package has, and checks it with rpmlint.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{documents, manual, notices, package, version::Version};
use crate::{
    architecture::Architecture,
    build::daemon,
    process,
    setup::{self, Scope, cross::Sysroot},
    ui,
    workspace::Workspace,
};

/// Programs and their packages in Debian.
const TOOLS: [(&str, &str); 2] = [("rpmbuild", "rpm"), ("rpmlint", "rpmlint")];

/// Limits for a command that hangs. Nothing is compiled: rpmbuild takes some seconds, nearly all of them to compress.
const BUILD_AT_MOST: &str = "5m";
const RPMLINT_AT_MOST: &str = "5m";

/// What is packaged, and which package of this version it is.
#[derive(Debug)]
struct Content<'a> {
    architecture: Architecture,
    daemon: &'a Path,
    number: u32,
}

/// Builds the daemon, its manual pages and the rest, and packages them in target/rpm. Returns the path.
pub(crate) fn build_for(workspace: &Workspace, architecture: Architecture) -> Result<PathBuf> {
    // Afterwards the folder has the package of this build alone.
    if workspace.rpm().exists() {
        fs::remove_dir_all(workspace.rpm()).with_context(|| format!("cannot empty {}", workspace.rpm().display()))?;
    }
    let toolchain = setup::ensure_for(workspace, Scope::Build, architecture)?;
    let daemon = daemon::for_architecture(workspace, &toolchain, architecture)?;
    manual::man(workspace)?;
    manual::completions(workspace)?;
    documents::run(workspace)?;
    notices::run(workspace)?;
    pack(workspace, architecture, &daemon)
}

/// Packages a daemon, and what a build of the checkout has written beside it. Returns the path.
pub(crate) fn pack(workspace: &Workspace, architecture: Architecture, daemon: &Path) -> Result<PathBuf> {
    make(workspace, &Content { architecture, daemon, number: 1 })
}

/// Builds the package of this machine's architecture, and one of a higher number with nothing else changed. Returns
/// their paths.
pub(crate) fn with_newer(workspace: &Workspace) -> Result<(PathBuf, PathBuf)> {
    let package = build_for(workspace, Architecture::OWN)?;
    let daemon = workspace.daemon();
    let newer = make(workspace, &Content { architecture: Architecture::OWN, daemon: &daemon, number: 2 })?;
    Ok((package, newer))
}

fn make(workspace: &Workspace, content: &Content<'_>) -> Result<PathBuf> {
    ui::heading(&format!("RPM for {}", content.architecture.machine()));
    package::tools(workspace, &TOOLS)?;
    process::run_logged("rpmbuild", &mut rpmbuild(workspace, content)?, &workspace.log("rpmbuild"))
        .context("rpmbuild could not build the package")?;
    let package = workspace.rpm().join(name(content));
    ensure!(package.is_file(), "rpmbuild did not make {}", package.display());
    process::run_logged("rpmlint", &mut rpmlint(workspace, &package), &workspace.log("rpmlint"))
        .context("rpmlint found faults")?;
    ui::note(&format!("{}: {} bytes", workspace.display(&package), fs::metadata(&package)?.len()));
    Ok(package)
}

/// Returns the name that contrib/rpm/autora.spec gives the package.
fn name(content: &Content<'_>) -> String {
    format!("autora-{}-{}.{}.rpm", Version::current().debian(), content.number, content.architecture.machine())
}

/// Returns the command that builds the package. It writes below target/rpm alone: not to the builder's home, where the
/// database of Debian's rpm is.
fn rpmbuild(workspace: &Workspace, content: &Content<'_>) -> Result<Command> {
    let epoch = package::epoch(workspace)
        .context("the package needs a time: this is not a git checkout, and SOURCE_DATE_EPOCH is not set")?;
    let mut command = package::bounded(BUILD_AT_MOST, "rpmbuild");
    command.arg("-bb").arg("--target").arg(format!("{}-linux", content.architecture.machine()));
    for (name, value) in macros(workspace, content) {
        command.arg("--define").arg(format!("{name} {value}"));
    }
    command.arg(workspace.root().join("contrib/rpm/autora.spec"));
    command.env("LC_ALL", "C").env("SOURCE_DATE_EPOCH", epoch);
    Ok(command)
}

/// Returns the macros that are set for the spec file: RPM's own, and those that the file lists.
fn macros(workspace: &Workspace, content: &Content<'_>) -> Vec<(&'static str, String)> {
    let build = workspace.rpm().join("build");
    let path = |path: &Path| path.display().to_string();
    let mut all = vec![
        ("_topdir", path(&build)),
        ("_dbpath", path(&build.join("database"))),
        ("_rpmdir", path(&workspace.rpm())),
        ("autora_checkout", path(workspace.root())),
        ("autora_daemon", path(content.daemon)),
        ("autora_version", Version::current().debian()),
        ("autora_number", content.number.to_string()),
    ];
    all.extend(c_library(workspace, content.architecture).map(|version| ("autora_libc", version)));
    all
}

/// Returns the version of Debian's C library that the daemon is linked with, whose licence requires that its source is
/// named; `None` where it is not Debian's.
fn c_library(workspace: &Workspace, architecture: Architecture) -> Option<String> {
    if !architecture.is_own() {
        let source = Sysroot::of(workspace, architecture).built_using()?;
        return version_in(&source).map(str::to_owned);
    }
    let format = "--showformat=${source:Version}";
    process::query(Command::new("dpkg-query").args(["--show", format, "libc6-dev"]))
}

/// Returns the version in an entry of Built-Using, as in `glibc (= 2.36-9)`.
fn version_in(built_using: &str) -> Option<&str> {
    built_using.trim().strip_suffix(')')?.split_once("(= ").map(|(_, version)| version)
}

/// Returns the command that checks the package. Every message is a failure, unless contrib/rpm/rpmlint.toml has it with
/// a reason.
fn rpmlint(workspace: &Workspace, package: &Path) -> Command {
    let mut command = package::bounded(RPMLINT_AT_MOST, "rpmlint");
    command.arg("--strict").arg("--config").arg(workspace.root().join("contrib/rpm/rpmlint.toml")).arg(package);
    command.env("LC_ALL", "C.UTF-8");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = include_str!("../../../contrib/rpm/autora.spec");
    const CONTROL: &str = include_str!("../../../debian/control");

    fn field<'a>(text: &'a str, name: &str) -> &'a str {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.expect(name).trim()
    }

    #[test]
    fn the_version_of_a_c_library_is_read() {
        assert_eq!(version_in("glibc (= 2.36-9+deb12u13)"), Some("2.36-9+deb12u13"));
        assert_eq!(version_in("glibc"), None);
    }

    #[test]
    fn both_packages_say_the_same_of_themselves() {
        assert_eq!(field(SPEC, "Summary"), field(CONTROL, "Description"));
        assert_eq!(field(SPEC, "Packager"), field(CONTROL, "Maintainer"));
        let (_, description) = CONTROL.split_once("\nDescription: ").expect("a description");
        let debian: Vec<_> = description.lines().skip(1).map(|line| line.trim().trim_start_matches('.')).collect();
        let (_, description) = SPEC.split_once("\n%description\n").expect("a description");
        let rpm: Vec<_> = description.lines().take_while(|line| !line.starts_with('%')).collect();
        assert_eq!(rpm.join("\n").trim(), debian.join("\n"));
    }

    /// What is generated, and other lists of files that Debian's package has.
    #[test]
    fn the_rpm_has_what_the_debian_package_installs() {
        let lists = [
            include_str!("../../../debian/autora.install"),
            include_str!("../../../debian/autora.manpages"),
            include_str!("../../../debian/autora.docs"),
        ];
        let sources = lists.iter().flat_map(|list| list.lines()).filter_map(|line| line.split_whitespace().next());
        let all: Vec<_> = sources.map(|source| source.trim_end_matches('*')).collect();
        assert!(all.len() >= 5, "{all:?}");
        for source in all {
            assert!(SPEC.contains(source), "{source}");
        }
    }
}
