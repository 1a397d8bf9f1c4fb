//! `autora report`: what the report of a bug needs, in one text. It needs neither a daemon nor a privilege, and says
//! what it could not read.

mod daemon;
mod placeholders;

use std::{
    cell::RefCell,
    fmt::{self, Display, Formatter},
    io,
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};

use anstream::adapter::strip_str;

use self::{daemon::DaemonAnswers, placeholders::Placeholders};
use super::{
    client::{ControlSocketArg, interface_name},
    explain::{self, ExplainArgs, Pages, RunningDaemon},
    outcome::CommandResult,
    screen, status,
};
use crate::{
    config::{Config, DaemonArgs},
    error::Failure,
    settings::SendPath,
    sys::{
        clock,
        host_facts::{self, Facts},
        netlink,
    },
};

const AFTER_HELP: &str = "\
Examples:
  autora report > report.txt                the interfaces that are not served
  autora report tap-vm-7 --hide-addresses   one, placeholders for addresses

It has the versions of autora, kernel and distribution; all settings; the status; `explain` of the interfaces that are \
named, or else of those that match and are not served or have a warning; the sysctls net.ipv6.conf.all, net.ipv6.conf.default and \
gc_thresh; capabilities and command line of the daemon; its counters. Run as root it has most.

It changes nothing and has no secret, but it has names of interfaces, and addresses: the link-local addresses and /64s \
of interfaces, and the addresses of other routers. --hide-addresses replaces each, the same one by the same \
placeholder; names of interfaces stay, also where they are made of an address.

Exit codes: 0 the report was written, also without a daemon; 4 it was written, and no interface has a name that was \
given, or none matches a pattern; 2 wrong usage; 1 any other failure.";

/// The arguments of `autora report`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct ReportArgs {
    /// Interfaces to explain, or patterns like 'vm*'; without one, those that match and are not served or have a
    /// warning
    #[arg(value_name = "IFACE", value_parser = interface_name())]
    pub interfaces: Vec<String>,

    /// Replace each address by a placeholder
    #[arg(long)]
    pub hide_addresses: bool,

    /// The running daemon, if there is one.
    #[command(flatten)]
    pub socket: ControlSocketArg,
}

/// Writes the report. `version` is that of this program; `arguments` are those of a daemon that has this environment.
///
/// # Errors
///
/// Returns a [`Failure`] if standard output cannot be written, and if an interface that was named does not exist.
pub fn run(args: &ReportArgs, version: &str, arguments: Result<DaemonArgs, clap::Error>) -> CommandResult {
    let placeholders = RefCell::new(Placeholders::default());
    let shown = |text: &str| {
        if args.hide_addresses { placeholders.borrow_mut().hide_addresses(text) } else { text.to_owned() }
    };
    let (sections, absent) = sections(args, version, &config(arguments), &shown);
    let [versions, parts @ ..] = sections.map(|section| strip_str(&section.to_string()).to_string());
    // A kernel's release may look like an address of IPv4.
    _ = screen::show(&format!("{versions}\n{}", shown(&parts.join("\n"))))?;
    absent.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// A part of the report. Where it could not be read, the report says why.
struct Section {
    title: &'static str,
    body: Result<String, Failure>,
}

impl Section {
    fn new(title: &'static str, body: impl Into<String>) -> Self {
        Self { title, body: Ok(body.into()) }
    }
}

impl Display for Section {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {} ==", self.title)?;
        match &self.body {
            Ok(body) => writeln!(f, "{}", body.trim_end()),
            Err(failure) => writeln!(f, "not available: {failure}"),
        }
    }
}

/// What is shown for a text: the text, or the same with placeholders.
type Shown<'a> = dyn Fn(&str) -> String + 'a;

/// Returns all sections, and the failure for names and patterns that name no interface. What stands in columns has
/// gone through `shown` before these were laid out.
fn sections(
    args: &ReportArgs,
    version: &str,
    environment: &Environment,
    shown: &Shown<'_>,
) -> ([Section; 7], Option<Failure>) {
    let daemon = DaemonAnswers::ask(&args.socket);
    let status = daemon.as_ref().map(|daemon| status(daemon, args, shown)).map_err(Clone::clone);
    let (explained, absent) = match explained(args, daemon.as_ref().ok(), environment) {
        Ok(Pages { text, absent }) => (Ok(text), absent),
        Err(failure) => (Err(failure), None),
    };
    let sections = [
        Section::new("versions", versions(version)),
        Section { title: "settings", body: settings(&daemon, environment) },
        Section { title: "status", body: status },
        Section { title: "explain", body: explained },
        Section::new("sysctls", facts(&sysctls())),
        Section { title: "process", body: daemon.as_ref().map(process).map_err(Clone::clone) },
        Section { title: "counters", body: daemon.map(|daemon| daemon.metrics) },
    ];
    (sections, absent)
}

fn versions(version: &str) -> String {
    let time = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(clock::wall().as_secs()));
    let distribution = host_facts::distribution().unwrap_or_else(|| "unknown".to_owned());
    format!("autora {version}\nkernel {}\ndistribution {distribution}\ntime {time}", host_facts::kernel())
}

/// The settings that a daemon would have that began with this process's environment.
type Environment = Result<Config, Failure>;

fn config(arguments: Result<DaemonArgs, clap::Error>) -> Environment {
    let arguments = arguments.map_err(|error| first_line(&error))?;
    Config::try_from(&arguments).map_err(|error| Failure::new(&error))
}

/// Returns what clap rejects, without its usage.
fn first_line(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    Failure::because(line.trim_start_matches("error: "))
}

/// Returns the settings of the daemon that answers; without one, why none does, and those of the environment.
fn settings(daemon: &Result<DaemonAnswers, Failure>, environment: &Environment) -> Result<String, Failure> {
    match daemon {
        Ok(daemon) => Ok(facts(&settings_of(daemon))),
        Err(failure) => {
            let settings =
                environment.as_ref().map_err(|wrong| wrong.clone().because_of("the environment's settings"))?;
            Ok(format!("{failure}\nso these are the settings of this environment:\n{settings}"))
        }
    }
}

/// Returns every setting of the daemon, and the arguments and variables that it began with.
fn settings_of(daemon: &DaemonAnswers) -> Facts {
    let told = daemon.status.options.clone();
    let read = |read: fn(u32) -> io::Result<Vec<String>>| words(daemon.pid.map(read));
    let variables = |pid| host_facts::variables(pid, "AUTORA_");
    let began = [("command line", read(host_facts::arguments)), ("variables", read(variables))];
    told.into_iter().chain(began.map(|(name, value)| (name.to_owned(), value))).collect()
}

/// Returns what was found of a process that this one sees.
fn words(found: Option<io::Result<Vec<String>>>) -> String {
    match found {
        Some(Ok(words)) if words.is_empty() => "none".to_owned(),
        Some(Ok(words)) => words.join(" "),
        Some(Err(error)) => not_available(&error),
        None => OTHER_NAMESPACE.to_owned(),
    }
}

fn not_available(error: &io::Error) -> String {
    Failure::new(error).because_of("not available").to_string()
}

const OTHER_NAMESPACE: &str = "not available: the daemon is in another PID namespace";

fn status(daemon: &DaemonAnswers, args: &ReportArgs, shown: &Shown<'_>) -> String {
    let all = args.socket.command("status", &[]).to_string();
    status::for_report(&daemon.status, &daemon.interfaces.interfaces, &args.interfaces, &all, shown)
}

/// Returns `explain` of the interfaces that are named, or of those that match and are not served or have a warning.
fn explained(args: &ReportArgs, daemon: Option<&DaemonAnswers>, environment: &Environment) -> Result<Pages, Failure> {
    let is_any_meant = daemon.is_some() || !args.interfaces.is_empty();
    if let Err(refused) = environment
        && !is_any_meant
    {
        return Err(refused.clone().because_of("the environment's settings"));
    }
    let environment = environment.as_ref().ok();
    let pattern = environment.map(|config| config.policy.pattern.to_string()).filter(|pattern| pattern != NO_INTERFACE);
    if pattern.is_none() && !is_any_meant {
        return Ok(Pages { text: NONE_IS_MEANT.to_owned(), absent: None });
    }
    let send = match daemon {
        Some(daemon) => daemon.status.settings.send.known().copied(),
        None => environment.map(|config| config.send),
    };
    let explained = ExplainArgs {
        interfaces: args.interfaces.clone(),
        interface_regex: pattern.filter(|_| daemon.is_none()),
        send: send.unwrap_or(SendPath::Packet),
        json: false,
        socket: args.socket.clone(),
    };
    let running = daemon.and_then(|daemon| RunningDaemon::of(&daemon.status, daemon.interfaces.interfaces.clone()));
    explain::for_report(&explained, running.as_ref())
}

/// The default of `--interface-regex`, which matches no name: then names are not tested.
const NO_INTERFACE: &str = "^$";

/// What stands in the place of pages where no setting says which interfaces are to be served.
const NONE_IS_MEANT: &str = "\
--interface-regex is not set: give it (AUTORA_INTERFACE_REGEX in this environment), start the daemon, or name \
interfaces";

fn sysctls() -> Facts {
    let mut found = host_facts::sysctls();
    let limit = netlink::neighbour_limit().map_or_else(|| "unknown".to_owned(), |limit| limit.to_string());
    found.push(("gc_thresh3 by netlink".to_owned(), limit));
    found
}

fn process(daemon: &DaemonAnswers) -> String {
    let filter = &daemon.status.filter;
    let program = filter.program_id.map_or_else(String::new, |id| format!(" (program {id})"));
    let process = match daemon.pid.map(host_facts::process) {
        Some(Ok(found)) => facts(&found),
        Some(Err(error)) => not_available(&error),
        None => OTHER_NAMESPACE.to_owned(),
    };
    format!("filter {}{program}\n{process}", filter.mode)
}

/// Returns names and values, one pair a line.
fn facts(facts: &Facts) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = facts.iter().map(|(name, value)| format!("{name:<width$}  {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_explained_where_no_setting_says_which_interfaces_are_meant() {
        let config = |regex: &str| {
            let arguments = crate::commands::parse_from(["autora", "--interface-regex", regex], |_| None);
            config(arguments.map(|cli| cli.daemon))
        };
        let said = |interfaces: &[&str], environment: &Environment| {
            let socket = ControlSocketArg { socket: "/nowhere/control.sock".into(), instance: None };
            let interfaces = interfaces.iter().map(ToString::to_string).collect();
            let args = ReportArgs { interfaces, hide_addresses: false, socket };
            explained(&args, None, environment).map(|pages| strip_str(&pages.text).to_string())
        };
        assert_eq!(said(&[], &config(NO_INTERFACE)), Ok(NONE_IS_MEANT.to_owned()));
        let refused = Err(Failure::because("the environment's settings: x"));
        assert_eq!(said(&[], &Err(Failure::because("x"))), refused);
        for (interfaces, regex) in [(&[][..], "^lo$"), (&["lo"], NO_INTERFACE)] {
            let said = said(interfaces, &config(regex)).unwrap();
            assert!(said.starts_with("lo would not be served: ") && said.contains("loopback"), "the control: {said}");
        }
    }

    #[test]
    fn what_a_process_has_none_of_is_said() {
        for (found, expected) in [
            (Some(Ok(vec!["A=1".to_owned(), "B=2".to_owned()])), "A=1 B=2"),
            (Some(Ok(Vec::new())), "none"),
            (Some(Err(io::Error::from_raw_os_error(nix::libc::EACCES))), "not available: Permission denied"),
            (None, OTHER_NAMESPACE),
        ] {
            assert_eq!(words(found), expected);
        }
    }
}
