//! `autora status`: what the running daemon does.

mod guests;
mod table;
mod watch;

use std::{cmp::Ordering, process::ExitCode, time::Duration};

use clap::ValueEnum;
use regex::Regex;
use serde_json::Value;

use self::{guests::Guests, table::Row};
use super::{
    absent::{Among, EXIT_NO_INTERFACE, Missing, naming_none, no_such_interface},
    client::{ControlSocketArg, block_on, interface_name, is_pattern, names, path_with},
    natural::natural,
    outcome::CommandResult,
    screen,
};
use crate::{
    config::{Seconds, seconds_between},
    control::{
        client::Client,
        model::{Interface, Interfaces, State, States, Status},
    },
    error::{EXIT_USAGE, Failure},
};

/// The bounds of the interval of `--watch`, in seconds.
const INTERVALS: [u64; 2] = [1, 86_400];

/// The interval of `--watch` without a value.
const INTERVAL: Seconds = Seconds(Duration::from_secs(2));

const AFTER_HELP: &str = "\
Examples:
  autora status                          all interfaces whose name matches
  autora status 'tap-vm-*' --state not-served
  autora status --guests                 with guests' addresses, as far as known
  autora status --sort last-ra --watch   longest without an RA first, refreshed
  autora status --json | jq -r '.interfaces[] | select(.overdue) | .name'
  autora status --json --watch=10s       JSON for a script, a line every 10 s

The line of an interface that is not served has its reasons, and as far as they are known the last RA, and for how \
long guests may still hold the default route that it gave them.

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

    /// Refresh in place until Ctrl-C, every 2s unless INTERVAL is given, 1s to 86400s
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = seconds_between(INTERVALS[0], INTERVALS[1]))]
    pub watch: Option<Option<Seconds>>,

    /// Show guests' addresses in the /64 that the neighbour table of this host has
    #[arg(long)]
    pub guests: bool,

    /// Print JSON, for scripts; with --watch an object a line, one at each interval
    #[arg(long)]
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
    if let Some(interval) = args.misplaced_interval() {
        let what = format!("--watch takes no value behind a blank, and {interval} is the name of an interface then");
        return Err(Failure::because(what).advise(format!("write --watch={interval}")).with_code(EXIT_USAGE));
    }
    block_on(async {
        if let Some(interval) = args.watch {
            let Seconds(interval) = interval.unwrap_or(INTERVAL);
            watch::run(interval, args.json, async || watched(args).await).await?;
        } else {
            let mut client = args.socket.connect().await?;
            let Shown { text, names } = if args.json {
                let Document { value, names } = document(args, &mut client).await?;
                Shown { text: vec![format!("{value:#}\n")], names }
            } else {
                lines(args, &mut client).await?
            };
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

/// The daemon's JSON, and the names of the interfaces in it.
struct Document {
    value: Value,
    names: Vec<String>,
}

/// Returns what is shown at each interval: the lines of the status, or one with all of its JSON.
async fn watched(args: &StatusArgs) -> Result<Vec<String>, Failure> {
    let mut client = args.socket.connect().await?;
    if args.json {
        return Ok(vec![format!("{}\n", document(args, &mut client).await?.value)]);
    }
    Ok(lines(args, &mut client).await?.text)
}

/// Checks that the daemon has an interface for each name and pattern, in whatever state.
async fn expect_known(args: &StatusArgs, shown: &[String], client: &mut Client) -> Result<(), Failure> {
    let mut unknown = naming_none(&args.interfaces, shown);
    if !unknown.is_empty() && !args.state.is_empty() {
        let existing: Vec<_> = args.in_any_state(client).await?.into_iter().map(|one| one.name).collect();
        unknown = naming_none(&args.interfaces, &existing);
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let Status { settings, .. } = client.get("/v1/status").await?;
    Err(absent(&unknown, &settings.interface_regex, &args.socket))
}

/// Returns the failure for names and patterns that the daemon has no interface for. Names that cannot be served may be
/// those of interfaces that exist.
fn absent(unknown: &[&String], regex: &str, socket: &ControlSocketArg) -> Failure {
    let is_ignored = |name: &&String| !is_pattern(name) && Regex::new(regex).is_ok_and(|regex| !regex.is_match(name));
    if unknown.iter().all(is_ignored) {
        let what = format!("the daemon ignores {}: no match for --interface-regex {regex}", screen::list(unknown));
        return Failure::because(what).with_code(EXIT_NO_INTERFACE);
    }
    let missing: Vec<_> = unknown.iter().map(|name| Missing::new(name, &[])).collect();
    no_such_interface(&missing, Among::Matching(regex), socket)
}

/// Returns the daemon's JSON, with fields that this version does not know.
async fn document(args: &StatusArgs, client: &mut Client) -> Result<Document, Failure> {
    let status: Value = client.get("/v1/status").await?;
    let mut answer: Value = client.get(&args.path()).await?;
    let mut interfaces = answer["interfaces"].take();
    if args.guests {
        Guests::read()?.add_to(&mut interfaces);
    }
    let names = interfaces.as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).map(str::to_owned);
    let names = names.collect();
    Ok(Document { value: serde_json::json!({ "status": status, "interfaces": interfaces }), names })
}

/// Returns the lines of the status, each with its newline.
async fn lines(args: &StatusArgs, client: &mut Client) -> Result<Shown, Failure> {
    let status: Status = client.get("/v1/status").await?;
    let Interfaces { mut interfaces, .. } = client.get(&args.path()).await?;
    interfaces.sort_by(|a, b| args.sort.compare(a, b).then_with(|| natural(&a.name, &b.name)));
    let guests = args.guests.then(Guests::read).transpose()?;
    let rows: Vec<_> = interfaces.iter().map(|one| Row::new(one, guests.as_ref())).collect();
    let mut text = table::head(&status, screen::width());
    text.extend(table::render(&rows, screen::width()));
    if rows.is_empty()
        && let Some(nothing) = args.nothing(&status, args.others(client).await?)
    {
        text.push(format!("{}\n", screen::wrap(&nothing, screen::width(), 2)));
    }
    Ok(Shown { text, names: interfaces.into_iter().map(|one| one.name).collect() })
}

/// The most interfaces that a report lists.
const MOST_ROWS: usize = 200;

/// Returns the totals, and the interfaces that are `named` or need the operator.
/// `all` is the command that shows all interfaces, `shown` returns what is shown for a text.
pub(super) fn for_report(
    status: &Status,
    interfaces: &[Interface],
    named: &[String],
    all: &str,
    shown: &dyn Fn(&str) -> String,
) -> String {
    let named: Vec<_> = named.iter().map(|argument| names(argument)).collect();
    let is_named = |one: &Interface| named.iter().any(|names| names(&one.name));
    let is_wanted = |one: &&Interface| is_named(one) || attention(one) < NO_ATTENTION;
    let mut wanted: Vec<_> = interfaces.iter().filter(is_wanted).cloned().collect();
    wanted.sort_by(|a, b| natural(&a.name, &b.name));
    let more = wanted.len().saturating_sub(MOST_ROWS);
    wanted.truncate(MOST_ROWS);
    let rows: Vec<_> = wanted.iter().map(|one| Row::new(one, None).map(shown)).collect();
    let lines = [table::head(status, usize::MAX), table::render(&rows, usize::MAX)].concat().concat();
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

    /// Returns the interfaces that were named, or all, in whatever state.
    async fn in_any_state(&self, client: &mut Client) -> Result<Vec<Interface>, Failure> {
        let Interfaces { interfaces, .. } = client.get(&path_with("/v1/interfaces", self.names())).await?;
        Ok(interfaces)
    }

    /// Returns how many of the interfaces that were named, or of all, are in other states than those of `--state`.
    async fn others(&self, client: &mut Client) -> Result<States, Failure> {
        let mut others = States::default();
        if !self.state.is_empty() {
            let states = self.in_any_state(client).await?.into_iter().filter_map(|one| one.state.known().copied());
            states.filter(|state| !self.state.contains(state)).for_each(|state| others.add(state));
        }
        Ok(others)
    }

    /// Returns an interface that is meant to be the value of `--watch`, but for the sign that belongs before it.
    fn misplaced_interval(&self) -> Option<&String> {
        let is_interval = |name: &&String| name.parse::<Seconds>().is_ok();
        self.interfaces.iter().find(is_interval).filter(|_| self.watch == Some(None))
    }

    /// Returns what was asked for where there is none, and how many `others` there are in other states; `None` where
    /// the command ends with an error that says so.
    fn nothing(&self, status: &Status, others: States) -> Option<String> {
        let regex = &status.settings.interface_regex;
        let others = State::ALL.map(|state| (others.get(state), state.name()));
        let others: Vec<_> = others.iter().filter(|(count, _)| *count > 0).collect();
        match (self.interfaces.as_slice(), others.as_slice()) {
            ([], []) => Some(format!("no interface matches {regex}")),
            (_, []) if self.watch.is_none() => None,
            (named, []) => Some(format!("no such interface among those that match {regex}: {}", screen::list(named))),
            (named, others) => {
                let of = if named.is_empty() { String::new() } else { format!(" of {}", screen::list(named)) };
                let wanted = screen::list(self.state.iter().map(|state| state.name()));
                let others = screen::list(others.iter().map(|(count, state)| format!("{count} {state}")));
                Some(format!("no interface{of} in state {wanted}; in other states: {others}"))
            }
        }
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: StatusArgs,
    }

    fn args(words: &[&str]) -> StatusArgs {
        Line::parse_from(["status"].iter().chain(words)).args
    }

    #[test]
    fn an_interval_behind_a_blank_is_refused() {
        for (words, expected) in [
            (&["--watch", "5s"][..], Some("5s")),
            (&["vm1", "--watch", "1m"], Some("1m")),
            (&["--watch", "vm1"], None),
            (&["--watch=5s", "vm1"], None),
            (&["--watch=5s", "5s"], None),
            (&["5s"], None),
        ] {
            assert_eq!(args(words).misplaced_interval().map(String::as_str), expected, "{words:?}");
        }
        assert_eq!(args(&["--watch=5s"]).watch, Some(Some(Seconds(Duration::from_secs(5)))));
        assert_eq!(args(&[]).watch, None);
        let Err(failure) = run(&args(&["--watch", "5s"])) else { panic!("it is refused") };
        assert!(failure.to_string().ends_with("; write --watch=5s"), "{failure}");
    }

    #[test]
    fn a_name_that_does_not_match_is_not_said_to_be_absent() {
        let socket = ControlSocketArg { socket: "/srv/s".into(), instance: None };
        let said = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            absent(&names.iter().collect::<Vec<_>>(), "^vm", &socket).to_string()
        };
        assert_eq!(said(&["lo", "eth0"]), "the daemon ignores lo, eth0: no match for --interface-regex ^vm");
        let absent = "no such interface among those that match ^vm: ";
        for names in [&["vm9"][..], &["x*"], &["lo", "vm9"]] {
            assert!(said(names).starts_with(&format!("{absent}{}; ", names.join(", "))), "{}", said(names));
        }
    }
}
