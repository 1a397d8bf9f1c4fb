//! Flags, variables, subcommands and reasons: the handbook describes each, and no other.

use std::{collections::BTreeSet, net::Ipv6Addr, time::Duration};

use autora::{addr::Prefix64, commands::Cli, diagnosis::Problem, engine::eligibility::Reason};
use autora_common::Reason as Packet;
use clap::{Arg, Command, CommandFactory};

use crate::book;

#[test]
fn every_option_of_the_daemon_has_a_heading() {
    let cli = cli();
    let options = book::page("reference/options.md");
    let headings: BTreeSet<_> = options.parts(3).iter().map(|part| part.heading.to_owned()).collect();
    let flags: BTreeSet<_> = own(&cli).map(|argument| flag(argument).replace("--", "")).collect();
    assert_eq!(headings, flags);
    for argument in own(&cli) {
        let text = options.part(3, &flag(argument).replace("--", ""));
        assert!(text.contains(&format!("`{}`", flag(argument))), "{text}");
        expect_described(&flag(argument), &text, argument);
    }
}

#[test]
fn every_subcommand_has_a_heading_and_its_options_are_described() {
    let cli = cli();
    let commands = book::page("reference/commands.md");
    let headings: BTreeSet<_> = commands.parts(2).iter().map(|part| part.heading.to_owned()).collect();
    let names: BTreeSet<_> = cli.get_subcommands().map(|command| format!("autora {}", command.get_name())).collect();
    assert_eq!(headings, names);
    for command in cli.get_subcommands() {
        let heading = format!("autora {}", command.get_name());
        let text = commands.part(2, &heading);
        for argument in own(command) {
            assert!(text.contains(&flag(argument)), "{heading} does not name {}", flag(argument));
            expect_described(&heading, &text, argument);
        }
    }
}

#[test]
fn every_reason_has_a_heading() {
    let troubleshooting = book::page("troubleshooting.md");
    let below = |title: &str| -> BTreeSet<String> {
        let text = troubleshooting.part(2, title);
        text.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect()
    };
    // Only `explain` shows these: the daemon ignores names that do not match, and agrees with itself.
    let shown_by_explain = ["no-match", "unknown-to-daemon", "daemon-disagrees"];
    let names = reasons().iter().map(Reason::name).chain(shown_by_explain).map(str::to_owned).collect();
    assert_eq!(below("Interfaces that are not served"), names);
    let dropped = Packet::ALL.into_iter().filter(|&reason| reason != Packet::Passed);
    assert_eq!(below("Packets that are dropped"), dropped.map(|reason| reason.name().to_owned()).collect());
}

/// What `explain` warns of is found by its name.
#[test]
fn every_warning_is_in_the_page_on_troubleshooting() {
    let text = book::page("troubleshooting.md").text;
    for warning in warnings() {
        let name = format!("`{}`", warning.name());
        assert!(text.contains(&name), "{name}");
    }
}

/// The table of tests links to every reason's heading.
#[test]
fn the_page_on_decisions_names_every_reason() {
    let text = book::page("decides.md").part(2, "Which interfaces");
    for reason in reasons() {
        let link = format!("(troubleshooting.md#{})", reason.name());
        assert!(text.contains(&link), "{link}");
    }
}

fn expect_described(about: &str, text: &str, argument: &Arg) {
    if let Some(variable) = argument.get_env() {
        let variable = format!("`{}`", variable.display());
        assert!(text.contains(&variable), "{about}: {variable} is missing");
    }
    // A switch is off by default, which is not written down.
    let takes_value = argument.get_action().takes_values();
    for value in argument.get_default_values().iter().filter(|_| takes_value) {
        let value = value.to_str().expect("defaults are text");
        assert!(text.contains(value), "{about}: the default {value} is missing");
    }
    for value in argument.get_possible_values() {
        let value = format!("`{}`", value.get_name());
        assert!(value == "`true`" || value == "`false`" || text.contains(&value), "{about}: {value} is missing");
    }
}

fn cli() -> Command {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    cli
}

/// Returns its options without `--help` and `--version`.
fn own(command: &Command) -> impl Iterator<Item = &Arg> {
    let common = ["help", "version"];
    command.get_arguments().filter(move |argument| argument.get_long().is_some_and(|long| !common.contains(&long)))
}

fn flag(argument: &Arg) -> String {
    format!("--{}", argument.get_long().expect("an option has a name"))
}

/// Returns one reason of each kind. A new kind does not compile until the match names it.
fn reasons() -> Vec<Reason> {
    let all = vec![
        Reason::Ipv6Disabled { mtu: 1500 },
        Reason::Down,
        Reason::NoMulticast,
        Reason::Loopback,
        Reason::Enslaved { kind: None },
        Reason::ForwardingOff,
        Reason::NoLinkLocal { unopened: false, required: None },
        Reason::NoPrefix { others: Vec::new() },
        Reason::SeveralPrefixes(Vec::new()),
        Reason::FilterFull,
        Reason::FilterError { errno: 1 },
        Reason::ServedByAnother(None),
    ];
    for reason in &all {
        match reason {
            Reason::Ipv6Disabled { .. }
            | Reason::Down
            | Reason::NoMulticast
            | Reason::Loopback
            | Reason::Enslaved { .. }
            | Reason::ForwardingOff
            | Reason::NoLinkLocal { .. }
            | Reason::NoPrefix { .. }
            | Reason::SeveralPrefixes(_)
            | Reason::FilterFull
            | Reason::FilterError { .. }
            | Reason::ServedByAnother(_) => {}
        }
    }
    all
}

/// Returns one warning of each kind. A new kind does not compile until the match names it.
fn warnings() -> Vec<Problem> {
    let prefix = Prefix64::containing(Ipv6Addr::UNSPECIFIED);
    let all = vec![
        Problem::HostDoesNotForward,
        Problem::NoConnectedRoute(prefix),
        Problem::TooFewNeighbours { limit: 0, needed: 0 },
        Problem::RaNotSent { error: String::new(), last_sent_ago: None },
        Problem::AnotherPrefix(prefix),
        Problem::SamePrefix(prefix, String::new()),
        Problem::AcceptsRa,
        Problem::DefaultRouteByRa,
        Problem::OtherRouter { source: Ipv6Addr::UNSPECIFIED, heard_ago: Duration::ZERO },
    ];
    assert!(all.iter().all(is_warning));
    all
}

fn is_warning(problem: &Problem) -> bool {
    match problem {
        Problem::HostDoesNotForward
        | Problem::NoConnectedRoute(_)
        | Problem::TooFewNeighbours { .. }
        | Problem::RaNotSent { .. }
        | Problem::AnotherPrefix(_)
        | Problem::SamePrefix(..)
        | Problem::AcceptsRa
        | Problem::DefaultRouteByRa
        | Problem::OtherRouter { .. } => true,
        // Why an interface is not served.
        Problem::NoMatch { .. }
        | Problem::NotServed(_)
        | Problem::UnknownToDaemon
        | Problem::DaemonDisagrees { .. } => false,
    }
}
