//! Which room of the daemon may import which, and that no files import each other in a loop.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    graph::circles,
    source::{Arrow, Crate, root},
};

/// The rooms of the daemon from the top down, each with those it may import. Tests, benches and fuzz targets stand
/// outside.
const ROOMS: &[(&str, &[&str])] = &[
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

/// The room of a file, if it is in one: `autora/src/sys/clock.rs` is in `sys`.
fn room(file: &Path) -> Option<&str> {
    let inside = file.strip_prefix("autora/src").ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|room| *room != "lib")
}

fn may_import(from: &str, to: &str) -> bool {
    let allowed = ROOMS.iter().find(|(room, _)| *room == from).map_or(&[][..], |(_, allowed)| allowed);
    from == to || allowed.contains(&to)
}

fn forbidden(arrows: &[Arrow]) -> Vec<String> {
    let rooms = |arrow: &Arrow| Some((room(&arrow.from)?.to_owned(), room(&arrow.to)?.to_owned()));
    let offends = |arrow: &&Arrow| rooms(arrow).is_some_and(|(from, to)| !may_import(&from, &to));
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
    assert!(forbidden.is_empty(), "these imports run against xtask/tests/house/rooms.rs:\n{}", forbidden.join("\n"));
}

#[test]
fn every_file_is_in_a_room() {
    let files: BTreeSet<_> = Crate::read(Path::new("autora/src/lib.rs")).files().collect();
    let homeless: Vec<_> = files
        .iter()
        .filter(|file| room(file).is_some_and(|room| ROOMS.iter().all(|(known, _)| *known != room)))
        .collect();
    assert!(homeless.is_empty(), "no room is known for {homeless:?}: name it in xtask/tests/house/rooms.rs");
}

#[test]
fn the_table_runs_one_way() {
    for (at, (from, allowed)) in ROOMS.iter().enumerate() {
        let above: Vec<_> = ROOMS[..at].iter().filter(|(room, _)| allowed.contains(room)).collect();
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
