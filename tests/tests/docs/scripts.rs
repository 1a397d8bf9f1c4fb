//! The shell scripts that an operator installs.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use autora_tests::workspace;

use crate::{
    book,
    command::{run, says},
};

#[test]
fn shellcheck_accepts_every_hook() {
    let folder = workspace().join("contrib/hooks");
    let mut checked = Vec::new();
    for entry in fs::read_dir(&folder).expect("there are hooks").flatten() {
        let text = fs::read_to_string(entry.path()).expect("a hook is text");
        if text.starts_with("#!/bin/sh\n") {
            let mode = entry.metadata().expect("it is there").permissions().mode();
            assert_eq!(mode & 0o111, 0o111, "{} must be executable", entry.path().display());
            let check = run(Command::new("shellcheck").args(["--shell=sh", "--severity=style"]).arg(entry.path()));
            assert!(check.status.success(), "{}", says(&check));
            checked.push(entry.file_name());
        }
        assert!(text.contains("install -D -m "), "{} says how it is installed", entry.path().display());
    }
    assert!(checked.len() >= 4, "{checked:?}");
}

/// The table of recipes names each hook, and a page has the command that installs it.
#[test]
fn every_hook_has_its_recipe() {
    let recipes = book::page("recipes/README.md");
    let all: String = book::pages().into_iter().map(|page| page.text).collect();
    for entry in fs::read_dir(workspace().join("contrib/hooks")).expect("there are hooks").flatten() {
        let hook = format!("contrib/hooks/{}", entry.file_name().display());
        assert!(recipes.text.contains(&hook), "{hook}");
        assert!(
            all.contains(&format!("install -D -m 755 {hook} ")) || all.contains(&format!("install -D -m 644 {hook} ")),
            "{hook}"
        );
    }
}
