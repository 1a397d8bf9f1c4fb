//! `autora status`: what the running daemon does.

mod guests;
mod table;
mod watch;

use std::{cmp::Ordering, process::ExitCode, time::Duration};

use clap::ValueEnum;
use serde_json::Value;

use self::guests::Guests;
use super::{
    client::{ControlSocketArg, block_on, interface_name, names, path_with},
    natural::natural,
    outcome::CommandResult,
    screen,
};
use crate::{
    config::Seconds,
    control::{
        client::Client,
        model::{Interface, Interfaces, State, Status},
    },
    error::Failure,
};

/// The exit code if the daemon has no interface of a name, or none that a pattern matches.
const EXIT_UNKNOWN: u8 = 4;

const AFTER_HELP: &str = "\
Examples:
  autora status                          all interfaces whose name matches
  autora status 'tap-vm-*' --state not-served
  autora status --guests                 with guests' addresses, as far as known
  autora status --sort last-ra --watch   longest without an RA first, refreshed
  autora status --json | jq -r '.interfaces[] | select(.overdue) | .name'

Exit codes: 0 the daemon answered; 4 no interface that matches --interface-regex has a name that was given, or none \
matches a pattern (with --watch these are waited for); 2 wrong usage; 1 any other failure, such as no daemon.";

/// The arguments of `autora status`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct StatusArgs {
    /// Interfaces, or patterns like 'vm*'; without one, all whose name matches --interface-regex
    #[arg(value_name = "IFACE", value_parser = interface_name())]
    pub interfaces: Vec<String>,

    /// Show only interfaces in this state; may be given more than once
    #[arg(long, value_name = "STATE")]
    pub state: Vec<State>,

    /// Order of the interfaces
    #[arg(long, value_name = "COLUMN", default_value = "name")]
    pub sort: Sort,

    /// Refresh in place until Ctrl-C, every 2s unless INTERVAL is given, which is 1s at least
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, require_equals = true, default_missing_value = "2s")]
    pub watch: Option<Seconds>,

    /// Show guests' addresses in the /64 that the neighbour table of this host has
    #[arg(long)]
    pub guests: bool,

    /// Print JSON, for scripts
    #[arg(long, conflicts_with = "watch")]
    pub json: bool,

    /// The daemon.
    #[command(flatten)]
    pub socket: ControlSocketArg,
}

/// The order in which interfaces are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// By name, vm2 before vm10
    Name,
    /// Overdue and failing first, then not served, ceasing, paused, serving
    State,
    /// Longest since the last RA first
    LastRa,
    /// Soonest next RA first
    NextRa,
    /// Most dropped solicitations first
    Dropped,
    /// By interface index
    Ifindex,
}

/// Shows the status, once or again and again.
///
/// # Errors
///
/// Returns a [`Failure`] if no daemon answers, and if it has none of the interfaces of a name or pattern.
pub fn run(args: &StatusArgs) -> CommandResult {
    block_on(async {
        if let Some(Seconds(interval)) = args.watch {
            let again = async || Ok(lines(args, &mut args.socket.connect().await?).await?.text);
            watch::run(interval.max(Duration::from_secs(1)), again).await?;
        } else {
            let mut client = args.socket.connect().await?;
            let Shown { text, names } =
                if args.json { json(args, &mut client).await? } else { lines(args, &mut client).await? };
            _ = screen::show(&text.concat())?;
            expect_known(args, &names, &mut client).await?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// What is shown, and the names of the interfaces in it.
struct Shown {
    text: Vec<String>,
    names: Vec<String>,
}

/// Checks that the daemon has an interface for each name and pattern, in whatever state.
async fn expect_known(args: &StatusArgs, shown: &[String], client: &mut Client) -> Result<(), Failure> {
    let mut unknown = args.without(shown);
    if !unknown.is_empty() && !args.state.is_empty() {
        let Interfaces { interfaces, .. } = client.get(&path_with("/v1/interfaces", args.names())).await?;
        unknown = args.without(&interfaces.into_iter().map(|one| one.name).collect::<Vec<_>>());
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let Status { settings, .. } = client.get("/v1/status").await?;
    let what = format!("no interface matching {} is called {}", settings.interface_regex, screen::list(unknown));
    let hint = format!("`{}` lists those that exist", args.socket.command("explain", &[]));
    Err(Failure::because(what).advise(hint).with_code(EXIT_UNKNOWN))
}

/// Returns the daemon's JSON, with fields that this version does not know.
async fn json(args: &StatusArgs, client: &mut Client) -> Result<Shown, Failure> {
    let status: Value = client.get("/v1/status").await?;
    let mut answer: Value = client.get(&args.path()).await?;
    let mut interfaces = answer["interfaces"].take();
    if args.guests {
        Guests::read()?.add_to(&mut interfaces);
    }
    let names = interfaces.as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).map(str::to_owned);
    let names = names.collect();
    let all = serde_json::json!({ "status": status, "interfaces": interfaces });
    Ok(Shown { text: vec![format!("{all:#}\n")], names })
}

/// Returns the lines of the status, each with its newline.
async fn lines(args: &StatusArgs, client: &mut Client) -> Result<Shown, Failure> {
    let status: Status = client.get("/v1/status").await?;
    let Interfaces { mut interfaces, .. } = client.get(&args.path()).await?;
    interfaces.sort_by(|a, b| args.sort.compare(a, b).then_with(|| natural(&a.name, &b.name)));
    let guests = args.guests.then(Guests::read).transpose()?;
    let text = table::render(&status, &interfaces, guests.as_ref(), screen::width());
    Ok(Shown { text, names: interfaces.into_iter().map(|one| one.name).collect() })
}

/// The most interfaces that a report lists.
const MOST_ROWS: usize = 200;

/// Returns the totals, and the interfaces that are `named` or need the operator.
/// `all` is the command that shows all interfaces.
pub(super) fn for_report(status: &Status, interfaces: &[Interface], named: &[String], all: &str) -> String {
    let named: Vec<_> = named.iter().map(|argument| names(argument)).collect();
    let is_named = |one: &Interface| named.iter().any(|names| names(&one.name));
    let is_wanted = |one: &&Interface| is_named(one) || attention(one) < NO_ATTENTION;
    let mut wanted: Vec<_> = interfaces.iter().filter(is_wanted).cloned().collect();
    wanted.sort_by(|a, b| natural(&a.name, &b.name));
    let more = wanted.len().saturating_sub(MOST_ROWS);
    wanted.truncate(MOST_ROWS);
    if wanted.is_empty() {
        return table::head(status, usize::MAX).concat();
    }
    let lines = table::render(status, &wanted, None, usize::MAX).concat();
    if more == 0 { lines } else { format!("{lines}{more} more like these: `{all}` has all\n") }
}

impl StatusArgs {
    fn path(&self) -> String {
        let states = self.state.iter().map(|state| ("state", state.name().to_owned()));
        path_with("/v1/interfaces", self.names().chain(states))
    }

    fn names(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.interfaces.iter().map(|name| ("name", name.clone()))
    }

    /// Returns the names and patterns that name none of `interfaces`.
    fn without(&self, interfaces: &[String]) -> Vec<&String> {
        let has_none = |argument: &&String| {
            let is_named = names(argument);
            !interfaces.iter().any(|interface| is_named(interface))
        };
        self.interfaces.iter().filter(has_none).collect()
    }
}

impl Sort {
    fn compare(self, a: &Interface, b: &Interface) -> Ordering {
        match self {
            Self::Name => Ordering::Equal,
            Self::State => attention(a).cmp(&attention(b)),
            Self::LastRa => age(b).total_cmp(&age(a)),
            Self::NextRa => wait(a).total_cmp(&wait(b)),
            Self::Dropped => dropped(b).cmp(&dropped(a)),
            Self::Ifindex => a.ifindex.cmp(&b.ifindex),
        }
    }
}

/// The rank of an interface that is served as it should be.
const NO_ATTENTION: (bool, u8) = (true, 3);

/// Returns a rank, which is lower the more the interface needs the operator.
fn attention(interface: &Interface) -> (bool, u8) {
    let rank = match interface.state.known() {
        Some(State::NotServed) | None => 0,
        Some(State::Ceasing) => 1,
        Some(State::Paused) => 2,
        Some(State::Serving) => 3,
    };
    (!interface.overdue && interface.send_failures.in_a_row == 0, rank)
}

/// An interface that never had an RA comes before all others.
fn age(interface: &Interface) -> f64 {
    interface.last_ra.as_ref().map_or(f64::INFINITY, |last| last.ago_s)
}

fn wait(interface: &Interface) -> f64 {
    interface.next_ra_in_s.unwrap_or(f64::INFINITY)
}

fn dropped(interface: &Interface) -> u64 {
    interface.rs.as_ref().map_or(0, |rs| rs.dropped.values().sum())
}
