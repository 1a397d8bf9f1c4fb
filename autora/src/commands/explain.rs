//! `autora explain`: why an interface is served or not, and what to do about it. It needs neither a daemon
//! nor a privilege; if a daemon runs, it is asked for what only it knows.

mod findings;
mod json;
mod page;
mod routes;
mod running;
mod table;

use std::{collections::HashMap, process::ExitCode};

use self::{
    findings::{Findings, Missing},
    routes::AskedRoutes,
    running::RunningDaemon,
};
use super::{
    client::{ControlSocketArg, interface_name},
    outcome::{CommandResult, EXIT_NOT_SERVED, NETLINK_ADVICE, dump_advice},
    screen,
};
use crate::{
    addr::IfIndex,
    config,
    diagnosis::{self, Evidence, Routes},
    engine::{
        eligibility::{self, InUse, Policy, Verdict},
        interface::{Host, Interface},
    },
    error::{self, EXIT_USAGE, Failure},
    settings::SendPath,
    sys::netlink::{self, Queries, Snapshot},
};

const AFTER_HELP: &str = "\
Examples:
  autora explain tap-vm-7                         each test, and what to do
  autora explain --interface-regex '^vm[0-9]+$'   one line per interface
  autora explain --json tap-vm-7 | jq '.interfaces[].reasons[].name'

A running daemon's regular expression takes precedence over --interface-regex; without either, names are not tested. \
An interface without a carrier counts as served: the daemon pauses, and sends when the carrier returns. \
\"is served\" is said only where a daemon answers, knows the interface and serves it so.

--json prints {version, host, interface_regex, interfaces, missing}. Each of `interfaces` has name, ifindex, state (served, \
paused, not-served, ignored), carrier, source, prefix, tests (name, found, passed), reasons and warnings (name, sentence, \
remedies: command or advice). Later releases only add fields to `version` 1.

Exit codes: 0 each interface that was named, or else that --interface-regex matches, is or would be served; 3 one is \
not, its last RA did not leave, or there is none; 2 wrong usage; 1 any other failure.";

static NO_ROUTES: Routes = Routes::NONE;

/// The arguments of `autora explain`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct ExplainArgs {
    /// Interfaces to explain; without one, all are listed in a table
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
/// Returns a [`Failure`] if the regular expression is invalid, if netlink fails, and if standard output
/// cannot be written.
pub fn run(args: &ExplainArgs) -> CommandResult {
    let policy = policy(args)?;
    let snapshot = read_interfaces()?;
    let findings = examine(args, policy.as_ref(), &snapshot);
    let shown = match (args.json, args.interfaces.is_empty()) {
        (true, _) => json::render(&findings),
        (false, true) => table::render(&findings, screen::width()),
        (false, false) => page::render(&findings, screen::width()),
    };
    _ = screen::show(&shown)?;
    Ok(if findings.all_served(!args.interfaces.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_NOT_SERVED)
    })
}

/// Returns, by index, what `explain` says first of each interface of `snapshot` that is named.
pub(super) fn conclusions(
    interfaces: Vec<String>,
    socket: &ControlSocketArg,
    snapshot: &Snapshot,
) -> HashMap<IfIndex, String> {
    let (interface_regex, socket) = (None, socket.clone());
    let args = ExplainArgs { interfaces, interface_regex, send: SendPath::Packet, json: false, socket };
    let findings = examine(&args, None, snapshot);
    findings.interfaces.iter().map(|found| (found.index, page::conclusion(found).1)).collect()
}

fn policy(args: &ExplainArgs) -> Result<Option<Policy>, Failure> {
    let Some(regex) = args.interface_regex.as_deref() else { return Ok(None) };
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

fn examine<'a>(args: &ExplainArgs, policy: Option<&'a Policy>, snapshot: &Snapshot) -> Findings<'a> {
    let Snapshot { forwarding, interfaces, .. } = snapshot;
    let host = Host { forwarding: *forwarding, neighbour_limit: netlink::neighbour_limit() };
    let served = |interface: &&Interface| match policy {
        Some(policy) => matches!(eligibility::decide(policy, interface, InUse::default()), Verdict::Serve(_)),
        None => false,
    };
    let served_raw = (args.send == SendPath::Raw).then(|| interfaces.iter().filter(served).count());
    let running = RunningDaemon::ask(&args.socket);
    let known: HashMap<_, _> = match &running {
        Some(running) => interfaces.iter().map(|interface| (interface.index, running.knows(interface))).collect(),
        None => HashMap::new(),
    };
    let evidence = |interface: &Interface| {
        let master = interface.master.as_ref().map(|master| master.index);
        let master = interfaces.iter().find(|other| Some(other.index) == master);
        let (master, daemon) = (master.map(|master| master.name.as_str()), known.get(&interface.index));
        Evidence { policy, host: &host, master, served_raw, routes: &NO_ROUTES, daemon }
    };
    let mut asked = AskedRoutes::new(args.interfaces.is_empty(), interfaces, evidence);
    let mut explain = |interface: &Interface| {
        let evidence = evidence(interface);
        let routes = asked.of(interface, evidence.judge(interface).as_ref());
        diagnosis::explain(interface, Evidence { routes: &routes, ..evidence })
    };
    let daemon_answers = running.is_some();
    let mut findings = Findings { policy, host, interfaces: Vec::new(), missing: Vec::new(), daemon_answers };
    if args.interfaces.is_empty() {
        findings.interfaces = interfaces.iter().map(&mut explain).collect();
    }
    for name in &args.interfaces {
        match interfaces.iter().find(|interface| interface.name == *name) {
            Some(interface) => findings.interfaces.push(explain(interface)),
            None => findings.missing.push(Missing::new(name, interfaces)),
        }
    }
    findings
}
