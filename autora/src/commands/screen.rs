//! Standard output: coloured and wrapped on a terminal, plain and unwrapped elsewhere.

use std::{
    fmt::Display,
    io::{self, ErrorKind, IsTerminal, Write},
    ops::ControlFlow,
};

use anstyle::{AnsiColor, Style};

use crate::error::Failure;

/// A good state.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// A failure.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// A warning.
pub(super) const ODD: Style = AnsiColor::Yellow.on_default();
/// Names and headings.
pub(super) const TITLE: Style = Style::new().bold();
/// Details.
pub(super) const FAINT: Style = Style::new().dimmed();

/// Writes `text`, with its colours only to a terminal and only without NO_COLOR. Returns
/// [`ControlFlow::Break`] if the reader has closed its end (`| head`), which is no failure but ends a command
/// that repeats itself.
///
/// SIGPIPE stays ignored, as Rust's runtime leaves it: it would also end a `wait` whose daemon restarts.
pub(super) fn show(text: &str) -> Result<ControlFlow<()>, Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(unwritable(error)),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
struct Unwritable(#[source] io::Error);

/// Returns the failure of a write to standard output.
pub(super) fn unwritable(error: io::Error) -> Failure {
    Failure::new(&Unwritable(error))
}

/// Returns whether `stream` is a terminal on which a line can be written over the previous one.
pub(super) fn is_rewritable(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Returns the terminal's width in columns, or `usize::MAX` without a terminal, so that `grep` sees whole
/// lines.
pub(super) fn width() -> usize {
    terminal_size::terminal_size_of(io::stdout()).map_or(usize::MAX, |(width, _)| width.0.into())
}

/// Returns `text` in `style`.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns `items` with commas between them.
pub(super) fn list(items: impl IntoIterator<Item: Display>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns `text` in lines of at most `width` columns, broken at blanks. All but the first begin with
/// `indent` blanks; the caller puts something as wide before the first.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> String {
    // A narrow terminal still gets 20 columns of text.
    let room = width.saturating_sub(indent).max(20);
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let len = word.chars().count();
        if column > 0 && column + 1 + len > room {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += len;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks() {
        for (width, expected) in [
            (usize::MAX, "one two three four five six"),
            (30, "one two three four five\n    six"),
            (24, "one two three four\n    five six"),
            (3, "one two three four\n    five six"),
        ] {
            assert_eq!(wrap("one two three four five six", width, 4), expected, "{width}");
        }
        assert_eq!(wrap(&"x".repeat(40), 30, 4), "x".repeat(40), "a word is never broken");
    }
}
