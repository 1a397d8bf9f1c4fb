//! `autora wait`: until the first advertisement has left on an interface. It is told, and does not look again and again.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use hyper::StatusCode;
use tokio::time::{Instant, interval_at, sleep, timeout};

use super::{
    CommandResult,
    client::{self, ControlSocketArg, block_on, path_with},
    screen,
};
use crate::{
    config::Seconds,
    control::{
        client::{ClientError, Lines, encode},
        model::{EventDetail, EventLine, Interface, State},
    },
    diagnosis::printable,
    engine::action::Cause,
    error::Failure,
};

/// In time it was not fit to be served.
const EXIT_NOT_SERVED_IN_TIME: u8 = 3;
/// In time there was no such interface, or its name does not match.
const EXIT_UNKNOWN: u8 = 4;

/// How long the daemon may take to say why it was in vain.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// Time to the next try when the daemon has gone away: it may be on its way back.
const RECONNECT: Duration = Duration::from_millis(200);

/// Time between two looks of the line on the terminal that says why it takes long.
const TICK: Duration = Duration::from_secs(1);

const AFTER_HELP: &str = "\
Examples:
  autora wait tap-vm-7 --timeout 10s && start-the-guest

It ends at once if guests already have an RA. An interface that does not exist yet, or is not fit yet, is waited for.

Exit codes: 0 an RA has left; 3 not in time, and it says why; 4 there is no such interface, or its name does not match; \
2 wrong usage; 1 anything else, such as no daemon.";

/// The arguments of `autora wait`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct WaitArgs {
    /// The interface
    #[arg(value_name = "IFACE")]
    pub interface: String,

    /// How long to wait, or "infinity"
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub timeout: Seconds,

    /// Where the daemon is found.
    #[command(flatten)]
    pub socket: ControlSocketArg,
}

/// Waits.
///
/// # Errors
///
/// When there is no daemon, or it was in vain.
pub fn run(args: &WaitArgs) -> CommandResult {
    block_on(async {
        // Without a daemon there is nothing to wait for; one that goes away may come back.
        drop(args.socket.connect().await?);
        let end = timeout(args.timeout.0, until_advertised(args)).await;
        Waiting::hide();
        match end {
            Ok(Ok(())) => Ok(ExitCode::SUCCESS),
            Ok(Err(error)) => Err(refused(args, error)),
            Err(_elapsed) => Err(too_late(args).await),
        }
    })
}

/// Tries again where that may help: the daemon is on its way back, or has too many clients at the moment.
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

/// Listens first and looks then, so that nothing can happen unnoticed in between.
async fn attempt(args: &WaitArgs) -> Result<(), ClientError> {
    let mut events = args.socket.connect().await?;
    let path = path_with("/v1/events", [("name", args.interface.clone())]);
    let mut events = events.open(&path).await?;
    // The daemon listens for us from the first line on.
    _ = events.next::<EventLine>().await?;
    let mut waiting = Waiting { args, state: look(args).await?, began: Instant::now() };
    if waiting.is_advertised() {
        return Ok(());
    }
    waiting.advertised(&mut events).await
}

/// Returns what the daemon knows of the interface; `None` if it does not know it, and would serve it.
async fn look(args: &WaitArgs) -> Result<Option<Interface>, ClientError> {
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
            // The daemon ends: as if the connection broke off.
            let event = event.ok_or(ClientError::Ended)?;
            if event.interface.as_deref().is_some_and(|name| name != self.args.interface) {
                // A name may look like a pattern, and then others match it.
                continue;
            }
            if matches!(&event.what, EventDetail::RaSent { cause, .. } if *cause != Cause::Final) {
                return Ok(());
            }
            // All that is wanted beside is what to say meanwhile; and what was missed may be what was waited for.
            if let EventDetail::Missed { .. } | EventDetail::NotServed { .. } | EventDetail::Gone = event.what
            {
                self.state = look(self.args).await?;
                if self.is_advertised() {
                    return Ok(());
                }
            }
        }
    }

    /// Shows one line that changes in place.
    fn show(&self) {
        let why = match self.state.as_ref().map(|found| found.reasons.as_slice()) {
            None => "does not exist yet".to_owned(),
            Some([]) => "no RA yet".to_owned(),
            Some(reasons) => screen::list(reasons.iter().map(|reason| &reason.name)),
        };
        let name = printable(&self.args.interface);
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
    let Ok(looked) = timeout(LAST_LOOK, look(args)).await else { return ClientError::Silent.into() };
    let name = printable(&args.interface);
    let in_vain = |why: String| Failure::because(format!("no RA on {name} within {}: {why}", args.timeout));
    match looked {
        Ok(Some(found)) => in_vain(why_not_advertised(&found))
            .advise(format!("autora explain {name} says what helps"))
            .with_code(EXIT_NOT_SERVED_IN_TIME),
        Ok(None) => in_vain("there is no such interface".to_owned()).with_code(EXIT_UNKNOWN),
        Err(error) => refused(args, error),
    }
}

fn why_not_advertised(found: &Interface) -> String {
    match found.state {
        State::NotServed => client::sentences(&found.reasons),
        State::Paused => "it has no carrier".to_owned(),
        State::Ceasing => "it is served no longer".to_owned(),
        State::Serving => match &found.send_failures.error {
            Some(error) => format!("it could not be sent: {error}"),
            None => "it is served, and one will leave soon".to_owned(),
        },
    }
}

/// A name that does not match is not worth waiting for.
fn refused(args: &WaitArgs, error: ClientError) -> Failure {
    if let ClientError::Refused(_, refusal) = &error
        && refusal.matches == Some(false)
    {
        let why = format!("{} is not served: {}", printable(&args.interface), refusal.message);
        return Failure::because(why).with_code(EXIT_UNKNOWN);
    }
    error.into()
}
