//! The command line: the root command, and one file for each subcommand with its arguments and its `run`. The
//! daemon is the command without a subcommand.

mod absent;
mod client;
pub mod explain;
mod hint;
mod instance;
pub mod monitor;
mod natural;
mod neighbours;
mod outcome;
pub mod probe;
pub mod report;
mod screen;
pub mod serve;
pub mod status;
mod usage;
pub mod wait;

use std::{
    ffi::OsString,
    io::{self, ErrorKind},
    process::{self, ExitCode},
};

use anstream::ColorChoice;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};

use self::{
    explain::ExplainArgs, monitor::MonitorArgs, probe::ProbeArgs, report::ReportArgs, status::StatusArgs,
    wait::WaitArgs,
};
use crate::{
    config::{self, DaemonArgs, Origins, SETTINGS_READ, SettingsLines, names, without_empty_variables},
    error::EXIT_FAILURE,
    logging,
    sys::filter,
};

const ABOUT: &str = "\
Sends IPv6 Router Advertisements (RAs) on every interface whose name matches --interface-regex and that is fit to serve: \
up, multicast-capable, forwarding, with a link-local address and exactly one /64. The guest behind it forms an address \
by SLAAC and installs a default route through this host.";

const EXAMPLES: &str = "\
Examples:
  autora --interface-regex '^vm[0-9]+$' --dry-run   show what would be served
  autora --check --settings /etc/default/autora     check the service's settings
  autora --dry-run --settings /etc/default/autora   show what it would serve
  autora --interface-regex '^vm[0-9]+$'             serve these interfaces
  autora explain vm7                                why does vm7 get no RA?
  autora status                                     what does the daemon do?
  autora probe --all                                do guests have a route?

Privileges: CAP_NET_RAW, and for the eBPF filter CAP_BPF and, on some kernels, CAP_PERFMON; the daemon drops them when \
its sockets and its filter are open. --filter classic needs CAP_NET_RAW alone, --dry-run and --check need no privilege.

Signals: SIGTERM and SIGINT send a final RA on each served interface (see --on-exit) and stop the daemon; a second one \
stops it at once. SIGHUP stops it without final RAs, for a restart. A SIGINT or SIGHUP that is ignored at the start \
stays ignored: that of `autora &` in a script, and of nohup.

Exit codes: 0 stopped by a signal, or --check accepted the settings; 2 wrong usage or settings; 1 any other failure.";

/// The command line: a subcommand with its arguments, or the daemon's arguments.
#[derive(Clone, Debug, Parser)]
#[command(name = "autora", version = version(), about = ABOUT, after_help = EXAMPLES)]
#[command(max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// The daemon's arguments, if there is no subcommand.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// The subcommand; without one, the daemon runs.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A subcommand.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show why an interface is served or not, and what to do about it
    Explain(ExplainArgs),
    /// Show what the running daemon does on each interface
    Status(StatusArgs),
    /// Ask guests, from the host, whether they have their address and their default route
    Probe(ProbeArgs),
    /// Wait until the daemon has sent an RA on an interface
    Wait(WaitArgs),
    /// Print events of the running daemon as they happen
    Monitor(MonitorArgs),
    /// Print what the report of a bug needs
    Report(ReportArgs),
}

/// Runs the command to its end, and returns its exit code.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        None => serve::run(&cli.daemon, &variables()),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Status(args)) => status::run(&args),
        Some(Command::Probe(args)) => probe::run(&args),
        Some(Command::Wait(args)) => wait::run(&args),
        Some(Command::Monitor(args)) => monitor::run(&args),
        Some(Command::Report(args)) => report::run(&args, version(), environment()),
    };
    result.unwrap_or_else(|failure| failure.report())
}

/// Parses the process's arguments and environment. Exits the process for `--help`, `--version` and wrong
/// usage.
#[must_use]
pub fn parse() -> Cli {
    parse_from(std::env::args_os(), |name| std::env::var_os(name)).unwrap_or_else(|error| {
        if error.use_stderr() {
            serve::warn_of(&serve::comments(&variables()));
        }
        show_and_exit(&error)
    })
}

/// Shows what clap says, as its own `exit` does; an output that cannot be written is an error. Standard error is not
/// waited for.
fn show_and_exit(error: &clap::Error) -> ! {
    if error.use_stderr() {
        let text = error.render();
        let plain = anstream::AutoStream::choice(&io::stderr()) == ColorChoice::Never;
        logging::write_last(&if plain { text.to_string() } else { text.ansi().to_string() });
        process::exit(error.exit_code())
    }
    match error.print() {
        Err(failed) if failed.kind() != ErrorKind::BrokenPipe => {
            _ = screen::unwritable(failed).report();
            process::exit(EXIT_FAILURE.into())
        }
        Ok(()) | Err(_) => process::exit(error.exit_code()),
    }
}

/// Parses `arguments` (the program's name first); `variable` returns the value of an environment variable.
///
/// # Errors
///
/// Returns what clap rejects, and its output for `--help` and `--version`.
pub fn parse_from<I>(arguments: I, variable: impl Fn(&str) -> Option<OsString>) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item: Into<OsString> + Clone>,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let mut command = without_empty_variables(Cli::command(), &variable);
    let lines = variable(SETTINGS_READ).map(|read| SettingsLines::read(&read.to_string_lossy())).unwrap_or_default();
    let is_of_a_file = !lines.are_read() && arguments.iter().any(|argument| names("settings", argument));
    let subcommand = arguments.get(1).and_then(|first| Some(command.find_subcommand(first)?.get_name().to_owned()));
    // An invalid variable of the daemon must fail neither a subcommand, which stands first, nor what takes its
    // variables from a file.
    if is_of_a_file || subcommand.is_some() {
        command = command.mut_args(|argument| argument.env(Resettable::Reset));
    }
    // As everywhere, what stands on the command line beats the environment.
    if arguments.iter().any(|argument| names("instance", argument)) {
        command = command.mut_subcommands(|subcommand| {
            subcommand.mut_args(|argument| match argument.get_id().as_str() {
                "socket" => argument.env(Resettable::Reset),
                _ => argument,
            })
        });
    }
    if let Some(name) = subcommand {
        let matches = command.try_get_matches_from(arguments).map_err(|error| usage::with_tip(error, &name))?;
        return Cli::from_arg_matches(&matches);
    }
    let (matches, refused) = config::matches(&command, &arguments, &lines)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    (cli.daemon.origins, cli.daemon.refused) = (Origins::new(&command, &matches, &lines), refused);
    if lines.are_read() {
        // The variables are those of the file: it is not to be read once more.
        cli.daemon.settings = None;
    }
    cli.daemon.complete(|name| variable(name).filter(|_| !is_of_a_file));
    Ok(cli)
}

/// Returns the variables of all options, the subcommands' too.
fn variables() -> Vec<String> {
    let cli = Cli::command();
    let arguments = [&cli].into_iter().chain(cli.get_subcommands()).flat_map(clap::Command::get_arguments);
    arguments.filter_map(|argument| Some(argument.get_env()?.to_string_lossy().into_owned())).collect()
}

/// Returns the arguments of a daemon that has the environment of this process.
fn environment() -> Result<DaemonArgs, clap::Error> {
    Ok(parse_from(["autora"], |name| std::env::var_os(name))?.daemon)
}

/// Returns the version, and whether this build contains the eBPF program.
fn version() -> &'static str {
    if filter::embedded().is_some() {
        concat!(env!("CARGO_PKG_VERSION"), " (with the eBPF filter)")
    } else {
        concat!(env!("CARGO_PKG_VERSION"), " (built without the eBPF filter: runs with the classic one)")
    }
}

#[cfg(test)]
mod tests;
