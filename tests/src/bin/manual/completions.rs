//! Shell completions. clap does not complete network interfaces: the scripts get a placeholder for them,
//! which is replaced by a call of a function that lists the host's interfaces.

use clap::{Arg, Command};
use clap_complete::{
    Generator, generate,
    shells::{Bash, Fish, Zsh},
};

/// The value name of arguments that are interfaces.
const INTERFACE: &str = "IFACE";

/// The placeholder: clap writes it as the only value of such an argument.
const MARK: &str = "@interfaces@";

/// Lists folders alone: the file `bonding_masters` is not an interface.
const BASH_INTERFACES: &str = r#"# The names of all network interfaces.
_autora_interfaces() {
    local entry
    for entry in /sys/class/net/*/; do
        entry=${entry%/}
        printf '%q ' "${entry##*/}"
    done
}

"#;

const FISH_INTERFACES: &str = "
# The names of all network interfaces.
function __fish_autora_interfaces
    for entry in /sys/class/net/*/
        path basename $entry
    end
end

";

/// Returns every script: its file name and its text.
pub(crate) fn all(autora: &Command) -> Vec<(String, String)> {
    let marked = autora.clone().mut_subcommands(|command| {
        command.mut_args(|argument| if is_interface(&argument) { argument.value_parser([MARK]) } else { argument })
    });
    vec![
        ("autora.bash".to_owned(), bash(&script(Bash, &marked))),
        ("_autora".to_owned(), zsh(&script(Zsh, &marked))),
        ("autora.fish".to_owned(), fish(&script(Fish, autora), autora)),
    ]
}

fn script(shell: impl Generator, autora: &Command) -> String {
    let mut text = Vec::new();
    generate(shell, &mut autora.clone(), "autora", &mut text);
    String::from_utf8(text).expect("clap writes text")
}

/// Bash: the placeholder is in a list of words between quotation marks, where a command is expanded.
fn bash(script: &str) -> String {
    format!("{BASH_INTERFACES}{}", script.replace(MARK, "$(_autora_interfaces)"))
}

/// Zsh has a function for interfaces.
fn zsh(script: &str) -> String {
    script.replace(&format!(":({MARK})"), ":_net_interfaces")
}

/// Fish: clap's script has no completions of positional arguments, for which the shell would offer files.
fn fish(script: &str, autora: &Command) -> String {
    let lines = interfaces(autora).map(|(command, _)| {
        format!(
            "complete -c autora -n \"__fish_autora_using_subcommand {}\" -f -a \"(__fish_autora_interfaces)\" -d 'Interface'\n",
            command.get_name()
        )
    });
    format!("{script}{FISH_INTERFACES}{}", lines.collect::<String>())
}

/// Returns the arguments that are interfaces, each with its subcommand.
fn interfaces(autora: &Command) -> impl Iterator<Item = (&Command, &Arg)> {
    autora.get_subcommands().flat_map(|command| {
        command.get_positionals().filter(|argument| is_interface(argument)).map(move |argument| (command, argument))
    })
}

fn is_interface(argument: &Arg) -> bool {
    let names = argument.get_value_names().unwrap_or_default();
    names.iter().any(|name| name.as_str() == INTERFACE)
}
