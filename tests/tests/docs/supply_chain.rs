//! Compares the table of direct dependencies with the manifests: each crate has a reason, each reason a
//! crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use autora_tests::workspace;

use crate::book;

/// The manifests, with the table's names for the program and for its tests.
const MANIFESTS: [(&str, &str, &str); 5] = [
    ("autora", "daemon", "daemon's tests"),
    ("autora-common", "common", "common's tests"),
    ("autora-ebpf", "filter", "filter's tests"),
    ("tests", "tests", "tests"),
    ("xtask", "xtask", "xtask"),
];

#[test]
fn every_direct_dependency_has_its_reason() {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (folder, name, tests) in MANIFESTS {
        let manifest = fs::read_to_string(workspace().join(folder).join("Cargo.toml")).expect("a manifest");
        let normal = dependencies(&manifest, "[dependencies]");
        for (section, name) in [("[dependencies]", name), ("[build-dependencies]", name), ("[dev-dependencies]", tests)]
        {
            // A dependency of the program is listed for the program alone.
            for krate in dependencies(&manifest, section) {
                if section != "[dev-dependencies]" || !normal.contains(&krate) {
                    used.entry(krate).or_default().insert(name.to_owned());
                }
            }
        }
    }
    assert!(used["tokio"].contains("daemon") && used["criterion"].contains("daemon's tests"), "{used:?}");
    assert_eq!(documented(), used);
}

/// Returns the rows of the table, each with a reason: crate, and the programs that use it.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let text = book::page("supply-chain.md").part(2, "Direct dependencies");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a row for each");
    rows.iter()
        .map(|row| {
            assert!(row.len() == 3 && row[2].len() > 5, "a reason: {row:?}");
            (row[0].trim_matches('`').to_owned(), row[1].split(", ").map(str::to_owned).collect())
        })
        .collect()
}

/// Returns the names in a section of a manifest.
fn dependencies(manifest: &str, section: &str) -> BTreeSet<String> {
    let lines = manifest.lines().skip_while(|line| *line != section).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .map(str::to_owned)
        .collect()
}
