//! The arguments as typed: flags, environment variables, help. What they mean together is decided in `config`.

mod daemon;
mod seconds;

use std::ffi::{OsStr, OsString};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};

pub use self::{
    daemon::{DaemonArgs, LogLevel, OnExit},
    seconds::Seconds,
};
use crate::{commands, sys::filter};

const ABOUT: &str = "\
Sends IPv6 Router Advertisements on every interface whose name matches a regular expression and that is fit to serve: \
up, multicast-capable, forwarding, with a link-local address and exactly one /64. The guest behind it makes itself an \
address by SLAAC and takes a default route through this host.";

const EXAMPLES: &str = "\
Examples:
  autora --interface-regex '^vm[0-9]+$' --dry-run   what would be served
  autora --interface-regex '^vm[0-9]+$' --check     the settings, as understood
  autora --interface-regex '^vm[0-9]+$'             serve them
  autora explain vm7                                why does vm7 get no RA?
  autora status                                     what the daemon does

Privileges: CAP_NET_RAW and CAP_BPF, both given up once everything is open. --filter classic does without CAP_BPF; \
--dry-run and --check need none.

Signals: SIGTERM and SIGINT withdraw and stop (a second one stops at once); SIGHUP stops without a withdrawal, for a \
restart.

Exit codes: 0 asked to stop, 2 wrong usage or settings, 1 anything else.";

/// Everything that can be typed: a subcommand with arguments of its own, or those of the daemon.
#[derive(Clone, Debug, Parser)]
#[command(name = "autora", version = version(), about = ABOUT, after_help = EXAMPLES)]
#[command(max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What the daemon was told, where there is no subcommand.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// What to do instead of running the daemon.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What autora does beside being a daemon.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Say why an interface is served or not, and what to do about it
    Explain(commands::explain::Args),
    /// Show what the running daemon does, on which interfaces
    Status(commands::status::Args),
    /// Wait until the first RA has left on an interface
    Wait(commands::wait::Args),
    /// Show what happens, as it happens
    Monitor(commands::monitor::Args),
}

/// Reads the process's arguments and environment; prints help, version or an error and exits where that is asked for.
#[must_use]
pub fn parse() -> Cli {
    parse_from(std::env::args_os(), |name| std::env::var_os(name)).unwrap_or_else(|error| error.exit())
}

/// Reads `arguments` (the program's name first), with the environment as `variable` tells it.
///
/// # Errors
///
/// What clap refuses; also its help and version output.
pub fn parse_from<I>(arguments: I, variable: impl Fn(&str) -> Option<OsString>) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item: Into<OsString> + Clone>,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let mut command = leave_out_empty(Cli::command(), &variable);
    // A subcommand stands first. The daemon's variables are none of its business, be they right or wrong.
    if arguments.get(1).is_some_and(|first| command.find_subcommand(first).is_some()) {
        command = command.mut_args(|argument| argument.env(Resettable::Reset));
    }
    let matches = command.try_get_matches_from_mut(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.daemon.complete(variable);
    Ok(cli)
}

/// In a file of settings, `VARIABLE=` leaves a setting at its default; so it does for every subcommand.
fn leave_out_empty(command: clap::Command, variable: &dyn Fn(&str) -> Option<OsString>) -> clap::Command {
    let is_empty = |name: &OsStr| name.to_str().and_then(variable).is_some_and(|value| value.is_empty());
    command
        .mut_args(|argument| match argument.get_env() {
            Some(name) if is_empty(name) => argument.env(Resettable::Reset),
            Some(_) | None => argument,
        })
        .mut_subcommands(|subcommand| leave_out_empty(subcommand, variable))
}

/// The version, and whether this build carries the eBPF program.
fn version() -> &'static str {
    if filter::embedded().is_some() {
        concat!(env!("CARGO_PKG_VERSION"), " (with the eBPF filter)")
    } else {
        concat!(
            env!("CARGO_PKG_VERSION"),
            " (without an eBPF filter: built without it; --filter classic and --dry-run work)"
        )
    }
}

#[cfg(test)]
mod tests;
