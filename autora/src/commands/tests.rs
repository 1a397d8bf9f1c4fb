use std::collections::HashMap;

use clap::error::ErrorKind;

use super::*;

fn parsed(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Cli, clap::Error> {
    let environment: HashMap<_, _> = environment.iter().copied().collect();
    let arguments = ["autora"].iter().chain(arguments).map(OsString::from);
    parse_from(arguments, |name| environment.get(name).map(OsString::from))
}

fn refused(arguments: &[&str]) -> clap::Error {
    parsed(arguments, &[]).map(|cli| panic!("{arguments:?}: {cli:?}")).unwrap_err()
}

#[test]
fn the_arguments_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn without_a_subcommand_it_is_the_daemon() {
    let cli = parsed(&["--interface-regex=^tap$"], &[]).unwrap();
    assert!(cli.command.is_none());
    assert_eq!(cli.daemon.interface_regex, "^tap$");
}

#[test]
fn a_subcommand_and_the_daemons_options_exclude_each_other() {
    assert!(parsed(&["explain"], &[]).is_ok(), "the control");
    assert_eq!(refused(&["--check", "explain"]).kind(), ErrorKind::ArgumentConflict);
    assert_eq!(refused(&["explain", "--check"]).kind(), ErrorKind::UnknownArgument);
}

#[test]
fn what_is_mistyped_is_guessed() {
    for (arguments, kind, guess) in [
        (["explian"], ErrorKind::InvalidSubcommand, "'explain'"),
        (["--interface-regexp=x"], ErrorKind::UnknownArgument, "'--interface-regex'"),
    ] {
        let error = refused(&arguments);
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(guess), "{error}");
    }
}

#[test]
fn every_command_says_its_exit_codes() {
    let own: Vec<_> = Cli::command().get_subcommands().cloned().collect();
    for mut command in own.into_iter().chain([Cli::command()]) {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Exit codes: 0 "), "{help}");
    }
}
