//! The log: its destination and its format. It is never waited for: a line that finds no room is dropped and
//! counted.

mod dropped;
mod fields;
mod journal;
mod priority;
mod stderr;

use std::{
    env, fmt,
    io::{self, IsTerminal},
    os::fd::AsFd,
    panic::{self, PanicHookInfo},
};

use nix::sys::stat::fstat;
use tracing::{Event, Level, Subscriber, level_filters::LevelFilter, subscriber::SetGlobalDefaultError};
use tracing_subscriber::{
    Layer, Registry,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
};

pub(crate) use self::stderr::write_last;
pub use self::{dropped::lines_dropped, stderr::finish};
use self::{fields::QuotedFields, journal::Journal, priority::priority, stderr::Stderr};
use crate::settings::{LogFormat, LogLevel};

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The journal's socket does not answer.
    #[error("cannot log to the journal")]
    Journal(#[source] io::Error),
    /// The log was set up before.
    #[error("cannot set up the log")]
    Again(#[from] SetGlobalDefaultError),
}

/// Starts to log events of `level` and above.
///
/// # Errors
///
/// Returns [`LogError::Journal`] if there is no journal to write to.
pub fn set_up(level: LogLevel, format: LogFormat) -> Result<(), LogError> {
    // Now, and not with the first line, which a confined process may write.
    Stderr::open();
    panic::set_hook(Box::new(report_panic));
    let layer = match format {
        LogFormat::Text => text(),
        LogFormat::Json => lines().json().flatten_event(true).with_current_span(false).boxed(),
        LogFormat::Journald => Journal::open().map_err(LogError::Journal)?.boxed(),
    };
    Ok(tracing::subscriber::set_global_default(Registry::default().with(layer).with(LevelFilter::from(level)))?)
}

/// A panic is a bug, and ends the process: standard error is not waited for, as for every other line.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let what = panic.to_string().replace('\n', " ");
    let prefix = priority_prefix(Level::ERROR);
    stderr::write_panic(&format!("{prefix}error: a bug in autora, please report it: {what}\n"));
}

type Lines = tracing_subscriber::fmt::Layer<
    Registry,
    tracing_subscriber::fmt::format::DefaultFields,
    tracing_subscriber::fmt::format::Format,
    fn() -> Stderr,
>;

fn lines() -> Lines {
    tracing_subscriber::fmt::layer()
        .with_target(false)
        // The layer would report a failed write to the same standard error, and panic.
        .log_internal_errors(false)
        .with_writer(Stderr::open as fn() -> Stderr)
}

fn text() -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = lines().fmt_fields(QuotedFields);
    if stderr_is_the_journal() {
        return lines.with_ansi(false).without_time().map_event_format(WithPriority).boxed();
    }
    lines.with_ansi(io::stderr().is_terminal()).boxed()
}

/// Returns the prefix that gives a line on standard error its priority if that is the journal; else an empty
/// string.
pub(crate) fn priority_prefix(level: Level) -> String {
    if stderr_is_the_journal() { format!("<{}>", priority(level)) } else { String::new() }
}

/// Returns whether standard error is the stream that the service manager connected to the journal, and not
/// redirected since:
/// [`$JOURNAL_STREAM`](https://www.freedesktop.org/software/systemd/man/systemd.exec.html#%24JOURNAL_STREAM).
fn stderr_is_the_journal() -> bool {
    let Ok(named) = env::var("JOURNAL_STREAM") else { return false };
    let Ok(stat) = fstat(io::stderr().as_fd()) else { return false };
    named == format!("{}:{}", stat.st_dev, stat.st_ino)
}

/// A format whose lines begin with their priority as `<4>`, which the journal reads from a stream:
/// `sd-daemon(3)`.
struct WithPriority<F>(F);

impl<S, N, F> FormatEvent<S, N> for WithPriority<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}
