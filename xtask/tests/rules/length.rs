//! No file of the product is so long that it is two.

use std::{fs, path::Path, process::Command};

use crate::source::root;

/// The most lines that a source file may have; tests may be longer.
const LONGEST: usize = 400;

/// The most lines that the README may have: a visitor reads it in five minutes, and details stand in the handbook.
const LONGEST_README: usize = 180;

/// How wide a comment may be: as wide as rustfmt lets code be.
const WIDTH: usize = 120;

/// Names of files and folders that hold tests.
const TESTS: &[&str] = &["tests", "benches", "fuzz", "simulation"];

/// The files of the project as git knows them, relative to the root of the workspace.
pub(crate) fn files() -> Vec<String> {
    let listed = Command::new("git")
        .current_dir(root())
        .args(["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("names are UTF-8");
    names.lines().filter(|name| root().join(name).is_file()).map(str::to_owned).collect()
}

/// Whether a file holds Rust.
pub(crate) fn is_source(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "rs")
}

fn is_product(name: &str) -> bool {
    let of_tests = |part: &str| TESTS.contains(&part) || TESTS.contains(&part.trim_end_matches(".rs"));
    is_source(name) && !name.split('/').any(of_tests)
}

#[test]
fn files_are_short() {
    let lines = |name: &String| fs::read_to_string(root().join(name)).expect("sources are UTF-8").lines().count();
    let product: Vec<_> = files().into_iter().filter(|name| is_product(name)).collect();
    assert!(product.len() > 100, "only {} files were found", product.len());
    let long: Vec<_> = product.iter().map(|name| (lines(name), name)).filter(|(lines, _)| *lines > LONGEST).collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:?}");
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(root().join("README.md")).expect("it is there").lines().count();
    assert!(lines <= LONGEST_README, "README.md has {lines} lines, more than {LONGEST_README}");
}

#[test]
fn comments_are_no_wider_than_code() {
    let wide = |name: &String| {
        let text = fs::read_to_string(root().join(name)).expect("sources are UTF-8");
        text.lines()
            .enumerate()
            .filter(|(_, line)| line.trim_start().starts_with("//") && line.chars().count() > WIDTH)
            // A link and a row of a table cannot be broken.
            .filter(|(_, line)| !line.contains("https://") && !line.contains("| "))
            .map(|(at, _)| format!("{name}:{}", at + 1))
            .collect::<Vec<_>>()
    };
    let found: Vec<_> = files().iter().filter(|name| is_source(name)).flat_map(wide).collect();
    assert!(found.is_empty(), "too wide: {found:#?}");
}

#[test]
fn tests_are_told_from_the_product() {
    assert!(is_product("autora/src/engine/fleet.rs"));
    for name in ["autora/src/engine/fleet/tests.rs", "tests/src/lib.rs", "autora/benches/pure.rs", "README.md"] {
        assert!(!is_product(name), "{name}");
    }
}
