//! The service's confinement, and SECURITY.md against the tests that it names.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use autora_tests::workspace;

use crate::command::{run, says};

/// The highest exposure allowed, in tenths, as `systemd-analyze` takes it.
const EXPOSURE: &str = "--threshold=17";

#[test]
fn the_units_exposure_is_at_most_1_7() {
    let analyze =
        |unit: &Path| run(Command::new("systemd-analyze").args(["security", "--offline=yes", EXPOSURE]).arg(unit));
    let unit = workspace().join("contrib/autora.service");
    let output = analyze(&unit);
    assert!(output.status.success(), "{}", says(&output));
    // The positive control: without one of its lines the exposure is higher.
    let folder = tempfile::tempdir().expect("a folder");
    let looser = folder.path().join("autora.service");
    let text = fs::read_to_string(&unit).expect("the unit");
    fs::write(&looser, text.replace("RestrictNamespaces=yes\n", "")).expect("a copy of it");
    let output = analyze(&looser);
    assert!(!output.status.success(), "{}", says(&output));
}

/// An instance must be no less confined than the service, and restart as it does.
#[test]
fn the_template_differs_from_the_unit_in_the_names_of_its_files_alone() {
    let unit = |name| settings(&fs::read_to_string(workspace().join(name)).expect("a unit"));
    let expected: Vec<_> = unit("contrib/autora.service")
        .into_iter()
        .map(|line| match line.as_str() {
            "Description=IPv6 Router Advertisements for guests" => line + " (%i)",
            "EnvironmentFile=-/etc/default/autora" => line + "-%i",
            "RuntimeDirectory=autora autora.lock" => "RuntimeDirectory=autora-%i autora.lock".to_owned(),
            _ => line,
        })
        .collect();
    let template = unit("contrib/autora@.service");
    assert_eq!(template, expected);
    assert_eq!(template.iter().filter(|line| line.contains("%i")).count(), 3, "{template:?}");
}

/// Returns the lines of a unit that are no comments.
fn settings(unit: &str) -> Vec<String> {
    unit.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Some settings of systemd look secure and break the daemon or its filter.
#[test]
fn the_unit_has_the_settings_it_needs_and_none_that_break_the_daemon() {
    let unit = fs::read_to_string(workspace().join("contrib/autora.service")).expect("the unit");
    let settings = settings(&unit);
    let has = |start: &str| settings.iter().any(|line| line.starts_with(start));
    // It drops solicitations before the socket; it voids the capabilities; it hides the socket; a reload
    // would end it.
    for harmful in ["IPAddressDeny=", "PrivateUsers=", "DynamicUser=", "ExecReload=", "PrivateNetwork="] {
        assert!(!has(harmful), "{harmful}");
    }
    for needed in [
        "RestartKillSignal=SIGHUP",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "WatchdogSec=",
        "User=autora",
        "AmbientCapabilities=CAP_NET_RAW CAP_BPF CAP_PERFMON",
        "CapabilityBoundingSet=CAP_NET_RAW CAP_BPF CAP_PERFMON",
    ] {
        assert!(has(needed), "{needed}");
    }
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let text = fs::read_to_string(workspace().join("SECURITY.md")).expect("the threat model");
    let named: BTreeSet<_> = text.split('`').skip(1).step_by(2).filter(|word| is_test_name(word)).collect();
    assert!(named.len() > 30, "{named:?}");
    let mut sources = String::new();
    for folder in ["tests/tests", "autora/src", "autora/tests"] {
        read_sources(&workspace().join(folder), &mut sources);
    }
    let missing: Vec<_> = named.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn is_test_name(word: &str) -> bool {
    word.matches('_').count() >= 2 && word.chars().all(|c| c == '_' || c.is_ascii_lowercase())
}

fn read_sources(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(path).expect("a source"));
        }
    }
}
