//! The completions, in bash; the scripts for other shells as text.

use std::{collections::BTreeSet, fs, process::Command};

use autora::commands::Cli;
use clap::CommandFactory;
use tempfile::TempDir;

use crate::command::{run, says};

/// Prints what bash offers for some words, the last of which is incomplete.
const ASK: &str = r#"
source "$1/autora.bash" || exit
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_autora "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

#[test]
fn bash_completes_commands_values_and_interfaces() {
    let folder = TempDir::with_prefix("autora-test-").expect("a temporary directory can be made");
    let made = run(Command::new(env!("CARGO_BIN_EXE_manual")).arg("completions").arg(folder.path()));
    assert!(made.status.success(), "{}", says(&made));
    let ask = |words: &[&str]| -> BTreeSet<String> {
        let shell = ["--norc", "--noprofile", "-c", ASK, "bash"];
        let output = run(Command::new("bash").args(shell).arg(folder.path()).arg("autora").args(words));
        assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {}", says(&output));
        says(&output).lines().map(str::to_owned).collect()
    };
    let set = |words: &[&str]| words.iter().map(ToString::to_string).collect::<BTreeSet<_>>();

    assert_eq!(ask(&["exp"]), set(&["explain"]));
    assert_eq!(ask(&["--filter", ""]), set(&["auto", "classic", "ebpf"]));
    assert_eq!(ask(&["--interf"]), set(&["--interface-regex"]));
    // Every network namespace has a loopback device.
    let there: BTreeSet<_> = fs::read_dir("/sys/class/net")
        .expect("sysfs is there")
        .map(|entry| entry.expect("it is readable").file_name().into_string().expect("names are text"))
        .collect();
    for command in with_interfaces() {
        assert_eq!(ask(&[&command, "lo"]), there.iter().filter(|name| name.starts_with("lo")).cloned().collect());
        let offered = ask(&[&command, ""]);
        assert!(there.is_subset(&offered), "{command}: {offered:?}");
        assert!(offered.iter().all(|word| word.starts_with('-') || there.contains(word)), "{offered:?}");
    }
    // The scripts for other shells complete interfaces too.
    for (file, call) in [("_autora", ":_net_interfaces'"), ("autora.fish", "(__fish_autora_interfaces)")] {
        let script = fs::read_to_string(folder.path().join(file)).expect("it was made");
        assert_eq!(script.matches(call).count(), with_interfaces().len(), "{file}");
    }
}

/// Returns the subcommands that take interfaces.
fn with_interfaces() -> Vec<String> {
    let cli = Cli::command();
    let takes = |command: &&clap::Command| {
        command.get_positionals().any(|argument| argument.get_value_names().is_some_and(|names| names[0] == "IFACE"))
    };
    let commands: Vec<_> = cli.get_subcommands().filter(takes).map(|command| command.get_name().to_owned()).collect();
    assert!(commands.contains(&"explain".to_owned()));
    commands
}
