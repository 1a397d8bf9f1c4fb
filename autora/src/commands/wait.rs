//! `autora wait`: waits until an RA has left on an interface. It follows the daemon's events and does not
//! poll.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use hyper::StatusCode;
use tokio::time::{Instant, interval_at, sleep, timeout};

use super::{
    client::{self, ControlSocketArg, block_on, interface_name, path_with},
    outcome::CommandResult,
    screen,
};
use crate::{
    config::Seconds,
    control::{
        client::{ClientError, Lines, encode},
        model::{EventDetail, EventLine, Interface, State},
    },
    engine::action::Cause,
    error::Failure,
};

/// The exit code if no RA left on the interface in time.
const EXIT_TOO_LATE: u8 = 3;
/// The exit code if there was no such interface in time, or its name does not match.
const EXIT_UNKNOWN: u8 = 4;

/// How long the daemon may take, after the timeout, to answer why no RA has left.
const REASON_TIMEOUT: Duration = Duration::from_secs(2);

/// Time between two attempts to connect while the daemon restarts.
const RECONNECT: Duration = Duration::from_millis(200);

/// How often the line on the terminal is written.
const TICK: Duration = Duration::from_secs(1);

const AFTER_HELP: &str = "\
Examples:
  autora wait tap-vm-7 --timeout 10s && start-the-guest

It ends at once if an RA has already left. The interface need not exist or be fit yet. A restart of the daemon is waited \
for, but a daemon must be running at the beginning.

Exit codes: 0 an RA has left; 3 none has left in time, for the reason that is printed; 4 the interface did not exist in \
time, or its name does not match; 2 wrong usage; 1 any other failure, such as no daemon.";

/// The arguments of `autora wait`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct WaitArgs {
    /// The interface
    #[arg(value_name = "IFACE", value_parser = interface_name())]
    pub interface: String,

    /// How long to wait, up to "infinity"
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
    block_on(async {
        // A daemon that is not there now is an error; one that goes away later is restarting.
        drop(args.socket.connect().await?);
        let end = timeout(args.timeout.0, until_advertised(args)).await;
        Waiting::hide();
        match end {
            Ok(Ok(())) => Ok(ExitCode::SUCCESS),
            Ok(Err(error)) => Err(failure(args, error)),
            Err(_elapsed) => Err(too_late(args).await),
        }
    })
}

/// Tries again while the daemon restarts, or has too many clients.
async fn until_advertised(args: &WaitArgs) -> Result<(), ClientError> {
    loop {
        match attempt(args).await {
            Err(
                ClientError::Broken(_)
                | ClientError::Connect { .. }
                | ClientError::Ended
                | ClientError::Refused(StatusCode::SERVICE_UNAVAILABLE, _),
            ) => sleep(RECONNECT).await,
            done => return done,
        }
    }
}

/// Subscribes to events before it reads the state, so that no event is missed in between.
async fn attempt(args: &WaitArgs) -> Result<(), ClientError> {
    let mut events = args.socket.connect().await?;
    let path = path_with("/v1/events", [("name", args.interface.clone())]);
    let mut events = events.open(&path).await?;
    // The subscription holds from the first line on.
    _ = events.next::<EventLine>().await?;
    let mut waiting = Waiting { args, state: state(args).await?, began: Instant::now() };
    if waiting.is_advertised() {
        return Ok(());
    }
    waiting.advertised(&mut events).await
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

struct Waiting<'a> {
    args: &'a WaitArgs,
    state: Option<Interface>,
    began: Instant,
}

impl Waiting<'_> {
    fn is_advertised(&self) -> bool {
        self.state.as_ref().is_some_and(|interface| interface.advertised && interface.state == State::Serving)
    }

    async fn advertised(&mut self, events: &mut Lines) -> Result<(), ClientError> {
        let on_terminal = io::stderr().is_terminal();
        let mut ticks = interval_at(self.began + TICK, TICK);
        loop {
            let event = tokio::select! {
                event = events.next::<EventLine>() => event?,
                _ = ticks.tick(), if on_terminal => {
                    self.show();
                    continue;
                }
            };
            let event = event.ok_or(ClientError::Ended)?;
            if event.interface.as_deref().is_some_and(|name| name != self.args.interface) {
                // A name with `*` or `?` in it is a pattern to the daemon, and matches others, too.
                continue;
            }
            if matches!(&event.what, EventDetail::RaSent { cause, .. } if *cause != Cause::Final) {
                return Ok(());
            }
            // These change the reason that is shown; a missed event may be the one that is waited for.
            if let EventDetail::Missed { .. } | EventDetail::NotServed { .. } | EventDetail::Gone = event.what {
                self.state = state(self.args).await?;
                if self.is_advertised() {
                    return Ok(());
                }
            }
        }
    }

    /// Writes the line on the terminal, over the previous one.
    fn show(&self) {
        let why = match self.state.as_ref().map(|found| found.reasons.as_slice()) {
            None => "does not exist yet".to_owned(),
            Some([]) => "no RA yet".to_owned(),
            Some(reasons) => screen::list(reasons.iter().map(|reason| &reason.name)),
        };
        let name = &self.args.interface;
        let waited = self.began.elapsed().as_secs();
        _ = write!(io::stderr(), "\rwaiting for {name}: {why} ({waited} s)\x1b[K");
    }

    fn hide() {
        if io::stderr().is_terminal() {
            _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

async fn too_late(args: &WaitArgs) -> Failure {
    let Ok(found) = timeout(REASON_TIMEOUT, state(args)).await else { return ClientError::Silent.into() };
    let name = &args.interface;
    let because = |why: String| Failure::because(format!("no RA on {name} within {}: {why}", args.timeout));
    match found {
        Ok(Some(found)) => because(why_not_advertised(&found))
            .advise(format!("autora explain {name} shows what to do"))
            .with_code(EXIT_TOO_LATE),
        Ok(None) => because("there is no such interface".to_owned()).with_code(EXIT_UNKNOWN),
        Err(error) => failure(args, error),
    }
}

fn why_not_advertised(found: &Interface) -> String {
    match found.state {
        State::NotServed => client::sentences(&found.reasons),
        State::Paused => "it has no carrier".to_owned(),
        State::Ceasing => "it is no longer served".to_owned(),
        State::Serving => match &found.send_failures.error {
            Some(error) => format!("sending failed: {error}"),
            None => "it is served, and an RA is due soon".to_owned(),
        },
    }
}

/// Returns the failure for `error`; a name that does not match has an exit code of its own.
fn failure(args: &WaitArgs, error: ClientError) -> Failure {
    if let ClientError::Refused(_, refusal) = &error
        && refusal.matches == Some(false)
    {
        let why = format!("{} is not served: {}", args.interface, refusal.message);
        return Failure::because(why).with_code(EXIT_UNKNOWN);
    }
    error.into()
}
