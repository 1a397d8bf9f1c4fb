//! `autora explain`: why an interface is served or not, and what helps. It needs neither a daemon nor a privilege; a daemon that
//! runs is asked for what only it knows.

mod json;
mod page;
mod running;
mod table;

use std::process::ExitCode;

use self::running::RunningDaemon;
use super::{CommandResult, EXIT_NOT_SERVED, NETLINK_ADVICE, client::ControlSocketArg, screen};
use crate::{
    config,
    diagnosis::{self, Conclusion, Evidence, Explanation},
    engine::{
        eligibility::{self, Policy, Service, Verdict},
        interface::{Host, Interface},
    },
    error::{self, EXIT_USAGE, Failure},
    settings::SendPath,
    sys::netlink::{self, Queries, Snapshot},
};

const AFTER_HELP: &str = "\
Examples:
  autora explain tap-vm-7                         every test, and what helps
  autora explain --interface-regex '^vm[0-9]+$'   a line for each interface
  autora explain --json tap-vm-7 | jq '.interfaces[].reasons[].name'

Without a regular expression names are not tested. A link without a carrier counts as served: serving only pauses.

--json prints {version, host, interface_regex, interfaces, missing}. Each of `interfaces` has name, ifindex, state (served, \
paused, not-served, ignored), source, prefix, tests (name, found, passed), reasons and warnings (name, sentence, remedies: \
command or advice). Whatever becomes of `version` 1, it only gains fields.

Exit codes: 0 every interface that was asked for, or that matches, is or would be served; 3 one is not, or there is none; \
2 wrong usage; 1 anything else.";

/// The arguments of `autora explain`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct ExplainArgs {
    /// Interfaces to explain; without any, a table of all
    #[arg(value_name = "IFACE")]
    pub interfaces: Vec<String>,

    /// What the daemon is told to serve, to see whether names match
    #[arg(long, env = "AUTORA_INTERFACE_REGEX", value_name = "REGEX")]
    pub interface_regex: Option<String>,

    /// Which socket the daemon is told to send through, to see whether it has what it needs
    #[arg(long, env = "AUTORA_SEND", value_name = "SOCKET", default_value = "packet")]
    pub send: SendPath,

    /// Print JSON, for scripts
    #[arg(long)]
    pub json: bool,

    /// Where the daemon is found, if one runs: it knows more.
    #[command(flatten)]
    pub socket: ControlSocketArg,
}

/// All that was found out.
struct Findings<'a> {
    policy: Option<&'a Policy>,
    host: Host,
    interfaces: Vec<Explanation>,
    missing: Vec<Missing>,
}

/// An interface that was asked for and does not exist.
struct Missing {
    name: String,
    /// Names of some that do.
    similar: Vec<String>,
}

/// Explains.
///
/// # Errors
///
/// When the regular expression is none, and when the kernel does not tell its interfaces.
pub fn run(args: &ExplainArgs) -> CommandResult {
    let policy = policy(args)?;
    let snapshot = look()?;
    let findings = examine(args, policy.as_ref(), &snapshot);
    let shown = match (args.json, args.interfaces.is_empty()) {
        (true, _) => json::render(&findings),
        (false, true) => table::render(&findings, screen::width()),
        (false, false) => page::render(&findings, screen::width()),
    };
    _ = screen::show(&shown)?;
    Ok(if findings.all_served(args) { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NOT_SERVED) })
}

fn policy(args: &ExplainArgs) -> Result<Option<Policy>, Failure> {
    let Some(regex) = args.interface_regex.as_deref() else { return Ok(None) };
    let (policy, warnings) =
        config::policy(regex).map_err(|error| Failure::new(&error).with_code(EXIT_USAGE))?;
    for warning in &warnings {
        error::warn(warning);
    }
    Ok(Some(policy))
}

fn look() -> Result<Snapshot, Failure> {
    let mut queries = Queries::open().map_err(|error| Failure::new(&error).advise(NETLINK_ADVICE))?;
    queries.dump().map_err(|error| Failure::new(&error).advise(NETLINK_ADVICE))
}

fn examine<'a>(args: &ExplainArgs, policy: Option<&'a Policy>, snapshot: &Snapshot) -> Findings<'a> {
    let Snapshot { forwarding, interfaces, .. } = snapshot;
    let host = Host { forwarding: *forwarding, neighbour_limit: netlink::neighbour_limit() };
    let served = |interface: &&Interface| match policy {
        Some(policy) => matches!(eligibility::decide(policy, interface, None), Verdict::Serve(_)),
        None => false,
    };
    let served_raw = (args.send == SendPath::Raw).then(|| interfaces.iter().filter(served).count());
    let running = RunningDaemon::ask(&args.socket);
    let explain = |interface: &Interface| {
        let master = interface.master.as_ref().map(|master| master.index);
        let master = interfaces.iter().find(|other| Some(other.index) == master);
        let daemon = running.as_ref().map(|running| running.knows(interface));
        let master = master.map(|master| master.name.as_str());
        let evidence = Evidence { policy, host: &host, master, served_raw, daemon: daemon.as_ref() };
        diagnosis::explain(interface, evidence)
    };
    let mut findings = Findings { policy, host, interfaces: Vec::new(), missing: Vec::new() };
    if args.interfaces.is_empty() {
        findings.interfaces = interfaces.iter().map(explain).collect();
    }
    for name in &args.interfaces {
        match interfaces.iter().find(|interface| interface.name == *name) {
            Some(interface) => findings.interfaces.push(explain(interface)),
            None => findings.missing.push(Missing { name: name.clone(), similar: similar(name, interfaces) }),
        }
    }
    findings
}

/// Returns the names most like `name`, the likeliest first.
fn similar(name: &str, interfaces: &[Interface]) -> Vec<String> {
    const ENOUGH: f64 = 0.7;
    let mut likely: Vec<_> = interfaces
        .iter()
        .map(|interface| (strsim::jaro_winkler(name, &interface.name), &interface.name))
        .filter(|(likeness, _)| *likeness >= ENOUGH)
        .collect();
    likely.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    likely.into_iter().take(3).map(|(_, name)| name.clone()).collect()
}

impl Findings<'_> {
    /// Returns whether the answer is yes; a list of everything, matched with nothing, always is.
    fn all_served(&self, args: &ExplainArgs) -> bool {
        let asked = !args.interfaces.is_empty();
        let mut wanted = self
            .interfaces
            .iter()
            .filter(|found| asked || found.conclusion != Conclusion::NoMatch)
            .peekable();
        if !asked && self.policy.is_none() {
            return true;
        }
        self.missing.is_empty() && wanted.peek().is_some() && wanted.all(Explanation::is_served)
    }
}

/// Returns the source and the prefix, in words.
fn how(service: &Service) -> String {
    format!("from {} with {}", service.source, service.prefix)
}
