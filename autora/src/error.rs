//! Errors for people: what happened, why, and what to do about it, always in the one shape
//! `error: what happened: why; what to do`.

use std::{
    error::Error,
    fmt::{self, Display},
    io::{self, Write},
    iter,
};

/// `error` and everything that it came from, in one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    iter::successors(error.source(), |&cause| cause.source())
        .fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

/// What ends a command early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    what: String,
    advice: Option<String>,
}

impl Failure {
    /// `error` and everything that it came from.
    #[must_use]
    pub fn new(error: &dyn Error) -> Self {
        Self { what: chain(error), advice: None }
    }

    /// What happened, where no error value says it.
    #[must_use]
    pub fn because(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None }
    }

    /// With what a person can do about it.
    #[must_use]
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.advice.iter().try_for_each(|advice| write!(f, "; {advice}"))
    }
}

/// Says on standard error why something ends.
pub fn complain(what: &dyn Display) {
    say("error", what);
}

/// Says on standard error what is odd, though it goes on.
pub fn warn(what: &dyn Display) {
    say("warning", what);
}

fn say(kind: &str, what: &dyn Display) {
    // With standard error closed there is nobody left to tell.
    drop(writeln!(io::stderr(), "{kind}: {what}"));
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
        assert_eq!(failure.advise("start it").to_string(), "cannot reach the daemon: no such file; start it");
    }
}
