//! `cargo xtask release-version`: derives the version of the crates and of the package from a tag.
//!
//! Crates follow Semantic Versioning. In Debian's order `0.2.0-rc.1` would come after `0.2.0`, so the package
//! has `0.2.0~rc.1`.

use std::{fmt, fs};

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::Workspace;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tag or version, like v0.2.0 or 0.2.0-rc.1
    tag: String,
    /// Set the version in debian/changelog (the top entry), Cargo.toml and Cargo.lock
    #[arg(long)]
    write: bool,
}

/// A version of a release: `1.2.3`, or `1.2.3-rc.1` for a pre-release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version(String);

/// The packages that have the workspace's version.
const MEMBERS: [&str; 6] = ["autora", "autora-common", "autora-ebpf", "autora-fuzz", "autora-tests", "xtask"];

/// Prints the version of the tag, and writes it to the files if that is asked for.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let version = Version::of_tag(&args.tag)?;
    if args.write {
        let rewrite = |path: &str, change: fn(&str, &Version) -> Result<String>| {
            let file = workspace.root().join(path);
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {path}"))?;
            let changed = change(&text, &version).with_context(|| format!("cannot change {path}"))?;
            fs::write(&file, changed).with_context(|| format!("cannot write {path}"))
        };
        rewrite("debian/changelog", changelog)?;
        rewrite("Cargo.toml", manifest)?;
        rewrite("Cargo.lock", lock)?;
    }
    println!("{version}");
    Ok(())
}

impl Version {
    /// Returns the version of these sources.
    pub(crate) fn current() -> Self {
        Self(env!("CARGO_PKG_VERSION").to_owned())
    }

    /// Parses a tag, with or without a leading v.
    fn of_tag(tag: &str) -> Result<Self> {
        let version = tag.strip_prefix('v').unwrap_or(tag);
        let (core, before) = match version.split_once('-') {
            Some((core, before)) => (core, Some(before)),
            None => (version, None),
        };
        let numbers: Vec<&str> = core.split('.').collect();
        ensure!(
            numbers.len() == 3 && numbers.iter().all(|number| is_number(number)),
            "{tag:?} is not a version like v1.2.3 or v1.2.3-rc.1"
        );
        if let Some(bad) = before.and_then(|before| before.split('.').find(|part| !is_identifier(part))) {
            bail!(
                "{tag:?}: {bad:?} is not allowed; a part of a pre-release is a number, or letters and digits, as \
                 Debian's versions need it"
            );
        }
        Ok(Self(version.to_owned()))
    }

    /// Returns the version of the package.
    pub(crate) fn debian(&self) -> String {
        self.0.replace('-', "~")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether `text` is a number without leading zeros, as Semantic Versioning asks for.
fn is_number(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

fn is_identifier(text: &str) -> bool {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain && (is_number(text) || text.bytes().any(|byte| !byte.is_ascii_digit()))
}

/// Returns the version of the top entry, as in `autora (0.1.0) unstable; urgency=medium`.
pub(crate) fn top_of_changelog(text: &str) -> Result<&str> {
    let first = text.lines().next().unwrap_or_default();
    let rest = first.strip_prefix("autora (").context("the top entry is not one of autora")?;
    Ok(rest.split_once(')').context("the top entry has no version")?.0)
}

fn changelog(text: &str, version: &Version) -> Result<String> {
    let old = top_of_changelog(text)?;
    Ok(text.replacen(&format!("({old})"), &format!("({})", version.debian()), 1))
}

/// Replaces the version below `[workspace.package]`, which every member inherits.
fn manifest(text: &str, version: &Version) -> Result<String> {
    let (before, section) = text.split_once("[workspace.package]\n").context("no [workspace.package]")?;
    let old = section.lines().next().filter(|line| line.starts_with("version = \"")).context("no version")?;
    let section = section.replacen(old, &format!("version = \"{version}\""), 1);
    Ok(format!("{before}[workspace.package]\n{section}"))
}

/// Replaces the version of the workspace's members, whose entries are `[[package]]`, name, version. No
/// published crate in the file has one of their names.
fn lock(text: &str, version: &Version) -> Result<String> {
    let names = MEMBERS.map(|name| format!("name = \"{name}\""));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut found = 0;
    for at in 1..lines.len() {
        if names.contains(&lines[at - 1]) && lines[at].starts_with("version = ") {
            lines[at] = format!("version = \"{version}\"");
            found += 1;
        }
    }
    ensure!(found > 0, "it has no member of the workspace");
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(tag: &str) -> Version {
        Version::of_tag(tag).expect(tag)
    }

    #[test]
    fn tags_become_versions_of_crates_and_package() {
        for (tag, semantic, debian) in [
            ("v0.1.0", "0.1.0", "0.1.0"),
            ("0.1.0", "0.1.0", "0.1.0"),
            ("v10.20.30", "10.20.30", "10.20.30"),
            ("v1.0.0-rc.1", "1.0.0-rc.1", "1.0.0~rc.1"),
            ("v1.0.0-0", "1.0.0-0", "1.0.0~0"),
            ("v1.0.0-01a", "1.0.0-01a", "1.0.0~01a"),
        ] {
            assert_eq!(version(tag).to_string(), semantic);
            assert_eq!(version(tag).debian(), debian);
        }
    }

    #[test]
    fn other_tags_are_an_error() {
        let bad = [
            "",
            "v",
            "v1",
            "v1.2",
            "v1.2.3.4",
            "vv1.2.3",
            "V1.2.3",
            "v01.2.3",
            "v1.2.x",
            "v1.2.",
            "release",
            "v1.2.3-",
            "v1.2.3-rc..1",
            "v1.2.3-01",
            "v1.2.3-rc-1",
            "v1.2.3+build",
            "v1.2.3 ",
            "v1.2.3\n",
            "v1.2.3;ls",
            "v1.2.3~rc1",
            "refs/tags/v1.2.3",
            "v-1.2.3",
            "v1.2.3-rc_1",
        ];
        for tag in bad {
            assert!(Version::of_tag(tag).is_err(), "{tag:?}");
        }
    }

    #[test]
    fn only_the_top_entry_of_the_changelog_changes() {
        let old =
            "autora (0.1.0) unstable; urgency=medium\n\n  * Closes (0.1.0).\n\nautora (0.0.9) unstable; urgency=low\n";
        let new = "autora (0.2.0~rc.1) unstable; urgency=medium\n\n  * Closes (0.1.0).\n\nautora (0.0.9) unstable; urgency=low\n";
        assert_eq!(changelog(old, &version("v0.2.0-rc.1")).expect("changed"), new);
        for other in ["", "radvd (1.0) unstable\n", "autora 0.1.0\n", "\nautora (0.1.0) unstable\n", "autora (0.1.0\n"]
        {
            assert!(changelog(other, &version("v0.2.0")).is_err(), "{other:?}");
        }
    }

    #[test]
    fn only_the_workspace_version_of_the_manifest_changes() {
        let old = "[workspace]\nversion = \"0.1.0\"\n\n[workspace.package]\nversion = \"0.1.0\"\nx = \"0.1.0\"\n[a]\nversion = \"0.1.0\"\n";
        let new = "[workspace]\nversion = \"0.1.0\"\n\n[workspace.package]\nversion = \"0.2.0\"\nx = \"0.1.0\"\n[a]\nversion = \"0.1.0\"\n";
        assert_eq!(manifest(old, &version("v0.2.0")).expect("changed"), new);
        assert!(manifest("[workspace]\n", &version("v0.2.0")).is_err());
        assert!(manifest("[workspace.package]\nedition = \"2024\"\n", &version("v0.2.0")).is_err());
    }

    #[test]
    fn only_members_in_the_lock_change() {
        let old = "version = 4\n\n[[package]]\nname = \"anstream\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"autora\"\n\
                   version = \"0.1.0\"\ndependencies = [\n \"anstream\",\n]\n\n[[package]]\nname = \"fuzzer\"\nversion = \"0.1.0\"\n";
        let new = "version = 4\n\n[[package]]\nname = \"anstream\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"autora\"\n\
                   version = \"0.2.0\"\ndependencies = [\n \"anstream\",\n]\n\n[[package]]\nname = \"fuzzer\"\nversion = \"0.1.0\"\n";
        assert_eq!(lock(old, &version("v0.2.0")).expect("changed"), new);
        assert!(lock("version = 4\n", &version("v0.2.0")).is_err());
    }

    /// Rewrites the present files with the present version, which must change nothing.
    #[test]
    fn package_and_crates_have_the_same_version() {
        let current = Version::current();
        let top = top_of_changelog(include_str!("../../../debian/changelog")).expect("a version");
        assert_eq!(
            top,
            current.debian(),
            "debian/changelog and Cargo.toml differ: cargo xtask release-version --write"
        );
        let root = Workspace::locate().root().to_owned();
        let read = |path: &str| fs::read_to_string(root.join(path)).expect(path);
        assert_eq!(changelog(&read("debian/changelog"), &current).expect("whole"), read("debian/changelog"));
        assert_eq!(manifest(&read("Cargo.toml"), &current).expect("whole"), read("Cargo.toml"));
        assert_eq!(lock(&read("Cargo.lock"), &current).expect("whole"), read("Cargo.lock"));
        let sourceless =
            read("Cargo.lock").split("[[package]]").skip(1).filter(|entry| !entry.contains("\nsource = ")).count();
        assert_eq!(sourceless, MEMBERS.len(), "MEMBERS does not have every member of the workspace");
    }
}
