//! `autora explain`: why an interface is served or not, and what to do about it. It needs neither a daemon
//! nor a privilege; if a daemon runs, it is asked for what only it knows.

mod findings;
mod json;
mod page;
mod routes;
mod running;
mod table;

use std::{collections::HashMap, process::ExitCode};

pub(super) use self::running::{RunningDaemon, Served};
use self::{findings::Findings, routes::AskedRoutes};
use super::{
    absent::{Among, Missing, no_such_interface},
    client::{ControlSocketArg, interface_name, names},
    natural::natural,
    outcome::{CommandResult, EXIT_NOT_SERVED, NETLINK_ADVICE, dump_advice},
    screen,
};
use crate::{
    addr::IfIndex,
    config,
    diagnosis::{self, Conclusion, Evidence, Explanation, Routes},
    engine::{
        eligibility::Policy,
        interface::{Host, Interface},
    },
    error::{self, EXIT_USAGE, Failure},
    settings::SendPath,
    sys::netlink::{self, Queries, Snapshot},
};

const AFTER_HELP: &str = "\
Examples:
  autora explain tap-vm-7                         each test, and what to do
  autora explain 'tap-vm-*'                       the same of several
  autora explain --interface-regex '^vm[0-9]+$'   one line per interface
  autora explain --json tap-vm-7 | jq '.interfaces[].reasons[].name'

A running daemon's regular expression takes precedence over --interface-regex, as its --send does; without a daemon \
and without --interface-regex, names are not tested: then the table says what would be if the names matched. An \
interface without a carrier counts as served: the daemon pauses, and sends when the carrier returns. \
\"is served\" is said only where a daemon answers, knows the interface and serves it so.

--json prints {version, host, interface_regex, interfaces, missing}. Each of `interfaces` has name, ifindex, state \
(that of `autora status --json`: serving, paused, not-served, ceasing; without a daemon, what it would be; no-match if \
the name does not match), carrier, source, prefix, tests (name, found, passed), reasons and warnings (name, sentence, \
remedies: command or advice); each of `missing` name and similar. Later releases only add fields to `version` 1.

Exit codes: 0 each interface that was named, or else that the regular expression matches, is or would be served; 3 one \
is not, its last RA did not leave, or none matches; 4 no interface has a name that was given, or none matches a \
pattern: the others are shown; 2 wrong usage; 1 any other failure. A table without a daemon and without \
--interface-regex is only a list: 0.";

/// The most interfaces that a report explains without being asked for them by name: those that are not served have few
/// reasons, and thousands of pages would hide them.
const MOST_PAGES: usize = 20;

static NO_ROUTES: Routes = Routes::NONE;

/// The arguments of `autora explain`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct ExplainArgs {
    /// Interfaces to explain, or patterns like 'vm*'; without one, all are listed in a table
    #[arg(value_name = "IFACE", value_parser = interface_name())]
    pub interfaces: Vec<String>,

    /// The daemon's --interface-regex, to test names while no daemon runs
    #[arg(long, env = "AUTORA_INTERFACE_REGEX", value_name = "REGEX")]
    pub interface_regex: Option<String>,

    /// The daemon's --send, to test what that socket needs
    #[arg(long, env = "AUTORA_SEND", value_name = "SOCKET", default_value = "packet")]
    pub send: SendPath,

    /// Print JSON, for scripts
    #[arg(long)]
    pub json: bool,

    /// The running daemon, if there is one.
    #[command(flatten)]
    pub socket: ControlSocketArg,
}

/// Explains the interfaces of `args`, or lists all.
///
/// # Errors
///
/// Returns a [`Failure`] if no daemon answers and the regular expression is invalid, if netlink fails, if standard
/// output cannot be written, and if an interface that was named does not exist.
pub fn run(args: &ExplainArgs) -> CommandResult {
    let running = RunningDaemon::ask(&args.socket, "this is explained without the daemon");
    let policy = policy(args, running.as_ref())?;
    let findings = examine(args, policy.as_ref(), &read_interfaces()?, running.as_ref());
    let shown = match (args.json, args.interfaces.is_empty()) {
        (true, _) => json::render(&findings),
        (false, true) => table::render(&findings, screen::width()),
        (false, false) => page::render(&findings, screen::width()),
    };
    _ = screen::show(&shown)?;
    if let Some(absent) = absent(args, &findings) {
        return Err(absent);
    }
    Ok(if findings.all_served(!args.interfaces.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_NOT_SERVED)
    })
}

/// Returns the failure for names and patterns that name no interface, if there are any.
fn absent(args: &ExplainArgs, findings: &Findings) -> Option<Failure> {
    let missing = &findings.missing;
    (!missing.is_empty()).then(|| no_such_interface(missing, Among::Namespace, &args.socket))
}

/// Returns, by index, what `explain` says first of each interface of `snapshot` that is named. `running` is the daemon
/// that answers.
pub(super) fn conclusions(
    interfaces: Vec<String>,
    socket: &ControlSocketArg,
    snapshot: &Snapshot,
    running: Option<&RunningDaemon>,
) -> HashMap<IfIndex, String> {
    let (interface_regex, socket) = (None, socket.clone());
    let args = ExplainArgs { interfaces, interface_regex, send: SendPath::Packet, json: false, socket };
    let findings = examine(&args, None, snapshot, running);
    findings.interfaces.iter().map(|found| (found.index, page::conclusion(found).1)).collect()
}

/// What a report has of `explain`.
pub(super) struct Pages {
    pub(super) text: String,
    /// The failure for names and patterns that name no interface.
    pub(super) absent: Option<Failure>,
}

/// Returns the pages of the interfaces of `args`, or else of those that match and are not served or have a warning.
/// `running` is the daemon that answers.
///
/// # Errors
///
/// Returns a [`Failure`] if no daemon answers and the regular expression is invalid, and if netlink fails.
pub(super) fn for_report(args: &ExplainArgs, running: Option<&RunningDaemon>) -> Result<Pages, Failure> {
    let policy = policy(args, running)?;
    let mut findings = examine(args, policy.as_ref(), &read_interfaces()?, running);
    let more = if args.interfaces.is_empty() { keep_odd(&mut findings.interfaces) } else { 0 };
    let (pages, absent) = (page::render(&findings, usize::MAX), absent(args, &findings));
    let text = match (pages.is_empty(), &absent, more) {
        (_, Some(absent), _) => format!("{pages}{}{absent}", if pages.is_empty() { "" } else { "\n" }),
        (true, None, _) => "every interface that matches is served, without a warning".to_owned(),
        (false, None, 0) => pages,
        (false, None, more) => format!("{pages}\n{more} more like these: `{}` has all", findings.list),
    };
    Ok(Pages { text, absent })
}

/// Keeps the first pages, those that matter most, and returns how many there were beyond.
fn keep_odd(all: &mut Vec<Explanation>) -> usize {
    let gets_ras = |found: &Explanation| found.is_served() && !found.fails_to_send();
    all.retain(|one| one.conclusion != Conclusion::NoMatch && !(gets_ras(one) && one.warnings.is_empty()));
    all.sort_by(|a, b| gets_ras(a).cmp(&gets_ras(b)).then_with(|| natural(&a.name, &b.name)));
    let more = all.len().saturating_sub(MOST_PAGES);
    all.truncate(MOST_PAGES);
    more
}

/// Returns the policy by which names are tested; `None` where there is none, or where the daemon that answers has its
/// own.
fn policy(args: &ExplainArgs, running: Option<&RunningDaemon>) -> Result<Option<Policy>, Failure> {
    let Some(regex) = args.interface_regex.as_deref() else { return Ok(None) };
    if let Some(running) = running {
        if running.pattern() != regex {
            error::note(&format!("--interface-regex {regex} is ignored: the daemon has {}", running.pattern()));
        }
        return Ok(None);
    }
    let (policy, warnings) = config::policy(regex).map_err(|error| Failure::new(&error).with_code(EXIT_USAGE))?;
    for warning in &warnings {
        error::warn(warning);
    }
    Ok(Some(policy))
}

/// Reads all interfaces.
pub(super) fn read_interfaces() -> Result<Snapshot, Failure> {
    let mut queries = Queries::open().map_err(|error| Failure::new(&error).advise(NETLINK_ADVICE))?;
    queries.dump().map_err(|error| Failure::new(&error).advise(dump_advice(&error)))
}

fn examine(
    args: &ExplainArgs,
    policy: Option<&Policy>,
    snapshot: &Snapshot,
    running: Option<&RunningDaemon>,
) -> Findings {
    let Snapshot { forwarding, interfaces, .. } = snapshot;
    let host = Host { forwarding: *forwarding, neighbour_limit: netlink::neighbour_limit() };
    let known: HashMap<_, _> = match running {
        Some(running) => interfaces.iter().map(|interface| (interface.index, running.knows(interface))).collect(),
        None => HashMap::new(),
    };
    let evidence = |interface: &Interface| {
        let master = interface.master.as_ref().map(|master| master.index);
        let master = interfaces.iter().find(|other| Some(other.index) == master);
        let (master, daemon) = (master.map(|master| master.name.as_str()), known.get(&interface.index));
        Evidence { policy, host: &host, master, served_raw: None, routes: &NO_ROUTES, daemon }
    };
    let is_raw = running.and_then(RunningDaemon::send).unwrap_or(args.send) == SendPath::Raw;
    let served_raw = is_raw.then(|| interfaces.iter().filter(|one| is_served(one, evidence(one))).count());
    let (selected, missing) = select(&args.interfaces, interfaces);
    let mut asked = AskedRoutes::new(selected.len() > 1, host.forwarding, interfaces, evidence);
    let explain = |interface: &Interface| {
        let evidence = evidence(interface);
        let routes = asked.of(interface, evidence.judge(interface).as_ref());
        diagnosis::explain(interface, Evidence { served_raw, routes: &routes, ..evidence })
    };
    let of_policy = || policy.map(|policy| policy.pattern.as_str());
    Findings {
        regex: running.map(RunningDaemon::pattern).or_else(of_policy).map(str::to_owned),
        interfaces: selected.into_iter().map(explain).collect(),
        missing,
        daemon_answers: running.is_some(),
        list: args.socket.command("explain", &[]),
        host,
    }
}

/// Returns whether the interface is served, or would be.
fn is_served(interface: &Interface, evidence: Evidence<'_>) -> bool {
    evidence.matches(interface) == Some(true) && evidence.judge(interface).is_ok()
}

/// Returns the interfaces that `named` names, each once, or all; and the names and patterns that name none.
fn select<'i>(named: &[String], existing: &'i [Interface]) -> (Vec<&'i Interface>, Vec<Missing>) {
    if named.is_empty() {
        return (existing.iter().collect(), Vec::new());
    }
    let (mut selected, mut missing) = (Vec::<&Interface>::new(), Vec::new());
    for argument in named {
        let is_named = names(argument);
        let mut found: Vec<_> = existing.iter().filter(|interface| is_named(&interface.name)).collect();
        found.sort_by(|a, b| natural(&a.name, &b.name));
        if found.is_empty() {
            missing.push(Missing::new(argument, existing));
        }
        found.retain(|interface| selected.iter().all(|other| other.index != interface.index));
        selected.extend(found);
    }
    (selected, missing)
}

#[cfg(test)]
mod tests;
