//! The crates that are linked into the daemon and into its eBPF program, as `cargo tree` prints them.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::PathBuf,
};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::{architecture::Architecture, process, workspace::Workspace};

/// A crate, by name and version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// The properties of a crate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Crate {
    /// An SPDX expression.
    pub(crate) licence: String,
    pub(crate) repository: String,
    /// It is a member of this workspace.
    pub(crate) is_ours: bool,
    /// Its direct dependencies.
    pub(crate) uses: BTreeSet<Id>,
}

pub(crate) type Crates = BTreeMap<Id, Crate>;

/// Options of `cargo tree`: build dependencies and procedural macros run at compile time only, and are not in
/// the program.
const LINKED: [&str; 4] = ["--edges", "normal,no-proc-macro", "--prefix", "depth"];

/// Returns the crates that are linked for any architecture. Cargo downloads their sources, if needed.
pub(crate) fn linked(workspace: &Workspace) -> Result<Crates> {
    let mut tree = workspace.cargo(["tree", "--quiet", "--locked", "--package", "autora", "--package", "autora-ebpf"]);
    tree.args(LINKED).args(["--format", "|{p}|{l}|{r}|"]);
    tree.args(Architecture::value_variants().iter().flat_map(|one| ["--target", one.target()]));
    let says = process::query(&mut tree).with_context(|| format!("{} failed", process::line(&tree)))?;
    parse(&says)
}

/// Parses the output of `cargo tree`. A line is `1|anyhow v1.0.0|MIT|https://...|` and begins with its depth;
/// it ends in ` (*)` if the crate's dependencies were printed before.
fn parse(tree: &str) -> Result<Crates> {
    let mut crates = Crates::new();
    let mut above: Vec<Id> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split('|').collect();
        let &[depth, package, licence, repository, _] = fields.as_slice() else { bail!("cargo tree says {line:?}") };
        let depth: usize = depth.parse().with_context(|| format!("cargo tree says {line:?}"))?;
        let mut words = package.split(' ');
        let (name, version) = words.next().zip(words.next()).context("a package without a version")?;
        let version = version.strip_prefix('v').context("a version without its v")?;
        let id = Id { name: name.to_owned(), version: version.to_owned() };
        ensure!(depth <= above.len(), "cargo tree skips a level at {line:?}");
        above.truncate(depth);
        if let Some(user) = above.last().and_then(|user| crates.get_mut(user)) {
            user.uses.insert(id.clone());
        }
        let entry = crates.entry(id.clone()).or_default();
        licence.replace('/', " OR ").clone_into(&mut entry.licence);
        repository.clone_into(&mut entry.repository);
        entry.is_ours = package.contains(" (/");
        above.push(id);
    }
    Ok(crates)
}

impl Id {
    /// Returns the folder where its sources are: where cargo has unpacked them, or in those of a release.
    pub(crate) fn sources(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = format!("{}-{}", self.name, self.version);
        if let Some(vendor) = workspace.vendor() {
            return Ok(vendor.join(folder));
        }
        let home = env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).context("no home directory")?;
        let registries = fs::read_dir(home.join("registry/src")).context("cargo has unpacked no sources")?;
        let mut folders = registries.flatten().map(|registry| registry.path().join(&folder));
        folders.find(|path| path.is_dir()).with_context(|| format!("no sources of {folder}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
0|autora v0.1.0 (/home/x/autora)|MIT OR Apache-2.0||
1|aya v0.14.0|MIT/Apache-2.0|https://github.com/aya-rs/aya|
2|log v0.4.35|MIT|r|
1|log v0.4.35|MIT|r| (*)

0|autora-ebpf v0.1.0 (/home/x/autora-ebpf)|MIT OR GPL-2.0-only||
1|log v0.3.0|MIT|r|
";

    fn id(name: &str, version: &str) -> Id {
        Id { name: name.to_owned(), version: version.to_owned() }
    }

    #[test]
    fn crates_and_their_dependencies_are_read() {
        let crates = parse(TREE).expect("a tree");
        let names: Vec<_> = crates.keys().map(|id| format!("{} {}", id.name, id.version)).collect();
        assert_eq!(names, ["autora 0.1.0", "autora-ebpf 0.1.0", "aya 0.14.0", "log 0.3.0", "log 0.4.35"]);
        let autora = &crates[&id("autora", "0.1.0")];
        assert_eq!(autora.uses, BTreeSet::from([id("aya", "0.14.0"), id("log", "0.4.35")]));
        assert!(autora.is_ours);
        let aya = &crates[&id("aya", "0.14.0")];
        assert_eq!(aya.uses, BTreeSet::from([id("log", "0.4.35")]));
        assert_eq!(aya.licence, "MIT OR Apache-2.0", "a slash is an old form of OR");
        assert!(!aya.is_ours);
    }

    #[test]
    fn lines_of_another_form_are_an_error() {
        for text in ["hello\n", "x|a v1|MIT|r|\n", "0|a|MIT|r|\n", "0|a 1|MIT|r|\n", "1|a v1|MIT|r|\n"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
