use std::collections::HashMap;

use clap::error::ErrorKind;

use super::*;
use crate::error::EXIT_USAGE;

fn parsed(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Cli, clap::Error> {
    let environment: HashMap<_, _> = environment.iter().copied().collect();
    let arguments = ["autora"].iter().chain(arguments).map(OsString::from);
    parse_from(arguments, |name| environment.get(name).map(OsString::from))
}

fn usage_error(arguments: &[&str]) -> clap::Error {
    parsed(arguments, &[]).map(|cli| panic!("{arguments:?}: {cli:?}")).unwrap_err()
}

#[test]
fn claps_own_checks_of_the_command_line_pass() {
    Cli::command().debug_assert();
}

#[test]
fn without_a_subcommand_the_arguments_are_the_daemons() {
    let cli = parsed(&["--interface-regex=^tap$"], &[]).unwrap();
    assert!(cli.command.is_none());
    assert_eq!(cli.daemon.interface_regex, "^tap$");
}

/// Beside values that are refused everything else is understood, and an error of another kind is clap's own.
#[test]
fn a_refused_value_leaves_the_other_arguments_as_they_are() {
    let cli = parsed(&["--filter", "--check", "--max-interfaces=0", "--router-lifetime", "-5s"], &[]).unwrap();
    assert!(cli.daemon.check);
    let refused = cli.daemon.refused.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = [
        "--filter \"\": must be auto, ebpf or classic",
        "--max-interfaces 0: must be 1 to 65536",
        "--router-lifetime -5s: it is no duration; write a duration like 20s, 5m or 1d",
    ];
    assert!(expected.iter().all(|one| refused.iter().any(|found| found == one)), "{refused:?}");
    assert_eq!(refused.len(), expected.len(), "{refused:?}");
    assert_eq!(usage_error(&["--filter=none", "--no-such"]).kind(), ErrorKind::UnknownArgument);
}

#[test]
fn a_subcommand_and_the_daemons_options_exclude_each_other() {
    assert!(parsed(&["explain"], &[]).is_ok(), "the control");
    assert_eq!(usage_error(&["--check", "explain"]).kind(), ErrorKind::ArgumentConflict);
    assert_eq!(usage_error(&["explain", "--check"]).kind(), ErrorKind::UnknownArgument);
}

#[test]
fn an_instance_and_a_socket_exclude_each_other() {
    for command in ["explain", "status", "monitor", "wait"] {
        let arguments = |more: &[&'static str]| {
            let interface = (command == "wait").then_some("tap1");
            [command].into_iter().chain(interface).chain(more.iter().copied()).collect::<Vec<_>>()
        };
        assert!(parsed(&arguments(&["--instance", "customers"]), &[]).is_ok(), "{command}: the control");
        let both = usage_error(&arguments(&["--instance", "customers", "--socket=/run/x"]));
        assert_eq!(both.kind(), ErrorKind::ArgumentConflict);
        assert_eq!(usage_error(&arguments(&["--instance=a/b"])).kind(), ErrorKind::ValueValidation);
    }
}

#[test]
fn an_error_suggests_the_name_that_was_mistyped() {
    for (arguments, kind, guess) in [
        (["explian"], ErrorKind::InvalidSubcommand, "'explain'"),
        (["--interface-regexp=x"], ErrorKind::UnknownArgument, "'--interface-regex'"),
    ] {
        let error = usage_error(&arguments);
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(guess), "{error}");
    }
}

#[test]
fn an_error_of_a_subcommand_has_a_tip_that_helps() {
    for (arguments, kind, tip) in [
        (&["probe"][..], ErrorKind::MissingRequiredArgument, Some("name interfaces, or --all")),
        (&["wait", "vm1", "--json"], ErrorKind::UnknownArgument, Some("wait has no --json: its exit code says it")),
        (&["report", "--json"], ErrorKind::UnknownArgument, Some("report has no --json: it is a text; ")),
        (&["wait", "vm1", "--guests"], ErrorKind::UnknownArgument, None),
        (&["probe", "--alll"], ErrorKind::UnknownArgument, Some("a similar argument exists: '--all'")),
        (&["explain", "-x"], ErrorKind::UnknownArgument, Some("to pass '-x' as a value, use '-- -x'")),
    ] {
        let error = usage_error(arguments);
        assert_eq!(error.kind(), kind, "{arguments:?}");
        let said = error.to_string();
        let tips: Vec<_> = said.lines().filter_map(|line| line.trim_start().strip_prefix("tip: ")).collect();
        assert_eq!(tips.len(), usize::from(tip.is_some()), "{said}");
        assert!(tip.is_none_or(|tip| tips[0].starts_with(tip)), "{tip:?}: {said}");
    }
}

/// Its command line keeps the file, which ps(1) shows, and its variables are those of the file.
#[test]
fn a_daemon_that_has_read_its_file_of_settings_takes_its_variables() {
    let of_file = [(SETTINGS_READ, r#"{"file":"/etc/x","lines":{}}"#), ("RUNTIME_DIRECTORY", "/run/x")];
    for (variables, file, directory) in [
        (&of_file[..], None, Some("/run/x")),
        (&of_file[1..], Some("/etc/x"), None),
        (&[(SETTINGS_READ, ""), of_file[1]], Some("/etc/x"), None),
    ] {
        let daemon = parsed(&["--settings", "/etc/x"], variables).unwrap().daemon;
        let found = [&daemon.settings, &daemon.runtime_directory].map(|path| path.as_deref());
        assert_eq!(found, [file, directory].map(|path| path.map(std::path::Path::new)), "{variables:?}");
    }
}

#[test]
fn durations_have_bounds_and_the_error_names_them() {
    for (command, option, least, most) in
        [(&["status"][..], "--watch", "1s", "86400s"), (&["probe", "vm1"], "--timeout", "1s", "60s")]
    {
        let with = |value: &str| {
            let option = format!("{option}={value}");
            parsed(&[command, &[option.as_str()]].concat(), &[])
        };
        assert!(with(least).is_ok() && with(most).is_ok(), "{option}: the control");
        for value in ["0s", "86401s", "infinity"] {
            let error = with(value).unwrap_err();
            assert_eq!(error.exit_code(), i32::from(EXIT_USAGE));
            let said = error.to_string();
            for words in [format!("invalid value '{value}' for '{option}"), format!("not between {least} and {most}")] {
                assert!(said.contains(&words), "{words}: {said}");
            }
        }
    }
    for value in ["0s", "30s", "infinity"] {
        assert!(parsed(&["wait", "vm1", "--timeout", value], &[]).is_ok(), "{value}");
    }
}

#[test]
fn the_help_of_every_command_lists_its_exit_codes() {
    let own: Vec<_> = Cli::command().get_subcommands().cloned().collect();
    for mut command in own.into_iter().chain([Cli::command()]) {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Exit codes: 0 "), "{help}");
    }
}
