//! `autora probe`: whether guests have their address and their default route, asked from the host.

mod json;
mod report;
mod round;
mod selection;
mod table;
mod target;

use std::process::ExitCode;

use rand::{SeedableRng, rngs::StdRng};

use self::{
    report::Report,
    round::Outcome,
    selection::{Selection, Skipped},
    target::Target,
};
use super::{
    absent::{Among, no_such_interface},
    client::{ControlSocketArg, interface_name},
    explain::{self, RunningDaemon, Served},
    natural::natural,
    neighbours,
    outcome::CommandResult,
    screen,
};
use crate::{
    config::{Seconds, seconds_between},
    diagnosis::{Problem, guest::GuestVerdict},
    error::{self, Failure},
    sys::{
        netlink::{self, Snapshot},
        probe::{ProbeOpenError, ProbeSocket},
        random,
    },
};

/// The exit code if a guest lacks its address or its default route, or is behind an interface that is not served.
const EXIT_FAILS: u8 = 3;
/// The exit code if no guest does, and nothing can be said of one at least.
const EXIT_SILENT: u8 = 5;

/// The bounds of `--timeout`, in seconds.
const TIMEOUTS: [u64; 2] = [1, 60];

/// Without a packet socket the probed interfaces may take one part in so many of the neighbour table, which belongs to
/// all of the host.
const TABLE_SHARE: usize = 8;

/// The size of the neighbour table, where the kernel does not say (`net/ipv6/ndisc.c`).
const TABLE_SIZE: u32 = 1_024;

/// What a daemon that does not answer means for a probe.
const WITHOUT_DAEMON: &str = "what it does with these interfaces is not known; the guests were probed all the same, \
                              which needs no daemon";

const AFTER_HELP: &str = "\
Examples:
  autora probe tap-vm-7            does the guest have its address and route?
  autora probe --all               of all served interfaces, failures first
  autora probe --all --json | jq -r '.interfaces[] | [.name, .verdict] | @tsv'

Verdicts: works, the guest has an address in the /64 and a default route; no-route, it answers on its link alone; \
no-address, it has a default route and answers from its link-local address; wrong-prefix, it answers from an address \
that is not in the /64; unknown, it does not answer: it may be off, or have a firewall; or nothing was asked, as where \
the link is down, which the line says.

Each interface gets two echo requests to all nodes on the link: one from an address of this host that guests reach \
through their default route alone, and one from a link-local address of the interface. The source of a reply is the \
guest's choice among its addresses (RFC 6724). Where this host has no global address but the one in the guest's /64, \
the output says so: a route of the guest's own to that /64 would then hide that it has no default route.

Privileges: CAP_NET_RAW. Without it, a group in net.ipv4.ping_group_range: then guests on one bridge cannot be told \
apart, and each interface takes an entry of the neighbour table, so that few can be probed at once.

No daemon is needed. If one answers, `not served` behind an address tells of an interface that it does not serve: the \
guest works by an older RA, or by another router or daemon, and a note says why it is not served. The exit code tells \
what guests have. --all names the interfaces that match and are not served: they are not probed, and their guests have \
no router; so it does with those that another daemon serves. A warning on standard error says where the host does not \
forward: guests' packets are then dropped, whatever they have.

--json prints {version, interfaces, paused, not_served, served_by_others, missing}. Each of `interfaces` has name, \
ifindex, verdict (the worst of its guests), asked, served (null if no daemon answers), reasons (why it is not), \
prefixes, source, source_on_link, guests (verdict, link_address, link_local, addresses), cut_off, why, neighbours \
(address, link_address, state) and explain; each of `not_served` name, ifindex and reasons; each of `served_by_others` \
name, ifindex and pid; each of `missing` name and similar. Later releases only add fields to `version` 1.

Exit codes: 0 every guest that answers works, and on each interface one does; 3 a guest has no route, no address or a \
wrong prefix, or with --all an interface matches and is not served; 4 no interface has a name that was given, or none \
matches a pattern: the others are probed; 5 none of these, and nothing can be said of an interface at least, or none \
is served; 2 wrong usage; 1 any other failure.";

/// The arguments of `autora probe`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct ProbeArgs {
    /// Interfaces to probe, or patterns like 'vm*'; no daemon is needed
    #[arg(value_name = "IFACE", value_parser = interface_name())]
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub interfaces: Vec<String>,

    /// Probe every interface that the daemon serves; count those that are paused, and name those that match and are not
    /// served
    #[arg(long)]
    pub all: bool,

    /// How long to wait for answers, 1s to 60s
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    #[arg(value_parser = seconds_between(TIMEOUTS[0], TIMEOUTS[1]))]
    pub timeout: Seconds,

    /// Print JSON, for scripts
    #[arg(long)]
    pub json: bool,

    /// The daemon.
    #[command(flatten)]
    pub socket: ControlSocketArg,
}

/// Probes the interfaces of `args`, and shows what was found.
///
/// # Errors
///
/// Returns a [`Failure`] if an interface that was named does not exist, if the process may send no echo request, if
/// netlink fails, and with `--all` if no daemon answers.
pub fn run(args: &ProbeArgs) -> CommandResult {
    let selection = if args.all { Selection::served(&args.socket)? } else { Selection::named(&args.interfaces)? };
    let neighbours = netlink::neighbour_limit().unwrap_or(TABLE_SIZE);
    let outcomes = ask(&selection.targets, args, neighbours)?;
    let reports = reports(&selection, &outcomes, args)?;
    let Selection { skipped, missing, .. } = &selection;
    let shown = if args.json {
        json::render(&reports, skipped, missing)
    } else if reports.is_empty() && !missing.is_empty() {
        String::new()
    } else {
        table::render(&reports, skipped, neighbours, screen::width())
    };
    _ = screen::show(&shown)?;
    if selection.is_dropped() {
        error::warn(&Problem::HostDoesNotForward);
    }
    if missing.is_empty() {
        Ok(exit_code(&reports, skipped))
    } else {
        Err(no_such_interface(missing, Among::Namespace, &args.socket))
    }
}

/// Sends the requests, and returns what came of them. `neighbours` is how many entries the neighbour table has room
/// for.
fn ask(targets: &[Target], args: &ProbeArgs, neighbours: u32) -> Result<Vec<Outcome>, Failure> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let mut random = StdRng::from_seed(random::seed());
    let mut socket = open_socket(&mut random, targets.len(), neighbours)?;
    let outcomes = round::run(&mut socket, targets, args.timeout.0, &mut random);
    outcomes.map_err(|error| Failure::new(&error).because_of("cannot receive echo replies"))
}

/// Returns the reports, the worst verdict first. A daemon is asked, if one answers, for what only it knows; not with
/// `--all`, as it has just told which interfaces it serves, unless a guest is silent.
fn reports<'a>(
    Selection { snapshot, targets, .. }: &'a Selection,
    outcomes: &[Outcome],
    args: &ProbeArgs,
) -> Result<Vec<Report<'a>>, Failure> {
    let mut reports: Vec<_> =
        targets.iter().zip(outcomes).map(|(target, outcome)| Report::new(target, outcome, Served::Yes)).collect();
    let is_silent = reports.iter().any(|report| report.why.is_some());
    let daemon = if is_silent || !args.all { RunningDaemon::ask(&args.socket, WITHOUT_DAEMON) } else { None };
    if !args.all {
        for report in &mut reports {
            report.served = served(report.target, snapshot, daemon.as_ref());
        }
    }
    if is_silent {
        complete(&mut reports, args, snapshot, daemon.as_ref())?;
    }
    reports.sort_by(|a, b| a.verdict.cmp(&b.verdict).then_with(|| natural(&a.target.name, &b.target.name)));
    Ok(reports)
}

fn served(target: &Target, snapshot: &Snapshot, daemon: Option<&RunningDaemon>) -> Served {
    let found = snapshot.interfaces.iter().find(|interface| interface.index == target.index);
    daemon.zip(found).map_or(Served::Unknown, |(daemon, found)| daemon.serves(found))
}

/// Opens the socket for so many interfaces. One that takes neighbour entries could fill the table with those of many,
/// and the host would lose its neighbours.
fn open_socket(random: &mut StdRng, interfaces: usize, neighbours: u32) -> Result<ProbeSocket, Failure> {
    let socket = ProbeSocket::open(random).map_err(|error| match error {
        ProbeOpenError::NotPermitted => Failure::new(&error).advise(
            "run it as root, or grant CAP_NET_RAW; or let a group of yours send echo requests \
             (net.ipv4.ping_group_range)",
        ),
        ProbeOpenError::Failed(_) => Failure::new(&error),
    })?;
    let most = usize::try_from(neighbours).unwrap_or(usize::MAX) / TABLE_SHARE;
    if socket.takes_neighbour_entries() && interfaces > most {
        let what =
            format!("without CAP_NET_RAW {interfaces} interfaces would take as many entries of the neighbour table");
        return Err(Failure::because(what).advise(format!("run it as root, or name {most} at most")));
    }
    Ok(socket)
}

/// Adds what the neighbour table and `explain` say of those interfaces whose guests do not answer.
fn complete(
    reports: &mut [Report<'_>],
    args: &ProbeArgs,
    snapshot: &Snapshot,
    daemon: Option<&RunningDaemon>,
) -> Result<(), Failure> {
    let silent: Vec<_> = reports.iter_mut().filter(|report| report.why.is_some()).collect();
    let names = silent.iter().map(|report| report.target.name.clone()).collect();
    let mut explained = explain::conclusions(names, &args.socket, snapshot, daemon);
    let neighbours = neighbours::read()?;
    for report in silent {
        report.complete(&neighbours, &mut explained);
    }
    Ok(())
}

/// A guest that fails, or that has no router, decides before one that is silent.
fn exit_code(reports: &[Report<'_>], skipped: &Skipped) -> ExitCode {
    match reports.iter().map(|report| report.verdict).min() {
        _ if !skipped.not_served.is_empty() => ExitCode::from(EXIT_FAILS),
        Some(GuestVerdict::NoRoute | GuestVerdict::NoAddress | GuestVerdict::WrongPrefix) => ExitCode::from(EXIT_FAILS),
        Some(GuestVerdict::Unknown) | None => ExitCode::from(EXIT_SILENT),
        Some(GuestVerdict::Works) => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests;
