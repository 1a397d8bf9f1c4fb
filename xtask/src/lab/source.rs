//! `cargo xtask source-test`: the package, built and tested from the sources of a release on Debian's releases, without
//! a network (`tests/source.sh`).

use std::{fs, path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};

use super::debian::{self, Addition, Root, Suite};
use crate::{process, release::source, setup::packages::Archive, ui, workspace::Workspace};

/// The releases that the package is built on: sid changes, and so fails for causes of its own.
const USUAL: [Suite; 2] = [Suite::Bookworm, Suite::Trixie];

/// Installs the build dependencies of the package, as apt reads them.
const BUILD_DEPENDENCIES: [&str; 3] = [
    "--customize-hook=copy-in debian /tmp",
    "--customize-hook=chroot \"$1\" apt-get --yes --no-install-recommends build-dep /tmp",
    "--customize-hook=rm --recursive \"$1/tmp/debian\"",
];

/// The limit of a build that hangs. One takes fifteen minutes on two slow processors.
const AT_MOST: &str = "90m";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The releases of Debian that the package is built on
    #[arg(long, value_name = "SUITE", value_enum, value_delimiter = ',', default_values_t = USUAL)]
    suite: Vec<Suite>,
}

/// Builds the package on the usual releases.
pub(crate) fn usual(workspace: &Workspace) -> Result<()> {
    run(workspace, &Args { suite: USUAL.to_vec() })
}

/// Makes the sources, and builds the package from them on every release.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    ensure!(
        process::is_root(),
        "the package is built in namespaces, which only root may make: run this as root (in a root shell, as `sudo -s` \
         gives one, so that cargo is found)"
    );
    let folder = workspace.source_test();
    debian::remove(&folder)?;
    let sources = source::make(workspace, &folder)?;
    args.suite.iter().try_for_each(|suite| test(workspace, *suite, &sources))?;
    debian::remove(&folder)
}

/// Builds the package on a release, and prints what came out. After a failure the folder of the build stays.
fn test(workspace: &Workspace, suite: Suite, sources: &Path) -> Result<()> {
    let root = root(suite);
    ui::heading(&format!("source: the package without a network, Debian {}", root.suite));
    let ready = root.ready_with(workspace, &addition(workspace, suite, root.suite)?)?;
    let folder = workspace.source_test().join(root.suite);
    fs::create_dir(&folder)?;
    let mut build = Command::new("timeout");
    build.args(["--kill-after=30s", AT_MOST, "sh"]).arg(workspace.root().join("tests/source.sh"));
    build.arg(ready).arg(sources).arg(&folder);
    let row = timed(&mut build, &workspace.log(&format!("source-{}", root.suite)))
        .with_context(|| format!("the package cannot be built on Debian {}", root.suite))?;
    ui::note(&format!("{}: {row}", root.suite));
    debian::remove(&folder)
}

/// Runs the build. Returns what it reports, and how long it took.
fn timed(build: &mut Command, log: &Path) -> Result<String> {
    let started = Instant::now();
    process::run_logged("dpkg-buildpackage, with the unit tests", build, log)?;
    let took = ui::seconds(started.elapsed());
    let text = fs::read(log)?;
    let text = String::from_utf8_lossy(&text);
    Ok(format!("{}; {took}", report(&text).context("the build reports nothing")?))
}

/// Returns the last line of a log, without the word that tells it from those of other programs.
fn report(log: &str) -> Option<&str> {
    log.lines().next_back()?.strip_prefix("built: ")
}

const fn root(suite: Suite) -> Root {
    let (name, suite) = match suite {
        Suite::Bookworm => ("build-bookworm", "bookworm"),
        Suite::Trixie => ("build-trixie", "trixie"),
        Suite::Sid => ("build-sid", "sid"),
    };
    Root { name, suite, included: "build-essential", enabled: None }
}

/// Returns what a root needs for the build: what debian/control names, and the security updates of a release, which its
/// newer compilers come with. Sid has none apart.
fn addition(workspace: &Workspace, suite: Suite, name: &str) -> Result<Addition> {
    let control = workspace.root().join("debian/control");
    let input = source_paragraph(&fs::read_to_string(control)?).context("debian/control names no package")?.to_owned();
    let updates = match suite {
        Suite::Bookworm | Suite::Trixie => Some(Archive::own(workspace)?.security_updates(name)?),
        Suite::Sid => None,
    };
    Ok(Addition { arguments: BUILD_DEPENDENCIES.map(str::to_owned).into_iter().chain(updates).collect(), input })
}

/// Returns the part of a control file that is about the sources.
fn source_paragraph(control: &str) -> Option<&str> {
    control.split_once("\n\n").map(|(paragraph, _)| paragraph)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_the_last_line() {
        let log = "built: by another program\ntest result: ok. 3 passed; 0 failed\nbuilt: rustc 1.96.0, 3 tests\n";
        assert_eq!(report(log), Some("rustc 1.96.0, 3 tests"));
        assert_eq!(report("built: rustc 1.96.0\nFAILED: no unit test ran\n"), None);
        assert_eq!(report(""), None);
    }

    #[test]
    fn a_root_is_made_again_when_the_build_dependencies_change() {
        let control = fs::read_to_string(Workspace::locate().root().join("debian/control")).expect("it is there");
        let paragraph = source_paragraph(&control).expect("it has two");
        assert!(paragraph.contains("\nBuild-Depends:") && !paragraph.contains("\nPackage:"), "{paragraph}");
    }
}
