//! Flags, variables, subcommands and reasons: each has its place in the handbook, and each place its thing.

use std::collections::BTreeSet;

use autora::{commands::Cli, engine::eligibility::Reason};
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
        expect_told(&flag(argument), &text, argument);
    }
}

#[test]
fn every_subcommand_has_a_heading_and_every_option_of_it_a_word() {
    let cli = cli();
    let commands = book::page("reference/commands.md");
    let headings: BTreeSet<_> = commands.parts(2).iter().map(|part| part.heading.to_owned()).collect();
    let names: BTreeSet<_> =
        cli.get_subcommands().map(|command| format!("autora {}", command.get_name())).collect();
    assert_eq!(headings, names);
    for command in cli.get_subcommands() {
        let heading = format!("autora {}", command.get_name());
        let text = commands.part(2, &heading);
        for argument in own(command) {
            assert!(text.contains(&flag(argument)), "{heading} says nothing of {}", flag(argument));
            expect_told(&heading, &text, argument);
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
    // The last one is for `explain` alone: the daemon has nothing to say of names that do not match.
    let names = reasons().iter().map(Reason::name).chain(["no-match"]).map(str::to_owned).collect();
    assert_eq!(below("Interfaces that are not served"), names);
    let dropped = Packet::ALL.into_iter().filter(|&reason| reason != Packet::Passed);
    assert_eq!(below("Packets that are dropped"), dropped.map(|reason| reason.name().to_owned()).collect());
}

/// The table of tests has every reason too, and links to its heading.
#[test]
fn the_page_on_decisions_names_every_reason() {
    let text = book::page("decides.md").part(2, "Which interfaces");
    for reason in reasons() {
        let link = format!("(troubleshooting.md#{})", reason.name());
        assert!(text.contains(&link), "{link}");
    }
}

fn expect_told(about: &str, text: &str, argument: &Arg) {
    if let Some(variable) = argument.get_env() {
        let variable = format!("`{}`", variable.display());
        assert!(text.contains(&variable), "{about}: nothing of {variable}");
    }
    // A switch is off, and that needs no word.
    let takes_value = argument.get_action().takes_values();
    for value in argument.get_default_values().iter().filter(|_| takes_value) {
        let value = value.to_str().expect("defaults are text");
        assert!(text.contains(value), "{about}: nothing of the default {value}");
    }
    for value in argument.get_possible_values() {
        let value = format!("`{}`", value.get_name());
        assert!(
            value == "`true`" || value == "`false`" || text.contains(&value),
            "{about}: nothing of {value}"
        );
    }
}

fn cli() -> Command {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    cli
}

/// Its options, but for those that every program has.
fn own(command: &Command) -> impl Iterator<Item = &Arg> {
    let common = ["help", "version"];
    command
        .get_arguments()
        .filter(move |argument| argument.get_long().is_some_and(|long| !common.contains(&long)))
}

fn flag(argument: &Arg) -> String {
    format!("--{}", argument.get_long().expect("an option has a name"))
}

/// One of each kind. A new kind does not compile before it is here.
fn reasons() -> Vec<Reason> {
    let all = vec![
        Reason::Ipv6Disabled { mtu: 1500 },
        Reason::Down,
        Reason::NoMulticast,
        Reason::Loopback,
        Reason::Enslaved { kind: None },
        Reason::ForwardingOff,
        Reason::NoLinkLocal { unopened: false },
        Reason::NoPrefix { others: Vec::new() },
        Reason::SeveralPrefixes(Vec::new()),
        Reason::FilterFull,
        Reason::FilterError { errno: 1 },
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
            | Reason::FilterError { .. } => {}
        }
    }
    all
}
