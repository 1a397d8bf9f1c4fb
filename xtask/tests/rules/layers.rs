//! Which layer of the daemon may import which, and that no files import each other in a loop.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    graph::circles,
    source::{Arrow, Crate, root},
};

/// The layers of the daemon from the top down, each with those it may import. Tests, benches and fuzz targets stand
/// outside.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "commands",
        &["daemon", "control", "diagnosis", "config", "sys", "engine", "wire", "logging", "settings", "error", "addr"],
    ),
    ("daemon", &["control", "diagnosis", "config", "sys", "engine", "wire", "logging", "settings", "error", "addr"]),
    ("control", &["sys", "engine", "wire", "settings", "error", "addr"]),
    ("diagnosis", &["engine", "wire", "addr"]),
    ("config", &["engine", "wire", "settings", "error", "addr"]),
    ("sys", &["engine", "wire", "settings", "error", "addr"]),
    ("engine", &["wire", "addr"]),
    ("wire", &["addr"]),
    ("error", &["logging"]),
    ("logging", &["settings"]),
    ("settings", &[]),
    ("addr", &[]),
];

/// The roots of all crates.
const CRATES: &[&str] = &[
    "autora/src/lib.rs",
    "autora-common/src/lib.rs",
    "autora-ebpf/src/main.rs",
    "xtask/src/main.rs",
    "tests/src/lib.rs",
];

/// The layer of a file, if it is in one: `autora/src/sys/clock.rs` is in `sys`.
fn layer(file: &Path) -> Option<&str> {
    let inside = file.strip_prefix("autora/src").ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|layer| *layer != "lib")
}

fn may_import(from: &str, to: &str) -> bool {
    let allowed = LAYERS.iter().find(|(layer, _)| *layer == from).map_or(&[][..], |(_, allowed)| allowed);
    from == to || allowed.contains(&to)
}

fn forbidden(arrows: &[Arrow]) -> Vec<String> {
    let layers = |arrow: &Arrow| Some((layer(&arrow.from)?.to_owned(), layer(&arrow.to)?.to_owned()));
    let offends = |arrow: &&Arrow| layers(arrow).is_some_and(|(from, to)| !may_import(&from, &to));
    let offending = arrows.iter().filter(offends);
    offending.map(|Arrow { from, to }| format!("{} -> {}", from.display(), to.display())).collect()
}

/// The programs of the tests are crates of their own.
fn programs() -> Vec<PathBuf> {
    let folder = root().join("tests/src/bin");
    let entries = folder.read_dir().expect("the tests have programs");
    let mains = entries.map(|entry| entry.expect("a folder can be read").path().join("main.rs"));
    mains.filter(|main| main.exists()).map(|main| main.strip_prefix(root()).expect("inside").to_owned()).collect()
}

#[test]
fn rooms_import_only_what_stands_below_them() {
    let arrows = Crate::read(Path::new("autora/src/lib.rs")).arrows();
    assert!(arrows.len() > 100, "only {} arrows were found", arrows.len());
    let forbidden = forbidden(&arrows);
    assert!(forbidden.is_empty(), "these imports run against xtask/tests/rules/layers.rs:\n{}", forbidden.join("\n"));
}

#[test]
fn every_file_is_in_a_room() {
    let files: BTreeSet<_> = Crate::read(Path::new("autora/src/lib.rs")).files().collect();
    let homeless: Vec<_> = files
        .iter()
        .filter(|file| layer(file).is_some_and(|layer| LAYERS.iter().all(|(known, _)| *known != layer)))
        .collect();
    assert!(homeless.is_empty(), "no layer is known for {homeless:?}: name it in xtask/tests/rules/layers.rs");
}

#[test]
fn the_table_runs_one_way() {
    for (at, (from, allowed)) in LAYERS.iter().enumerate() {
        let above: Vec<_> = LAYERS[..at].iter().filter(|(layer, _)| allowed.contains(layer)).collect();
        assert!(above.is_empty(), "{from} may import {above:?}, which stand above it");
    }
}

#[test]
fn no_files_import_each_other_in_a_loop() {
    let roots = CRATES.iter().map(PathBuf::from).chain(programs());
    let found: Vec<_> = roots.flat_map(|root| circles(&Crate::read(&root).arrows())).collect();
    assert!(found.is_empty(), "circles: {found:#?}");
}

#[test]
fn an_arrow_against_the_table_is_seen() {
    let arrow = |from: &str, to: &str| Arrow { from: from.into(), to: to.into() };
    let down = arrow("autora/src/daemon/start.rs", "autora/src/sys/clock.rs");
    let up = arrow("autora/src/engine/fleet.rs", "autora/src/sys/clock.rs");
    assert_eq!(forbidden(&[down, up]), ["autora/src/engine/fleet.rs -> autora/src/sys/clock.rs"]);
}
