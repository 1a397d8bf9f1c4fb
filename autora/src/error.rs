//! Errors of commands, in one form: `error: what happened: why; what to do`.

use std::{
    error::Error,
    fmt::{self, Display},
    iter,
    process::ExitCode,
};

use tracing::Level;

use crate::logging;

/// Returns `error` and its sources in one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    iter::successors(error.source(), |&cause| cause.source())
        .fold(error.to_string(), |line, cause| format!("{line}: {}", in_words(&cause.to_string())))
}

/// Returns the text of a system call's error without the number that the standard library appends.
fn in_words(cause: &str) -> &str {
    cause.split_once(" (os error ").map_or(cause, |(words, _)| words)
}

/// The exit code of failures that have none of their own.
pub const EXIT_FAILURE: u8 = 1;
/// The exit code of wrong usage or settings, the same as clap's.
pub const EXIT_USAGE: u8 = 2;

/// An error that ends a command: its text, advice, and exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    what: String,
    advice: Option<String>,
    code: u8,
}

impl Failure {
    /// Creates a failure from `error` and its sources.
    #[must_use]
    pub fn new(error: &dyn Error) -> Self {
        Self::because(chain(error))
    }

    /// Creates a failure from a text.
    #[must_use]
    pub fn because(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, code: EXIT_FAILURE }
    }

    /// Puts `what` before the text: what could not be done.
    #[must_use]
    pub fn because_of(self, what: &str) -> Self {
        Self { what: format!("{what}: {}", in_words(&self.what)), ..self }
    }

    /// Adds what the operator can do about it.
    #[must_use]
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// Sets an exit code other than [`EXIT_FAILURE`].
    #[must_use]
    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Writes the failure to standard error, and returns its exit code.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        write("error", self);
        ExitCode::from(self.code)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.advice.iter().try_for_each(|advice| write!(f, "; {advice}"))
    }
}

/// Writes a warning to standard error.
pub fn warn(what: &dyn Display) {
    write("warning", what);
}

/// Writes a remark to standard error.
pub fn note(what: &dyn Display) {
    write("note", what);
}

/// Writes an error for each of `all` to standard error. They are one text, so that a reader who does not read is waited
/// for once.
pub fn report_all(all: impl IntoIterator<Item: Display>) {
    logging::write_last(&all.into_iter().map(|what| line("error", &what)).collect::<String>());
}

fn write(kind: &str, what: &dyn Display) {
    logging::write_last(&line(kind, what));
}

fn line(kind: &str, what: &dyn Display) -> String {
    let priority = match kind {
        "error" => Level::ERROR,
        "note" => Level::INFO,
        _ => Level::WARN,
    };
    let prefix = logging::priority_prefix(priority);
    format!("{prefix}{kind}: {what}\n")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_failure_shows_what_happened_why_and_what_to_do() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot reach the daemon")]
        struct Unreachable(#[source] io::Error);

        let failure = Failure::new(&Unreachable(io::Error::other("no such file")));
        assert_eq!(failure.to_string(), "cannot reach the daemon: no such file");
        let kernels = Failure::new(&Unreachable(io::Error::from_raw_os_error(2)));
        assert_eq!(kernels.to_string(), "cannot reach the daemon: No such file or directory");
        assert_eq!(failure.advise("start it").to_string(), "cannot reach the daemon: no such file; start it");
    }
}
