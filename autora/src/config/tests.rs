use std::{collections::HashMap, ffi::OsString, path::PathBuf};

use clap::{Args as _, FromArgMatches as _};

use super::*;

const REGEX: &str = "--interface-regex=^tap[0-9]+$";

fn config_from(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Config, String> {
    let environment: HashMap<_, _> = environment.iter().copied().collect();
    let arguments = ["autora"].iter().chain(arguments).map(OsString::from);
    let variable = |name: &str| environment.get(name).map(OsString::from);
    let command = DaemonArgs::augment_args(clap::Command::new("autora"));
    let matches = without_empty_variables(command, &variable).try_get_matches_from(arguments);
    let mut args = matches.and_then(|matches| DaemonArgs::from_arg_matches(&matches)).map_err(|e| e.to_string())?;
    args.complete(variable);
    Config::try_from(&args).map_err(|error| error.to_string())
}

fn parameters_of(arguments: &[&str]) -> [u64; 5] {
    let parameters = config_from(arguments, &[]).unwrap().parameters;
    [
        parameters.min_interval,
        parameters.max_interval,
        parameters.router_lifetime,
        parameters.valid_lifetime,
        parameters.preferred_lifetime,
    ]
    .map(|duration| duration.as_secs())
}

#[test]
fn settings_that_are_not_given_follow_those_that_are() {
    for (arguments, expected) in [
        ([].as_slice(), [20, 60, 180, 86_400, 14_400]),
        (&["--max-ra-interval=4s"], [3, 4, 180, 86_400, 14_400]),
        (&["--max-ra-interval=10m"], [20, 600, 1_800, 86_400, 14_400]),
        (&["--max-ra-interval=65535s"], [20, 65_535, 65_535, 86_400, 14_400]),
        (&["--min-ra-interval=45s"], [45, 60, 180, 86_400, 14_400]),
        (&["--router-lifetime=0s"], [20, 60, 0, 86_400, 14_400]),
        (&["--pio-valid-lifetime=1h"], [20, 60, 180, 3_600, 3_600]),
        (&["--pio-preferred-lifetime=2d"], [20, 60, 180, 172_800, 172_800]),
        (&["--pio-valid-lifetime=infinity"], [20, 60, 180, 4_294_967_295, 14_400]),
    ] {
        assert_eq!(parameters_of(arguments), expected, "{arguments:?}");
    }
}

#[test]
fn max_interfaces_is_1_to_65536() {
    for (arguments, expected) in [
        ([].as_slice(), Ok(16_384)),
        (&["--max-interfaces=1"], Ok(1)),
        (&["--max-interfaces=65536"], Ok(65_536)),
        (&["--max-interfaces=0"], Err("'0' for '--max-interfaces <NUMBER>': must be 1 to 65536")),
        (&["--max-interfaces=65537"], Err("'65537' for '--max-interfaces <NUMBER>': must be 1 to 65536")),
        (&["--max-interfaces=many"], Err("'many' for '--max-interfaces <NUMBER>': must be 1 to 65536")),
    ] {
        match (config_from(arguments, &[]), expected) {
            (Ok(config), Ok(expected)) => assert_eq!(config.max_interfaces, expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (found, _) => panic!("{arguments:?}: {:?}", found.map(|config| config.max_interfaces)),
        }
    }
    let config = config_from(&["--max-interfaces=7"], &[]).unwrap();
    assert!(config.to_string().contains("max-interfaces              7\n"), "{config}");
}

#[test]
fn a_value_out_of_bounds_is_refused_with_option_value_and_bound() {
    for (arguments, expected) in [
        (["--max-ra-interval=3s"].as_slice(), "--max-ra-interval 3s: must be 4s to 65535s"),
        (&["--max-ra-interval=65536s"], "--max-ra-interval 65536s: must be 4s to 65535s"),
        (&["--min-ra-interval=2s"], "--min-ra-interval 2s: must be 3s to 45s, which is 3/4 of --max-ra-interval 60s"),
        (&["--min-ra-interval=46s"], "--min-ra-interval 46s: must be 3s to 45s, which is 3/4 of --max-ra-interval 60s"),
        (&["--router-lifetime=59s"], "--router-lifetime 59s: must be 0s, or 60s (--max-ra-interval) to 65535s"),
        (&["--router-lifetime=1d"], "--router-lifetime 86400s: must be 0s, or 60s (--max-ra-interval) to 65535s"),
        (&["--pio-valid-lifetime=50000d"], "--pio-valid-lifetime 4320000000s: must be 0s to infinity"),
        (
            &["--pio-preferred-lifetime=50000d"],
            "--pio-preferred-lifetime 4320000000s: must be 0s to infinity (--pio-valid-lifetime)",
        ),
        (
            &["--pio-valid-lifetime=1h", "--pio-preferred-lifetime=2h"],
            "--pio-preferred-lifetime 7200s: must be 0s to 3600s (--pio-valid-lifetime)",
        ),
        (&["--forwarding-resync-interval=0s"], "--forwarding-resync-interval 0s: must be 1s to infinity"),
    ] {
        assert_eq!(config_from(arguments, &[]).unwrap_err(), expected);
    }
}

/// One that is refused bounds no other: what bound would be right is not known.
#[test]
fn every_value_out_of_bounds_is_refused_at_once() {
    for (arguments, expected) in [
        (
            ["--max-ra-interval=3s", "--min-ra-interval=50s", "--router-lifetime=10s"].as_slice(),
            &["--max-ra-interval 3s: must be 4s to 65535s"][..],
        ),
        (
            &["--max-ra-interval=3s", "--min-ra-interval=2s", "--router-lifetime=3s", "--interface-regex=("],
            &[
                "--interface-regex \"(\": unclosed group, at character 1; write one like ^tap-vm-[0-9]+$",
                "--max-ra-interval 3s: must be 4s to 65535s",
                "--min-ra-interval 2s: must be 3s to 3/4 of --max-ra-interval",
                "--router-lifetime 3s: must be 0s, or --max-ra-interval to 65535s",
            ],
        ),
        (
            &["--pio-valid-lifetime=50000d", "--pio-preferred-lifetime=2d", "--runtime-directory=run"],
            &[
                "--pio-valid-lifetime 4320000000s: must be 0s to infinity",
                "--runtime-directory \"run\": must be an absolute path",
            ],
        ),
    ] {
        assert_eq!(config_from(arguments, &[]).unwrap_err(), expected.join("; "));
    }
}

#[test]
fn a_malformed_value_is_refused_with_its_option() {
    for (argument, expected) in [
        ("--max-ra-interval=60", ": a unit is missing; write a duration like 20s, 5m or 1d"),
        ("--max-ra-interval=60q", ": its unit is unknown; write a duration like 20s, 5m or 1d"),
        ("--max-ra-interval=soon", ": it is no duration; write a duration like 20s, 5m or 1d"),
        ("--max-ra-interval=99999999999999999999s", ": it is too long; write a duration like 20s, 5m or 1d"),
        ("--max-ra-interval=1500ms", "not a whole number of seconds"),
        ("--max-ra-interval=", "--max-ra-interval"),
        ("--interface-regex=", "--interface-regex \"\": is empty"),
        ("--interface-regex=^tap(", "unclosed group"),
        ("--filter=none", "[possible values: auto, ebpf, classic]"),
        ("--filter=", "--filter"),
        ("--log-level=loud", "--log-level"),
    ] {
        let error = config_from(&[argument], &[]).unwrap_err();
        assert!(error.contains(expected), "{argument}: {error}");
    }
}

#[test]
fn a_flag_beats_the_environment_and_an_empty_variable_is_unset() {
    let max = |arguments: &[&str], variable: &str| {
        let environment = [("AUTORA_MAX_RA_INTERVAL", variable)];
        config_from(arguments, &environment).map(|config| config.parameters.max_interval.as_secs())
    };
    assert_eq!(max(&[], ""), Ok(60));
    // clap reads the process's environment, which does not have this variable.
    assert_eq!(max(&["--max-ra-interval=99s"], "100s"), Ok(99));
}

#[test]
fn a_regex_that_is_not_anchored_or_matches_nothing_gives_a_warning() {
    for (regex, anchored) in [
        ("^tap[0-9]+$", true),
        ("^(tap|veth)[0-9]+$", true),
        ("^tap0$|^tap1$", true),
        ("tap[0-9]+", false),
        ("^tap", false),
        ("tap$", false),
        ("^tap0|tap1$", false),
    ] {
        let warnings = config_from(&["--interface-regex", regex], &[]).unwrap().warnings;
        assert_eq!(warnings.is_empty(), anchored, "{regex}: {warnings:?}");
    }
    let nothing = |regex: &str| Warning::MatchesNothing { regex: regex.to_owned() };
    assert_eq!(config_from(&[], &[]).unwrap().warnings, [nothing("^$")]);
    for (regex, matches_nothing) in [("^$", true), ("^(|)$", true), ("[^\\s\\S]", true), ("^x?$", false), ("^", false)]
    {
        let warnings = config_from(&["--interface-regex", regex], &[]).unwrap().warnings;
        assert_eq!(warnings.contains(&nothing(regex)), matches_nothing, "{regex}: {warnings:?}");
    }
}

#[test]
fn settings_are_printed_one_per_line() {
    let shown = config_from(&[REGEX, "--heartbeat-interval=0s"], &[]).unwrap().to_string();
    assert!(shown.starts_with("interface-regex             ^tap[0-9]+$\n"), "{shown}");
    for line in
        ["heartbeat-interval          0s", "filter                      auto", "send                        packet"]
    {
        assert!(shown.lines().any(|shown| shown == line), "{line} in\n{shown}");
    }
}

#[test]
fn the_runtime_directory_is_the_service_managers_unless_an_option_names_another() {
    let directory = |arguments: &[&str], environment: &[(&str, &str)]| {
        config_from(arguments, environment).map(|config| config.runtime_directory.display().to_string())
    };
    let flag = ["--runtime-directory=/srv/autora"];
    for (arguments, environment, expected) in [
        ([].as_slice(), [].as_slice(), "/run/autora"),
        (&[], &[("RUNTIME_DIRECTORY", "/run/guests")], "/run/guests"),
        (&[], &[("RUNTIME_DIRECTORY", "/run/a:/run/b")], "/run/a"),
        (&[], &[("RUNTIME_DIRECTORY", "")], "/run/autora"),
        (&flag, &[("RUNTIME_DIRECTORY", "/run/guests")], "/srv/autora"),
    ] {
        assert_eq!(directory(arguments, environment).unwrap(), expected, "{arguments:?} {environment:?}");
    }
    let error = directory(&["--runtime-directory=run"], &[]).unwrap_err();
    assert_eq!(error, "--runtime-directory \"run\": must be an absolute path");
}

#[test]
fn interfaces_are_claimed_in_a_directory_or_not_at_all() {
    for (flags, expected) in [
        ([].as_slice(), Ok(Some("/run/autora.lock"))),
        (&["--claim-directory=/srv/claims"], Ok(Some("/srv/claims"))),
        (&["--claim-directory=none"], Ok(None)),
        (&["--claim-directory=run"], Err("--claim-directory \"run\": must be an absolute path, or none".to_owned())),
    ] {
        let directory = config_from(flags, &[]).map(|config| config.claim_directory);
        assert_eq!(directory, expected.map(|path| path.map(PathBuf::from)), "{flags:?}");
    }
}

#[test]
fn a_directory_of_claims_that_is_not_the_default_gives_a_warning() {
    for (flags, warns) in [
        (&[REGEX][..], false),
        (&[REGEX, "--claim-directory=none"], false),
        (&[REGEX, "--claim-directory=/srv/claims"], true),
        // It claims nothing.
        (&[REGEX, "--claim-directory=/srv/claims", "--dry-run"], false),
    ] {
        let expected = Warning::OtherClaimDirectory { directory: PathBuf::from("/srv/claims") };
        let expected = Vec::from_iter(warns.then_some(expected));
        assert_eq!(config_from(flags, &[]).unwrap().warnings, expected, "{flags:?}");
    }
}

#[test]
fn an_invalid_regex_is_refused_in_one_line_that_names_the_position() {
    for (regex, expected) in [
        ("(", "--interface-regex \"(\": unclosed group, at character 1; write one like ^tap-vm-[0-9]+$"),
        ("^tap[0-9+$", "--interface-regex \"^tap[0-9+$\": unclosed character class, at character 5; "),
    ] {
        let error = config_from(&[&format!("--interface-regex={regex}")], &[]).unwrap_err();
        assert!(error.starts_with(expected) && error.lines().count() == 1, "{error}");
    }
}
