//! The package's file of settings: every variable, commented out, with the daemon's default.

use std::collections::{BTreeMap, BTreeSet};

use autora::{
    commands::{self, Cli},
    config::{Config, Origins, settings_file},
};
use autora_tests::workspace;
use clap::{Arg, CommandFactory};

#[test]
fn the_file_of_settings_has_every_variable_and_no_other() {
    let cli = Cli::command();
    let variables: BTreeSet<String> = cli.get_arguments().filter_map(variable).collect();
    assert_eq!(defaults().into_keys().collect::<BTreeSet<_>>(), variables);
}

/// A line that is uncommented unchanged has no effect. Switches are off, and empty options are unset.
#[test]
fn the_values_in_the_file_are_the_defaults() {
    let defaults = defaults();
    let untouched = understood(&[]);
    let cli = Cli::command();
    for argument in cli.get_arguments() {
        let Some(value) = variable(argument).map(|name| &defaults[&name]) else { continue };
        let flag = argument.get_long().expect("an option has a name");
        if !argument.get_action().takes_values() {
            assert_eq!(value, "false", "--{flag}");
        } else if value.is_empty() {
            assert!(argument.get_default_values().is_empty(), "--{flag} has a default");
        } else {
            assert_eq!(understood(&[format!("--{flag}={value}")]), untouched, "--{flag}");
        }
    }
    assert_ne!(understood(&["--mtu".to_owned()]), untouched, "the positive control");
}

/// The daemon serves no interface until the operator edits the file.
#[test]
fn no_line_of_the_file_sets_anything() {
    let file = file();
    let set: Vec<_> = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(set, [""; 0]);
    assert!(file.contains("#AUTORA_INTERFACE_REGEX='^tap-vm-[0-9]+$'\n"), "the example of a hypervisor");
}

/// Returns the commented-out settings, as the service would read them without the #. Of two lines with one name, the
/// first is an example.
fn defaults() -> BTreeMap<String, String> {
    let file = file();
    let settings: Vec<_> = file.lines().filter(|line| line.starts_with("#AUTORA_")).map(|line| &line[1..]).collect();
    let set = settings_file::parse(&settings.join("\n")).variables;
    set.into_iter().map(|variable| (variable.name, variable.value)).collect()
}

fn file() -> String {
    std::fs::read_to_string(workspace().join("contrib/autora.default")).expect("the file of settings is there")
}

fn variable(argument: &Arg) -> Option<String> {
    Some(argument.get_env()?.to_str().expect("variables are text").to_owned())
}

/// Returns the daemon's configuration from these flags, but not that it is from them.
fn understood(flags: &[String]) -> String {
    let arguments = std::iter::once("autora").chain(flags.iter().map(String::as_str));
    let cli = commands::parse_from(arguments, |_| None).unwrap_or_else(|error| panic!("{flags:?}: {error}"));
    let config = Config::try_from(&cli.daemon).unwrap_or_else(|error| panic!("{flags:?}: {error}"));
    format!("{:?}", Config { origins: Origins::default(), ..config })
}
