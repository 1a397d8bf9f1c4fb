//! Checks the index of the scenarios, which is in the documentation of their main file.

use std::{collections::BTreeMap, fs, path::Path};

use autora_tests::workspace;

#[test]
fn the_index_lists_every_file_of_scenarios_with_its_first_words() {
    let folder = workspace().join("tests/tests/scenarios");
    let main = documentation(&folder.join("main.rs"));
    let entries = main.split(" - `").skip(1).map(|entry| entry.split_once("`: ").expect("a name and a text"));
    let entries: Vec<(&str, &str)> = entries.collect();
    assert!(entries.is_sorted(), "in the order of the files: {entries:?}");
    let index: BTreeMap<&str, &str> = entries.into_iter().collect();

    let files = fs::read_dir(&folder).expect("there are scenarios").flatten().map(|entry| entry.path());
    let files: BTreeMap<_, _> = files.map(|file| (name(&file), documentation(&file))).collect();
    let named: Vec<&str> = files.keys().map(String::as_str).filter(|name| *name != "main").collect();
    assert_eq!(index.keys().copied().collect::<Vec<_>>(), named, "the index and the files");
    for (name, text) in index {
        let rest = files[name].strip_prefix(text).unwrap_or_else(|| panic!("{name} says: {}", files[name]));
        assert!(rest.starts_with(['.', ',', ':']), "{name}: the index breaks off before {rest:?}");
    }
}

fn name(file: &Path) -> String {
    file.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}

/// Returns a file's documentation as one line.
fn documentation(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    lines.join(" ")
}
