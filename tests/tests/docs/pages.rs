//! The manual pages.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use autora::commands::Cli;
use clap::CommandFactory;
use tempfile::TempDir;

use crate::command::{run, says};

#[test]
fn every_command_has_a_manual_page_that_groff_accepts() {
    let folder = TempDir::with_prefix("autora-test-").expect("a temporary directory can be made");
    let made = run(Command::new(env!("CARGO_BIN_EXE_manual")).arg("man").arg(folder.path()));
    assert!(made.status.success(), "{}", says(&made));
    let names: BTreeSet<_> = fs::read_dir(folder.path())
        .expect("it was made")
        .map(|entry| entry.expect("it is readable").file_name().into_string().expect("names are text"))
        .collect();
    let commands = Cli::command();
    let expected = commands.get_subcommands().map(|command| format!("autora-{}.8", command.get_name()));
    assert_eq!(names, expected.chain(["autora.8".to_owned()]).collect());
    for name in names {
        let text = formatted(&folder.path().join(&name));
        let sections =
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO"];
        let more = if name == "autora.8" { &["COMMANDS", "FILES", "SIGNALS", "PRIVILEGES"][..] } else { &[] };
        for section in sections.iter().chain(more) {
            assert!(text.lines().any(|line| line == *section), "{name} has no section {section}:\n{text}");
        }
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{name} at 80 columns");
    }
}

/// clap would wrap a longer line of `--help`.
#[test]
fn examples_fit_into_80_columns() {
    let cli = Cli::command();
    let mut examples = 0;
    for command in std::iter::once(&cli).chain(cli.get_subcommands()) {
        let words = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in words.lines().filter(|line| line.starts_with("  ")) {
            assert!(line.len() <= 80, "{line}");
            examples += 1;
        }
    }
    assert!(examples > 8, "{examples}");
}

/// Formats a page at 80 columns, without emphasis.
fn formatted(page: &Path) -> String {
    let groff = ["-man", "-Tutf8", "-ww", "-rLL=80n", "-P-c", "-P-b", "-P-u"];
    let output = run(Command::new("groff").args(groff).arg(page));
    assert!(output.status.success() && output.stderr.is_empty(), "{}", says(&output));
    String::from_utf8(output.stdout).expect("groff writes text")
}
