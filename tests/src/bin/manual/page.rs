//! Manual pages. Options come from clap; examples, exit codes and other sections from the text at the end of
//! `--help`.

use anyhow::{Context, Result};
use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

const SECTION: &str = "8";

/// Environment variables other than those of options: the pages, the name, the description.
const ENVIRONMENT: &[(Pages, &str, &str)] = &[
    (
        Pages::Daemon,
        "RUNTIME_DIRECTORY",
        "The directory for the saved state and the control socket, unless --runtime-directory is given.",
    ),
    (Pages::Daemon, "NOTIFY_SOCKET", "The service manager's socket, which gets READY=1, the status and WATCHDOG=1."),
    (
        Pages::Daemon,
        "WATCHDOG_USEC",
        "The service manager's watchdog interval. The event loop notifies the service manager in time.",
    ),
    (
        Pages::Daemon,
        "JOURNAL_STREAM",
        "Tells whether standard error is the journal. The journal gets lines with priorities.",
    ),
    (
        Pages::Daemon,
        "AUTORA_BOOT_ID",
        "The boot id, for where /proc does not show it. The unit autora.service sets it.",
    ),
    (Pages::Commands, "NO_COLOR", "If set, the output has no colours."),
];

const FILES: &[(Pages, &str, &str)] = &[
    (Pages::Daemon, "/etc/default/autora", "Environment variables of the service, one a line. The unit reads it."),
    (Pages::Daemon, "/etc/default/autora-NAME", "Those of the service autora@NAME."),
    (Pages::Daemon, "/usr/share/doc/autora/handbook", "The handbook, if autora was installed from its package."),
    (Pages::Daemon, "/run/autora.lock", "Which daemon serves which interface, a file for each network namespace."),
    (Pages::Daemon, "/run/autora/state.json", "The saved state, which the next process reads."),
    (Pages::All, "/run/autora/control.sock", "The control socket, through which the commands query the daemon."),
    (Pages::All, "/run/autora-NAME/control.sock", "That of the service autora@NAME (--instance)."),
];

/// Manual pages of other programs.
const SEE_ALSO: &[&str] = &["ip(8)", "sysctl(8)", "systemctl(1)", "rdisc6(8)"];

/// The pages on which an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pages {
    /// The page of `autora` itself.
    Daemon,
    /// The pages of the subcommands.
    Commands,
    /// All pages.
    All,
}

impl Pages {
    fn include(self, daemon: bool) -> bool {
        match self {
            Self::Daemon => daemon,
            Self::Commands => !daemon,
            Self::All => true,
        }
    }
}

/// Returns every page: its file name and its text.
pub(crate) fn all(autora: &Command) -> Result<Vec<(String, String)>> {
    let names: Vec<_> = commands(autora).map(name).collect();
    commands(autora).map(|command| Ok((format!("{}.{SECTION}", name(command)), page(command, &names)?))).collect()
}

/// Returns the daemon's command and the subcommands.
fn commands(autora: &Command) -> impl Iterator<Item = &Command> {
    std::iter::once(autora).chain(autora.get_subcommands())
}

fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or(command.get_name()).to_owned()
}

fn page(command: &Command, names: &[String]) -> Result<String> {
    let title = name(command);
    let daemon = command.has_subcommands();
    // Variables have a section of their own.
    let man = Man::new(usage(command).mut_args(|argument| argument.hide_env(true)));
    // No date: the same sources make the same page.
    let mut text =
        format!(".TH {} {SECTION} \"\" \"autora {}\" autora\n", title.to_uppercase(), env!("CARGO_PKG_VERSION"))
            .into_bytes();
    summary(command, daemon).to_writer(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if daemon {
        // Before the many options, so that a reader finds the commands.
        Man::new(command.clone().subcommand_help_heading("COMMANDS"))
            .section(SECTION)
            .render_subcommands_section(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    let mut roff = Roff::new();
    after_help(&mut roff, command);
    environment(&mut roff, command, daemon);
    let files: Vec<_> = FILES.iter().filter(|(pages, ..)| pages.include(daemon)).collect();
    list(&mut roff, "FILES", files.iter().map(|(_, path, what)| (*path, *what)));
    see_also(&mut roff, names.iter().filter(|&other| *other != title));
    roff.to_writer(&mut text)?;
    String::from_utf8(text).context("clap writes text")
}

/// Sets the usage line of `--help` as the synopsis, in place of a list of all options.
fn usage(command: &Command) -> Command {
    let usage = command.clone().render_usage().to_string();
    command.clone().override_usage(usage.trim_start_matches("Usage:").trim().to_owned())
}

/// Returns the NAME section, which `apropos` searches.
fn summary(command: &Command, daemon: bool) -> Roff {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let what = if daemon { "IPv6 Router Advertisement daemon for hypervisors" } else { about.as_str() };
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{} - {what}", name(command)))]);
    roff
}

/// Writes the text below the options in `--help`: paragraphs, most of which begin with a title and a colon.
fn after_help(roff: &mut Roff, command: &Command) {
    let Some(words) = command.get_after_long_help().or(command.get_after_help()) else { return };
    let words = words.to_string();
    let (titled, notes): (Vec<_>, Vec<_>) =
        words.split("\n\n").map(|paragraph| title(paragraph).ok_or(paragraph)).partition(Result::is_ok);
    let notes: Vec<_> = notes.into_iter().filter_map(Result::err).collect();
    if !notes.is_empty() {
        roff.control("SH", ["NOTES"]);
        for note in notes {
            roff.control("PP", []);
            roff.text([roman(note)]);
        }
    }
    for (title, text) in titled.into_iter().flatten() {
        roff.control("SH", [heading(title).as_str()]);
        let mut lines = text.lines();
        if let Some(first) = lines.next().map(str::trim).filter(|first| !first.is_empty()) {
            roff.text([roman(first)]);
        }
        lines.for_each(|line| item(roff, line));
    }
}

/// Splits a paragraph into its title, of one or two words, and its text.
fn title(paragraph: &str) -> Option<(&str, &str)> {
    let (title, text) = paragraph.split_once(':')?;
    let is_title = title.starts_with(char::is_uppercase) && title.split(' ').count() <= 2;
    is_title.then_some((title, text))
}

/// Returns the section's conventional name in manual pages.
fn heading(title: &str) -> String {
    match title.trim() {
        "Exit codes" => "EXIT STATUS".to_owned(),
        other => other.to_uppercase(),
    }
}

/// Writes a line such as `  command   description`.
fn item(roff: &mut Roff, line: &str) {
    let line = line.trim();
    let (left, right) = line.split_once("   ").unwrap_or((line, ""));
    roff.control("TP", []);
    roff.text([bold(left)]);
    roff.text([roman(right.trim())]);
}

fn environment(roff: &mut Roff, command: &Command, daemon: bool) {
    let options = command.get_arguments().filter_map(|argument| {
        let variable = argument.get_env()?.to_str()?;
        Some((variable.to_owned(), format!("The same as --{}.", argument.get_long()?)))
    });
    let more = ENVIRONMENT.iter().filter(|(pages, ..)| pages.include(daemon));
    let all: Vec<_> = options.chain(more.map(|(_, name, what)| ((*name).to_owned(), (*what).to_owned()))).collect();
    if all.is_empty() {
        return;
    }
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman("An option on the command line wins. An empty variable counts as unset.")]);
    for (name, what) in &all {
        pair(roff, name, what);
    }
}

fn list<'a>(roff: &mut Roff, heading: &str, items: impl Iterator<Item = (&'a str, &'a str)>) {
    let items: Vec<_> = items.collect();
    if !items.is_empty() {
        roff.control("SH", [heading]);
        for (name, what) in items {
            pair(roff, name, what);
        }
    }
}

fn pair(roff: &mut Roff, name: &str, what: &str) {
    roff.control("TP", []);
    roff.text([italic(name)]);
    roff.text([roman(what)]);
}

fn see_also<'a>(roff: &mut Roff, ours: impl Iterator<Item = &'a String>) {
    roff.control("SH", ["SEE ALSO"]);
    let ours = ours.map(|name| format!("{name}({SECTION})"));
    let pages: Vec<_> = ours.chain(SEE_ALSO.iter().map(ToString::to_string)).collect();
    roff.text([roman(pages.join(", "))]);
}
