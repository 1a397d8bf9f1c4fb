//! The status, refreshed in place.

use std::{
    io::{self, Write},
    ops::ControlFlow,
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use crate::{commands::screen, error::Failure};

/// The alternate screen, without a cursor (`console_codes(4)`, and xterm's).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const END_OF_LINE: &str = "\x1b[K";
const END_OF_SCREEN: &str = "\x1b[J";

/// Shows what `lines` returns every `interval`, until SIGINT, SIGTERM or a closed standard output. Without a
/// terminal that moves its cursor, and where they are for a script, one status follows the other.
pub(super) async fn run(
    interval: Duration,
    for_script: bool,
    lines: impl AsyncFn() -> Result<Vec<String>, Failure>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::because(format!("cannot wait for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let screen = if for_script { Screen::Lines } else { Screen::enter() };
    loop {
        if screen.show(&lines().await?)?.is_break() {
            return Ok(());
        }
        tokio::select! {
            () = sleep(interval) => {}
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        }
    }
}

/// What the statuses are written to.
enum Screen {
    /// The alternate screen of a terminal; dropping it brings back the previous content.
    Alternate,
    /// Anything else: an empty line follows each status.
    Pages,
    /// A script.
    Lines,
}

impl Screen {
    fn enter() -> Self {
        if !screen::is_rewritable(&io::stdout()) {
            return Self::Pages;
        }
        control(ENTER);
        Self::Alternate
    }

    fn show(&self, lines: &[String]) -> Result<ControlFlow<()>, Failure> {
        match self {
            Self::Alternate => redraw(lines),
            Self::Pages => screen::show(&format!("{}\n", lines.concat())),
            Self::Lines => screen::show(&lines.concat()),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        match self {
            Self::Alternate => control(LEAVE),
            Self::Pages | Self::Lines => {}
        }
    }
}

/// Writes the lines that fit over those before.
fn redraw(lines: &[String]) -> Result<ControlFlow<()>, Failure> {
    let height = terminal_size::terminal_size_of(io::stdout()).map_or(usize::MAX, |(_, height)| height.0.into());
    let shown = fitting(lines, height);
    control(HOME);
    for (number, line) in shown.iter().enumerate() {
        let separator = if number > 0 { "\n" } else { "" };
        _ = screen::show(&format!("{separator}{}", line.trim_end_matches('\n')))?;
        control(END_OF_LINE);
    }
    control(END_OF_SCREEN);
    Ok(ControlFlow::Continue(()))
}

/// Returns the lines that fit, the last of them naming how many do not.
fn fitting(lines: &[String], height: usize) -> Vec<String> {
    if lines.len() <= height {
        return lines.to_vec();
    }
    let room = height.saturating_sub(1);
    let more = format!("... and {} more lines: choose with --state, --sort or a pattern", lines.len() - room);
    lines.iter().take(room).cloned().chain([more]).collect()
}

/// Writes an escape sequence past [`screen::show`], which strips them for NO_COLOR. A terminal that is gone
/// needs none.
fn control(sequence: &str) {
    let mut out = io::stdout().lock();
    _ = out.write_all(sequence.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_do_not_fit_are_counted() {
        let lines: Vec<_> = (1..=5).map(|number| format!("{number}\n")).collect();
        assert_eq!(fitting(&lines, 5), lines);
        assert_eq!(fitting(&lines, 3)[..2], lines[..2]);
        assert!(fitting(&lines, 3)[2].starts_with("... and 3 more lines"));
    }
}
