//! Circles among arrows.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::source::Arrow;

/// The sets of files that import each other in a loop.
pub(crate) fn circles(arrows: &[Arrow]) -> BTreeSet<BTreeSet<PathBuf>> {
    let mut next: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().push(&arrow.to);
    }
    let reach: BTreeMap<&Path, BTreeSet<&Path>> = next.keys().map(|&file| (file, reachable(&next, file))).collect();
    let reaches = |from: &Path, to: &Path| reach.get(from).is_some_and(|files| files.contains(to));
    let looped = reach.keys().copied().filter(|file| reaches(file, file));
    looped
        .map(|file| reach[file].iter().copied().filter(|other| reaches(other, file)).map(Path::to_owned).collect())
        .collect()
}

fn reachable<'a>(next: &BTreeMap<&'a Path, Vec<&'a Path>>, from: &'a Path) -> BTreeSet<&'a Path> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for &other in next.get(file).into_iter().flatten() {
            if found.insert(other) {
                open.push(other);
            }
        }
    }
    found
}

#[test]
fn a_circle_is_found_and_a_diamond_is_none() {
    let arrow = |from: &str, to: &str| Arrow { from: from.into(), to: to.into() };
    let diamond = [arrow("a", "b"), arrow("a", "c"), arrow("b", "d"), arrow("c", "d")];
    assert_eq!(circles(&diamond), BTreeSet::new());
    let looped = [&diamond[..], &[arrow("d", "b")]].concat();
    let files = |names: &[&str]| names.iter().map(PathBuf::from).collect::<BTreeSet<_>>();
    assert_eq!(circles(&looped), BTreeSet::from([files(&["b", "d"])]));
}
