//! `autora monitor`: the daemon's events as they happen.

use std::{
    process::ExitCode,
    time::{Duration, SystemTime},
};

use anstyle::Style;
use serde_json::{Map, Value};
use tokio::select;

use super::{
    absent::{Among, naming_none, note_waiting},
    client::{self, ControlSocketArg, block_on, counts, interface_name, path_with},
    outcome::CommandResult,
    screen,
};
use crate::{
    control::{
        client::ClientError,
        model::{EventDetail, EventLine, Interfaces, Status},
    },
    engine::eligibility::WaitsFor,
    error::{self, Failure},
    sys::output_reader::OutputReader,
};

const AFTER_HELP: &str = "\
Examples:
  autora monitor                          all events
  autora monitor 'tap-vm-*'               events of some interfaces
  autora monitor --json | jq -c 'select(.event == \"not-served\")'

Dropped solicitations are added up: about one line per second for an interface.

Interfaces need not exist yet: of a name that none has, or a pattern that matches none, a note on standard error says \
that it is waited for.

Exit codes: 0 the reader of standard output has closed it; 2 wrong usage; 1 any other failure, such as no daemon, or one \
that ended.";

/// The arguments of `autora monitor`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct MonitorArgs {
    /// Interfaces, or patterns like 'vm*'; without one, all events
    #[arg(value_name = "IFACE", value_parser = interface_name())]
    pub interfaces: Vec<String>,

    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,

    /// The daemon.
    #[command(flatten)]
    pub socket: ControlSocketArg,
}

/// Prints events until the reader of standard output goes away.
///
/// # Errors
///
/// Returns a [`Failure`] if no daemon answers, and when the daemon ends.
pub fn run(args: &MonitorArgs) -> CommandResult {
    block_on(async {
        let mut events = args.socket.connect().await?.open(&args.path("/v1/events")).await?;
        // Once the events are listened to, so that none of an interface that comes meanwhile is missed.
        if let Err(failure) = note_absent(args).await {
            error::warn(&failure.because_of("cannot ask which of these interfaces exist"));
        }
        let reader = OutputReader::watch();
        loop {
            // Nothing may happen for long, and a reader that goes is not told by a write then.
            let line = select! {
                line = events.line() => line?,
                () = reader.gone() => return Ok(ExitCode::SUCCESS),
            };
            let Some(line) = line else { return Err(Failure::because("the daemon has ended")) };
            let shown = if args.json { Some(String::from_utf8_lossy(&line).into_owned()) } else { render(&line)? };
            if let Some(shown) = shown
                && screen::show(&format!("{shown}\n"))?.is_break()
            {
                return Ok(ExitCode::SUCCESS);
            }
        }
    })
}

/// Notes which names and patterns name no interface of the daemon yet.
async fn note_absent(args: &MonitorArgs) -> Result<(), Failure> {
    if args.interfaces.is_empty() {
        return Ok(());
    }
    let mut client = args.socket.connect().await?;
    let Interfaces { interfaces, .. } = client.get(&args.path("/v1/interfaces")).await?;
    let existing: Vec<_> = interfaces.into_iter().map(|interface| interface.name).collect();
    let absent = naming_none(&args.interfaces, &existing);
    if !absent.is_empty() {
        let Status { settings, .. } = client.get("/v1/status").await?;
        note_waiting(&absent, Among::Matching(&settings.interface_regex));
    }
    Ok(())
}

impl MonitorArgs {
    /// Returns `path` for the interfaces that were named, or for all.
    fn path(&self, path: &str) -> String {
        path_with(path, self.interfaces.iter().map(|name| ("name", name.clone())))
    }
}

/// Returns the event as a line, or `None` if it is not shown.
fn render(line: &[u8]) -> Result<Option<String>, ClientError> {
    let Ok(EventLine { time, interface, what, .. }) = serde_json::from_slice(line) else {
        return newer(serde_json::from_slice(line)?).map(Some);
    };
    Ok(describe(&what).map(|(style, text)| row(time, interface.as_deref(), style, &text)))
}

/// Returns the line of an event that only a newer daemon knows: its name, and its fields as they are.
fn newer(mut event: Map<String, Value>) -> Result<String, ClientError> {
    let time = event.remove("time").and_then(|time| time.as_f64()).unwrap_or_default();
    let mut text = |field| event.remove(field).and_then(|value| value.as_str().map(str::to_owned));
    let (interface, name) = (text("interface"), text("event").unwrap_or_default());
    event.remove("ifindex");
    let fields = if event.is_empty() { String::new() } else { format!(" {}", serde_json::to_string(&event)?) };
    Ok(row(time, interface.as_deref(), Style::new(), &format!("{name}{fields}")))
}

fn row(time: f64, interface: Option<&str>, style: Style, text: &str) -> String {
    let at = Duration::try_from_secs_f64(time).unwrap_or_default();
    let at = humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + at).to_string();
    let name = interface.unwrap_or("-");
    format!("{} {name:<15} {}", screen::styled(screen::FAINT, &at), screen::styled(style, text))
}

fn describe(what: &EventDetail) -> Option<(Style, String)> {
    let plain = Style::new();
    Some(match what {
        EventDetail::Hello { version, .. } => (screen::FAINT, format!("listening to autora {version}")),
        EventDetail::Alive | EventDetail::Current { .. } => return None,
        EventDetail::Serving { source, prefix } => (screen::GOOD, format!("serving {prefix} from {source}")),
        EventDetail::Paused { .. } => (screen::ODD, format!("paused: {}", WaitsFor::Carrier.why())),
        EventDetail::NotServed { reasons } => (screen::BAD, format!("not serving: {}", client::sentences(reasons))),
        EventDetail::NoLongerMatching => (screen::ODD, "its name no longer matches".to_owned()),
        EventDetail::Gone => (screen::ODD, "the interface is gone".to_owned()),
        EventDetail::RaSent { cause, next_in_s, .. } => {
            let next = next_in_s.map_or_else(String::new, |next| format!(", next in {next:.1} s"));
            (plain, format!("RA sent ({cause}){next}"))
        }
        EventDetail::RaFailed { cause, error, in_a_row } => {
            (screen::BAD, format!("RA not sent ({cause}): {error}, {in_a_row} in a row"))
        }
        EventDetail::RsAccepted { answer_in_s } => (plain, format!("RS, answer in {answer_in_s:.3} s")),
        EventDetail::RsDropped { dropped } => (screen::FAINT, format!("dropped {}", counts(dropped))),
        EventDetail::OtherRouter { source, router_lifetime_s } => {
            (screen::ODD, format!("another router advertises: {source}, Router Lifetime {router_lifetime_s:.0} s"))
        }
        EventDetail::Missed { count } => {
            (screen::ODD, format!("{count} events missed: they came faster than this command read them"))
        }
        EventDetail::Stopping => (screen::ODD, "the daemon stops".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_a_newer_daemon_are_shown_as_text() {
        let line = |event: &str| render(format!("{{\"time\":1.5,{event}}}").as_bytes()).unwrap().unwrap();
        let known = line(r#""interface":"vm1","ifindex":2,"event":"gone""#);
        assert!(known.contains("vm1") && known.contains("the interface is gone"), "the control: {known}");
        let unknown = line(r#""interface":"vm1","ifindex":2,"event":"too-hot","degrees":90"#);
        assert!(unknown.contains("vm1") && unknown.contains(r#"too-hot {"degrees":90}"#), "{unknown}");
        let reason = line(r#""event":"not-served","reasons":[{"name":"too-hot","text":"it is too hot"}]"#);
        assert!(reason.contains("not serving: it is too hot (too-hot)"), "{reason}");
        let cause = line(r#""event":"ra-sent","cause":"whim","source":"fe80::1","next_in_s":null"#);
        assert!(cause.contains("RA sent (whim)"), "{cause}");
    }
}
