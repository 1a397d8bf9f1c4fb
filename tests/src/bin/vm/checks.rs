//! What a test of virtual machines shows: sections, and checks with their time, claim and value.

use std::{process::ExitCode, time::Instant};

use anyhow::Result;
use autora_tests::terminal::Screen;

/// The output of a test.
#[derive(Debug)]
pub(crate) struct Checks {
    screen: Screen,
    started: Instant,
}

impl Checks {
    pub(crate) fn new() -> Self {
        Self { screen: Screen::new(), started: Instant::now() }
    }

    pub(crate) fn section(&mut self, text: &str) {
        self.screen.section(text);
    }

    /// Shows a check with its time, claim and value.
    pub(crate) fn check<T>(&mut self, claim: &str, found: Result<T>, show: impl FnOnce(&T) -> String) -> Result<T> {
        let shown = found.as_ref().map(show).unwrap_or_default();
        let at = self.started.elapsed().as_secs_f64();
        self.screen.check(found.is_ok(), &format!("{at:5.1} s  {claim}{shown}"));
        found
    }

    /// Shows the error that ended a test early, if one did, and the verdict.
    pub(crate) fn end(&self, outcome: Result<()>) -> ExitCode {
        if let Err(error) = outcome {
            self.screen.line(&format!("{error:#}"));
        }
        self.screen.verdict()
    }
}
