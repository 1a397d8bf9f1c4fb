//! `cargo xtask package`: the Debian package, and lintian's opinion of it.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use super::version::Version;
use crate::{process, setup::apt, ui, workspace::Workspace};

/// Programs, and the packages that bring them, dpkg-buildpackage among what these need.
const TOOLS: [(&str, &str); 2] = [("dh", "debhelper"), ("lintian", "lintian")];

/// Ends what hangs: fetching crates, say. A build of everything takes six minutes on two slow processors.
const BUILD_AT_MOST: &str = "30m";
const LINTIAN_AT_MOST: &str = "5m";

/// Builds it into target/package; returns where it is.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    ui::heading("Debian package");
    tools(workspace)?;
    let folder = workspace.package();
    // What lies there afterwards is of this build.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    let name = format!("autora_{}_{}", Version::current().debian(), architecture()?);
    let file = |extension: &str| folder.join(format!("{name}.{extension}"));
    let mut build = buildpackage(workspace, &folder, file);
    process::run_logged("dpkg-buildpackage", &mut build, &workspace.log("package"))
        .context("the package could not be built")?;
    let package = file("deb");
    ensure!(package.is_file(), "dpkg-buildpackage has left no {}", package.display());
    process::run_logged("lintian", &mut lintian(&file("changes")), &workspace.log("lintian"))
        .context("lintian has complaints")?;
    ui::note(&format!("{}: {} bytes", workspace.display(&package), fs::metadata(&package)?.len()));
    Ok(package)
}

/// The time of what is made: that of the commit, so that it is the same whenever and wherever it is made.
/// Whoever sets the variable that has become usual for this knows better. Sources without a history have
/// none; the package then takes that of its changelog.
pub(crate) fn epoch(workspace: &Workspace) -> Option<String> {
    let set = env::var("SOURCE_DATE_EPOCH").ok().filter(|set| !set.is_empty());
    let mut git = Command::new("git");
    git.current_dir(workspace.root()).args(["log", "-1", "--format=%ct"]);
    set.or_else(|| Some(process::query(&mut git)?.trim().to_owned()))
}

fn tools(workspace: &Workspace) -> Result<()> {
    let missing = TOOLS.iter().filter(|(program, _)| process::which(program).is_none());
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if !apt::is_here() {
        bail!("{} is missing: Debian packages are built on Debian and its like", packages.join(", "));
    }
    apt::install(workspace, &packages)
}

/// What it leaves would lie beside the checkout; here it goes into `folder`. Afterwards the sources are as
/// clean as before.
fn buildpackage(workspace: &Workspace, folder: &Path, file: impl Fn(&str) -> PathBuf) -> Command {
    let option = |start: &str, path: &Path| {
        let mut option = OsString::from(start);
        option.push(path);
        option
    };
    let mut command = bounded(BUILD_AT_MOST, "dpkg-buildpackage");
    command
        .current_dir(workspace.root())
        .args(["-us", "-uc", "-b", "--post-clean"])
        .arg(option("--buildinfo-file=", &file("buildinfo")))
        .arg(option("--changes-file=", &file("changes")))
        .arg(option("--buildinfo-option=-u", folder))
        .arg(option("--changes-option=-u", folder))
        .env("AUTORA_PACKAGE_FOLDER", folder)
        .envs(epoch(workspace).map(|epoch| ("SOURCE_DATE_EPOCH", epoch)));
    command
}

/// Anything that it has to say is a failure, unless debian/autora.lintian-overrides says why not.
fn lintian(changes: &Path) -> Command {
    let mut command = bounded(LINTIAN_AT_MOST, "lintian");
    command.args(["--pedantic", "--display-info", "--tag-display-limit", "0"]);
    command.args(["--fail-on", "error,warning,info,pedantic"]).arg(changes);
    command
}

fn bounded(time: &str, program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10s", time, program]);
    command
}

/// As dpkg calls this machine's.
fn architecture() -> Result<String> {
    let says = process::query(Command::new("dpkg").arg("--print-architecture"));
    Ok(says.context("dpkg does not tell this machine's architecture")?.trim().to_owned())
}
