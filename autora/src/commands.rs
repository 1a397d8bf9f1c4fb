//! What the binary does: the arguments as typed, and one file for each subcommand, with its arguments and a `run` that
//! returns its [`CommandResult`]. The daemon is the command without a name.
//!
//! Whatever a command cannot do it says in one shape, see [`crate::error`].

mod client;
pub mod explain;
pub mod monitor;
mod natural;
mod screen;
pub mod serve;
pub mod status;
pub mod wait;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};

use self::{explain::ExplainArgs, monitor::MonitorArgs, status::StatusArgs, wait::WaitArgs};
use crate::{
    config::{DaemonArgs, without_empty_variables},
    error::Failure,
    sys::filter,
};

/// It worked, and the answer is no: an interface that was asked for is not served.
pub const EXIT_NOT_SERVED: u8 = 3;

/// What to do where the kernel's netlink does not answer.
const NETLINK_ADVICE: &str = "a sandbox must allow AF_NETLINK; if nothing is in the way, try again";

/// How a command ends: with an exit code of its own, or with a [`Failure`], which has one and is said on
/// standard error.
pub type CommandResult = Result<ExitCode, Failure>;

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
    /// The daemon's own, where there is no subcommand.
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
    Explain(ExplainArgs),
    /// Show what the running daemon does, on which interfaces
    Status(StatusArgs),
    /// Wait until the first RA has left on an interface
    Wait(WaitArgs),
    /// Show what happens, as it happens
    Monitor(MonitorArgs),
}

/// Runs what was asked for to its end.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        None => serve::run(&cli.daemon),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Status(args)) => status::run(&args),
        Some(Command::Wait(args)) => wait::run(&args),
        Some(Command::Monitor(args)) => monitor::run(&args),
    };
    result.unwrap_or_else(|failure| failure.report())
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
    let mut command = without_empty_variables(Cli::command(), &variable);
    // A subcommand stands first. The daemon's variables are none of its business, be they right or wrong.
    if arguments.get(1).is_some_and(|first| command.find_subcommand(first).is_some()) {
        command = command.mut_args(|argument| argument.env(Resettable::Reset));
    }
    let matches = command.try_get_matches_from_mut(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.daemon.complete(variable);
    Ok(cli)
}

/// Returns the version, and whether this build carries the eBPF program.
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
