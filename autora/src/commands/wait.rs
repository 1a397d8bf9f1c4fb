//! `autora wait`: waits until an RA has left on an interface. It follows the daemon's events and does not
//! poll.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use tokio::time::{Instant, interval, sleep, timeout};

use super::{
    absent::{Among, EXIT_NO_INTERFACE, Missing, no_such_interface, note_waiting},
    client::{self, ControlSocketArg, block_on, interface_name, is_pattern, why_paused},
    outcome::CommandResult,
    screen,
};
use crate::{
    addr::name_bytes,
    config::Seconds,
    control::{
        client::{ClientError, encode},
        model::{EventDetail, EventLine, Interface, Reason, State},
    },
    engine::{action::Cause, eligibility::WaitsFor},
    error::Failure,
};

/// The exit code if no RA left on the interface in time.
const EXIT_TOO_LATE: u8 = 3;
/// Bytes of the longest name of an interface (`IFNAMSIZ` less the 0 at the end, `linux/if.h`).
const MAX_NAME_LEN: usize = 15;

/// How long the daemon may take, after the timeout, to answer why no RA has left.
const REASON_TIMEOUT: Duration = Duration::from_secs(2);

/// Time between two attempts to connect while the daemon restarts.
const RECONNECT: Duration = Duration::from_millis(200);

/// How often the line on the terminal is written.
const TICK: Duration = Duration::from_secs(1);

const AFTER_HELP: &str = "\
Examples:
  autora wait tap-vm-7 --timeout 10s && start-the-guest

It ends at once if an RA has left already, and the interface is served and not paused. The interface need not exist \
or be fit yet: of one that does not exist a note on standard error says that it is waited for. A restart of the daemon \
is waited for, but a daemon must be running at the beginning. With --timeout 0s nothing is waited for: the exit code \
says whether an RA has left.

Exit codes: 0 an RA has left; 3 none has left in time, for the reason that is printed; 4 no interface had the name in \
time, or it does not match --interface-regex; 2 wrong usage; 1 any other failure, such as no daemon.";

/// The arguments of `autora wait`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct WaitArgs {
    /// The interface: one name, no pattern
    #[arg(value_name = "IFACE", value_parser = interface_name())]
    pub interface: String,

    /// How long to wait, up to "infinity"; with 0s the daemon is asked once
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub timeout: Seconds,

    /// The daemon.
    #[command(flatten)]
    pub socket: ControlSocketArg,
}

/// Waits until an RA has left.
///
/// # Errors
///
/// Returns a [`Failure`] if no daemon answers, if the name does not match, and after the timeout.
pub fn run(args: &WaitArgs) -> CommandResult {
    if name_bytes(&args.interface).len() > MAX_NAME_LEN {
        return Err(unknown_alternative(&args.interface));
    }
    if args.timeout.0.is_zero() {
        return block_on(async { answer_now(args).await });
    }
    block_on(async {
        let line = StatusLine::of(args);
        let mut waiting = Waiting { args, line: &line, is_first: true, is_absence_noted: false, obstacle: None };
        let end = timeout(args.timeout.0, waiting.until_advertised()).await;
        line.hide();
        match end {
            Ok(Ok(())) => Ok(ExitCode::SUCCESS),
            Ok(Err(error)) => Err(failure(args, error)),
            Err(_elapsed) => Err(waiting.too_late().await),
        }
    })
}

fn unknown_alternative(name: &str) -> Failure {
    let what = format!("no such interface{}: {name}", Among::Namespace);
    let advice = format!(
        "only an alternative name has more than {MAX_NAME_LEN} bytes: wait for its name, or until the interface exists"
    );
    Failure::because(what).advise(advice).with_code(EXIT_NO_INTERFACE)
}

/// Asks once. Unlike a wait, the answer has all the time that it needs.
async fn answer_now(args: &WaitArgs) -> CommandResult {
    match state(args).await {
        Ok(Some(found)) if is_advertised(&found) => Ok(ExitCode::SUCCESS),
        Ok(found) => Err(no_ra(args, found.as_ref(), &not_now(&args.interface, found.as_ref()))),
        Err(error) => Err(failure(args, error)),
    }
}

/// Returns what is to be said of one question: RAs that left before the interface was paused or withdrawn do not count.
fn not_now(name: &str, found: Option<&Interface>) -> String {
    match found.and_then(left_before) {
        Some(_) => format!("no RA can leave on {name} now"),
        None => format!("no RA on {name} yet"),
    }
}

/// Returns how many seconds ago the last RA left, if none can leave now.
fn left_before(found: &Interface) -> Option<f64> {
    found.last_ra.as_ref().filter(|_| found.state != State::Serving.into()).map(|last| last.ago_s)
}

/// Returns the failure that says why no RA has left on the interface, after `what`.
fn no_ra(args: &WaitArgs, found: Option<&Interface>, what: &str) -> Failure {
    let Some(found) = found else {
        let missing = Missing::new(&args.interface, &[]);
        let absent = no_such_interface(&[missing], Among::Daemon, &args.socket).because_of(what);
        return advise_on_pattern(args, absent);
    };
    Failure::because(format!("{what}: {}", why_not_advertised(found)))
        .advise(format!("{} shows what to do", args.socket.command("explain", &[]).about(&args.interface)))
        .with_code(EXIT_TOO_LATE)
}

struct Waiting<'a> {
    args: &'a WaitArgs,
    line: &'a StatusLine<'a>,
    /// Whether no attempt has failed yet.
    is_first: bool,
    /// Whether a note has said that the interface does not exist yet.
    is_absence_noted: bool,
    /// What stood in the way of the last attempt, if it did not succeed.
    obstacle: Option<ClientError>,
}

impl Waiting<'_> {
    /// Tries again while the daemon restarts, or has too many clients. A daemon that is not there at the beginning is
    /// an error.
    async fn until_advertised(&mut self) -> Result<(), ClientError> {
        loop {
            match self.attempt().await {
                Err(error @ ClientError::Connect { .. }) if self.is_first => return Err(error),
                Err(ClientError::Refused(..)) if self.has_left().await => return Ok(()),
                Err(error) if error.may_pass() => self.obstacle = Some(error),
                done => return done,
            }
            self.is_first = false;
            sleep(RECONNECT).await;
        }
    }

    /// Returns whether an RA has left already, for a daemon that has no room for another wait.
    async fn has_left(&self) -> bool {
        state(self.args).await.is_ok_and(|found| found.as_ref().is_some_and(is_advertised))
    }

    /// Follows the interface on one connection: its state, and its events from then on.
    async fn attempt(&mut self) -> Result<(), ClientError> {
        let path = format!("/v1/interfaces/{}/events", encode(&self.args.interface));
        let mut events = self.args.socket.connect().await?.open(&path).await?;
        self.is_first = false;
        self.obstacle = None;
        let mut ticks = interval(TICK);
        let mut why = String::new();
        loop {
            let line = tokio::select! {
                line = events.line() => line?.ok_or(ClientError::Ended)?,
                _ = ticks.tick(), if self.line.is_shown => {
                    self.line.show(&why);
                    continue;
                }
            };
            // A newer daemon may send events that this version does not know.
            let Ok(event) = serde_json::from_slice::<EventLine>(&line) else { continue };
            match Progress::of(event.what) {
                Progress::Left => return Ok(()),
                // The event that is waited for may be missing: the next attempt reads the state.
                Progress::Missed => return Err(ClientError::Ended),
                Progress::Waiting(because) => why = because,
                Progress::Absent => {
                    self.note_absence();
                    why = String::from("does not exist yet");
                }
                Progress::None => {}
            }
        }
    }

    async fn too_late(self) -> Failure {
        let Self { args, obstacle, .. } = self;
        let what = format!("no RA on {} within {}", args.interface, args.timeout);
        match timeout(REASON_TIMEOUT, state(args)).await.unwrap_or(Err(ClientError::Silent)) {
            Ok(found) => no_ra(args, found.as_ref(), &what),
            Err(error) => failure(args, obstacle.unwrap_or(error)),
        }
    }

    fn note_absence(&mut self) {
        if !self.is_absence_noted {
            note_waiting(&[&self.args.interface], Among::Daemon);
        }
        self.is_absence_noted = true;
    }
}

/// What an event means for the wait.
enum Progress {
    /// An RA has left.
    Left,
    /// Events are missing.
    Missed,
    /// None has left, for this reason.
    Waiting(String),
    /// There is no such interface.
    Absent,
    /// Nothing.
    None,
}

impl Progress {
    fn of(event: EventDetail) -> Self {
        match event {
            EventDetail::Current { current: Some(current) } if is_advertised(&current) => Self::Left,
            EventDetail::Current { current: Some(current) } => Self::Waiting(match &current.waits_for {
                Some(waits_for) => why_paused(waits_for),
                None => short_reason(&current.reasons),
            }),
            EventDetail::Current { current: None } | EventDetail::Gone => Self::Absent,
            EventDetail::RaSent { cause, .. } if cause != Cause::Final.into() => Self::Left,
            EventDetail::NotServed { reasons } => Self::Waiting(short_reason(&reasons)),
            EventDetail::Serving { .. } => Self::Waiting(short_reason(&[])),
            EventDetail::Paused { .. } => Self::Waiting(WaitsFor::Carrier.why().to_owned()),
            EventDetail::Missed { .. } => Self::Missed,
            EventDetail::Hello { .. }
            | EventDetail::Alive
            | EventDetail::NoLongerMatching
            | EventDetail::RaSent { .. }
            | EventDetail::RaFailed { .. }
            | EventDetail::RsAccepted { .. }
            | EventDetail::RsDropped { .. }
            | EventDetail::OtherRouter { .. }
            | EventDetail::Stopping => Self::None,
        }
    }
}

/// Returns the interface's state; `None` if the name matches and there is no such interface.
async fn state(args: &WaitArgs) -> Result<Option<Interface>, ClientError> {
    let path = format!("/v1/interfaces/{}", encode(&args.interface));
    match args.socket.connect().await?.get(&path).await {
        Ok(interface) => Ok(Some(interface)),
        Err(ClientError::Refused(_, error)) if error.matches == Some(true) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_advertised(interface: &Interface) -> bool {
    interface.advertised && interface.state == State::Serving.into()
}

fn short_reason(reasons: &[Reason]) -> String {
    if reasons.is_empty() { "no RA yet".to_owned() } else { screen::list(reasons.iter().map(|reason| &reason.name)) }
}

/// The line on a terminal that can rewrite it.
struct StatusLine<'a> {
    args: &'a WaitArgs,
    began: Instant,
    is_shown: bool,
}

impl<'a> StatusLine<'a> {
    fn of(args: &'a WaitArgs) -> Self {
        Self { args, began: Instant::now(), is_shown: screen::is_rewritable(&io::stderr()) }
    }

    /// Writes the line over the previous one.
    fn show(&self, why: &str) {
        let name = &self.args.interface;
        let waited = self.began.elapsed().as_secs();
        if waited > 0 {
            _ = write!(io::stderr(), "\rwaiting for {name}: {why} ({waited} s)\x1b[K");
        }
    }

    fn hide(&self) {
        if self.is_shown {
            _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn why_not_advertised(found: &Interface) -> String {
    let before = left_before(found).map(|ago| format!("; the last one left {ago:.0} s ago")).unwrap_or_default();
    let now = match found.state.known() {
        None => format!("it is {}", found.state),
        Some(State::NotServed) => client::sentences(&found.reasons),
        Some(State::Paused) => found.waits_for.as_ref().map_or_else(|| "it is paused".to_owned(), why_paused),
        Some(State::Ceasing) => "it is no longer served".to_owned(),
        Some(State::Serving) => match &found.send_failures.error {
            Some(error) => format!("sending failed: {error}"),
            None => "it is served, and an RA is due soon".to_owned(),
        },
    };
    now + &before
}

/// Returns the failure for `error`; a name that does not match has an exit code of its own.
fn failure(args: &WaitArgs, error: ClientError) -> Failure {
    if let ClientError::Refused(_, refusal) = &error
        && refusal.matches == Some(false)
    {
        let why = format!("{} is not served: {}", args.interface, refusal.message);
        return advise_on_pattern(args, Failure::because(why).with_code(EXIT_NO_INTERFACE));
    }
    error.into()
}

/// Returns `failure`, with advice for a pattern.
fn advise_on_pattern(args: &WaitArgs, failure: Failure) -> Failure {
    if is_pattern(&args.interface) { failure.advise("wait takes one name, and no pattern") } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ras_that_left_before_a_pause_are_told() {
        let said = |state: &str, waits_for: Option<&str>, last_ra: bool| {
            let interface = serde_json::json!({
                "name": "vm1", "ifindex": 7, "state": state, "prefix": null, "source": null, "advertised": true,
                "waits_for": waits_for,
                "reasons": [], "retired_prefixes": [], "next_ra_in_s": null, "overdue": false, "rs": null,
                "last_ra": last_ra.then(|| serde_json::json!({ "ago_s": 15.2, "cause": "unsolicited" })),
                "other_router": null, "ra_sent": { "unsolicited": 1, "solicited": 0, "final": 0 },
                "send_failures": { "total": 0, "in_a_row": 0, "error": null },
            });
            let found: Interface = serde_json::from_value(interface).unwrap();
            format!("{}: {}", not_now("vm1", Some(&found)), why_not_advertised(&found))
        };
        let carrier = Some("carrier");
        for (state, waits_for, last_ra, expected) in [
            ("paused", carrier, false, "no RA on vm1 yet: it has no carrier"),
            ("paused", carrier, true, "no RA can leave on vm1 now: it has no carrier; the last one left 15 s ago"),
            ("paused", Some("detection"), false, "no RA on vm1 yet: duplicate address detection runs on its source"),
            ("paused", Some("a-key"), false, "no RA on vm1 yet: it waits for a-key"),
            ("paused", None, false, "no RA on vm1 yet: it is paused"),
            ("ceasing", None, true, "no RA can leave on vm1 now: it is no longer served; the last one left 15 s ago"),
            ("serving", None, true, "no RA on vm1 yet: it is served, and an RA is due soon"),
        ] {
            assert_eq!(said(state, waits_for, last_ra), expected);
        }
    }
}
