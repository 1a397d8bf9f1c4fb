//! What a person sees.

use std::{fmt::Display, io::IsTerminal, time::Instant};

use anyhow::Result;

/// Prints what is checked, as it is.
#[derive(Debug)]
pub(crate) struct Screen {
    colour: bool,
    started: Instant,
    checks: u32,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        Self { colour: std::io::stdout().is_terminal() && !plain, started: Instant::now(), checks: 0 }
    }

    pub(crate) fn section(&self, text: &str) {
        println!("\n{}", self.paint("1", text));
    }

    /// Something that was waited for, or checked: what it is called, and what came of it.
    pub(crate) fn check<T>(
        &mut self,
        claim: &str,
        found: Result<T>,
        tell: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        let at = self.started.elapsed().as_secs_f64();
        match &found {
            Ok(value) => {
                self.checks += 1;
                println!("   {} {at:5.1} s  {claim}{}", self.paint("32", "✓"), tell(value));
            }
            Err(_) => println!("   {} {at:5.1} s  {}", self.paint("1;31", "✗"), self.paint("1;31", claim)),
        }
        found
    }

    /// The last line.
    pub(crate) fn verdict(&self, done: &Result<()>) {
        let seconds = self.started.elapsed().as_secs_f64();
        match done {
            Ok(()) => {
                let all = format!("all {} checks held", self.checks);
                println!("\n{} ({seconds:.1} s)", self.paint("32", &all));
            }
            Err(error) => println!("\n{} {error:#}", self.paint("1;31", "failed:")),
        }
    }

    pub(crate) fn good(&self, text: impl Display) -> String {
        self.paint("32", text)
    }

    pub(crate) fn bad(&self, text: impl Display) -> String {
        self.paint("1;31", text)
    }

    fn paint(&self, code: &str, text: impl Display) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}
