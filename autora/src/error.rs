//! Errors for people: what happened, why, and what to do about it, always in the one shape
//! `error: what happened: why; what to do`.

use std::{
    error::Error,
    fmt::{self, Display},
    io::{self, Write},
    iter,
    process::ExitCode,
};

use tracing::Level;

use crate::logging;

/// `error` and everything that it came from, in one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    iter::successors(error.source(), |&cause| cause.source())
        .fold(error.to_string(), |line, cause| format!("{line}: {}", in_words(&cause.to_string())))
}

/// The kernel's word for an error, without the number that the standard library puts behind it.
fn in_words(cause: &str) -> &str {
    cause.split_once(" (os error ").map_or(cause, |(words, _)| words)
}

/// The exit code of what failed for a reason that has no code of its own.
pub const EXIT_FAILURE: u8 = 1;
/// The exit code of wrong usage or settings; clap's is the same.
pub const EXIT_USAGE: u8 = 2;

/// What ends a command early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    what: String,
    advice: Option<String>,
    code: u8,
}

impl Failure {
    /// `error` and everything that it came from.
    #[must_use]
    pub fn new(error: &dyn Error) -> Self {
        Self::because(chain(error))
    }

    /// What happened, where no error value says it.
    #[must_use]
    pub fn because(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, code: EXIT_FAILURE }
    }

    /// With what a person can do about it.
    #[must_use]
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// With an exit code other than [`EXIT_FAILURE`].
    #[must_use]
    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Says it on standard error, and is done.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        say("error", self);
        ExitCode::from(self.code)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.advice.iter().try_for_each(|advice| write!(f, "; {advice}"))
    }
}

/// Says on standard error what is odd, though it goes on.
pub fn warn(what: &dyn Display) {
    say("warning", what);
}

fn say(kind: &str, what: &dyn Display) {
    let priority = if kind == "error" { Level::ERROR } else { Level::WARN };
    let prefix = logging::priority_prefix(priority);
    // With standard error closed there is nobody left to tell.
    drop(writeln!(io::stderr(), "{prefix}{kind}: {what}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_and_why_and_what_to_do() {
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
