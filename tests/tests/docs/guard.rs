//! The guard's files against the handbook, and its unit against systemd.

use std::{fs, process::Command};

use autora_tests::workspace;

use crate::{
    book,
    command::{run, says},
};

#[test]
fn the_page_of_the_guard_installs_its_files_under_the_paths_that_they_name() {
    let page = book::page("guard.md").text;
    for entry in fs::read_dir(workspace().join("contrib/nftables")).expect("there are files").flatten() {
        let text = fs::read_to_string(entry.path()).expect("they are text");
        let name = entry.file_name().display().to_string();
        let command = format!("install -D -m 644 {name} ");
        let (_, rest) = text.split_once(&command).unwrap_or_else(|| panic!("{name} says how it is installed"));
        let target = rest.split_whitespace().next().expect("a path");
        assert!(page.contains(&format!("install -D -m 644 contrib/nftables/{name} {target}")), "{name}: {target}");
    }
}

#[test]
fn the_guards_unit_loads_what_is_installed_and_is_valid() {
    let unit = workspace().join("contrib/nftables/autora-guard.service");
    let text = fs::read_to_string(&unit).expect("the unit");
    for setting in ["ExecStart", "ExecReload"] {
        assert!(text.contains(&format!("\n{setting}=/usr/sbin/nft -f /etc/autora/autora-guard.nft\n")), "{setting}");
    }
    let verify = |unit| run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit));
    let output = verify(unit.as_path());
    assert!(output.status.success() && output.stderr.is_empty(), "{}", says(&output));
    // The positive control: a program that does not exist.
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("autora-guard.service");
    fs::write(&broken, text.replace("/usr/sbin/nft", "/usr/sbin/no-nft")).expect("a copy of it");
    let output = verify(broken.as_path());
    assert!(!output.status.success() || !output.stderr.is_empty(), "{}", says(&output));
}
